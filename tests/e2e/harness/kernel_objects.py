# SPDX-License-Identifier: Apache-2.0
"""BPF objects by id: which ones a process holds, which of them the kernel still has."""

import os
import subprocess

_KINDS = {"prog_id": "prog", "map_id": "map", "link_id": "link"}


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


def left_objects(held):
    """Those of `held` that still exist, as 'prog 12'."""
    left = []
    for kind, ids in held.items():
        for identity in ids:
            done = subprocess.run(["bpftool", _KINDS[kind], "show", "id", str(identity)],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if done.returncode == 0:
                left.append(f"{_KINDS[kind]} {identity}")
    return left
