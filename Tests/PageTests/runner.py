"""A runner that sends what it is told to: lines as docs/formats/iterations-log.md has them, chained and numbered."""

import hashlib
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request

RULES = "sha256:" + hashlib.sha256(b"rules").hexdigest()


def uuid7():
    value = (int(time.time() * 1000) << 80) | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def encode(value):
    """JSON as runners write it: everything but controls as it stands."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "\x7f\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


class Request:
    """Requests to a server, without a browser."""

    def __init__(self, url, token=None):
        self.url, self.token = url, token

    def __call__(self, method, path, body=None, kind="application/json", headers=None):
        """Returns (status, answer's bytes)."""
        request = urllib.request.Request(self.url + path, data=body, method=method, headers=dict(headers or {}))
        if body is not None:
            request.add_header("Content-Type", kind)
        if self.token:
            request.add_header("Authorization", "Bearer " + self.token)
        while True:
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return answer.status, answer.read()
            except urllib.error.HTTPError as error:
                if error.code not in (429, 503):
                    return error.code, error.read()
                time.sleep(float(error.headers.get("Retry-After", "1")))

    def form(self, path, **fields):
        return self("POST", path, urllib.parse.urlencode(fields).encode(), "application/x-www-form-urlencoded")


class Pairing:
    """The device authorization grant, from the device's side."""

    def __init__(self, url, name):
        self.request = Request(url)
        status, answer = self.request.form("/oauth/device/code", client_id="pipemason", device_name=name)
        assert status == 200, answer
        self.grant = json.loads(answer)

    @property
    def code(self):
        return self.grant["user_code"]

    def poll(self):
        """Returns the token, or the error's name."""
        _, answer = self.request.form(
            "/oauth/token", client_id="pipemason", device_code=self.grant["device_code"],
            grant_type="urn:ietf:params:oauth:grant-type:device_code")
        answer = json.loads(answer)
        return answer.get("access_token") or answer["error"]

    def wait(self):
        while (answer := self.poll()) in ("authorization_pending", "slow_down"):
            time.sleep(self.grant["interval"] * 1.2)
        return answer


class Run:
    """A run that is sent event by event."""

    def __init__(self, url, token, title="make test", branch="main"):
        self.request = Request(url, token)
        self.id = uuid7()
        self.sequence, self.previous, self.mono = 0, "0" * 64, 0
        self.waiting = []
        body = {"title": title}
        if branch:
            body["branch"] = branch
        status, answer = self.request("PUT", f"/api/v1/runs/{self.id}", json.dumps(body).encode())
        assert status == 201, answer

    def add(self, kind, data, phase=None, iteration=None, hits=None, after=0.0):
        """Adds an event; `after` seconds of the run have gone by since the one before."""
        self.sequence += 1
        self.mono += int(after * 1e6)
        head = encode({
            "v": 1, "run": self.id, "seq": self.sequence, "ts": time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime()),
            "mono": self.mono, "type": kind, "phase": phase, "iter": iteration, "data": data,
            "scrub": {"rules": RULES, "hits": hits or {}}, "prev": self.previous,
        })[:-1].encode()
        self.previous = hashlib.sha256(bytes.fromhex(self.previous) + head).hexdigest()
        self.waiting.append(head + b',"hash":"' + self.previous.encode() + b'"}\n')

    def start(self, command=("make", "test"), branch="main"):
        branch = {"branch": branch} if branch else {}
        self.add("run.started", {
            "runner": "pipemason 0.1.0", **branch, "command": list(command), "epoch": 1, "protections": []})

    def phase(self, name, kind="test", iteration=1, after=0.1):
        self.add("phase.started", {"kind": kind, "attempt": 1}, name, iteration, after=after)

    def output(self, text, phase=None, iteration=None, stream="stdout", after=0.1, hits=None):
        self.add("command.output", {"stream": stream, "text": text}, phase, iteration, hits, after)

    def end(self, status="succeeded", exit=0, kind="run.finished", phase=None, iteration=None, after=0.1, **more):
        self.add(kind, {"status": status, "exit": exit, **more}, phase, iteration, after=after)

    def command_end(self, phase=None, iteration=None, status="succeeded", exit=0):
        self.add("command.finished", {
            "status": status, "exit": exit, "output_bytes": 1, "cpu_us": 1, "max_rss_kib": 1}, phase, iteration, after=0.1)

    def send(self):
        """Sends what was added, in batches within the server's limits; returns the last answer's status."""
        status = None
        while self.waiting:
            batch, size = [], 0
            while self.waiting and len(batch) < 1000 and size + len(self.waiting[0]) < 1 << 20:
                size += len(self.waiting[0])
                batch.append(self.waiting.pop(0))
            first = json.loads(batch[0])["seq"]
            status, answer = self.request(
                "POST", f"/api/v1/runs/{self.id}/events", b"".join(batch), "application/x-ndjson",
                {"Pipemason-First-Seq": str(first)})
            assert status == 200, answer
        return status

    def artifact(self, name, body, kind):
        """Offers a file and sends it; returns its digest."""
        digest = hashlib.sha256(body).hexdigest()
        self.add("artifact.offered", {"name": name, "sha256": digest, "size": len(body), "media_type": kind})
        status, answer = self.request(
            "PUT", f"/api/v1/runs/{self.id}/artifacts/{digest}?name={urllib.parse.quote(name)}", body, kind)
        if status == 415:
            return None
        assert status in (200, 201), answer
        return digest
