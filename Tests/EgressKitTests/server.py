"""A control plane of two hundred lines, for the tests of the runner's network side: another reading of the same documents
(docs/formats/control-plane.md, iterations-log.md, receipt.md), with faults on demand.

usage: server.py DIRECTORY [PORT]     prints the port; keeps everything below DIRECTORY, on disk before it answers.

DIRECTORY/faults, if it is there, has one fault a line, used up from the top: `503`, `503 2` (Retry-After), `429 1`, `drop`
(close without an answer), `lose` (store, then close without an answer), `gap`, `fork`, `413`, `422 SEQ`, `garbage`, `slow`.
DIRECTORY/reject: a word; a batch with a line that holds it gets 422, and its digest goes to DIRECTORY/refused.
DIRECTORY/cancel: the next answer has the command. DIRECTORY/revoked: the token is no longer good.
DIRECTORY/flush: flush_ms. DIRECTORY/approved: pairing is granted. DIRECTORY/requests: what came, one a line.
"""
import gzip, hashlib, http.server, json, os, sys, threading, time, urllib.parse

try:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    PUBLIC = SIGNER.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
except ImportError:
    SIGNER = PUBLIC = None

HERE = sys.argv[1]
TOKEN = open(os.path.join(HERE, "token")).read().strip()
LOCK = threading.Lock()


def path(*names):
    return os.path.join(HERE, *names)


def has(name):
    return os.path.exists(path(name))


def fault(kinds):
    """Takes the next fault if it is one of `kinds`."""
    try:
        lines = open(path("faults")).read().split("\n")
    except FileNotFoundError:
        return None
    lines = [line for line in lines if line]
    if not lines or lines[0].split()[0] not in kinds:
        return None
    with open(path("faults.new"), "w") as file:
        file.write("\n".join(lines[1:]))
    os.replace(path("faults.new"), path("faults"))
    return lines[0].split()


