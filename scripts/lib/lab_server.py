# SPDX-License-Identifier: Apache-2.0
"""HTTP on port 80 of the lab's `srv`: /hello, /bytes/N (N bytes made on the fly) and
/slow/N (one byte each 0.2 s, N of them).

Downloads are paced to 100 MB/s a connection: the lab's links have no rate of their own, and a
download over an endless link would measure memory copies, not what a sensor costs a real one."""

import http.server
import socket
import socketserver
import time

SO_MAX_PACING_RATE = 47
PACE_BYTES_PER_SECOND = 100_000_000
CHUNK = bytes(range(256)) * 256


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        what, _, number = self.path.strip("/").partition("/")
        if what == "hello":
            self.answer(6)
            self.wfile.write(b"hello\n")
        elif what == "bytes" and number.isdigit():
            self.send_bytes(int(number))
        elif what == "slow" and number.isdigit():
            self.send_slowly(int(number))
        else:
            self.send_error(404)

    def answer(self, length):
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def send_bytes(self, left):
        self.connection.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, PACE_BYTES_PER_SECOND)
        self.answer(left)
        while left > 0:
            chunk = CHUNK[:left]
            self.wfile.write(chunk)
            left -= len(chunk)

    def send_slowly(self, count):
        self.answer(count)
        for _ in range(count):
            self.wfile.write(b".")
            self.wfile.flush()
            time.sleep(0.2)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


Server(("::", 80), Handler).serve_forever()
