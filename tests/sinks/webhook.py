# SPDX-License-Identifier: Apache-2.0
"""The HTTPS sink against a server that does what real ones do: asks for a pause, fails, refuses one
event, says that a body is too large, answers _bulk item by item."""
import contextlib
import gzip
import http.server
import json
import ssl
import sys
import threading

import support as s

EVENTS = 300


class Collector(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.headers["Content-Encoding"] == "gzip"
        lines = [json.loads(one) for one in gzip.decompress(body).splitlines()]
        status, answer, headers = self.server.judge(self, lines)
        answer = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        with contextlib.suppress(OSError):  # somebody has read enough
            self.wfile.write(answer)


class Server:
    def __init__(self, directory, judge):
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
        self.http.judge = judge
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "server.pem", directory / "server.key")
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()


def run(directory, judge, path="/in", events=EVENTS, wait=60, **sink):
    with Server(directory, judge) as server:
        config = s.config(directory, to=f"https://localhost:{server.port}{path}",
                          ca=str(directory / "ca.pem"), **sink)
        return s.report_of(s.feeder(directory, config, events, 0, wait), 120)


def letters(directory):
    found = list((directory / "state" / "spool").glob("*.dead.jsonl"))
    return [json.loads(one) for one in found[0].read_text().splitlines()] if found else []


def ndjson(directory):
    """503 with Retry-After, then 500, then good: nothing lost, nothing twice that was accepted."""
    seen, tries = [], []

    def judge(request, lines):
        tries.append(len(lines))
        if len(tries) == 1:
            return 503, {}, {"Retry-After": "1"}
        if len(tries) == 2:
            return 500, {}, {}
        assert request.headers["Content-Type"] == "application/x-ndjson"
        seen.extend(e["seq"] for e in lines)
        return 200, {}, {}

    told = run(directory, judge)
    assert seen == list(range(1, EVENTS + 1)), (len(seen), told)
    assert told["sinks"][0]["retries"] == 2, told


def poison(directory):
    """One event that the server refuses, in a body too large: it ends in the dead-letter file."""
    seen = []

    def judge(_, lines):
        if len(lines) > 40:
            return 413, {}, {}
        if any(e["seq"] == 77 for e in lines):
            return 400, {"why": "number 77"}, {}
        seen.extend(e["seq"] for e in lines)
        return 200, {}, {}

    told = run(directory, judge)
    assert sorted(seen) == [n for n in range(1, EVENTS + 1) if n != 77], (len(seen), told)
    assert told["sinks"][0]["dead"] == 1, told
    (letter,) = letters(directory)
    assert json.loads(letter["record"])["seq"] == 77 and "400" in letter["why"], letter


def bulk(directory):
    """Items that fail alone: 429 is tried again, 400 is a dead letter, 409 is there already."""
    stored, refused_once = {}, set()

    def judge(request, lines):
        assert request.path == "/_bulk?pipeline=p", request.path
        assert request.headers["Authorization"] == "ApiKey abc"
        items = []
        for action, document in zip(lines[::2], lines[1::2]):
            name, seq = action["create"]["_id"], document["event"]["sequence"]
            assert action["create"]["_index"] == "portlid-ecs"
            status = 201
            if seq == 50 and seq not in refused_once:
                refused_once.add(seq)
                status = 429
            elif seq == 60:
                status = 400
            elif name in stored:
                status = 409
            else:
                stored[name] = document
            items.append({"create": {"status": status, "error": {"type": "t"}}})
        return 200, {"errors": True, "items": items}, {}

    (directory / "token").write_text("ApiKey abc\n")
    (directory / "token").chmod(0o600)
    told = run(directory, judge, "/?pipeline=p", preset="elasticsearch", format="ecs",
               index="portlid-ecs", token=str(directory / "token"))
    assert {d["event"]["sequence"] for d in stored.values()} == set(range(1, EVENTS + 1)) - {60}, told
    assert told["sinks"][0]["dead"] == 1, told


