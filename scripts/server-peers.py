#!/usr/bin/env python3
"""Holds a running control plane against independent programs: authlib (RFC 8628), schemathesis (the OpenAPI document), and
slowhttptest. Usage: server-peers.py PROGRAM [EXAMPLES]. Needs the virtual environment of install-peers.sh."""

import os
import re
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

program, examples = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "12"
tools = Path(sys.executable).parent


def main():
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o700)
        data = ["--data", directory]
        server = subprocess.Popen(
            [program, "serve", "--listen", "127.0.0.1:0", "--log-level", "error", *data],
            stdout=subprocess.PIPE, text=True)
        try:
            link, address = read_start(server)
            # A browser that keeps cookies marked Secure on this machine, as browsers do.
            cookie = sign_in(address, link)
            pair(address, cookie)
            token = subprocess.check_output([program, "runner-token", "peer", *data], text=True).strip()
            describe(address, {"runner": 'bearer = "%s"' % token}, [])
            describe(address, {"session": 'api_key = "%s"' % cookie.split("=", 1)[1]}, ["Sec-Fetch-Site: same-origin"])
            slow(address)
        finally:
            server.terminate()
            status = server.wait(timeout=30)
        if status != 0:
            sys.exit(f"server-peers: the server ended with status {status}")
        verified = subprocess.run([program, "verify", *data], text=True, capture_output=True)
        if verified.returncode != 0:
            sys.exit("server-peers: verify: " + verified.stderr)
        print("verify: " + verified.stdout.strip())


def read_start(server):
    link = address = None
    while address is None:
        line = server.stdout.readline()
        if not line:
            sys.exit("server-peers: the server did not start")
        link = link or (re.search(r"\S+/sign-in/link\?token=\S+", line) or [None])[0]
        address = (re.search(r"listening on (\S+)", line) or [None, None])[1]
    return link, address


def sign_in(address, link):
    token = urllib.parse.parse_qs(urllib.parse.urlparse(link).query)["token"][0]
    request = urllib.request.Request(
        address + "/sign-in/link", data=urllib.parse.urlencode({"token": token}).encode(),
        headers={"Sec-Fetch-Site": "same-origin"})

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *arguments):
            return None

    try:
        headers = urllib.request.build_opener(Stay).open(request).headers
    except urllib.error.HTTPError as answer:
        headers = answer.headers
    for value in headers.get_all("Set-Cookie") or []:
        if value.startswith("__Host-pipemason="):
            return value.split(";")[0]
    sys.exit("server-peers: signing in set no cookie")


def pair(address, cookie):
    """The client's side of RFC 8628, by authlib."""
    from authlib.integrations.base_client.errors import OAuthError
    from authlib.integrations.requests_client import OAuth2Session
    import requests

    grant = "urn:ietf:params:oauth:grant-type:device_code"
    asked = requests.post(
        address + "/oauth/device/code", data={"client_id": "pipemason", "device_name": "authlib"}).json()
    client = OAuth2Session("pipemason", token_endpoint_auth_method="none")

    def poll():
        return client.fetch_token(
            address + "/oauth/token", grant_type=grant, device_code=asked["device_code"])

    def fails(code):
        try:
            poll()
        except OAuthError as error:
            if error.error == code:
                return
            sys.exit(f"server-peers: expected {code}, got {error.error}")
        sys.exit(f"server-peers: expected {code}, got a token")

    fails("authorization_pending")
    fails("slow_down")
    decided = requests.post(
        address + "/api/v1/pairing/decision", json={"user_code": asked["user_code"], "approve": True},
        headers={"Cookie": cookie, "Sec-Fetch-Site": "same-origin"})
    assert decided.status_code == 204, decided.text
    token = poll()
    assert token["token_type"] == "Bearer" and token["access_token"].startswith("pmr_")
    me = client.get(address + "/api/v1/runner").json()
    assert me["name"] == "authlib", me
    fails("invalid_grant")
    print("authlib: paired as RFC 8628 says")


def describe(address, credential, headers):
    (who, setting), = credential.items()
    config = Path(tempfile.mkdtemp()) / "schemathesis.toml"
    config.write_text(f"[auth.openapi.{who}]\n{setting}\n")
    arguments = [str(tools / "schemathesis"), "--config-file", str(config), "run", address + "/openapi.json", "--checks", "all", "--rate-limit", "18/s"]
    arguments += ["--max-examples", examples, "--phases", "coverage,fuzzing"]
    # A stream does not end, some routes use up the credential, and schemathesis can not make NDJSON.
    arguments += ["--exclude-path-regex", "stream|/metrics|/session|/runner$|rotate|/events"]
    # Schemas can not say everything: bytes of UTF-8, days of February.
    arguments += ["--exclude-checks", "positive_data_acceptance"]
    for header in headers:
        arguments += ["--header", header]
    done = subprocess.run(arguments, text=True, capture_output=True, cwd=tempfile.gettempdir())
    summary = [line for line in done.stdout.splitlines() if "passed" in line or "failed" in line or "error" in line.lower()]
    if done.returncode != 0:
        sys.exit(f"server-peers: schemathesis as {who}:\n" + done.stdout[-12000:])
    print(f"schemathesis as {who}: " + " ".join(summary[-3:]))


def slow(address):
    """Slow headers, bodies and readers, 300 connections each: the server must stay reachable."""
    for mode, path in [("-H", "/healthz"), ("-B", "/oauth/token"), ("-X", "/openapi.json")]:
        done = subprocess.run(
            ["slowhttptest", "-c", "300", mode, "-i", "2", "-r", "300", "-l", "8", "-p", "3", "-u", address + path],
            text=True, capture_output=True)
        text = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
        states = re.findall(r"service available:\s+(\w+)", text)
        if not states or "NO" in states:
            sys.exit(f"server-peers: slowhttptest {mode}: {states}\n" + text[-1500:])
        print(f"slowhttptest {mode}: reachable throughout")


main()
