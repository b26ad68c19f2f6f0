"""Runner and control plane, joined: login, run, watch the events arrive, kill the server in the middle, start it again, nothing is lost
or twice; revoke the token, the uploader stops and says why.

usage: joined.py DIRECTORY-OF-PROGRAMS WORK-DIRECTORY      exits 0 when everything held, prints what was measured
"""
import http.client, json, os, re, signal, socket, subprocess, sys, time, urllib.parse

PROGRAMS, WORK = sys.argv[1], sys.argv[2]
DATA, HOME, PROJECT = (os.path.join(WORK, name) for name in ("data", "home", "project"))
for directory in (DATA, HOME, PROJECT):
    os.makedirs(directory, mode=0o700)
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    PORT = probe.getsockname()[1]
ADDRESS = f"http://127.0.0.1:{PORT}"
ENVIRONMENT = {"HOME": HOME, "PATH": os.environ["PATH"]}


def pipemason(*arguments, **options):
    return subprocess.Popen([PROGRAMS + "/pipemason", *arguments], env=ENVIRONMENT, cwd=PROJECT, text=True, **options)


def serve():
    log = open(WORK + "/server.log", "a")
    server = subprocess.Popen([PROGRAMS + "/pipemason-server", "serve", "--data", DATA, "--listen", f"127.0.0.1:{PORT}"],
                              stdout=subprocess.PIPE, stderr=log, text=True)
    said = ""
    while "listening on" not in said:
        line = server.stdout.readline()
        assert line, "the server did not start:\n" + open(WORK + "/server.log").read()
        said += line
    return server, said


def request(method, path, body=None, cookie=None, form=False):
    headers = {"Origin": ADDRESS, "Sec-Fetch-Site": "same-origin"}
    if cookie:
        headers["Cookie"] = cookie
    if body is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded" if form else "application/json"
        body = urllib.parse.urlencode(body) if form else json.dumps(body)
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=20)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    cookies = [value.split(";")[0] for name, value in answer.getheaders() if name.lower() == "set-cookie"]
    return answer.status, answer.read(), "; ".join(value for value in cookies if not value.endswith("="))


def events(run, cookie):
    lines, after = [], 0
    while True:
        status, body, _ = request("GET", f"/api/v1/runs/{run}/events?after={after}", cookie=cookie)
        assert status == 200, (status, body)
        new = body.splitlines()
        if not new:
            return lines
        lines += new
        after = json.loads(new[-1])["seq"]


server, said = serve()
link = re.search(r"token=(\S+)", said).group(1)
status, _, cookie = request("POST", "/sign-in/link", {"token": link}, form=True)
assert status == 303 and cookie, status

login = pipemason("login", "--server", ADDRESS, "--name", "desk", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
code = None
while code is None:
    line = login.stderr.readline()
    assert line, "login ended without a code"
    found = re.search(r"\b[A-Z]{4}-[A-Z]{4}\b", line)
    code = found.group(0) if found else None
status, body, _ = request("POST", "/api/v1/pairing/decision", {"user_code": code, "approve": True}, cookie)
assert status == 204, (status, body)
out, err = login.communicate(timeout=60)
assert login.returncode == 0 and "paired" in out, (out, err)

# A run of six seconds; the server is killed after two and comes back after four.
script = "for i in $(seq 1 600); do echo line $i of the joined test; sleep 0.01; done"
began = time.time()
run = pipemason("run", "--", "sh", "-c", script, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
time.sleep(2)
server.send_signal(signal.SIGKILL)
server.wait()
time.sleep(2)
server, _ = serve()
out, err = run.communicate(timeout=120)
assert run.returncode == 0, (run.returncode, err)
assert out.count("of the joined test") == 600
took = time.time() - began
runs = os.listdir(PROJECT + "/.pipeline/runs")
log = open(f"{PROJECT}/.pipeline/runs/{runs[0]}/iterations.log", "rb").read().splitlines()
stored = events(runs[0], cookie)
assert stored == log, (len(stored), len(log))
assert os.path.exists(f"{PROJECT}/.pipeline/runs/{runs[0]}/delivered")
ledger = [json.loads(line) for line in open(PROJECT + "/.pipeline/egress.jsonl")]
receipts = open(f"{PROJECT}/.pipeline/runs/{runs[0]}/receipts.jsonl").read().splitlines()
assert receipts and json.loads(receipts[-1])["seq"] == len(log)
print(f"{len(log)} events, {sum(e['category'] == 'logs' for e in ledger)} batches, {len(receipts)} receipts, {took:.1f} s")

# A cancel from the server ends the command.
began = time.time()
run = pipemason("run", "--", "sleep", "60", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
time.sleep(2)
new = (set(os.listdir(PROJECT + "/.pipeline/runs")) - set(runs)).pop()
status, body, _ = request("POST", f"/api/v1/runs/{new}/cancel", {}, cookie)
assert status in (200, 202, 204), (status, body)
out, err = run.communicate(timeout=40)
assert run.returncode != 0 and "asks to end" in err and time.time() - began < 20, (run.returncode, err)
print(f"cancelled after {time.time() - began:.1f} s")

# A revoked token: the command goes on, the uploader stops and says why.
status, body, _ = request("GET", "/api/v1/runner-tokens", cookie=cookie)
tokens = json.loads(body)
tokens = tokens if isinstance(tokens, list) else next(value for value in tokens.values() if isinstance(value, list))
run = pipemason("run", "--", "sh", "-c", "sleep 3; echo done", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
time.sleep(1.5)
status, body, _ = request("DELETE", f"/api/v1/runner-tokens/{tokens[0]['id']}", cookie=cookie)
assert status in (200, 204), (status, body)
out, err = run.communicate(timeout=60)
assert run.returncode == 0 and "done" in out, (run.returncode, err)
assert "revoked" in err, err
who = pipemason("whoami", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
out, err = who.communicate(timeout=30)
assert who.returncode == 3 and "revoked" in err, err
server.terminate()
server.wait()
print("revoked: said and stopped")
