# SPDX-License-Identifier: Apache-2.0
"""A container engine that means harm: every listing hangs, is garbage, never ends or lies, in turn."""

import collections
import itertools
import json
import socket
import threading

MANNERS = ("lie", "hang", "garbage", "huge")
HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class HostileEngine:
    """On the unix socket `path`, from a thread of this process. `lies`: containers as /containers/json
    lists them. `served` counts the listings by manner."""

    def __init__(self, path, lies):
        self.lies = lies
        self.served = collections.Counter()
        self.manners = itertools.cycle(MANNERS)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(16)
        self.ending = threading.Event()

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        request = b""
        with connection:
            try:
                while part := connection.recv(4096):
                    request += part
                    if b"\r\n\r\n" in request:
                        self._answer(connection, request.split()[1].decode())
                        request = b""
            except OSError:
                pass  # whoever asked has had enough

    def _answer(self, connection, path):
        if path.startswith("/events"):
            connection.sendall((HEAD + "Transfer-Encoding: chunked\r\n\r\n").encode())
        elif path.startswith("/containers/json"):
            manner = next(self.manners)
            self.served[manner] += 1
            getattr(self, "_" + manner)(connection)
        else:  # one container: only the list knows it
            connection.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")

    def _lie(self, connection):
        body = json.dumps(self.lies)
        connection.sendall(f"{HEAD}Content-Length: {len(body)}\r\n\r\n{body}".encode())

    def _hang(self, connection):
        self.ending.wait(60)

    def _garbage(self, connection):
        connection.sendall(HEAD.encode() + b"Content-Length: 8\r\n\r\n\xff{[\x1b]0;[")
        connection.shutdown(socket.SHUT_RDWR)

    def _huge(self, connection):
        connection.sendall((HEAD + "Transfer-Encoding: chunked\r\n\r\n").encode())
        while not self.ending.is_set():
            connection.sendall(b"10000\r\n" + b"[" * 65536 + b"\r\n")
