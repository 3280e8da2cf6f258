# SPDX-License-Identifier: Apache-2.0
"""The acceptance matrix on real Docker and real UFW, in each packet mode.

  docker_matrix.py [--modes native,generic,tc,auto] [--rows A02,B02] [--keep]

One lab for all. Each packet mode: a sensor in monitor mode meets all traffic and drops nothing, then the
same sensor enforces P0 (22/tcp and 443/tcp open). `auto` is
what the sensor chooses when somebody else's program is there first. Exit code 77: something is
missing to run at all."""

import argparse
import os
import shutil
import sys

from harness import machine
from harness.context import Context, policy
from harness.clients import udp_ask, wait_http
from harness.lab import HOST4, Lab
from harness.portlid import BINARY, Portlid
from harness.rows import Report, rows_of
from rows import (flip, foreign, forged, life, monitor, neighbours, noproxy, published, silence,
                  sockets, traffic)

NEEDED = ("dockerd", "docker", "ufw", "iptables", "dnsmasq", "busybox", "ip", "nsenter", "bpftool")
LAB = f"e2e-{os.getpid()}"

def missing():
    if os.geteuid() != 0:
        return "root"
    if not BINARY.exists():
        return f"{BINARY} (scripts/build)"
    absent = [tool for tool in NEEDED if not shutil.which(tool)]
    return " ".join(absent)


def furnish(ctx):
    """Containers and servers of the whole run, all older than any sensor."""
    lab = ctx.lab
    for port in ("22/tcp", "443/tcp", "8443/tcp", "9090/tcp"):
        lab.ufw("allow", port)
    pids = {"web": lab.container("web", "-p", "8080:80"),
            "udp": lab.container("udp", "-p", "5353:5353/udp", command=("lab_echo", "5353")),
            "hostnet": lab.container("hostnet", "--network", "host", command=("lab_echo", "9090"))}
    for name in traffic.CLIENTS:
        pids[name] = lab.container(name, command=("sleep", "infinity"))
    ctx.kept["pids"] = pids
    lab.echo_server("host", 22, 443, 8443, 9000)
    wait_http(ctx.ns["cli"], HOST4, 8080)
    if not all(udp_ask(ctx.ns["cli"], HOST4, 5353, timeout=2.0) for _ in range(3)):
        raise AssertionError("the UDP container does not answer without a sensor")


def run_rows(ctx, report, module):
    for function in rows_of(module):
        identity, sentence = function.row
        report.run(f"{ctx.attach}/{ctx.phase}", identity, sentence, lambda: watched(ctx, function))


def watched(ctx, function):
    """The row, with a sensor that lives: a row that a dead sensor passes says nothing. After a
    death, a new sensor is started for the row that follows, so that one fault is one FAIL."""
    if ctx.needs_sensor and (not ctx.sensor.process or ctx.sensor.process.poll() is not None):
        clear_away(ctx)
        ctx.sensor = Portlid(ctx.lab, policy(ctx.phase), attach=ctx.attach).start()
    function(ctx)
    if ctx.sensor and ctx.sensor.process and (code := ctx.sensor.process.poll()) is not None:
        raise AssertionError(f"the sensor died with {code}:\n{ctx.sensor.log()}")


def clear_away(ctx):
    """Kills what is left of the sensor, with its pins."""
    if ctx.sensor and ctx.sensor.process:
        ctx.sensor.abandon()
    if ctx.sensor and ctx.sensor.pins():
        ctx.sensor.cli("detach", "--bpffs", ctx.sensor.bpffs, check=False)


def run_mode(ctx, report):
    """Sensor up in monitor mode, all traffic, flip, all rows again, kill, restart, stop."""
    ctx.phase = "monitor"
    ctx.sensor = Portlid(ctx.lab, policy("monitor"), attach=ctx.attach)
    if not report.run(f"{ctx.attach}/start", "S01", "ready, attached as asked, monitor mode, eth0 only",
                      lambda: flip.starts(ctx)):
        return
    ctx.needs_sensor = True
    for module in (silence, monitor, sockets, traffic, flip):
        run_rows(ctx, report, module)
    ctx.phase = "enforce"
    for module in (published, forged, sockets, traffic, neighbours, life):
        run_rows(ctx, report, module)


def run_auto(ctx, report):
    """Rows that start their own sensor; the last of them need another dockerd."""
    ctx.phase = "enforce"
    run_rows(ctx, report, foreign)
    with Lab(f"{LAB}-np", dockerd_options=noproxy.DOCKERD_OPTIONS) as lab:
        other = Context(lab, attach="no-proxy", phase="enforce")
        noproxy.furnish(other)
        run_rows(other, report, noproxy)


def run_all(options, report):
    with Lab(LAB) as lab:
        ctx = Context(lab)
        furnish(ctx)
        for ctx.attach in options.modes.split(","):
            try:
                run_auto(ctx, report) if ctx.attach == "auto" else run_mode(ctx, report)
            finally:
                ctx.needs_sensor = False
                clear_away(ctx)
        if options.keep:
            input("lab is up; Enter ends it: ")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--modes", default="native,generic,tc,auto")
    parser.add_argument("--rows", help="only these IDs (rows they need come along: S01, F01)")
    parser.add_argument("--keep", action="store_true", help="hold the lab at the end")
    options = parser.parse_args()
    if absent := missing():
        print(f"SKIP all rows: missing {absent}; sudo scripts/test installs and builds\n"
              "0 passed, 0 failed, 1 skipped")
        return 77
    report = Report(set(options.rows.split(",")) | {"S01", "F01", "Z00", "Z01"} if options.rows else None)
    before = machine.snapshot(LAB)
    report.run("lab", "Z00", "the lab stood from the first row to the last",
               lambda: run_all(options, report))
    report.run("machine", "Z01", "the machine is as it was found", lambda: machine.as_found(before, LAB))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
