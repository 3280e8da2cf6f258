# SPDX-License-Identifier: Apache-2.0
"""Debian's podman as root on the lab host, beside its dockerd: storage in the lab's directory, cgroups below
the lab's own, and its API on a socket of its own."""

from .wait import until

SOCKET = "/run/podman/podman.sock"
CONFIG = """[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
default_sysctls = []
[network]
network_backend = "cni"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
"""


class Podman:
    def __init__(self, lab):
        self.lab = lab
        self.cgroup = f"/{lab.cgroup.name}/host/podman"
        etc = lab.host_file("/etc/containers")
        etc.mkdir(exist_ok=True)
        (etc / "containers.conf").write_text(CONFIG)
        (etc / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        self.command = ("env", "-u", "DOCKER_CONFIG", "-u", "DOCKER_HOST", "podman", "--root",
                        lab.directory / "podman", "--runroot", "/run/podman-store",
                        "--storage-driver", "vfs")

    def run(self, *words, timeout=60):
        return self.lab.run("host", *self.command, *words, timeout=timeout).stdout.strip()

    def import_image(self):
        """tiny:1, as dockerd has it."""
        self.lab.run("host", "sh", "-ec", 'tar -C "$0" -c . | "$@" import -c '
                     '\'CMD ["httpd","-f","-p","80","-h","/www"]\' - tiny:1',
                     self.lab.directory / "image", *self.command)

    def serve(self):
        """The API, until the lab goes."""
        self.lab.host_file("/run/podman").mkdir(exist_ok=True)
        self.lab.spawn("host", *self.command, "system", "service", "--time=0", f"unix://{SOCKET}")
        until("podman's API listens", lambda: self.lab.host_file(SOCKET).exists(), seconds=15)

    def container(self, name, *options, command=()):
        return self.run("run", "-d", "--name", name, "--cgroup-parent", self.cgroup, *options,
                        "tiny:1", *command)