class Run:
    """The lines of one run, checked against the chain as they come."""

    def __init__(self, run):
        self.file = path("run-" + run)
        self.head, self.next, self.rules = "0" * 64, 1, "-"
        if os.path.exists(self.file):
            for line in open(self.file, "rb").read().splitlines():
                self.head, self.next = json.loads(line)["hash"], self.next + 1
        if os.path.exists(self.file + ".rules"):
            self.rules = open(self.file + ".rules").read()

    def stored(self):
        return open(self.file, "rb").read().splitlines() if os.path.exists(self.file) else []

    def add(self, first, lines):
        old = self.stored()
        if first > self.next:
            return 409, {"type": "urn:pipemason:problem:sequence-gap", "next_seq": self.next, "head": self.head}
        new = []
        for number, line in enumerate(lines, first):
            event = json.loads(line)
            if number < self.next:
                if old[number - 1] != line:
                    return 409, {"type": "urn:pipemason:problem:chain-fork", "seq": number, "next_seq": self.next,
                                 "head": self.head}
                continue
            content = line[:line.rindex(b',"hash":')]
            digest = hashlib.sha256(bytes.fromhex(event["prev"]) + content).hexdigest()
            if event["seq"] != number or digest != event["hash"] or event["prev"] != (
                    json.loads(new[-1])["hash"] if new else self.head):
                return 409, {"type": "urn:pipemason:problem:chain-fork", "seq": number, "next_seq": self.next,
                             "head": self.head}
            new.append(line)
        with open(self.file, "ab") as file:
            file.write(b"".join(line + b"\n" for line in new))
            file.flush()
            os.fsync(file.fileno())
        if new:
            self.head, self.next = json.loads(new[-1])["hash"], self.next + len(new)
        return 200, None

    def progress(self, run, receipt=False):
        answer = {"next_seq": self.next, "head": self.head, "rules_digest": "sha256:" + "0" * 64, "commands": [],
                  "flush_ms": int(open(path("flush")).read()) if has("flush") else 100, "receipt": None}
        if has("cancel"):
            answer["commands"] = [{"type": "cancel"}]
        if receipt and SIGNER and self.next > 1:
            key = hashlib.sha256(PUBLIC).hexdigest()[:16]
            text = f"pipemason receipt 1\nrun {run}\nseq {self.next - 1}\nhead {self.head}\nrules {self.rules}\nkey {key}\n"
            signature = SIGNER.sign(text.encode())
            if has("forge"):
                signature = bytes(64)
            answer["receipt"] = {"v": 1, "run": run, "seq": self.next - 1, "head": self.head, "key": key,
                                 "rules": self.rules if self.rules == "-" else "sha256:" + self.rules,
                                 "sig": signature.hex()}
        return answer


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=None, headers=()):
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json" if status < 400 else "application/problem+json")
        self.send_header("content-length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def body(self):
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def note(self, body):
        with LOCK, open(path("requests"), "a") as file:
            # The second number tells whether the caller had noted the request before.
            file.write(json.dumps({"method": self.command, "path": self.path, "bytes": len(body),
                                   "sha256": hashlib.sha256(body).hexdigest(), "at": time.time(),
                                   "headers": dict(self.headers)}) + "\n")

    def handle_all(self):
        body = self.body()
        self.note(body)
        where = urllib.parse.urlsplit(self.path)
        if where.path.startswith("/oauth/"):
            return self.pair(where.path, dict(urllib.parse.parse_qsl(body.decode())))
        if self.headers.get("authorization") != "Bearer " + TOKEN or has("revoked"):
            return self.answer(401, {"type": "urn:pipemason:problem:unauthorized", "title": "no"})
        parts = where.path.strip("/").split("/")
        if parts == ["api", "v1", "runner"]:
            if self.command == "DELETE":
                open(path("revoked"), "w").close()
                return self.answer(204)
            return self.answer(200, self.identity())
        if parts == ["api", "v1", "runner", "key"]:
            key = json.loads(body)["runner_key"]
            if has("key") and open(path("key")).read() != key:
                return self.answer(409, {"title": "another key"})
            with open(path("key"), "w") as file:
                file.write(key)
            return self.answer(204)
        if self.command == "POST" or self.command == "PUT":
            if self.common_faults():
                return
        run = Run(parts[3])
        if len(parts) == 4:
            with LOCK:
                members = json.loads(body)
                if members.get("rules_digest"):
                    run.rules = members["rules_digest"][7:]
                    with open(run.file + ".rules", "w") as file:
                        file.write(run.rules)
            return self.answer(200 if run.next > 1 else 201, run.progress(parts[3]))
        if parts[4] == "commands":
            end = time.time() + min(30, int(urllib.parse.parse_qs(where.query)["wait"][0]))
            while time.time() < end and not has("cancel"):
                time.sleep(0.05)
            return self.answer(200, {"commands": [{"type": "cancel"}] if has("cancel") else [], "flush_ms": 100})
        if parts[4] == "artifacts":
            if hashlib.sha256(body).hexdigest() != parts[5]:
                return self.answer(400, {"title": "another digest"})
            with open(path("artifact-" + parts[5]), "wb") as file:
                file.write(body)
            return self.answer(201, {})
        with LOCK:
            return self.events(parts[3], body)

    def common_faults(self):
        found = fault({"503", "429", "drop", "garbage", "slow"})
        if not found:
            return False
        if found[0] == "drop":
            self.close_connection = True
        elif found[0] == "garbage":
            self.wfile.write(b"this is no HTTP\r\n\r\n")
            self.close_connection = True
        elif found[0] == "slow":
            time.sleep(2)
            return False
        else:
            headers = [("retry-after", found[1])] if len(found) > 1 else []
            self.answer(int(found[0]), {"title": "not now"}, headers)
        return True

    def events(self, run_id, body):
        sent = body
        if len(body) > 1 << 20:
            return self.answer(413, {"title": "more than 1 MiB on the wire"})
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        lines = body.split(b"\n")[:-1]
        if len(body) > 4 << 20 or len(lines) > 1000:
            return self.answer(413, {"title": "too much"})
        run = Run(run_id)
        if has("reject"):
            word = open(path("reject"), "rb").read()
            for number, line in enumerate(lines, int(self.headers["pipemason-first-seq"])):
                if word in line:
                    with open(path("refused"), "a") as file:
                        file.write(hashlib.sha256(sent).hexdigest() + "\n")
                    return self.answer(422, {"type": "urn:pipemason:problem:unscrubbed-content", "rule": "test-rule",
                                             "seq": number, "title": "a secret"})
        found = fault({"gap", "fork", "413", "422", "lose"}) or [""]
        if found[0] == "gap":
            return self.answer(409, {"type": "urn:pipemason:problem:sequence-gap", "next_seq": run.next,
                                     "head": run.head})
        if found[0] == "fork":
            return self.answer(409, {"type": "urn:pipemason:problem:chain-fork", "seq": run.next, "next_seq": run.next,
                                     "head": run.head})
        if found[0] == "413":
            return self.answer(413, {"title": "smaller, please"})
        if found[0] == "422":
            return self.answer(422, {"type": "urn:pipemason:problem:unscrubbed-content", "rule": "test-rule",
                                     "seq": int(found[1]), "title": "a secret"})
        status, problem = run.add(int(self.headers["pipemason-first-seq"]), lines)
        if problem:
            return self.answer(status, problem)
        if found[0] == "lose":
            self.close_connection = True
            return
        self.answer(200, run.progress(run_id, receipt=True))

    def identity(self):
        key = {"id": hashlib.sha256(PUBLIC).hexdigest()[:16], "alg": "Ed25519", "public": PUBLIC.hex()} if PUBLIC else None
        return {"organization": "0190f3c2-7b5e-7c3a-9d10-000000000001", "organization_name": "acme",
                "runner": "0190f3c2-7b5e-7c3a-9d10-000000000002", "receipt_key": key}

    def pair(self, where, form):
        if where == "/oauth/device/code":
            if form.get("client_id") != "pipemason" or len(form.get("runner_key", "")) != 64:
                return self.answer(400, {"error": "invalid_request"})
            with open(path("key"), "w") as file:
                file.write(form["runner_key"])
            return self.answer(200, {"device_code": "synthetic-device-code", "user_code": "BCDF-GHJK",
                                     "verification_uri": "http://127.0.0.1/device", "expires_in": 600, "interval": 1})
        if form.get("device_code") != "synthetic-device-code":
            return self.answer(400, {"error": "invalid_grant"})
        found = fault({"slow_down", "access_denied", "expired_token", "503"})
        if found:
            return self.answer(503 if found[0] == "503" else 400, {"error": found[0]})
        if not has("approved"):
            return self.answer(400, {"error": "authorization_pending"})
        self.answer(200, {"access_token": TOKEN, "token_type": "Bearer", **self.identity()})

    do_GET = do_POST = do_PUT = do_DELETE = handle_all


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True


# With DIRECTORY/cert.pem and DIRECTORY/key.pem it speaks TLS, of the version that DIRECTORY/tls names.
server = Server(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0), Handler)
if has("cert.pem"):
    import ssl
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path("cert.pem"), path("key.pem"))
    if has("tls"):
        context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, open(path("tls")).read())
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
