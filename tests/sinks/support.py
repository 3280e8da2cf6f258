# SPDX-License-Identifier: Apache-2.0
"""What the sink tests share: a directory, certificates, processes that end, facts waited for."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

FEEDER = os.environ.get("FEEDER", "build/tests/sinks/sink_feeder")
PORTLID = os.environ.get("PORTLID", "build/portlid")


def skip(why):
    print(f"SKIP: {why}")
    sys.exit(77)


def need(*tools):
    for tool, package in tools:
        if not shutil.which(tool):
            skip(f"no {tool}: apt-get install {package}")


def wait_for(fact, seconds, what):
    end = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < end, f"waited {seconds} s for: {what}"
        time.sleep(0.05)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def workshop():
    path = pathlib.Path(tempfile.mkdtemp(prefix="portlid-sinks-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def running(*words, **how):
    child = subprocess.Popen([str(w) for w in words], **how)
    try:
        yield child
    finally:
        stop(child)


def stop(child, number=signal.SIGTERM):
    if child.poll() is None:
        child.send_signal(number)
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def listens(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def openssl(*words, stdin=None):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, input=stdin)


def authority(directory, name):
    """NAME.pem and NAME.key: a CA."""
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", directory / f"{name}.key", "-out", directory / f"{name}.pem", "-days", "30",
            "-subj", f"/CN=Portlid test {name}")
    return directory / f"{name}.pem"


def certificate(directory, name, ca, host, days=30):
    """NAME.pem and NAME.key, signed by CA.pem, for `host`; negative days: long over."""
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            directory / f"{name}.key", "-out", directory / f"{name}.csr", "-subj", f"/CN={host}")
    (directory / f"{name}.ext").write_text(f"subjectAltName=DNS:{host}\n")
    openssl("x509", "-req", "-in", directory / f"{name}.csr", "-CA", directory / f"{ca}.pem",
            "-CAkey", directory / f"{ca}.key", "-CAcreateserial", "-days", days, "-extfile",
            directory / f"{name}.ext", "-out", directory / f"{name}.pem")
    (directory / f"{name}.key").chmod(0o600)
    return directory / f"{name}.pem"


def config(directory, **sink):
    """portlid.yaml with one sink; JSON is YAML."""
    path = directory / "portlid.yaml"
    path.write_text("version: 1\nsinks:\n  - " + json.dumps({"name": "siem", **sink}) + "\n")
    path.chmod(0o600)
    return path


def feeder(directory, path, count, rate, wait):
    state = directory / "state"
    state.mkdir(exist_ok=True)
    return subprocess.Popen([FEEDER, path, state, str(count), str(rate), str(wait)],
                            stdout=subprocess.PIPE, text=True)


def report_of(child, seconds):
    out, _ = child.communicate(timeout=seconds)
    assert child.returncode == 0, child.returncode
    return json.loads(out)


def export_test(path, sink="siem"):
    return subprocess.run([PORTLID, "export", "test", sink, "--config", str(path)],
                          capture_output=True, text=True, timeout=60, check=False)


def rows(table):
    """Runs (name, function) rows; the exit code."""
    failed = 0
    for name, row in table:
        try:
            said = row()
            print(f"ok      {name}{': ' + said if said else ''}", flush=True)
        except (AssertionError, subprocess.SubprocessError, OSError, KeyError, ValueError) as error:
            failed = 1
            print(f"FAILED  {name}: {type(error).__name__}: {error}", flush=True)
    return failed
