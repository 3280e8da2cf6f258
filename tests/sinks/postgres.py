# SPDX-License-Identifier: Apache-2.0
"""RFC 5424 over mutual TLS into rsyslog, and from there into PostgreSQL: rsyslog dies in the middle and comes
back, and SQL says whether every (id, rev) is a row. The database server is started here, in a directory of
its own, and listens on a unix socket only.
PORTLID_SIEM_EVENTS (default 10000) and PORTLID_SIEM_OUTAGE_S (default 3): the full form is 100000, 30."""
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import time

import support as s

EVENTS = int(os.environ.get("PORTLID_SIEM_EVENTS", "10000"))
OUTAGE_S = float(os.environ.get("PORTLID_SIEM_OUTAGE_S", "3"))
POSTGRES = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
OMPGSQL = sorted(pathlib.Path("/usr/lib").glob("*/rsyslog/ompgsql.so"))

# What integrations/rsyslog says, with rows in the place of lines.
RSYSLOG = """
global(workDirectory="{dir}" defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="{dir}/ca.pem"
  defaultNetstreamDriverCertFile="{dir}/server.pem" defaultNetstreamDriverKeyFile="{dir}/server.key"
  maxMessageSize="64k")
module(load="imtcp" StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/certvalid")
module(load="ompgsql")
template(name="row" type="list" option.stdsql="on") {{
  constant(value="insert into events(document) values ('") property(name="msg") constant(value="')") }}
ruleset(name="in" queue.type="direct") {{
  action(type="ompgsql" server="{db}" db="postgres" user="postgres" template="row" queue.type="direct") }}
input(type="imtcp" port="{port}" address="127.0.0.1" ruleset="in")
"""
TABLE = """create table events (document jsonb not null,
  id text generated always as (document->>'id') stored, rev int generated always as ((document->>'rev')::int) stored,
  seq bigint generated always as ((document->>'seq')::bigint) stored)"""


class Database:
    """initdb, a server on a unix socket, psql; as postgres where we are root, who may not run one."""

    def __init__(self):
        self.directory = pathlib.Path(f"/tmp/portlid-pg-{os.getpid()}")
        self.how = {}
        if os.geteuid() == 0:
            users = {p.pw_name: p for p in pwd.getpwall()}
            user = users.get("postgres", users["nobody"])
            self.how = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def __enter__(self):
        self.directory.mkdir(mode=0o700)
        if self.how:
            shutil.chown(self.directory, self.how["user"])
        self.tool("initdb", "-D", self.directory / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8",
                  "--no-sync", "--no-instructions", check=True)
        # What is tested is the way here: a database that survives a power cut is not.
        self.server = subprocess.Popen(
            [POSTGRES[-1] / "postgres", "-D", self.directory / "data", "-k", self.directory, "-c",
             "listen_addresses=", "-c", "fsync=off", "-c", "synchronous_commit=off"], cwd="/",
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self.how)
        s.wait_for(lambda: self.tool("pg_isready", "-h", self.directory).returncode == 0, 60, "PostgreSQL")
        self.sql(TABLE)
        return self

    def __exit__(self, *_):
        s.stop(self.server, signal.SIGINT)  # "fast": ends its clients
        shutil.rmtree(self.directory, ignore_errors=True)

    def tool(self, name, *words, check=False):
        return subprocess.run([POSTGRES[-1] / name, *words], cwd="/", check=check, capture_output=True,
                              text=True, timeout=120, **self.how)

    def sql(self, text):
        said = self.tool("psql", "-h", self.directory, "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-Atc", text)
        assert said.returncode == 0, said.stderr
        return said.stdout.strip()

    def count(self, text):
        return int(self.sql(f"select count(*) from ({text}) as found"))


def rsyslog(directory, port, database):
    conf = directory / "rsyslog.conf"
    conf.write_text(RSYSLOG.format(dir=directory, port=port, db=database.directory))
    child = subprocess.Popen(["rsyslogd", "-n", "-f", conf, "-i", directory / "rsyslog.pid"],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    s.wait_for(lambda: s.listens(port), 20, "rsyslogd listens")
    return child


def outage(directory, database):
    port = s.free_port()
    server = rsyslog(directory, port, database)
    path = s.config(directory, to=f"syslog+tls://localhost:{port}", ca=str(directory / "ca.pem"),
                    cert=str(directory / "client.pem"), key=str(directory / "client.key"))
    rate = max(EVENTS // 4, 500)
    feeding = s.feeder(directory, path, EVENTS, min(rate, 5000), 300 + OUTAGE_S)
    try:
        s.wait_for(lambda: database.count("table events") > EVENTS // 8, 120, "an eighth has arrived")
        s.stop(server, signal.SIGKILL)
        before = database.count("table events")
        time.sleep(OUTAGE_S)  # the outage is the input of this row
        server = rsyslog(directory, port, database)
        told = s.report_of(feeding, 400 + OUTAGE_S)
        assert before < EVENTS, "everything had arrived before the outage"
        wanted = f"select generate_series(1, {EVENTS}) except select seq from events"
        s.wait_for(lambda: database.count(wanted) == 0, 60, "every seq is a row")
        names = database.count("select distinct id, rev from events")
        assert names == told["emitted"] == EVENTS, (names, told)
        assert told["queue_lost"] == 0 and told["sinks"][0]["spool_lost"] == 0, told
        rows = database.count("table events")
        return f"{EVENTS} events, {rows - names} of them twice, {told['sinks'][0]['retries']} retries"
    finally:
        s.stop(server)
        s.stop(feeding)


def main():
    s.need(("rsyslogd", "rsyslog rsyslog-openssl"), ("openssl", "openssl"))
    if not POSTGRES or not OMPGSQL:
        s.skip("no PostgreSQL: apt-get install postgresql rsyslog-pgsql")
    with s.workshop() as directory, Database() as database:
        s.authority(directory, "ca")
        s.certificate(directory, "server", "ca", "localhost")
        s.certificate(directory, "client", "ca", "portlid.example")
        return s.rows([("rsyslog over mutual TLS into PostgreSQL: killed in the middle, every (id, rev) a row",
                        lambda: outage(directory, database))])


if __name__ == "__main__":
    sys.exit(main())
