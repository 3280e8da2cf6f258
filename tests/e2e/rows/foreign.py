# SPDX-License-Identifier: Apache-2.0
"""E05: somebody else's XDP program is on the interface first."""

import subprocess

from harness.clients import no_reach, reach
from harness.context import policy
from harness.lab import HOST4
from harness.portlid import Portlid
from harness.rows import Skip, row

PROGRAM = """
#define SEC(name) __attribute__((section(name), used))
SEC("xdp") int foreign_xdp(void* ctx) { return 2; }
char licence[] SEC("license") = "GPL";
"""


def attach_foreign(ctx):
    source, built = ctx.lab.directory / "foreign.c", ctx.lab.directory / "foreign.o"
    source.write_text(PROGRAM)
    clang = subprocess.run(["clang", "-target", "bpf", "-O2", "-c", source, "-o", built])
    if clang.returncode != 0:
        raise Skip("clang cannot build a BPF program")
    ctx.lab.run("host", "bpftool", "prog", "load", built, "/sys/fs/bpf/foreign")
    ctx.lab.run("host", "bpftool", "net", "attach", "xdp", "pinned", "/sys/fs/bpf/foreign", "dev",
                "eth0")


def detach_foreign(ctx):
    ctx.lab.run("host", "bpftool", "net", "detach", "xdp", "dev", "eth0", check=False)
    ctx.lab.host_file("/sys/fs/bpf/foreign").unlink(missing_ok=True)


@row("E05", "a foreign XDP program stays; the sensor falls back to tc, says so, and enforces")
def foreign(ctx):
    attach_foreign(ctx)
    try:
        with Portlid(ctx.lab, policy("enforce"), attach="auto") as sensor:
            state = sensor.interface()
            assert state["attach"] == "tc" and state["mode"] == "enforce", state
            assert state["why"] and "XDP" in state["why"].upper(), state
            assert no_reach(ctx.ns["cli"], HOST4, 8080)
            assert reach(ctx.ns["cli"], HOST4, 22)
            assert "foreign_xdp" in shown(ctx), shown(ctx)
        assert "foreign_xdp" in shown(ctx), "the sensor took the foreign program with it"
    finally:
        detach_foreign(ctx)


def shown(ctx):
    identity = ctx.lab.run("host", "bpftool", "net", "show", "dev", "eth0").stdout
    programs = ctx.lab.run("host", "bpftool", "prog", "show").stdout
    attached = [word for word in identity.replace("id", " ").split() if word.isdigit()]
    return "\n".join(line for line in programs.splitlines()
                     if line.split(":")[0] in attached) if attached else identity
