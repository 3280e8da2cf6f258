# SPDX-License-Identifier: Apache-2.0
"""The machine before and after: a test run must leave it as it was. Other runs may go on beside
it, in labs and namespaces of their own: only what is this run's, or nobody's, is looked at."""

import glob
import os
import subprocess

from .kernel_objects import left_objects
from .portlid import seen_objects
from .wait import until


def _output(*command):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except FileNotFoundError:
        return []
    return done.stdout.splitlines()


def _rules(command):
    return [line.split("[")[0] for line in _output(command) if not line.startswith("#")]


def _lab_processes(lab):
    """Processes of this run's lab; those of a lab next door are not looked at."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cgroup"):
        try:
            with open(path) as file:
                text = file.read()
            with open(os.path.dirname(path) + "/cmdline", "rb") as file:
                command = file.read().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"/portlid-{lab}/" in text and command:
            found.append(f"{os.path.basename(os.path.dirname(path))} {command}")
    return found


def _links():
    """Name, state and attached programs of every link; counters and ages left out."""
    return [line for line in _output("ip", "-o", "-d", "link") if line]


def snapshot(lab):
    """What may not change, by topic; `lab` is the name of the lab of this run."""
    return {
        "links": _links(),
        "addresses": [" ".join(l.split()[:4]) for l in _output("ip", "-o", "address")],
        "named namespaces": sorted(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else [],
        "iptables": _rules("iptables-save"),
        "ip6tables": _rules("ip6tables-save"),
        "nft": _output("nft", "list", "ruleset"),
        "mounts": sorted(_output("findmnt", "-rn", "-o", "TARGET,FSTYPE")),
        "bpf pins": sorted(p for p in glob.glob("/sys/fs/bpf/**", recursive=True)),
        # Sensors next door have theirs: what counts is what sensors of this run held.
        "BPF objects of this run": sorted(left_objects(seen_objects)),
        "cgroups": sorted(p for p in glob.glob(f"/sys/fs/cgroup/**/portlid-{lab}", recursive=True)),
        "processes": _lab_processes(lab),
        "files of ufw and docker": [
            f"{p} {os.stat(p).st_mtime_ns}" for p in
            sorted(glob.glob("/etc/ufw/**", recursive=True) + glob.glob("/etc/docker/**") +
                   ["/etc/default/ufw"]) if os.path.isfile(p)],
        "sysctls": [_output("sysctl", "-n", name) for name in
                    ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")],
    }


def differences(before, after):
    """One line per thing that came or went."""
    lines = []
    for topic, old in before.items():
        new = after[topic]
        lines += [f"{topic}: left behind: {x}" for x in new if x not in old]
        lines += [f"{topic}: gone: {x}" for x in old if x not in new]
    return lines


def as_found(before, lab):
    """Fails with what is not; the kernel frees objects some time after the last one who held them."""
    try:
        until("the machine is as it was", lambda: not differences(before, snapshot(lab)))
    except AssertionError as error:
        raise AssertionError("\n".join(differences(before, snapshot(lab)))) from error
