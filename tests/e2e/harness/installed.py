# SPDX-License-Identifier: Apache-2.0
"""A host on which the Debian package can be installed for real: an overlay over this machine's files in the lab
host's namespaces, with dpkg, and a stand-in for systemctl that knows one service and starts it as its
unit says. Nothing of it outlives the lab."""

import os
import pathlib
import stat
import subprocess

from .lab import ROOT

SETUP = r"""
set -e
mount -t tmpfs -o mode=0755 installed "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o lowerdir=/,upperdir="$1/upper",workdir="$1/work" installed "$1/root"
cd "$1/root"
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs -o mode=0755 run run
mount -t tmpfs -o mode=1777 tmp tmp
mkdir -p run/systemd/system
install -m 0755 "$2" usr/bin/systemctl
rm -f usr/sbin/policy-rc.d
echo ready
exec sleep infinity
"""
# One service; what systemd does for it in the unit's own words: directories, ExecStart, ExecReload.
SYSTEMCTL = r"""#!/bin/sh
unit=/lib/systemd/system/portlid.service
for word; do
    case $word in start | stop | restart | reload | is-active | is-enabled | preset) verb=$word ;; esac
done
running() {
    pid=$(cat /run/portlid.pid 2>/dev/null) && [ -e "/proc/$pid/stat" ] &&
        ! grep -q '^State:.Z' "/proc/$pid/status"
}
ready() { portlid status -o json 2>/dev/null | tr -d ' \n' | grep -q '"ready":true'; }
stop() {
    running || return 0
    kill -TERM "$pid"
    while running; do sleep 0.05; done
    rm -rf /run/portlid /run/portlid.pid
}
start() {
    running && return 0
    mkdir -p -m 0700 /var/lib/portlid
    mkdir -p /run/portlid
    setsid $(sed -n 's/^ExecStart=//p' $unit) $(cat /run/portlid.more) >>/run/portlid.log 2>&1 </dev/null &
    echo $! >/run/portlid.pid
    until ready; do
        running || { cat /run/portlid.log >&2; exit 1; }
        sleep 0.05
    done
}
case ${verb:-} in
    start) start ;;
    stop) stop ;;
    restart) stop; start ;;
    reload) running && kill -HUP "$pid" ;;
    is-active) running ;;
    preset) ln -sf $unit /etc/systemd/system/multi-user.target.wants/portlid.service ;;
    is-enabled)
        [ -L /etc/systemd/system/multi-user.target.wants/portlid.service ] && echo enabled || { echo disabled; exit 1; } ;;
esac
"""


class InstalledHost:
    def __init__(self, lab):
        self.lab = lab
        self.base = lab.directory / "installed"
        self.base.mkdir()
        stand_in = lab.directory / "systemctl"
        stand_in.write_text(SYSTEMCTL)
        self.holder = lab.spawn("host", "unshare", "--mount", "--propagation", "private", "sh", "-c",
                                SETUP, "sh", self.base, stand_in, stdout=subprocess.PIPE)
        if self.holder.stdout.readline() != b"ready\n":
            raise AssertionError("no overlay for the package")
        self.write("/run/portlid.more", f"--cgroup {lab.cgroup / 'host'}")

    def path(self, path):
        """A path of that host, as this process can open it."""
        return pathlib.Path(f"/proc/{self.holder.pid}/root{self.base}/root") / str(path).lstrip("/")

    def write(self, path, data):
        if isinstance(data, str):
            data = data.encode()
        self.path(path).write_bytes(data)

    def run(self, *command, check=True, timeout=60):
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8",
                       "DEBIAN_FRONTEND": "noninteractive"}
        words = ["env", "-i", *(f"{k}={v}" for k, v in environment.items()), "nsenter",
                 f"--target={self.holder.pid}", "--mount", "--", "chroot", self.base / "root", *command]
        return self.lab.run("host", *words, check=check, timeout=timeout)

    def shell(self, line, check=True):
        return self.run("bash", "-c", line, check=check)

    def dpkg(self, *words):
        # Triggers rebuild the machine's man index and the like: not what is judged here.
        return self.run("dpkg", "--no-triggers", "--force-unsafe-io", "--force-confold", *words)

    def changed(self):
        """Paths that exist in this host and differ from, or are not in, the machine's."""
        upper = self.path("/").parent / "upper"
        found = []
        for folder, folders, files in os.walk(upper):
            for name in folders + files:
                path = pathlib.Path(folder) / name
                facts = path.lstat()
                whiteout = stat.S_ISCHR(facts.st_mode) and facts.st_rdev == 0
                if not whiteout:
                    found.append("/" + str(path.relative_to(upper)))
        return sorted(found)

    def pins(self):
        pins = self.lab.host_file("/sys/fs/bpf/portlid")
        return sorted(str(p.relative_to(pins)) for p in pins.rglob("*")) if pins.exists() else []

    def sensor_pid(self):
        try:
            pid = int(self.path("/run/portlid.pid").read_text())
            return pid if "portlid" in pathlib.Path(f"/proc/{pid}/comm").read_text() else None
        except (OSError, ValueError):
            return None


def package(lab):
    """The .deb of this tree, as scripts/package makes it; PORTLID_DEB names one that is made already."""
    if "PORTLID_DEB" in os.environ:
        return pathlib.Path(os.environ["PORTLID_DEB"])
    folder = lab.directory / "package"
    done = subprocess.run([ROOT / "scripts/package", "--no-lintian", folder], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return next(folder.glob("portlid_*.deb"))


def newer(lab, deb, version):
    """The same package as a later version."""
    folder = lab.directory / "newer"
    subprocess.run(["dpkg-deb", "-R", deb, folder], check=True)
    control = folder / "DEBIAN/control"
    lines = [f"Version: {version}" if line.startswith("Version: ") else line
             for line in control.read_text().splitlines()]
    control.write_text("\n".join(lines) + "\n")
    made = lab.directory / f"portlid_{version}.deb"
    subprocess.run(["dpkg-deb", "-Znone", "-b", folder, made], check=True, stdout=subprocess.DEVNULL)
    return made


def commands(page):
    """The lines of the blocks marked `sh`."""
    inside = False
    for line in page.read_text().splitlines():
        if line.startswith("```"):
            inside = line == "```sh"
        elif inside and line.strip():
            yield line


