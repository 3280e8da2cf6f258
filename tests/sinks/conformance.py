# SPDX-License-Identifier: Apache-2.0
"""Every kind of event against its schema: native v1 and OCSF against the JSON Schemas in the tree, ECS
against Elastic's own table (npm @elastic/ecs, test-only, `npm ci` in tests/sinks/ecs). Once as they are,
and once for each field that a sink may redact."""
import json
import pathlib
import re
import socket
import subprocess
import sys
import xml.etree.ElementTree

import support as s
import webhook

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SCHEMA = ROOT / "userspace" / "sink" / "schema"

try:
    import jsonschema
except ImportError:
    s.skip("no python3-jsonschema: apt-get install python3-jsonschema")


ENVELOPE = {"v", "id", "rev", "seq", "sink_seq", "time", "kind", "severity"}


def events(form, *redacted):
    """One event of each kind and shape, encoded by the sink room."""
    feed = pathlib.Path(s.FEEDER).with_name("sink_samples")
    out = subprocess.run([feed, form, *redacted], check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def paths(node, path=""):
    """Of the leaves; the elements of a list have the path of the list."""
    if isinstance(node, list):
        return set().union(*(paths(one, path) for one in node), set())
    if not isinstance(node, dict):
        return set() if node is None else {path}
    return set().union(*(paths(v, f"{path}.{k}" if path else k) for k, v in node.items()), set())


def redactable():
    """Every leaf of the native samples, and every object that one stands in."""
    leaves = {p for e in events("native") for p in paths(e)} - ENVELOPE
    return sorted({".".join(p.split(".")[:n]) for p in leaves for n in range(1, p.count(".") + 2)} | {"*"})


def check(validator, found):
    for event in found:
        errors = [f"{'.'.join(map(str, e.path))}: {e.message[:200]}" for e in validator.iter_errors(event)]
        assert not errors, (event.get("kind") or event.get("metadata"), errors[:3])


def against(form, schema_name, whole=None):
    """`whole`: what holds besides as long as nothing is redacted."""
    schema = json.loads((SCHEMA / schema_name).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema | ({"allOf": [{"$ref": whole}]} if whole else {}))
    found = events(form)
    check(validator, found)
    # A schema that takes anything proves nothing.
    broken = dict(found[0])
    broken.pop("severity" if form == "native" else "severity_id")
    assert not validator.is_valid(broken)
    validator = jsonschema.Draft202012Validator(schema)
    for path in redactable():
        check(validator, events(form, path))
    return f"{len(found)} events, {len(redactable())} paths redacted"


def redacted_is_gone():
    """A value that stands at one path alone is nowhere in what goes out, in no format."""
    whole = events("native")
    for path, value in (("src.ip", "203.0.113.7"), ("host", "web1"), ("target.inner", "172.18.0.3"),
                        ("rule.name", "public default"), ("ban.source", "203.0.113.9")):
        assert value in json.dumps(whole), path
        for form in ("native", "ecs", "ocsf"):
            assert value not in json.dumps(events(form, path)), (form, path)
    return None


def schema_knows_every_field():
    """What an event holds and the schema does not name, nobody can redact."""
    schema = json.loads((SCHEMA / "event.schema.json").read_text())

    def known(node):
        if "$ref" in node:
            return known(schema["$defs"][node["$ref"].rpartition("/")[2]])
        inner = [known(one) for one in node.get("anyOf", [])] + ([known(node["items"])] if "items" in node else [])
        found = set().union(*inner, set())
        for key, value in node.get("properties", {}).items():
            found |= {key} | {f"{key}.{below}" for below in known(value)}
        return found

    unknown = {p for e in events("native") for p in paths(e)} - known(schema)
    assert not unknown, sorted(unknown)
    return None


def wazuh_rules(event):
    """The rules that fire, by Wazuh's words: `\\.` any character, `.` itself."""
    def fits(pattern, value):
        return re.search(pattern.replace(".", "\\.").replace("\\\\.", "."), str(value)) is not None

    fired = []
    for rule in xml.etree.ElementTree.parse(ROOT / "integrations/wazuh/portlid_rules.xml").iter("rule"):
        values = []
        for field in rule.iter("field"):
            value = event
            for key in field.get("name").split("."):
                value = value.get(key) if isinstance(value, dict) else None
            values.append(value is not None and fits(field.text, value))
        if all(values):
            fired.append(rule.get("id"))
    return fired


def wazuh():
    told = {(e["kind"], e.get("verdict")): wazuh_rules(e) for e in events("native")}
    for kind in ("exposure.opened", "exposure.changed"):
        assert "117001" in told[kind, "exposed"], told
    assert "117001" not in told["exposure.closed", "exposed"], told
    assert "117002" in told["tamper.detected", None] and "117003" in told["sensor.gap", None], told
    return None


def splunk_envelope(directory):
    """The index that was asked for, no host that is redacted, and no query in what is printed."""
    seen = []

    def judge(request, lines):
        seen.extend((request.path, one) for one in lines)
        return 200, {"text": "Success", "code": 0}, {}

    with webhook.Server(directory, judge) as server:
        def test(**keys):
            config = s.config(directory, to=f"https://localhost:{server.port}/c?code=s3cret", preset="splunk",
                              ca=str(directory / "ca.pem"), **keys)
            done = s.export_test(config)
            assert done.returncode == 0, done.stderr
            assert "s3cret" not in done.stdout + done.stderr and "/c?…" in done.stderr + done.stdout, done
        test(index="main", redact=["host.*"])
        test()
    (path, redacted), (_, plain) = seen
    assert path == "/c?code=s3cret" and redacted["index"] == "main" and redacted["host"] == "-", seen
    assert "index" not in plain and plain["host"] == socket.gethostname(), plain


def syslog_header(directory):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(10)
        for redact, host in (["host"], "-"), ([], socket.gethostname()):
            config = s.config(directory, to=f"syslog+udp://127.0.0.1:{peer.getsockname()[1]}", redact=redact)
            assert s.export_test(config).returncode == 0
            assert peer.recv(65536).decode().split(" ")[2] == host


def ecs():
    modules = HERE / "ecs" / "node_modules" / "@elastic" / "ecs"
    if not modules.exists():
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=HERE / "ecs", check=True,
                       capture_output=True, timeout=200)
    # With what is redacted: an index of several hosts holds both.
    all_of_them = events("ecs") + [e for path in redactable() for e in events("ecs", path)]
    walked = subprocess.run(["node", HERE / "ecs" / "walk.js"], input="\n".join(
        json.dumps(e) for e in all_of_them), capture_output=True, text=True, timeout=60, check=False)
    assert walked.returncode == 0, walked.stdout[-2000:] + walked.stderr[-500:]
    return walked.stdout.strip()


def main():
    s.need(("openssl", "openssl"))
    table = [("native events keep to the schema", lambda: against("native", "event.schema.json", "#/$defs/whole")),
             ("OCSF events keep to 1.8.0", lambda: against("ocsf", "ocsf-1.8.0.schema.json")),
             ("the schema knows every field", schema_knows_every_field),
             ("what is redacted is nowhere", redacted_is_gone),
             ("Wazuh's rules fire", wazuh),
             ("Splunk's envelope keeps to the sink", webhook.in_workshop(splunk_envelope)),
             ("the header of syslog keeps to the sink", webhook.in_workshop(syslog_header))]
    if subprocess.run(["which", "npm"], capture_output=True, check=False).returncode == 0:
        table.append(("ECS events keep to @elastic/ecs", ecs))
    else:
        print("SKIP: ECS conformance: no npm")
    return s.rows(table)


if __name__ == "__main__":
    sys.exit(main())