def not_allowed(directory):
    """_bulk items that the token or a missing index refuses, for a while: the sink waits, no event is lost."""
    stored, answers = set(), iter([403, 404, 401])

    def judge(_, lines):
        status = next(answers, 201)
        items = []
        for document in lines[1::2]:
            if status == 201:
                stored.add(document["seq"])
            items.append({"create": {"status": status, "error": {"type": f"refused {status}"}}})
        return 200, {"errors": status != 201, "items": items}, {}

    told = run(directory, judge, "/", preset="elasticsearch")
    assert stored == set(range(1, EVENTS + 1)), (len(stored), told)
    assert told["sinks"][0]["dead"] == 0 and told["sinks"][0]["retries"] == 3, told
    assert not letters(directory)


def refused_for_good(directory):
    """The same without an end: down, and the reason is told."""
    def judge(_, lines):
        item = {"create": {"status": 403, "error": {"type": "security_exception"}}}
        return 200, {"errors": True, "items": [item] * (len(lines) // 2)}, {}

    told = run(directory, judge, "/", events=20, wait=3, preset="elasticsearch")["sinks"][0]
    assert not told["up"] and "403" in told["why"] and "security_exception" in told["why"], told
    assert told["dead"] == 0 and told["sent"] == 0 and told["lag"] == 20, told


def long_answer(directory):
    """A status says enough: what comes behind 4 MiB of answer is not waited for."""
    seen = []

    def judge(_, lines):
        seen.extend(e["seq"] for e in lines)
        return 200, {"noise": "x" * (6 << 20)}, {}

    told = run(directory, judge)
    assert seen == list(range(1, EVENTS + 1)), (len(seen), told)
    assert told["sinks"][0]["retries"] == 0, told


def long_bulk_answer(directory):
    """An answer of _bulk that is too long is asked for in parts."""
    stored, sizes = set(), []

    def judge(_, lines):
        items = []
        sizes.append(len(lines) // 2)
        for action in lines[::2]:
            name = action["create"]["_id"]
            items.append({"create": {"status": 409 if name in stored else 201, "noise": "x" * 65536}})
            stored.add(name)
        return 200, {"errors": False, "items": items}, {}

    told = run(directory, judge, "/", preset="elasticsearch")
    assert len(stored) == EVENTS and max(sizes) > 64 > min(sizes), (sizes, told)
    assert told["sinks"][0]["retries"] == 0 and told["sinks"][0]["sent"] == EVENTS, told


def hec(directory):
    seen = []

    def judge(request, lines):
        if request.headers["Authorization"] != "Splunk s3cret":
            return 403, {"text": "Invalid token"}, {}
        for one in lines:
            assert one["source"] == "portlid" and one["sourcetype"] == "portlid:ocsf", one
            seen.append(one["event"]["metadata"]["sequence"])
        return 200, {"text": "Success", "code": 0}, {}

    (directory / "token").write_text("s3cret\n")
    (directory / "token").chmod(0o600)
    run(directory, judge, "/services/collector", preset="splunk", format="ocsf",
        token=str(directory / "token"))
    assert seen == list(range(1, EVENTS + 1)), len(seen)


def stranger(directory):
    with Server(directory, lambda *_: (200, {}, {})) as server:
        tried = s.export_test(s.config(directory, to=f"https://localhost:{server.port}/in"))
    assert tried.returncode == 1 and "certificate" in tried.stderr, tried.stderr


def in_workshop(row):
    def go():
        with s.workshop() as directory:
            s.authority(directory, "ca")
            s.certificate(directory, "server", "ca", "localhost")
            return row(directory)
    return go


def main():
    s.need(("openssl", "openssl"))
    return s.rows([
        ("webhook: pauses and errors lose nothing", in_workshop(ndjson)),
        ("413 is split, 400 is a dead letter", in_workshop(poison)),
        ("Elasticsearch: partial errors, item by item", in_workshop(bulk)),
        ("Elasticsearch: no right, no index: the sink waits", in_workshop(not_allowed)),
        ("Elasticsearch: no right for good: down, with the reason", in_workshop(refused_for_good)),
        ("an answer without an end is no fault", in_workshop(long_answer)),
        ("Elasticsearch: an answer that is too long is split", in_workshop(long_bulk_answer)),
        ("Splunk HEC: token from a file", in_workshop(hec)),
        ("a server that no known CA signed is refused", in_workshop(stranger)),
    ])


if __name__ == "__main__":
    sys.exit(main())
