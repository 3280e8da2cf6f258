# SPDX-License-Identifier: Apache-2.0
"""RFC 5424 over TLS with certificates on both sides into a real rsyslog, which dies in the middle and
comes back; certificates that must be refused; octet counting over plain TCP; one datagram, one event.
PORTLID_SIEM_EVENTS (default 4000) and PORTLID_SIEM_OUTAGE_S (default 3): the full form is 100000, 30."""
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

import support as s

EVENTS = int(os.environ.get("PORTLID_SIEM_EVENTS", "4000"))
OUTAGE_S = float(os.environ.get("PORTLID_SIEM_OUTAGE_S", "3"))

RSYSLOG = """
global(workDirectory="{dir}" defaultNetstreamDriver="ossl"
  defaultNetstreamDriverCAFile="{dir}/ca.pem"
  defaultNetstreamDriverCertFile="{dir}/{server}.pem"
  defaultNetstreamDriverKeyFile="{dir}/{server}.key" maxMessageSize="64k")
module(load="imtcp" StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/certvalid")
template(name="raw" type="string" string="%msg%\\n")
ruleset(name="in" queue.type="direct") {{ action(type="omfile" file="{dir}/received" template="raw") }}
input(type="imtcp" port="{port}" address="127.0.0.1" ruleset="in")
"""


