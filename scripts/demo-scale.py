#!/usr/bin/env python3
"""Three servers on one PostgreSQL behind haproxy, each in a network namespace of its own, under load: servers are killed, cut off from
the database, cut off from the balancer; all are cut off from the database at once; the database crashes. Then: nothing that was acknowledged is missing, nothing is there twice, and those who watch
had everything within seconds of each healing; artifacts lie in a directory that the servers share, each that was acknowledged is there, and there is no
file that no row knows. Usage: demo-scale.py PROGRAM [SECONDS]; needs root, iproute2, haproxy and postgresql.

The namespaces are joined by two bridges in a namespace of their own: one between balancer and servers, one between servers and database. A
cable is pulled by taking its port off the bridge, so that packets vanish and nobody is told.
"""

import collections
import contextlib
import glob
import hashlib
import http.client
import json
import os
import pwd
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import uuid
from ctypes import CDLL, get_errno

PROGRAM = os.path.abspath(sys.argv[1])
SECONDS = int(sys.argv[2]) if len(sys.argv) > 2 else 60
SERVERS, RUNNERS, WATCHERS, BATCH = 3, 8, 6, 20
# Batches of a run between two of its artifacts.
ARTIFACT_AFTER = 5
CATCH_UP = 5.0
TAG = f"pm{os.getpid() % 10000}"
WORK = tempfile.mkdtemp(prefix="pipemason-scale-")
children = []


def run(*words, **more):
    return subprocess.run(words, check=True, text=True, capture_output=True, **more).stdout


def inside(space, *words, **more):
    return subprocess.Popen(["ip", "netns", "exec", f"{TAG}{space}", *words], **more)


# ---- the network

def make_network():
    for space in ["sw", "lb", "db"] + [f"s{n}" for n in range(SERVERS)]:
        run("ip", "netns", "add", f"{TAG}{space}")
        run("ip", "-n", f"{TAG}{space}", "link", "set", "lo", "up")
    for bridge in ["front", "back"]:
        run("ip", "-n", f"{TAG}sw", "link", "add", bridge, "type", "bridge", "forward_delay", "0")
        run("ip", "-n", f"{TAG}sw", "link", "set", bridge, "up")
    plug("lb", "front", "10.77.1.1")
    plug("db", "back", "10.77.2.1")
    for n in range(SERVERS):
        plug(f"s{n}", "front", f"10.77.1.{10 + n}")
        plug(f"s{n}", "back", f"10.77.2.{10 + n}")


def plug(space, bridge, address):
    port, end = f"{space}-{bridge[0]}", f"eth-{bridge[0]}"
    run("ip", "-n", f"{TAG}sw", "link", "add", port, "type", "veth", "peer", "name", end, "netns", f"{TAG}{space}")
    run("ip", "-n", f"{TAG}sw", "link", "set", port, "master", bridge, "up")
    run("ip", "-n", f"{TAG}{space}", "addr", "add", f"{address}/24", "dev", end)
    run("ip", "-n", f"{TAG}{space}", "link", "set", end, "up")


def cut(n, bridge):
    run("ip", "-n", f"{TAG}sw", "link", "set", f"s{n}-{bridge[0]}", "nomaster")


def heal(n, bridge):
    run("ip", "-n", f"{TAG}sw", "link", "set", f"s{n}-{bridge[0]}", "master", bridge)


# ---- the programs

def database():
    """The command that starts and stops the database, as nobody: PostgreSQL refuses to run as root."""
    nobody = pwd.getpwnam("nobody")
    settings = f"-k {WORK}/db -c listen_addresses=10.77.2.1 -c max_connections=200"
    return ["ip", "netns", "exec", f"{TAG}db", "setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups",
            f"{BINARIES}/pg_ctl", "-D", f"{WORK}/db/d", "-l", f"{WORK}/db/log", "-o", settings]


BINARIES = (sorted(glob.glob("/usr/lib/postgresql/*/bin")) or ["/usr/lib/postgresql"])[-1]


