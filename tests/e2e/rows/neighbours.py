# SPDX-License-Identifier: Apache-2.0
"""A14: machines that share the host's wire without being the host."""

from harness.clients import http_get, no_reach
from harness.lab import HOST4
from harness.rows import Skip, row
from harness.wait import until

MACVLAN4 = "198.51.100.40"


@row("A14", "a macvlan container on 8080 is reached and counted as transit; the host's 8080 is closed")
def macvlan(ctx):
    made = ctx.lab.run("host", "docker", "network", "create", "-d", "macvlan", "-o", "parent=eth0",
                       "--subnet", "198.51.100.0/24", "--gateway", "198.51.100.1", "own-wire",
                       check=False)
    if made.returncode != 0:
        raise Skip(f"Docker cannot make a macvlan network here: {made.stderr.strip()}")
    try:
        ctx.lab.container("on-wire", "--network", "own-wire", "--ip", MACVLAN4,
                          command=("httpd", "-f", "-p", "8080", "-h", "/www"))
        before = ctx.sensor.packets()
        until("the macvlan container answers", lambda: http_get(
            ctx.ns["cli"], MACVLAN4, 8080, timeout=1.0) == b"hello\n")
        now = ctx.sensor.packets()
        grown = now["by_reason"].get("transit", 0) - before["by_reason"].get("transit", 0)
        assert grown >= 4, (before, now)
        assert no_reach(ctx.ns["cli"], HOST4, 8080)
    finally:
        ctx.lab.docker("rm", "-f", "on-wire", check=False)
        ctx.lab.docker("network", "rm", "own-wire", check=False)
