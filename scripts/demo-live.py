#!/usr/bin/env python3
"""Shows a run live: starts a server, pairs, runs a command with `pipemason run`, and sends its log as it grows.

    demo-live.py PIPEMASON PIPEMASON-SERVER

Prints where to look, and goes on until it is interrupted. With DEMO_SECONDS set it ends when the run is over, at the latest
after so many seconds, and checks that the server has the run and none of its secrets.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "Tests/PageTests"))
from runner import Pairing, Request  # noqa: E402
from server import Server  # noqa: E402

OWNER = "owner@" + "acme.example"


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments):
        return None


def submit(url, path, fields, cookie=None):
    """Sends a form as a page of ours would; returns the answer."""
    headers = {"Origin": url, "Content-Type": "application/x-www-form-urlencoded"}
    if cookie:
        headers["Cookie"] = cookie
    request = urllib.request.Request(url + path, urllib.parse.urlencode(fields).encode(), headers)
    try:
        return urllib.request.build_opener(NoRedirect).open(request, timeout=10)
    except urllib.error.HTTPError as error:
        if error.code != 303:
            raise
        return error


def pair(server):
    """Pairs a machine as a person would; returns its token."""
    token = urllib.parse.parse_qs(urllib.parse.urlsplit(server.sign_in_link(OWNER)).query)["token"][0]
    cookie = submit(server.url, "/sign-in/link", {"token": token}).headers.get_all("Set-Cookie")[0].split(";")[0]
    pairing = Pairing(server.url, "this machine")
    submit(server.url, "/device", {"user_code": pairing.code, "decision": "approve"}, cookie)
    return pairing.wait()


def samples():
    """Lines of many sources, with the secrets that they are stored without."""
    with open(os.path.join(TOP, "Corpus/demo/multi-source.log"), encoding="utf8") as log:
        return log.read().replace("<cut>", "")


def send(request, path, deadline):
    """Sends a log, line by line as it grows, until its run is over; returns the run's id."""
    waiting, sequence, run = b"", 1, None
    with open(path, "rb") as log:
        while time.monotonic() < deadline:
            waiting += log.read()
            whole, newline, rest = waiting.rpartition(b"\n")
            if not newline:
                time.sleep(0.2)
                continue
            waiting, lines = rest, (whole + newline).splitlines(keepends=True)
            last = json.loads(lines[-1])
            if run is None:
                run = last["run"]
                body = json.dumps({"title": "a demonstration", "branch": "main"}).encode()
                check(request("PUT", f"/api/v1/runs/{run}", body))
            check(request(
                "POST", f"/api/v1/runs/{run}/events", b"".join(lines), "application/x-ndjson", {"Pipemason-First-Seq": str(sequence)}))
            sequence += len(lines)
            if last["type"] == "run.finished":
                return run
    sys.exit("demo-live: the run is not over")


def check(answer):
    status, body = answer
    if status >= 300:
        sys.exit(f"demo-live: the server answers {status}: {body.decode()}")


def main():
    pipemason, program = (os.path.abspath(argument) for argument in sys.argv[1:3])
    bound = float(os.environ.get("DEMO_SECONDS", "0"))
    server = Server(program)
    try:
        request = Request(server.url, pair(server))
        with tempfile.TemporaryDirectory() as directory:
            text = samples()
            with open(os.path.join(directory, "lines"), "w", encoding="utf8") as lines:
                lines.write(text)
            pause = 0.5 if not bound else 0.02
            command = f'while IFS= read -r line; do printf "%s\\n" "$line"; sleep {pause}; done < lines'
            run = subprocess.Popen(
                [pipemason, "run", "--", "bash", "-c", command], cwd=directory, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL)
            log = os.path.join(directory, ".pipeline/iterations.log")
            while not os.path.exists(log) and run.poll() is None:
                time.sleep(0.05)
            print(f"A run is live at {server.url}/runs\nSign in, once:   {server.sign_in_link(OWNER)}", flush=True)
            identifier = send(request, log, time.monotonic() + (bound or 3600))
            if run.wait(30) != 0:
                sys.exit("demo-live: the command failed")
        status, answer = request("GET", f"/api/v1/runs/{identifier}")
        answer = json.loads(answer)
        print(f"The run {answer['status']}: {answer['last_seq']} events, {answer['redactions']} secrets redacted.", flush=True)
        if bound:
            verify(server, answer)
        else:
            print("The server goes on until you press ^C.", flush=True)
            while True:
                time.sleep(3600)
    except KeyboardInterrupt:
        pass
    finally:
        server.close()


def verify(server, run):
    """The server has the run, and what was stored holds no word of what was redacted."""
    if run["status"] != "succeeded" or run["redactions"] < 5:
        sys.exit("demo-live: the run is not as it should be")
    with open(os.path.join(TOP, "Corpus/demo/multi-source.expected"), encoding="utf8") as expected:
        clean = set(expected.read().split())
    secrets = [word for word in samples().split() if word not in clean and len(word) >= 12]
    stored = b""
    for name in os.listdir(os.path.join(server.directory, "data")):
        if name != "kek":
            with open(os.path.join(server.directory, "data", name), "rb") as file:
                stored += file.read()
    found = [word for word in secrets if word.encode() in stored]
    if found or not secrets:
        sys.exit(f"demo-live: {len(found)} of {len(secrets)} words with secrets are in the database")
    print(f"None of {len(secrets)} words with secrets is in the database.", flush=True)


main()