def start_database():
    binaries = BINARIES
    nobody = pwd.getpwnam("nobody")
    data = f"{WORK}/db"
    os.mkdir(data, 0o700)
    os.chown(data, nobody.pw_uid, nobody.pw_gid)
    os.chmod(WORK, 0o711)
    drop = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    run(*drop, f"{binaries}/initdb", "-D", f"{data}/d", "-U", "admin", "-A", "trust", "--no-instructions", cwd=data)
    with open(f"{data}/d/pg_hba.conf", "a") as file:
        file.write("host pipemason pipemason 10.77.2.0/24 scram-sha-256\n")
    # The server keeps the descriptors of whoever starts it: not ours, whose end somebody may wait for.
    subprocess.run([*database(), "-w", "start"], check=True, cwd=data, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    word = uuid.uuid4().hex
    for text in [f"CREATE ROLE pipemason LOGIN PASSWORD '{word}'", "CREATE DATABASE pipemason OWNER pipemason"]:
        run(f"{binaries}/psql", "-q", "-h", data, "-U", "admin", "-d", "postgres", "-c", text)
    with open(os.open(f"{WORK}/pgpass", os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
        file.write(f"10.77.2.1:5432:pipemason:pipemason:{word}\n")


DATABASE = ["--database", "postgres://pipemason@10.77.2.1/pipemason"]


def options(n):
    return [*DATABASE, "--database-password-file", f"{WORK}/pgpass", "--data", f"{WORK}/s{n}", "--kek-file", f"{WORK}/kek",
            "--artifacts", f"{WORK}/artifacts"]


class Server:
    def __init__(self, n):
        self.n = n
        os.makedirs(f"{WORK}/s{n}", 0o700, exist_ok=True)
        self.link = None
        self.start()

    def start(self):
        self.process = inside(
            f"s{self.n}", PROGRAM, "serve", "--listen", f"10.77.1.{10 + self.n}:8080", "--log-level", "warning", "--public-url",
            "http://10.77.1.1:8080", *options(self.n), stdout=subprocess.PIPE, stderr=open(f"{WORK}/s{self.n}.log", "a"), text=True)
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise SystemExit(f"server {self.n} did not start: see {WORK}/s{self.n}.log")
            if "sign-in/link" in line:
                self.link = line.split()[-1]
            if "listening on" in line:
                return

    def kill(self):
        self.process.kill()
        self.process.wait()


def start_balancer():
    servers = "\n".join(
        f"    server s{n} 10.77.1.{10 + n}:8080 check inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions"
        for n in range(SERVERS))
    with open(f"{WORK}/haproxy.cfg", "w") as file:
        file.write(f"""
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 10s
    option redispatch
    retries 2
frontend all
    bind 10.77.1.1:8080
    default_backend servers
backend servers
    balance random
    option httpchk GET /readyz
    timeout tunnel 60s
{servers}
""")
    haproxy = shutil.which("haproxy") or "/usr/sbin/haproxy"
    children.append(inside("lb", haproxy, "-f", f"{WORK}/haproxy.cfg", stdout=open(f"{WORK}/haproxy.log", "w"), stderr=subprocess.STDOUT))


# ---- the load, from the balancer's namespace

def enter(space):
    """Moves this thread into a namespace."""
    with open(f"/var/run/netns/{TAG}{space}") as file:
        if CDLL(None, use_errno=True).setns(file.fileno(), 0x40000000) != 0:
            raise OSError(get_errno(), "setns")


def line(run_id, seq, prev, kind="command.output", data=None):
    data = {"stream": "stdout", "text": f"line {seq} of {run_id}\n"} if data is None else data
    body = json.dumps(
        {"v": 1, "run": run_id, "seq": seq, "ts": "2026-01-31T12:34:56.123456Z", "mono": seq, "type": kind, "phase": None,
         "iter": None, "data": data, "scrub": {"rules": "sha256:" + "0" * 64, "hits": {}}, "prev": prev}, separators=(",", ":"))[:-1]
    digest = hashlib.sha256(bytes.fromhex(prev) + body.encode()).hexdigest()
    return f'{body},"hash":"{digest}"}}', digest


def uuid7():
    value = int(time.time() * 1000) << 80 | random.getrandbits(80)
    value = value & ~(0xF << 76) | 7 << 76
    return str(uuid.UUID(int=value & ~(3 << 62) | 2 << 62))


def call(method, path, headers, body=None, timeout=12):
    connection = http.client.HTTPConnection("10.77.1.1", 8080, timeout=timeout)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


class Runner(threading.Thread):
    """Sends a run's batches, each until it is acknowledged, as the real one does: after an error it asks where the run stands."""

    def __init__(self, token, stop):
        super().__init__(daemon=True)
        self.headers = {"Authorization": f"Bearer {token}"}
        self.run_id, self.stop, self.lines = uuid7(), stop, []
        self.acknowledged, self.errors, self.unexpected = 0, collections.Counter(), []
        self.gaps, self.times = [], []
        # By digest: the artifacts that were acknowledged.
        self.artifacts = {}

    def attempt(self, method, path, headers, body=None):
        while True:
            begun = time.monotonic()
            try:
                status, content = call(method, path, {**self.headers, **headers}, body)
                if status in (200, 201):
                    self.times.append(time.monotonic() - begun)
                    return json.loads(content or b"{}")
                self.errors[status] += 1
                if status not in (429, 502, 503, 504, 500):
                    self.unexpected.append((status, content[:300]))
                    return None
            except (OSError, http.client.HTTPException) as error:
                self.errors[type(error).__name__] += 1
            time.sleep(0.1)

    def run(self):
        enter("lb")
        self.attempt("PUT", f"/api/v1/runs/{self.run_id}", {"Content-Type": "application/json"}, '{"title":"load"}')
        prev = "0" * 64
        while not self.stop.is_set() or not self.lines:
            first = len(self.lines) + 1
            for seq in range(first, first + BATCH):
                text, prev = line(self.run_id, seq, prev)
                self.lines.append(text)
            last = time.monotonic()
            answer = self.attempt(
                "POST", f"/api/v1/runs/{self.run_id}/events",
                {"Content-Type": "application/x-ndjson", "Pipemason-First-Seq": str(first)},
                "".join(text + "\n" for text in self.lines[first - 1:]))
            if answer is None:
                return
            self.gaps.append(time.monotonic() - last)
            self.acknowledged = answer["next_seq"] - 1
            if first // BATCH % ARTIFACT_AFTER == 0:
                body = f"a picture of line {first}, of {self.run_id}\n".encode() * 200
                digest = hashlib.sha256(body).hexdigest()
                if self.attempt(
                        "PUT", f"/api/v1/runs/{self.run_id}/artifacts/{digest}?name=picture", {"Content-Type": "text/plain"}, body) is None:
                    return
                self.artifacts[digest] = body
            time.sleep(0.05)


class Watcher(threading.Thread):
    """Reads a run's stream through the balancer, and comes back behind the last event whenever it ends, as a browser does."""

    def __init__(self, runner, cookie, stop):
        super().__init__(daemon=True)
        self.runner, self.cookie, self.stop = runner, cookie, stop
        self.seen, self.problems, self.connections = 0, [], 0

    def run(self):
        enter("lb")
        while not self.stop.is_set():
            try:
                self.read()
            except (OSError, http.client.HTTPException, ValueError):
                pass
            time.sleep(0.2)

    def read(self):
        connection = http.client.HTTPConnection("10.77.1.1", 8080, timeout=4)
        try:
            connection.request(
                "GET", f"/api/v1/runs/{self.runner.run_id}/stream", headers={"Cookie": self.cookie, "Last-Event-ID": str(self.seen)})
            answer = connection.getresponse()
            if answer.status != 200:
                return
            self.connections += 1
            number = None
            while not self.stop.is_set():
                raw = answer.readline()
                if not raw:
                    return
                if raw.startswith(b"id: "):
                    number = int(raw[4:])
                elif raw.startswith(b"data: ") and number is not None:
                    if number != self.seen + 1:
                        self.problems.append(f"after {self.seen} came {number}")
                    elif raw[6:-1].decode() != self.runner.lines[number - 1]:
                        self.problems.append(f"{number} is another line")
                    self.seen, number = number, None
        finally:
            connection.close()


def sign_in(link):
    token = urllib.parse.parse_qs(urllib.parse.urlparse(link).query)["token"][0]
    connection = http.client.HTTPConnection("10.77.1.1", 8080, timeout=10)
    connection.request(
        "POST", "/sign-in/link", urllib.parse.urlencode({"token": token}),
        {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"})
    answer = connection.getresponse()
    return answer.getheader("Set-Cookie").split(";")[0]


def ready(deadline=15):
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if call("GET", "/readyz", {})[0] == 200:
                return
        time.sleep(0.1)
    raise SystemExit("the balancer finds no server")


def wait_for_watchers(watchers, what, more=BATCH):
    """After a healing: until everybody who watches has what was acknowledged when it healed, and the batch that comes then."""
    begun = time.monotonic()
    goals = [(watcher, watcher.runner.acknowledged + more) for watcher in watchers]
    while any(watcher.seen < goal for watcher, goal in goals):
        if time.monotonic() - begun > 30:
            break
        time.sleep(0.02)
    took = time.monotonic() - begun
    print(f"{what}: watchers caught up {took:.2f} s after healing", flush=True)
    return took


def loose_files():
    """Holds the shared directory against the rows: each artifact has its file, and each file is an artifact's or to be deleted."""
    def known(table):
        return set(run(
            f"{BINARIES}/psql", "-qAt", "-h", f"{WORK}/db", "-U", "admin", "-d", "pipemason", "-c",
            f"SELECT body_id FROM {table}").split())

    files = {name for _, _, names in os.walk(f"{WORK}/artifacts") for name in names} - {"owner"}
    artifacts, loose = known("artifacts"), known("loose_bodies")
    print(f"artifacts: {len(artifacts)} rows, {len(files)} files, {len(loose)} names of bodies that nobody refers to")
    nobodys = {name.removesuffix(".part") for name in files} - artifacts - loose
    return (["artifacts are without their files"] if artifacts - files else []) + ([f"{len(nobodys)} files are nobody's"] if nobodys else [])


def main():
    make_network()
    os.mkdir(f"{WORK}/artifacts", 0o700)
    start_database()
    first = Server(0)
    servers = [first] + [Server(n) for n in range(1, SERVERS)]
    start_balancer()
    enter("lb")
    ready()
    cookie = sign_in(first.link)
    token = subprocess.run(
        ["ip", "netns", "exec", f"{TAG}s0", PROGRAM, "runner-token", "load", *options(0)], check=True, text=True,
        stdout=subprocess.PIPE).stdout.strip()
    tokens = [token] + [
        subprocess.run(
            ["ip", "netns", "exec", f"{TAG}s0", PROGRAM, "runner-token", f"load{n}", *options(0)], check=True, text=True,
            stdout=subprocess.PIPE).stdout.strip() for n in range(1, RUNNERS)]
    stop, over = threading.Event(), threading.Event()
    runners = [Runner(token, stop) for token in tokens]
    watchers = [Watcher(runners[n % RUNNERS], cookie, over) for n in range(WATCHERS)]
    for thread in runners + watchers:
        thread.start()
    time.sleep(2)
    end, turn, late = time.monotonic() + SECONDS, 0, []
    while time.monotonic() < end:
        n, kind = turn % SERVERS, ["kill", "back", "front", "all", "crash"][turn % 5]
        turn += 1
        if kind == "kill":
            servers[n].kill()
            time.sleep(1)
            servers[n].start()
            what = f"server {n} killed and started again"
        elif kind == "all":
            for each in range(SERVERS):
                cut(each, "back")
            time.sleep(random.uniform(2, 8))
            for each in range(SERVERS):
                heal(each, "back")
            what = "all servers cut off from the database"
        elif kind == "crash":
            subprocess.run(
                [*database(), "-m", "immediate", "-w", "restart"], check=True, cwd=f"{WORK}/db", stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL)
            what = "the database crashed and started again"
        else:
            cut(n, kind)
            time.sleep(random.uniform(2, 8))
            heal(n, kind)
            what = f"server {n} cut off from the {'database' if kind == 'back' else 'balancer'}"
        took = wait_for_watchers(watchers, what)
        if took > CATCH_UP:
            late.append(f"{what}: {took:.1f} s")
        time.sleep(0.5)
    stop.set()
    for runner in runners:
        runner.join(60)
    took = wait_for_watchers(watchers, "end", more=0)
    over.set()

    failures = [f"watchers were late: {text}" for text in late] + ([] if took <= CATCH_UP else ["watchers were late at the end"])
    events = 0
    for runner in runners:
        failures += [f"unexpected answer {status}: {text}" for status, text in runner.unexpected]
        stored, cursor = [], 0
        while True:
            status, content = call(
                "GET", f"/api/v1/runs/{runner.run_id}/events?after={cursor}&limit=10000", runner.headers, timeout=60)
            part = content.decode().splitlines() if status == 200 else []
            if not part:
                break
            stored += part
            cursor = len(stored)
        events += len(stored)
        if stored[:runner.acknowledged] != runner.lines[:runner.acknowledged]:
            failures.append(f"run {runner.run_id}: what was acknowledged is not what is stored")
        if stored != runner.lines[:len(stored)] or len(stored) > len(runner.lines):
            failures.append(f"run {runner.run_id}: something else is stored")
        for digest, body in runner.artifacts.items():
            path = f"/api/v1/runs/{runner.run_id}/artifacts/{digest}"
            # A fast server has answered all that a runner may ask for before the last is asked for.
            while (answer := call("GET", path, runner.headers, timeout=60))[0] == 429:
                time.sleep(0.1)
            if answer != (200, body):
                failures.append(f"run {runner.run_id}: an artifact that was acknowledged is not there: {answer[0]}")
    failures += loose_files()
    for watcher in watchers:
        failures += watcher.problems
    errors = sum((runner.errors for runner in runners), collections.Counter())
    times = sorted(time for runner in runners for time in runner.times)
    longest = max(max(runner.gaps) for runner in runners)
    print(
        f"{turn} faults, {events} events of {len(runners)} runs; requests refused or lost and sent again: {dict(errors)}; "
        f"{sum(len(runner.artifacts) for runner in runners)} artifacts; a request took {times[len(times) // 2] * 1000:.0f} ms in the middle, {longest:.1f} s at most; "
        f"{sum(watcher.connections for watcher in watchers)} streams of {len(watchers)} watchers")
    verified = subprocess.run(["ip", "netns", "exec", f"{TAG}s0", PROGRAM, "verify", *options(0)], text=True, capture_output=True)
    print("verify: " + (verified.stdout + verified.stderr).strip())
    if verified.returncode != 0:
        failures.append("verify found something")
    for failure in failures:
        print("FAILED: " + failure)
    print("nothing lost, nothing twice" if not failures else f"{len(failures)} failures; logs are in {WORK}")
    return 1 if failures else 0


status = 1
try:
    status = main()
finally:
    # Whoever is in a namespace of ours was started here.
    for space in ["sw", "lb", "db"] + [f"s{n}" for n in range(SERVERS)]:
        pids = subprocess.run(["ip", "netns", "pids", f"{TAG}{space}"], text=True, capture_output=True).stdout.split()
        for pid in pids:
            if int(pid) != os.getpid():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), 9)
        subprocess.run(["ip", "netns", "del", f"{TAG}{space}"], capture_output=True)
    if status == 0:
        shutil.rmtree(WORK, ignore_errors=True)
os._exit(status)
