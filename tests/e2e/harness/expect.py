# SPDX-License-Identifier: Apache-2.0
"""What several rows expect of an event or of `ports`."""


def names_web(event, verdict, source):
    if event["kind"] != "net.verdict" or event["verdict"] != verdict:
        return False
    target = event.get("target") or {}
    return (event["dst"]["port"] == 8080 and event["src"]["ip"] == source and
            (target.get("container") or {}).get("name") == "web" and
            target.get("inner", "").endswith(":80"))


def ufw_says(ctx, port):
    return {i["ufw"] for i in ctx.sensor.ports(port=port, transport="tcp", host_netns=True)}
