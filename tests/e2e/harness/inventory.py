# SPDX-License-Identifier: Apache-2.0
"""`ports` held against `ss`, in the namespace of the host and of every running container."""

import collections
import os
import re
import time

from .wait import until

INODE = re.compile(r"\bino:(\d+)")


def sockets_in(lab, pid):
    """{(transport, family, address, port): inodes} by ss in the namespace of `pid`, or None when it is gone."""
    done = lab.run("host", "nsenter", f"--target={pid}", "--net", "--", "ss", "-Hlntue", check=False)
    if done.returncode != 0:
        return None
    found = collections.defaultdict(set)
    for line in done.stdout.splitlines():
        transport, _, _, _, local, *_ = line.split()
        inode = INODE.search(line)[1]
        address, _, port = local.rpartition(":")
        address = address.split("%")[0].strip("[]")
        if address == "*":
            found[transport, "ipv4", "0.0.0.0", int(port)].add(inode)
            address = "::"
        if address.startswith("::ffff:"):
            address = address[7:]
        family = "ipv6" if ":" in address else "ipv4"
        found[transport, family, address, int(port)].add(inode)
    return found


def namespaces(lab):
    """{inode: pid} of the host's namespace and of every running container's."""
    pids = [lab.pids["host"]]
    ids = lab.docker("ps", "-q", check=False).split()
    if ids:
        listed = lab.docker("inspect", "-f", "{{.State.Pid}}", *ids, check=False)
        pids += [int(p) for p in listed.split() if p.isdigit() and p != "0"]
    found = {}
    for pid in pids:
        try:
            found.setdefault(os.stat(f"/proc/{pid}/ns/net").st_ino, pid)
        except FileNotFoundError:
            pass
    return found


def snapshot(lab, spaces):
    return {inode: sockets_in(lab, pid) for inode, pid in spaces.items()}


def of_portlid(sensor):
    found = collections.defaultdict(set)
    for item in sensor.get("ports")["items"]:
        if item["address"] is None or (item["published"] and item["since"] is None):
            continue  # no socket: a service nobody uses, a rule without a listener
        found[item["netns"]].add((item["transport"], item["family"], item["address"], item["port"]))
    return found


def ephemeral_udp(listener):
    return listener[0] == "udp" and listener[3] >= 32768


def compare_once(lab, sensor, settle):
    """ss, then ports once what ss saw has had `settle` seconds, then ss again."""
    spaces = namespaces(lab)
    before = snapshot(lab, spaces)
    time.sleep(settle)  # the promise is "within that time": what is asked is asked after it
    ports = of_portlid(sensor)
    after = snapshot(lab, spaces)
    for inode in spaces:
        if before[inode] is None or after[inode] is None:
            continue
        # The same socket: a container may have come back to its port meanwhile.
        stable = {s for s in before[inode] if before[inode][s] & after[inode].get(s, set()) and not ephemeral_udp(s)}
        missing = stable - ports[inode]
        assert not missing, f"netns {inode}: ss saw {missing} before and after, ports does not"
        invented = {s for s in ports[inode] - before[inode].keys() - after[inode].keys() if not ephemeral_udp(s)}
        # What opened and closed between the two looks of ss may rightly be there: ask again.
        for ghost in invented:
            until(f"ports drops {ghost} of netns {inode}, which ss never saw",
                  lambda: ghost not in of_portlid(sensor)[inode] or
                  ghost in (sockets_in(lab, spaces[inode]) or {ghost}), seconds=settle)
