# SPDX-License-Identifier: Apache-2.0
"""syslog-ng with the shipped sample (integrations/syslog-ng), only its paths and its port moved: every event is
a line of its own, whatever names are in it. syslog-ng excludes rsyslog on one machine, so it runs from its
package unpacked (scripts/test unpacks it into build/syslog-ng)."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import support as s

EVENTS = 2000
ROOT = pathlib.Path(__file__).resolve().parents[2]
UNPACKED = pathlib.Path(os.environ.get("PORTLID_SYSLOG_NG", ROOT / "build/syslog-ng"))
SAMPLE = ROOT / "integrations/syslog-ng/portlid.conf"


def program():
    """The command, its options and environment: installed, or unpacked."""
    if shutil.which("syslog-ng"):
        return ["syslog-ng"], {}
    binary = UNPACKED / "usr/sbin/syslog-ng"
    modules = sorted(UNPACKED.glob("usr/lib/syslog-ng/*"))
    if not binary.exists() or not modules:
        s.skip(f"no syslog-ng and nothing in {UNPACKED}: scripts/test e2e unpacks it")
    libraries = {str(p.parent) for p in UNPACKED.rglob("*.so*")}
    return ([binary, f"--module-path={modules[0]}"],
            {"LD_LIBRARY_PATH": ":".join([*sorted(libraries), os.environ.get("LD_LIBRARY_PATH", "")])})


def sample(directory, port):
    """The shipped file with our directory and port; each place is in it exactly once."""
    text = SAMPLE.read_text()
    for found, ours in {"port(6514)": f'ip("127.0.0.1") port({port})',
                        "/etc/syslog-ng/tls/ca.pem": directory / "ca.pem",
                        "/etc/syslog-ng/tls/server.pem": directory / "server.pem",
                        "/etc/syslog-ng/tls/server.key": directory / "server.key",
                        "/var/log/portlid-siem.jsonl": directory / "received"}.items():
        assert text.count(found) == 1, f"{SAMPLE}: {found}"
        text = text.replace(found, str(ours))
    path = directory / "syslog-ng.conf"
    path.write_text(f"@version: {version()}\n{text}")
    return path


def version():
    words, more = program()
    said = subprocess.run([words[0], "--version"], env={**os.environ, **more}, capture_output=True, text=True,
                          check=True).stdout
    return re.search(r"[0-9]+\.[0-9]+", said).group()


def received(directory):
    path = directory / "received"
    return path.read_text().split("\n")[:-1] if path.exists() else []


def round_trip(directory):
    port = s.free_port()
    words, more = program()
    with s.running(*words, "--foreground", "--no-caps", "--cfgfile", sample(directory, port), "--persist-file",
                   directory / "persist", "--pidfile", directory / "pid", "--control", directory / "control",
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **more}):
        s.wait_for(lambda: s.listens(port), 20, "syslog-ng listens")
        path = s.config(directory, to=f"syslog+tls://localhost:{port}", format="ecs", ca=str(directory / "ca.pem"),
                        cert=str(directory / "client.pem"), key=str(directory / "client.key"))
        feeding = s.feeder(directory, path, EVENTS, 0, 60)
        try:
            s.wait_for(lambda: len(received(directory)) >= EVENTS, 60, f"{EVENTS} lines")
        finally:
            s.stop(feeding)
    documents = [json.loads(line) for line in received(directory)]
    assert [d["event"]["sequence"] for d in documents] == list(range(1, EVENTS + 1)), len(documents)
    assert len({d["event"]["id"] for d in documents}) == EVENTS


def main():
    s.need(("openssl", "openssl"))
    program()
    with s.workshop() as directory:
        s.authority(directory, "ca")
        s.certificate(directory, "server", "ca", "localhost")
        s.certificate(directory, "client", "ca", "portlid.example")
        return s.rows([("syslog-ng with the shipped sample: one event, one line", lambda: round_trip(directory))])


if __name__ == "__main__":
    sys.exit(main())
