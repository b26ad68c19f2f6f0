#!/usr/bin/env python3
"""Shows a run live: starts a server, pairs this machine with it, and runs a command with `pipemason run`.

    demo-live.py PIPEMASON PIPEMASON-SERVER

Prints where to look, and goes on until it is interrupted. With DEMO_SECONDS set it ends when the run is over, at the latest
after so many seconds, and checks that the server has the run and none of its secrets. All files are in temporary directories.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "Tests/PageTests"))
from server import Server  # noqa: E402

OWNER = "owner@" + "acme.example"


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments):
        return None


class Person:
    """Somebody who is signed in, without a browser."""

    def __init__(self, server):
        self.url, self.cookie = server.url, None
        token = urllib.parse.parse_qs(urllib.parse.urlsplit(server.sign_in_link(OWNER)).query)["token"][0]
        self.cookie = self.submit("/sign-in/link", token=token).headers.get_all("Set-Cookie")[0].split(";")[0]

    def submit(self, path, **fields):
        """Sends a form as a page of ours would."""
        return self.open(path, urllib.parse.urlencode(fields).encode())

    def open(self, path, body=None):
        headers = {"Origin": self.url, **({"Cookie": self.cookie} if self.cookie else {})}
        try:
            return urllib.request.build_opener(NoRedirect).open(urllib.request.Request(self.url + path, body, headers), timeout=10)
        except urllib.error.HTTPError as error:
            if error.code != 303:
                raise
            return error

    def run(self):
        """The newest run, or None."""
        runs = json.load(self.open("/api/v1/runs?limit=1"))["runs"]
        return runs[0] if runs else None


def pair(pipemason, server, person, home):
    """Pairs this machine: `pipemason login` shows a code, and a person approves it."""
    login = subprocess.Popen(
        [pipemason, "login", "--server", server.url, "--name", "this machine"], env={**os.environ, "HOME": home},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    for line in login.stderr:
        code = re.search(r"\b([A-Z]{4}-[A-Z]{4})\b", line)
        if code:
            person.submit("/device", user_code=code[1], decision="approve")
            break
    if login.wait(60) != 0:
        sys.exit("demo-live: pairing failed")


def samples():
    """Lines of many sources, with the secrets that they are stored without."""
    with open(os.path.join(TOP, "Corpus/demo/multi-source.log"), encoding="utf8") as log:
        return log.read().replace("<cut>", "")


def wait(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            sys.exit(f"demo-live: {what}")
        time.sleep(0.5)
    return result


def main():
    pipemason, program = (os.path.abspath(argument) for argument in sys.argv[1:3])
    bound = float(os.environ.get("DEMO_SECONDS", "0"))
    server = Server(program)
    try:
        person = Person(server)
        with tempfile.TemporaryDirectory() as home:
            pair(pipemason, server, person, home)
            with open(os.path.join(home, "lines"), "w", encoding="utf8") as lines:
                lines.write(samples())
            command = f'while IFS= read -r line; do printf "%s\\n" "$line"; sleep {0.02 if bound else 0.5}; done < lines'
            run = subprocess.Popen(
                [pipemason, "run", "--", "bash", "-c", command], cwd=home, env={**os.environ, "HOME": home},
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            started = wait(person.run, 30, "no run arrives at the server")
            print(f"A run is live at {server.url}/runs/{started['id']}\nSign in, once:   {server.sign_in_link(OWNER)}", flush=True)
            if run.wait(bound or None) != 0:
                sys.exit("demo-live: the command failed")
        over = wait(lambda: (now := person.run())["status"] != "running" and now, 30, "the end of the run does not arrive")
        print(f"The run {over['status']}: {over['last_seq']} events, {over['redactions']} secrets redacted.", flush=True)
        if bound:
            verify(server, over)
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
