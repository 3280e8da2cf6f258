# SPDX-License-Identifier: Apache-2.0
"""Frames by hand, for packets that no kernel would send: checksums are right unless a test says
otherwise, addresses are text, and every builder returns bytes."""

import socket
import struct

ETH_IPV4, ETH_IPV6, ETH_ARP, ETH_VLAN = 0x0800, 0x86DD, 0x0806, 0x8100
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32


def packed(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.inet_pton(family, address)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _pseudo(source, destination, protocol, length):
    if ":" in source:
        return packed(source) + packed(destination) + struct.pack("!IHBB", length, 0, 0, protocol)
    return packed(source) + packed(destination) + struct.pack("!BBH", 0, protocol, length)


def ethernet(destination_mac, source_mac, payload, ethertype=ETH_IPV4, vlan=None):
    head = destination_mac + source_mac
    if vlan is not None:
        head += struct.pack("!HH", ETH_VLAN, vlan)
    return (head + struct.pack("!H", ethertype) + payload).ljust(60, b"\0")


def ipv4(source, destination, protocol, payload, *, identification=1, flags=0, offset=0,
         options=b"", ttl=64, total_length=None):
    """`offset` in units of 8 bytes; flags 1 = more fragments, 2 = don't fragment."""
    options = options.ljust(-(-len(options) // 4) * 4, b"\0")
    words = 5 + len(options) // 4
    length = total_length if total_length is not None else words * 4 + len(payload)
    head = struct.pack("!BBHHHBBH", 0x40 | words, 0, length, identification,
                       flags << 13 | offset, ttl, protocol, 0)
    head += packed(source) + packed(destination) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(source, destination, next_header, payload, *, hop_limit=64):
    return (struct.pack("!IHBB", 6 << 28, len(payload), next_header, hop_limit) +
            packed(source) + packed(destination) + payload)


def tcp(source, destination, source_port, port, *, flags=SYN, sequence=1, acknowledge=0,
        payload=b""):
    head = struct.pack("!HHIIBBHHH", source_port, port, sequence & 0xFFFFFFFF,
                       acknowledge & 0xFFFFFFFF, 5 << 4, flags, 64240, 0, 0) + payload
    value = checksum(_pseudo(source, destination, TCP, len(head)) + head)
    return head[:16] + struct.pack("!H", value) + head[18:]


def udp(source, destination, source_port, port, payload=b""):
    head = struct.pack("!HHHH", source_port, port, 8 + len(payload), 0) + payload
    value = checksum(_pseudo(source, destination, UDP, len(head)) + head) or 0xFFFF
    return head[:6] + struct.pack("!H", value) + head[8:]


def icmp(kind, code, rest=b"\0\0\0\0", payload=b""):
    head = struct.pack("!BBH", kind, code, 0) + rest + payload
    return head[:2] + struct.pack("!H", checksum(head)) + head[4:]


def fragments(source, destination, protocol, payload, first_bytes, identification=7):
    """An IPv4 datagram cut in two after `first_bytes` (a multiple of 8)."""
    assert first_bytes % 8 == 0
    return [ipv4(source, destination, protocol, payload[:first_bytes], flags=1,
                 identification=identification),
            ipv4(source, destination, protocol, payload[first_bytes:], offset=first_bytes // 8,
                 identification=identification)]


def ipv6_options(next_header, length=8):
    """A hop-by-hop or destination options header of padding."""
    return bytes([next_header, length // 8 - 1, 1, length - 4]).ljust(length, b"\0")


def ipv6_fragment(next_header, offset=0, more=False, identification=9):
    return struct.pack("!BBHI", next_header, 0, offset << 3 | more, identification)


class Wire:
    """An AF_PACKET socket on `interface` of a namespace."""

    def __init__(self, namespace, interface="eth0"):
        self.socket = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
        # Binding looks the name up in the socket's own namespace.
        self.socket.bind((interface, 3))
        self.mac = self.socket.getsockname()[4]

    def send(self, frame):
        self.socket.send(frame)

    def receive(self, seconds):
        """The next frame that came from outside, or None."""
        self.socket.settimeout(seconds)
        try:
            while True:
                frame, where = self.socket.recvfrom(65536)
                if where[2] != socket.PACKET_OUTGOING:
                    return frame
        except OSError:
            return None

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def tcp_facts(frame):
    """(source, destination, source port, port, flags, sequence, acknowledge) of an untagged TCP
    frame without extension headers, else None."""
    ethertype = struct.unpack_from("!H", frame, 12)[0]
    if ethertype == ETH_IPV4 and frame[23] == TCP:
        start, size, family = 14 + (frame[14] & 15) * 4, 4, socket.AF_INET
        addresses = 26
    elif ethertype == ETH_IPV6 and frame[20] == TCP:
        start, size, family = 54, 16, socket.AF_INET6
        addresses = 22
    else:
        return None
    source, destination = (socket.inet_ntop(family, frame[addresses + i * size:
                                                          addresses + (i + 1) * size])
                           for i in (0, 1))
    source_port, port, sequence, acknowledge, _, flags = struct.unpack_from("!HHIIBB", frame, start)
    return source, destination, source_port, port, flags, sequence, acknowledge
