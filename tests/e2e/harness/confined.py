# SPDX-License-Identifier: Apache-2.0
"""Runs a program as packaging/portlid.service would have systemd run it: its capabilities and secure bits, its
system call filter, its read-only file system. What systemd does, without systemd as process 1.
Usage: confined.py UNIT [--writable DIR]... [--without CAPABILITY]... -- PROGRAM [ARGUMENT]..."""

import ctypes
import os
import re
import subprocess
import sys

CAPABILITIES = {"CAP_DAC_READ_SEARCH": 2, "CAP_NET_ADMIN": 12, "CAP_SYS_PTRACE": 19,
                "CAP_SYS_ADMIN": 21, "CAP_PERFMON": 38, "CAP_BPF": 39}
CLONE_NEWNET, PROT_WRITE, PROT_EXEC = 0x40000000, 2, 4
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}
PR_CAPBSET_DROP, PR_SET_SECUREBITS, PR_SET_NO_NEW_PRIVS = 24, 28, 38
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2
NOROOT_LOCKED = 0b11
ALLOW, EPERM_ERRNO = 0x7FFF0000, 0x00050001
EQUAL, MASKED_EQUAL = 4, 7
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
libc = ctypes.CDLL(None, use_errno=True)


def check(what, result):
    if result != 0:
        raise OSError(ctypes.get_errno() or -result, f"{what}: {os.strerror(ctypes.get_errno() or abs(result))}")


def directives(path):
    """{name: [values]} of the unit."""
    found = {}
    for line in open(path, encoding="utf-8"):
        name, separator, value = line.strip().partition("=")
        if separator and not name.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


# Files


def mount(source, target, kind, flags, data=None):
    encode = lambda text: text.encode() if text else None
    check(f"mount {target}", libc.mount(encode(source), encode(target), encode(kind), flags, encode(data)))


def unescaped(path):
    return re.sub(r"\\([0-7]{3})", lambda m: chr(int(m.group(1), 8)), path)


def seal(writable):
    """ProtectSystem=strict and the other Protect...: a mount of one's own, read-only but for `writable`."""
    bind, remount, readonly, recursive, private = 4096, 32, 1, 16384, 1 << 18
    check("unshare", libc.unshare(0x00020000))
    mount(None, "/", None, private | recursive)
    for path in writable:
        mount(path, path, None, bind)
    kept = tuple(writable)
    for line in open("/proc/self/mountinfo", encoding="utf-8").read().splitlines():
        fields = line.split()
        target, options = unescaped(fields[4]), fields[5].split(",")
        if target in kept or target == "/proc" or target.startswith(("/dev", "/proc/")):
            continue
        keep = sum({"nosuid": 2, "nodev": 4, "noexec": 8, "noatime": 1024, "relatime": 1 << 21}.get(o, 0)
                   for o in options)
        try:
            mount(None, target, None, bind | remount | readonly | keep)
        except OSError as error:  # shadowed by another mount, or gone
            if error.errno not in (2, 22):
                raise
    mount("proc", "/proc", "proc", 2 | 4 | 8, "hidepid=invisible")
    mount("/proc/sys", "/proc/sys", None, bind)
    mount(None, "/proc/sys", None, bind | remount | readonly | 2 | 4 | 8)
    for hidden in filter(os.path.exists, ("/proc/kallsyms", "/proc/kcore")):
        mount("/dev/null", hidden, None, bind)
    # PrivateTmp=yes; a tree that lies in /tmp itself is still what runs.
    tree = os.open(ROOT, os.O_PATH)
    mount("none", "/tmp", "tmpfs", 2 | 4)
    if ROOT.startswith("/tmp/"):
        os.makedirs(ROOT)
        mount(f"/proc/self/fd/{tree}", ROOT, None, bind | recursive)
    os.close(tree)


# System calls


def expand(words):
    """Names of calls, from groups as systemd knows them."""
    groups, current = {}, None
    listing = subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter"], check=True,
                             capture_output=True, text=True).stdout
    for line in listing.splitlines():
        if line.startswith("@"):
            current = groups.setdefault(line.strip(), [])
        elif current is not None and line.startswith("    ") and not line.strip().startswith("#"):
            current.append(line.strip())

    def calls(word):
        if not word.startswith("@"):
            return {word}
        return set().union(*map(calls, groups[word]))
    return set().union(*map(calls, words))


def allowed_calls(unit):
    allowed = set()
    for value in unit["SystemCallFilter"]:
        words = value.lstrip("~").split()
        allowed = allowed - expand(words) if value.startswith("~") else allowed | expand(words)
    return allowed


class Argument(ctypes.Structure):
    _fields_ = (("index", ctypes.c_uint), ("operator", ctypes.c_int), ("a", ctypes.c_uint64),
                ("b", ctypes.c_uint64))


def filter_calls(unit, calls):
    seccomp = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(EPERM_ERRNO)))

    def allow(name, *arguments):
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number < 0:  # of another architecture
            return
        array = (Argument * max(len(arguments), 1))(*arguments)
        check(name, seccomp.seccomp_rule_add_array(context, ctypes.c_uint32(ALLOW), number, len(arguments),
                                                   array))

    for name in sorted(calls - {"setns", "socket", "mmap", "mprotect"}):
        allow(name)
    allow("setns", Argument(1, EQUAL, CLONE_NEWNET, 0))
    for family in unit["RestrictAddressFamilies"][0].split():
        allow("socket", Argument(0, EQUAL, FAMILIES[family], 0))
    for name, at in (("mmap", 2), ("mprotect", 2)):  # MemoryDenyWriteExecute
        allow(name, Argument(at, MASKED_EQUAL, PROT_EXEC, 0))
        if name == "mmap":
            allow(name, Argument(at, MASKED_EQUAL, PROT_EXEC | PROT_WRITE, PROT_EXEC))
    check("seccomp_load", seccomp.seccomp_load(context))


# Privileges


class Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def set_capabilities(numbers):
    low = sum(1 << n for n in numbers if n < 32)
    high = sum(1 << (n - 32) for n in numbers if n >= 32)
    data = (ctypes.c_uint32 * 6)(low, low, low, high, high, high)  # effective, permitted, inheritable
    check("capset", libc.capset(ctypes.byref(Header(0x20080522, 0)), data))


def give_up(unit, without):
    numbers = [CAPABILITIES[name] for name in unit["CapabilityBoundingSet"][0].split() if name not in without]
    ambient = [CAPABILITIES[name] for name in unit["AmbientCapabilities"][0].split() if name not in without]
    for number in range(41):
        if number not in numbers:
            libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)
    check("securebits", libc.prctl(PR_SET_SECUREBITS, NOROOT_LOCKED, 0, 0, 0))
    set_capabilities(numbers)
    for number in ambient:
        check("ambient", libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0))
    check("no_new_privs", libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def main(words):
    unit, words = directives(words[0]), words[1:]
    lists = {"--writable": [], "--without": []}
    while words[0] != "--":
        lists[words[0]].append(words[1])
        words = words[2:]
    seal(lists["--writable"])
    os.umask(int(unit["UMask"][0], 8))
    calls = allowed_calls(unit)  # asks systemd-analyze, so before anything is taken away
    give_up(unit, lists["--without"])
    filter_calls(unit, calls)
    os.execv(words[1], words[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
