# SPDX-License-Identifier: Apache-2.0
"""BPF objects by id: which ones a process holds, which of them the kernel still has."""

import ctypes
import errno
import os
import platform
import struct

# The bpf(2) command that opens one by id.
_KINDS = {"prog_id": ("prog", 13), "map_id": ("map", 14), "link_id": ("link", 30)}
_SYSCALL = {"x86_64": 321, "aarch64": 280}[platform.machine()]
_libc = ctypes.CDLL(None, use_errno=True)


def held_objects(pid):
    """{"prog_id": {…}, "map_id": {…}, "link_id": {…}} from the process's descriptors."""
    found = {kind: set() for kind in _KINDS}
    directory = f"/proc/{pid}/fdinfo"
    for name in os.listdir(directory):
        try:
            with open(f"{directory}/{name}") as file:
                lines = file.read().splitlines()
        except FileNotFoundError:
            continue
        for line in lines:
            key, _, value = line.partition(":")
            if key in found:
                found[key].add(int(value))
    return found


def _exists(command, identity):
    attributes = ctypes.create_string_buffer(struct.pack("=I", identity).ljust(128, b"\0"), 128)
    opened = _libc.syscall(_SYSCALL, command, attributes, 128)
    if opened >= 0:
        os.close(opened)
        return True
    if ctypes.get_errno() != errno.ENOENT:
        raise OSError(ctypes.get_errno(), f"bpf command {command} for id {identity}")
    return False


def left_objects(held):
    """Those of `held` that still exist, as 'prog 12'."""
    return [f"{name} {identity}" for kind, (name, command) in _KINDS.items()
            for identity in held[kind] if _exists(command, identity)]
