# SPDX-License-Identifier: Apache-2.0
"""journald over a private /run: every event is a journal entry with fields of its own, and can be found
by them; an event too large for a datagram arrives too; systemd-journal-upload brings them to a
systemd-journal-remote. Root, for a mount namespace."""
import json
import os
import pathlib
import subprocess
import sys

import support as s

JOURNALD = "/lib/systemd/systemd-journald"
REMOTE, UPLOAD = "/lib/systemd/systemd-journal-remote", "/lib/systemd/systemd-journal-upload"
EVENTS = 500


def journal(*matches, where=("-D", "/run/log/journal")):
    out = subprocess.run(["journalctl", *where, "-o", "json", "--no-pager", "-a", *matches],
                         capture_output=True, text=True, check=False).stdout
    return [json.loads(line) for line in out.splitlines()]


def round_trip(directory):
    path = s.config(directory, to="journald")
    s.report_of(s.feeder(directory, path, EVENTS, 0, 30), 60)
    match = "SYSLOG_IDENTIFIER=portlid"
    s.wait_for(lambda: len(journal(match)) == EVENTS, 20, f"{EVENTS} entries")
    found = journal(match, "PORTLID_KIND=net.verdict", "PORTLID_SRC_IP=203.0.113.7")
    assert [int(e["PORTLID_SEQ"]) for e in found] == list(range(1, EVENTS + 1)), len(found)
    assert {e["PRIORITY"] for e in found} == {"5"}
    document = json.loads(found[0]["PORTLID_EVENT"])
    assert document["id"] == found[0]["PORTLID_ID"] and "no_service" in found[0]["MESSAGE"]


def remote(directory):
    """On another machine's journal: the same events, found by the same fields."""
    if not os.path.exists(REMOTE):
        return "SKIPPED, no systemd-journal-remote: apt-get install systemd-journal-remote"
    port, stored = s.free_port(), directory / "remote.journal"
    with s.running(REMOTE, f"--listen-http=127.0.0.1:{port}", "--split-mode=none", f"--output={stored}",
                   stderr=subprocess.DEVNULL):
        s.wait_for(lambda: s.listens(port), 20, "systemd-journal-remote listens")
        sent = subprocess.run([UPLOAD, f"--url=http://127.0.0.1:{port}", f"--save-state={directory}/upload",
                               "--follow=no", "--directory=/run/log/journal"], capture_output=True,
                              text=True, timeout=60, check=False)
        assert sent.returncode == 0, sent.stderr
    found = journal("PORTLID_KIND=net.verdict", "PORTLID_SRC_IP=203.0.113.7", where=("--file", stored))
    assert [int(e["PORTLID_SEQ"]) for e in found] == list(range(1, EVENTS + 1)), len(found)
    here = {e["PORTLID_EVENT"] for e in journal("SYSLOG_IDENTIFIER=portlid")}
    assert {e["PORTLID_EVENT"] for e in found} == here
    return None


def main():
    if os.geteuid() != 0 or not os.path.exists(JOURNALD):
        s.skip("needs root and systemd-journald")
    if "PORTLID_PRIVATE_RUN" not in os.environ:
        os.execvpe("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, "-B", __file__],
                   {**os.environ, "PORTLID_PRIVATE_RUN": "1"})
    subprocess.run(["mount", "-t", "tmpfs", "portlid-test", "/run"], check=True)
    for folder in ("systemd/journal", "log/journal"):
        pathlib.Path("/run", folder).mkdir(parents=True)
    with s.workshop() as directory, s.running(JOURNALD, stderr=subprocess.DEVNULL):
        s.wait_for(lambda: os.path.exists("/run/systemd/journal/socket"), 20, "journald's socket")
        return s.rows([
            ("journald: one event, one entry, fields to search by", lambda: round_trip(directory)),
            ("systemd-journal-remote has the same events", lambda: remote(directory))])


if __name__ == "__main__":
    sys.exit(main())
