"""A server of its own for a test: a new data directory, a free port, and its end."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time


class Server:
    def __init__(self, program, host="127.0.0.1", settings=()):
        """`host` is what browsers call it; `settings` are further flags of `serve`."""
        self.program = program
        self.settings = settings
        self.directory = tempfile.mkdtemp(prefix="pipemason-pages-")
        # Not 0: the address that links lead to must be known before the server listens.
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://{host}:{self.port}"
        self.process = None
        self.link = None
        self.start()

    def start(self):
        """Starts it, and waits until it listens. A second start listens where the first did."""
        self.log = open(os.path.join(self.directory, "log"), "a")
        self.output = os.path.join(self.directory, "output")
        with open(self.output, "w") as output:
            self.process = subprocess.Popen(
                [self.program, "serve", *self.options, *self.settings, "--listen", f"127.0.0.1:{self.port}", "--public-url", self.url,
                 "--log-format", "text"],
                stdout=output, stderr=self.log)
        deadline = time.monotonic() + 60
        while True:
            with open(self.output) as output:
                text = output.read()
            if re.search(r"listening on http://\S+:\d+", text):
                break
            if self.process.poll() is not None or time.monotonic() > deadline:
                with open(self.log.name) as log:
                    raise RuntimeError("the server does not start: " + log.read()[-2000:] + text)
            time.sleep(0.05)
        link = re.search(r"(http\S+/sign-in/link\S+)", text)
        if link:
            self.link = link[1]

    @property
    def options(self):
        return ["--data", os.path.join(self.directory, "data"), "--first-owner", "owner@" + "acme.example", "--first-organization", "Acme"]

    def run(self, *arguments):
        """Runs a command of the server's program on its data; returns what it prints."""
        return subprocess.run(
            [self.program, *arguments, *self.options, "--public-url", self.url], check=True, capture_output=True,
            text=True).stdout.strip()

    def sign_in_link(self, address):
        return self.run("sign-in-link", address)

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()

    def close(self):
        if self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.directory)


class GitHub:
    """The stand-in for GitHub, as a process."""

    def __init__(self, program, *arguments):
        self.log = tempfile.NamedTemporaryFile("w+", prefix="pipemason-github-")
        self.process = subprocess.Popen([program, *arguments], stdout=self.log)
        last = "github-app-key-file" if "--app" in arguments else "github-client-secret-file"
        self.wait(lambda text: last in text)
        # The settings are lines of TOML: name = "value".
        lines = dict(re.findall(r'^([a-z-]+) = "(.*)"$', self.text(), re.M))
        self.url = lines["github-url"]
        self.settings = [word for name, value in lines.items() for word in (f"--{name}", value)]

    def text(self):
        with open(self.log.name) as log:
            return log.read()

    def count(self, name):
        """How often something was done there."""
        return int((re.findall(rf"^# {name}: (\d+)$", self.text(), re.M) or [0])[-1])

    def wait(self, test, seconds=30):
        deadline = time.monotonic() + seconds
        while not test(self.text()):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the stand-in for GitHub: " + self.text())
            time.sleep(0.05)

    def close(self):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()