def rsyslog(directory, port, server="server"):
    conf = directory / f"rsyslog-{server}.conf"
    conf.write_text(RSYSLOG.format(dir=directory, port=port, server=server))
    child = subprocess.Popen(["rsyslogd", "-n", "-f", str(conf), "-i", str(directory / f"{server}.pid")],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    s.wait_for(lambda: s.listens(port), 20, "rsyslogd listens")
    return child


def received(directory):
    path = directory / "received"
    if not path.exists():
        return []
    lines = path.read_text(errors="replace").splitlines()
    return [json.loads(one) for one in lines if one.strip().startswith("{") and one.strip().endswith("}")]


def mutual(directory, port):
    return s.config(directory, to=f"syslog+tls://localhost:{port}", ca=str(directory / "ca.pem"),
                    cert=str(directory / "client.pem"), key=str(directory / "client.key"),
                    spool={"bytes": "256MiB", "age": "7d"})


def outage(directory):
    """Every (id, rev) arrives although the collector is killed, with what it had in its buffers."""
    port = s.free_port()
    server = rsyslog(directory, port)
    feeding = s.feeder(directory, mutual(directory, port), EVENTS, max(EVENTS // 4, 500), 120 + OUTAGE_S)
    try:
        s.wait_for(lambda: len(received(directory)) > EVENTS // 8, 60, "an eighth has arrived")
        s.stop(server, signal.SIGKILL)
        time.sleep(OUTAGE_S)  # the outage is the input of this row
        server = rsyslog(directory, port)
        told = s.report_of(feeding, 180 + OUTAGE_S)
        wanted = set(range(1, EVENTS + 1))
        s.wait_for(lambda: wanted <= {e["seq"] for e in received(directory)}, 60, "every seq is there")
        events = received(directory)
        names = {(e["id"], e["rev"]) for e in events}
        assert len(names) == told["emitted"], (len(names), told)
        assert told["queue_lost"] == 0 and told["sinks"][0]["spool_lost"] == 0, told
        return f"{EVENTS} events, {len(events) - len(names)} of them twice, {told['sinks'][0]['retries']} retries"
    finally:
        s.stop(server)
        s.stop(feeding)


def refused(directory, server, expected, ca="ca.pem"):
    port = s.free_port()
    child = rsyslog(directory, port, server)
    try:
        path = s.config(directory, to=f"syslog+tls://localhost:{port}", ca=str(directory / ca),
                        cert=str(directory / "client.pem"), key=str(directory / "client.key"))
        tried = s.export_test(path)
        assert tried.returncode == 1, (tried.returncode, tried.stderr)
        assert expected in tried.stderr, tried.stderr
        return tried.stderr.strip().splitlines()[0]
    finally:
        s.stop(child)


def good_test(directory):
    port = s.free_port()
    child = rsyslog(directory, port)
    try:
        tried = s.export_test(mutual(directory, port))
        assert tried.returncode == 0, tried.stderr
        for step in ("resolve", "connect", "tls", "send"):
            assert f"ok      {step}" in tried.stderr, tried.stderr
        s.wait_for(lambda: any(e.get("test") for e in received(directory)), 20, "the marked event")
    finally:
        s.stop(child)


def key_mode(directory):
    (directory / "client.key").chmod(0o644)
    try:
        tried = s.export_test(mutual(directory, 9))
        assert tried.returncode == 4, (tried.returncode, tried.stderr)
        assert "chmod 600" in tried.stderr, tried.stderr
    finally:
        (directory / "client.key").chmod(0o600)


def octets(directory):
    """Frames are as long as they say, whatever the receiver reads at a time."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        frames = bytearray()

        def collect():
            peer, _ = listener.accept()
            with peer:
                while chunk := peer.recv(777):
                    frames.extend(chunk)

        reader = threading.Thread(target=collect)
        reader.start()
        path = s.config(directory, to=f"syslog+tcp://127.0.0.1:{listener.getsockname()[1]}", format="cef")
        told = s.report_of(s.feeder(directory, path, 200, 0, 20), 60)
        reader.join(20)
    messages, rest = [], bytes(frames)
    while rest:
        size, _, rest = rest.partition(b" ")
        messages.append(rest[:int(size)])
        rest = rest[int(size):]
    assert len(messages) == 200, (len(messages), told)
    assert all(m.startswith(b"<133>1 ") and b" portlid " in m and b" net.verdict - CEF:0|" in m
               for m in messages), messages[0]


@contextlib.contextmanager
def answers_and_hangs_up():
    """A port that takes each connection and ends it: a balancer without a collector behind it. Yields it and
    the times at which it was asked."""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def go():
            with contextlib.suppress(OSError):
                while True:
                    listener.accept()[0].close()
                    asked.append(time.monotonic())

        threading.Thread(target=go, daemon=True).start()
        yield listener.getsockname()[1], asked
        listener.shutdown(socket.SHUT_RDWR)


def hangs_up(directory):
    """Down, with all of it waiting, nothing counted as sent, and ever longer pauses."""
    with answers_and_hangs_up() as (port, asked):
        path = s.config(directory, to=f"syslog+tcp://127.0.0.1:{port}")
        told = s.report_of(s.feeder(directory, path, 100, 10, 2), 60)  # feeds for 10 s, then waits
        tried = s.export_test(path)
    sink = told["sinks"][0]
    assert not sink["up"] and sink["why"] and sink["lag"] == 100 and sink["sent"] == 0, told
    assert sink["retries"] >= 3 and len(asked) <= 9, (told, asked)
    assert tried.returncode == 1 and f"127.0.0.1:{port}" in tried.stderr, tried.stderr
    return f"{len(asked) - 1} connections in 12 s; {tried.stderr.strip().splitlines()[-2:][0]}"


def settles(directory):
    """What a peer has had for 15 s is sent, and counted as such; nothing goes twice."""
    frames = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def collect():
            with listener.accept()[0] as peer:
                while chunk := peer.recv(65536):
                    frames.extend(chunk)

        threading.Thread(target=collect, daemon=True).start()
        config = s.config(directory, to=f"syslog+tcp://127.0.0.1:{listener.getsockname()[1]}")
        told = s.report_of(s.feeder(directory, config, 100, 5, 20), 60)["sinks"][0]  # takes 20 s
    assert told["up"] and told["lag"] == 0 and told["retries"] == 0 and told["sent"] == 100, told
    assert frames.count(b" net.verdict - ") == 100, len(frames)


def datagrams(directory):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        path = s.config(directory, to=f"syslog+udp://127.0.0.1:{receiver.getsockname()[1]}", format="ocsf")
        s.report_of(s.feeder(directory, path, 50, 500, 20), 60)
        for _ in range(50):
            header, _, body = receiver.recv(65536).partition(b" - {")
            assert header.startswith(b"<133>1 "), header
            assert json.loads(b"{" + body)["class_uid"] == 4001


def in_workshop(row, *words):
    def run():
        with s.workshop() as directory:
            s.authority(directory, "ca")
            s.authority(directory, "stranger")
            s.certificate(directory, "server", "ca", "localhost")
            s.certificate(directory, "client", "ca", "portlid.example")
            s.certificate(directory, "other", "ca", "other.example")
            s.certificate(directory, "expired", "ca", "localhost", -1)
            return row(pathlib.Path(directory), *words)
    return run


def main():
    s.need(("rsyslogd", "rsyslog rsyslog-openssl"), ("openssl", "openssl"))
    return s.rows([
        ("rsyslog over mutual TLS: killed in the middle, nothing lost", in_workshop(outage)),
        ("export test tells each step and its event arrives", in_workshop(good_test)),
        ("a wrong host name is refused", in_workshop(refused, "other", "localhost")),
        ("an expired certificate is refused", in_workshop(refused, "expired", "expired")),
        ("an unknown CA is refused", in_workshop(refused, "server", "certificate", "stranger.pem")),
        ("a key that others may read is refused", in_workshop(key_mode)),
        ("a peer that hangs up is down, waited for and told", in_workshop(hangs_up)),
        ("what a peer has kept for 15 s is sent", in_workshop(settles)),
        ("TCP counts octets", in_workshop(octets)),
        ("UDP: one datagram, one event", in_workshop(datagrams)),
    ])


if __name__ == "__main__":
    sys.exit(main())
