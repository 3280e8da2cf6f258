# SPDX-License-Identifier: Apache-2.0
"""What peers do: handshakes, datagrams, DNS, downloads, sessions."""

import collections
import concurrent.futures
import contextlib
import random
import select
import socket
import struct
import threading
import time

from .wait import PATIENCE, until


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def tcp(ns, address, port, timeout=1.0):
    """'open', 'refused' or 'timeout' for one full handshake. One second is one retransmission
    short: a lost SYN of a busy machine must not read as closed, so `open` rows use reach()."""
    with ns.socket(family_of(address)) as s:
        s.settimeout(timeout)
        try:
            s.connect((address, port))
            return "open"
        except ConnectionRefusedError:
            return "refused"
        except (TimeoutError, OSError):
            return "timeout"


def reach(ns, address, port, kind="tcp"):
    """True when a handshake (or a UDP echo) succeeds within 3 s."""
    if kind == "tcp":
        return tcp(ns, address, port, timeout=3.0 * PATIENCE) == "open"
    return any(udp_ask(ns, address, port) for _ in range(3))


def no_reach(ns, address, port, kind="tcp"):
    """True when nothing at all comes back: a refusal would say that somebody is there."""
    if kind == "tcp":
        return tcp(ns, address, port) == "timeout"
    return not udp_ask(ns, address, port) and not udp_ask(ns, address, port)


def udp_ask(ns, address, port, payload=b"are you there?", timeout=0.5):
    with ns.socket(family_of(address), socket.SOCK_DGRAM) as s:
        s.settimeout(timeout * PATIENCE)
        try:
            s.connect((address, port))
            s.send(payload)
            return s.recv(65536) == payload
        except OSError:
            return False


def http_get(ns, address, port, path="/", timeout=3.0):
    """The body of a 200 answer, else None."""
    try:
        with ns.socket(family_of(address)) as s:
            s.settimeout(timeout * PATIENCE)
            s.connect((address, port))
            s.sendall(f"GET {path} HTTP/1.0\r\nHost: lab\r\n\r\n".encode())
            answer = b"".join(iter(lambda: s.recv(65536), b""))
    except OSError:
        return None
    head, _, body = answer.partition(b"\r\n\r\n")
    return body if b" 200 " in head.split(b"\r\n", 1)[0] else None


def dns_query(identity, name):
    labels = b"".join(bytes([len(p)]) + p.encode() for p in name.split("."))
    return struct.pack("!HHHHHH", identity, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"


def dns(ns, server, count, source_ports=None, retry=False):
    """How many of `count` queries, each from a socket of its own, are answered at the first try."""
    answered = 0
    for number in range(count):
        with ns.socket(family_of(server), socket.SOCK_DGRAM) as s:
            if source_ports:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind(("", source_ports[number % len(source_ports)]))
            s.settimeout(2.0 * PATIENCE)
            identity = random.getrandbits(16)
            s.sendto(dns_query(identity, "lab.example"), (server, 53))
            try:
                answer, peer = s.recvfrom(4096)
            except OSError:
                continue
            answered += answer[:2] == struct.pack("!H", identity) and peer[0] == server
    return answered


def in_parallel(functions):
    with concurrent.futures.ThreadPoolExecutor(len(functions)) as pool:
        return [f.result() for f in [pool.submit(f) for f in functions]]


def download(ns, address, count_bytes, timeout=60):
    """Seconds for GET /bytes/N; AssertionError when it is not complete."""
    started = time.monotonic()
    with ns.socket(family_of(address)) as s:
        s.settimeout(timeout)
        s.connect((address, 80))
        s.sendall(f"GET /bytes/{count_bytes} HTTP/1.0\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += s.recv(4096)
        got = len(head.partition(b"\r\n\r\n")[2])
        buffer = bytearray(1 << 20)
        while got < count_bytes:
            more = s.recv_into(buffer)
            assert more, f"download broke off after {got} of {count_bytes} bytes"
            got += more
    assert got == count_bytes, f"got {got} of {count_bytes} bytes"
    return time.monotonic() - started


class Session:
    """One long-lived connection to an echo server."""

    def __init__(self, ns, address, port):
        self.socket = ns.socket(family_of(address))
        self.socket.settimeout(3.0 * PATIENCE)
        self.socket.connect((address, port))
        assert self.alive(), f"session to {address}:{port} does not even start"

    def alive(self):
        try:
            token = random.randbytes(16)
            self.socket.sendall(token)
            return self.socket.recv(16, socket.MSG_WAITALL) == token
        except OSError:
            return False

    def close(self):
        self.socket.close()


Try = collections.namedtuple("Try", "at address port answer")


@contextlib.contextmanager
def handshakes(ns, *targets):
    """Handshakes with all of `targets` (address, port) in turn while the block runs; a list of Try that grows."""
    tried, stop = [], threading.Event()

    def ask():
        while not stop.is_set():
            for target in targets:
                at = time.monotonic()
                tried.append(Try(at, *target, tcp(ns, *target, timeout=0.9)))
            stop.wait(0.02)
    worker = threading.Thread(target=ask)
    worker.start()
    try:
        yield tried
    finally:
        stop.set()
        worker.join()


def wait_http(ns, address, port):
    until(f"http://{address}:{port}/", lambda: http_get(ns, address, port, timeout=1.0) is not None)


def readable(sock, seconds):
    return bool(select.select([sock], [], [], seconds)[0])
