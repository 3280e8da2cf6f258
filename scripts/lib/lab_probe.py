# SPDX-License-Identifier: Apache-2.0
"""What a person would do by hand from a lab host, with an answer in one word.

  lab_probe.py reach ADDRESS PORT     open | refused | timeout   (one TCP handshake, 2 s)
  lab_probe.py session ADDRESS PORT   sends each line of stdin over one connection to an echo
                                      server; prints `alive` or `dead` for each"""

import socket
import sys


def reach(address, port):
    try:
        with socket.create_connection((address, port), timeout=2):
            return "open"
    except ConnectionRefusedError:
        return "refused"
    except OSError:
        return "timeout"


def exchange(connection, line):
    try:
        connection.sendall(line)
        got = b""
        while len(got) < len(line):
            more = connection.recv(len(line) - len(got))
            if not more:
                return "dead"
            got += more
        return "alive"
    except OSError:
        return "dead"


def session(address, port):
    with socket.create_connection((address, port), timeout=3) as connection:
        print("connected", flush=True)
        for line in sys.stdin.buffer:
            print(exchange(connection, line), flush=True)


def main():
    what, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if what == "reach":
        print(reach(address, port))
    else:
        session(address, port)


main()
