# SPDX-License-Identifier: Apache-2.0
"""Somebody else's programs, written as instructions, so that nothing has to be compiled: a cgroup program as
systemd's SocketBindDeny= makes one (bind() to one TCP or UDP port over IPv4 is denied below a cgroup), and programs
that do nothing, which root may put in the place of ours."""

import contextlib
import ctypes
import os
import platform
import socket
import struct

_SYSCALL = {"x86_64": 321, "aarch64": 280}[platform.machine()]
_PROG_LOAD, _PROG_ATTACH, _PROG_DETACH, _LINK_UPDATE, _LINK_BY_ID = 5, 8, 9, 29, 30
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


# What does nothing, by the ending of the pin of ours: program type, attach type, what it returns.
_IDLE = {"_xdp": (6, 37, 2), "_tcx_in": (3, 46, 0), "_tcx_out": (3, 47, 0), "post_bind4": (9, 12, 1)}


def _load(kind, attach, code):
    text, licence = ctypes.create_string_buffer(code, len(code)), ctypes.create_string_buffer(b"GPL")
    return _bpf(_PROG_LOAD, struct.pack("=IIQQIIQII16sII", kind, len(code) // 8, ctypes.addressof(text),
                                        ctypes.addressof(licence), 0, 0, 0, 0, 0, b"lab_foreign", 0, attach))


def _denier(port):
    return _load(_CGROUP_SOCK_ADDR, _INET4_BIND,
                 _instruction(0x61, 0x12, _USER_PORT, 0) +  # r2 = *(u32 *)(r1 + user_port)
                 _instruction(0xb7, 0x00, 0, 0) +  # r0 = 0: denied
                 _instruction(0x15, 0x02, 1, socket.htons(port)) +  # if r2 == port: to the exit
                 _instruction(0xb7, 0x00, 0, 1) +  # r0 = 1: allowed
                 _instruction(0x95, 0x00, 0, 0))  # exit


def replace_program(link_id, ending):
    """Puts a program that does nothing into a link of ours, whose pin ends so."""
    kind, attach, verdict = _IDLE[ending]
    program = _load(kind, attach, _instruction(0xb7, 0x00, 0, verdict) + _instruction(0x95, 0x00, 0, 0))
    link = _bpf(_LINK_BY_ID, struct.pack("=I", link_id))
    try:
        _bpf(_LINK_UPDATE, struct.pack("=III", link, program, 0))
    finally:
        os.close(link)
        os.close(program)


@contextlib.contextmanager
def denies_bind(cgroup, port):
    """While it lasts, nobody in `cgroup` binds `port`."""
    directory = os.open(cgroup, os.O_RDONLY | os.O_DIRECTORY)
    program = _denier(port)
    try:
        _bpf(_PROG_ATTACH, struct.pack("=IIII", directory, program, _INET4_BIND, _ALLOW_MULTI))
        try:
            yield
        finally:
            _bpf(_PROG_DETACH, struct.pack("=IIII", directory, program, _INET4_BIND, 0))
    finally:
        os.close(program)
        os.close(directory)
