# SPDX-License-Identifier: Apache-2.0
"""Every kind of event against its schema: native v1 and OCSF against the JSON Schemas in the tree, ECS
against Elastic's own table (npm @elastic/ecs, test-only, `npm ci` in tests/sinks/ecs)."""
import json
import pathlib
import subprocess
import sys

import support as s

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SCHEMA = ROOT / "userspace" / "sink" / "schema"

try:
    import jsonschema
except ImportError:
    s.skip("no python3-jsonschema: apt-get install python3-jsonschema")


def events(form):
    """One event of each kind and shape, encoded by the sink room."""
    feed = pathlib.Path(s.FEEDER).with_name("sink_samples")
    out = subprocess.run([feed, form], check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def against(form, schema_name):
    schema = json.loads((SCHEMA / schema_name).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    found = events(form)
    for event in found:
        errors = [f"{'.'.join(map(str, e.path))}: {e.message[:200]}" for e in validator.iter_errors(event)]
        assert not errors, (event.get("kind") or event.get("metadata"), errors[:3])
    # A schema that takes anything proves nothing.
    broken = dict(found[0])
    broken.pop("severity" if form == "native" else "severity_id")
    assert not validator.is_valid(broken)
    return f"{len(found)} events"


def ecs():
    modules = HERE / "ecs" / "node_modules" / "@elastic" / "ecs"
    if not modules.exists():
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=HERE / "ecs", check=True,
                       capture_output=True, timeout=200)
    walked = subprocess.run(["node", HERE / "ecs" / "walk.js"], input="\n".join(
        json.dumps(e) for e in events("ecs")), capture_output=True, text=True, timeout=60, check=False)
    assert walked.returncode == 0, walked.stdout[-2000:] + walked.stderr[-500:]
    return walked.stdout.strip()


def main():
    table = [("native events keep to the schema", lambda: against("native", "event.schema.json")),
             ("OCSF events keep to 1.8.0", lambda: against("ocsf", "ocsf-1.8.0.schema.json"))]
    if subprocess.run(["which", "npm"], capture_output=True, check=False).returncode == 0:
        table.append(("ECS events keep to @elastic/ecs", ecs))
    else:
        print("SKIP: ECS conformance: no npm")
    return s.rows(table)


if __name__ == "__main__":
    sys.exit(main())
