# SPDX-License-Identifier: Apache-2.0
"""Somebody else's cgroup program, as systemd's SocketBindDeny= makes one: bind() to one TCP or UDP port
over IPv4 is denied below a cgroup. Written as instructions, so that nothing has to be compiled."""

import contextlib
import ctypes
import os
import platform
import socket
import struct

_SYSCALL = {"x86_64": 321, "aarch64": 280}[platform.machine()]
_PROG_LOAD, _PROG_ATTACH, _PROG_DETACH = 5, 8, 9
_CGROUP_SOCK_ADDR, _INET4_BIND, _ALLOW_MULTI = 18, 8, 2
_USER_PORT = 24  # offset in struct bpf_sock_addr
_libc = ctypes.CDLL(None, use_errno=True)


def _bpf(command, attributes):
    attributes = ctypes.create_string_buffer(attributes.ljust(144, b"\0"), 144)
    result = _libc.syscall(_SYSCALL, command, attributes, 144)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"bpf command {command}")
    return result


def _instruction(code, registers, offset, immediate):
    return struct.pack("=BBhi", code, registers, offset, immediate)


def _load(port):
    code = (_instruction(0x61, 0x12, _USER_PORT, 0) +  # r2 = *(u32 *)(r1 + user_port)
            _instruction(0xb7, 0x00, 0, 0) +  # r0 = 0: denied
            _instruction(0x15, 0x02, 1, socket.htons(port)) +  # if r2 == port: to the exit
            _instruction(0xb7, 0x00, 0, 1) +  # r0 = 1: allowed
            _instruction(0x95, 0x00, 0, 0))  # exit
    text, licence = ctypes.create_string_buffer(code, len(code)), ctypes.create_string_buffer(b"GPL")
    return _bpf(_PROG_LOAD, struct.pack(
        "=IIQQIIQII16sII", _CGROUP_SOCK_ADDR, len(code) // 8, ctypes.addressof(text),
        ctypes.addressof(licence), 0, 0, 0, 0, 0, b"lab_foreign", 0, _INET4_BIND))


@contextlib.contextmanager
def denies_bind(cgroup, port):
    """While it lasts, nobody in `cgroup` binds `port`."""
    directory = os.open(cgroup, os.O_RDONLY | os.O_DIRECTORY)
    program = _load(port)
    try:
        _bpf(_PROG_ATTACH, struct.pack("=IIII", directory, program, _INET4_BIND, _ALLOW_MULTI))
        try:
            yield
        finally:
            _bpf(_PROG_DETACH, struct.pack("=IIII", directory, program, _INET4_BIND, 0))
    finally:
        os.close(program)
        os.close(directory)
