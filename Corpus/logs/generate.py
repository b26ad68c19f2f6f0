#!/usr/bin/env python3
"""Writes the synthetic logs of this folder and the demo input beside it, or streams log text for benchmarks.

    generate.py                          write every NAME.log and NAME.expected, and ../demo
    generate.py --check                  fail if the files on disk are not what this script writes
    generate.py --counts                 also print how many secrets of each kind the files hold
    generate.py --rules DIR              fail if a rule id of the table below is in no rule file (*.toml) of that folder
    generate.py --benign BYTES           print that much log text without a secret
    generate.py --mixed BYTES --every N  print log text with one secret in N lines, whole (never commit it)

Everything is a function of the seed: the same script writes the same bytes. Python 3.9 or later, standard library only.
"""

import argparse
import collections
import pathlib
import re
import sys

sys.dont_write_bytecode = True

from demo import demo
from formats import FORMATS
from material import CLOSE, CUT, Material, OPEN, SEP

#: The rule that reports each kind of secret. Kinds are ours; rule ids are those of the built-in rule set.
RULES = {
    # Tokens with a literal of their own.
    "github-pat": "github-pat",
    "github-app": "github-app-token",
    "github-fine": "github-fine-grained-pat",
    "gitlab-pat": "gitlab-pat",
    "gitlab-runner": "gitlab-runner-token",
    "slack-bot": "slack-token",
    "stripe": "stripe-secret-key",
    "aws-id": "aws-access-key-id",
    "aws-temporary-id": "aws-access-key-id",
    "openai": "openai-api-key",
    "anthropic": "anthropic-api-key",
    "npm": "npm-access-token",
    "pypi": "pypi-upload-token",
    "gcp": "google-api-key",
    "huggingface": "huggingface-token",
    "digitalocean": "digitalocean-pat",
    "sendgrid": "sendgrid-api-token",
    "vault": "vault-service-token",
    "dockerhub": "dockerhub-pat",
    "shopify": "shopify-access-token",
    "linear": "linear-api-key",
    "linear-base64": "linear-api-key",
    "grafana": "grafana-service-account-token",
    # Structure.
    "jwt": "jwt",
    "private-key": "private-key",
    "url-password": "url-password",
    "authorization": "authorization" "-header",
    "api-key-header": "generic-api-key",
    "cookie": "cookie-header",
    # Names and values.
    "password": "generic-password",
    "sql-password": "generic-password",
    "secret": "generic-secret",
    "api-key": "generic-api-key",
    "query-key": "generic-api-key",
    "query-token": "generic-api-key",
    "aws-secret": "provider-key",
    "provider": "provider-key",
    "email": "email",
}

PLACEHOLDER = "[REDACTED:{}]"
SPAN = re.compile(f"{OPEN}([^{SEP}]*){SEP}([^{CLOSE}]*){CLOSE}", re.S)
COLOUR = re.compile("\x1b\\[[0-9;]*[A-Za-z]")
KEYWORD = re.compile("key|token|secret|pass(?=[a-z])|pwd|auth|cred|cookie|bearer", re.I)
HERE = pathlib.Path(__file__).resolve().parent


def whole(text):
    """The log as a program wrote it."""
    return SPAN.sub(lambda m: m[2], text).replace(CUT, "")


def stored(text):
    """The log as it is committed: no secret is whole, and no word before one that a scanner would look for."""
    out, end = [], 0
    for m in SPAN.finditer(text):
        before = text[end:m.start()]
        far, near = before[:-64], before[-64:]
        out += [far, KEYWORD.sub(lambda k: k[0][:2] + CUT + k[0][2:], near), m[2]]
        end = m.end()
    return "".join([*out, text[end:]]).replace(CUT, "<cut>")


def expected(text):
    """What the scrubber must print for `whole(text)`; colours inside a secret go on after its placeholder."""
    return SPAN.sub(lambda m: PLACEHOLDER.format(RULES[m[1]]) + "".join(COLOUR.findall(m[2])), text).replace(CUT, "")


def to_bytes(text):
    return text.encode("utf-8", "surrogateescape")


def build(kind, seed, decks, secrets=12):
    """The marked text of one file: every trap, every secret of the format and a few general ones, in an order drawn from the seed."""
    g = Material(f"{seed} {kind.name}")
    g.decks["secret"] = decks
    source = kind(g)
    plan = ["secret"] * max(secrets, len(kind.SECRETS)) + ["own"] * 40
    plan += ["trap"] * (len(g.TRAPS) // (2 if kind.own_share + kind.trap_share > 0.9 or kind.name in LONG_LINES else 1))
    plan += ["message"] * max(20, 130 - len(plan))
    g.r.shuffle(plan)
    own = list(kind.SECRETS)
    g.r.shuffle(own)
    out = []
    for step in plan:
        if step == "secret":
            out.append(own.pop()(source) if own else source.line(g.secret_message()))
        elif step == "own":
            out.append(g.deal("own benign", kind.BENIGN)(source))
        elif step == "trap":
            out.append(source.trap())
        else:
            out.append(source.benign())
    return "".join(out)


#: Formats with long lines get fewer traps, to keep the folder small.
LONG_LINES = {"journal-export", "cloud-audit"}


def finish(name, text):
    """Gives some files what real files have too."""
    if name == "python":
        return text.replace("\n", "\r\n")
    if name == "nginx":
        return text.rstrip("\n")
    if name == "syslog-rfc3164":
        noise = "Mar  4 11:11:11 edge-03 snmpd[411]: trap payload \udcff\udcfe\udc00\udc80 caf\udce9 end\n".replace("\udc00", "\0")
        rows = text.splitlines(keepends=True)
        for at in (20, 75, 130):
            while rows[at].count(OPEN) or rows[at].count(CLOSE) or text.find(rows[at]) < 0:
                at += 1
            rows.insert(at, noise)
        return "".join(rows)
    return text


def files(seed):
    """Every file that is committed: path, bytes, and the marked text."""
    decks = []  # one deck of general secrets for all files, so that each of them occurs
    for kind in FORMATS:
        text = finish(kind.name, build(kind, seed, decks))
        yield HERE / f"{kind.name}.log", to_bytes(stored(text)), text
        yield HERE / f"{kind.name}.expected", to_bytes(expected(text)), None
    text = demo(Material(f"{seed} demo"))
    yield HERE.parent / "demo" / "multi-source.log", to_bytes(stored(text)), text
    yield HERE.parent / "demo" / "multi-source.expected", to_bytes(expected(text)), None


def blocks(seed, every, formats=FORMATS):
    """Marked text without end, some hundred lines of one format after another; with `every`, one secret in that many lines.

    `every` 0: no secret. 1: every record holds one."""
    g = Material(f"stream {seed}")
    sources = [kind(g) for kind in formats]
    until = every
    while True:
        source, rows = g.pick(sources), []
        for _ in range(g.num(40, 400)):
            if every == 1:
                rows.append(source.secret())
                continue
            rows.append(source.benign())
            if every:
                until -= rows[-1].count("\n")
                if until <= 0:
                    rows.append(source.secret())
                    until += every
        text = "".join(rows)
        if not every and OPEN in text:
            raise SystemExit("generate.py: a benign line holds a secret")
        yield text


def stream(size, seed, every, out):
    """Prints `size` bytes of mixed formats; with `every`, one secret in that many lines."""
    left = size
    for text in blocks(seed, every):
        block = to_bytes(whole(text))[:left]
        out.write(block)
        left -= len(block)
        if left <= 0:
            return


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--counts", action="store_true")
    parser.add_argument("--rules", type=pathlib.Path, metavar="DIR")
    parser.add_argument("--benign", type=int, metavar="BYTES")
    parser.add_argument("--mixed", type=int, metavar="BYTES")
    parser.add_argument("--every", type=int, metavar="N", default=50)
    options = parser.parse_args()
    if options.benign is not None or options.mixed is not None:
        try:
            stream(options.mixed or options.benign or 0, options.seed, options.every if options.mixed else 0, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            sys.stderr.close()
        return
    if options.rules:
        known = {m[1] for path in options.rules.glob("*.toml") for m in re.finditer(r"^\s*id\s*=\s*[\"']([^\"']+)", path.read_text("utf-8"), re.M)}
        if unknown := sorted(set(RULES.values()) - known):
            raise SystemExit("generate.py: no such rule: " + ", ".join(unknown))
        return
    stale, kinds = [], collections.Counter()
    for path, data, text in files(options.seed):
        if text is not None:
            kinds.update(m[1] for m in SPAN.finditer(text))
            if data.replace(b"<cut>", b"") != to_bytes(whole(text)):
                raise SystemExit(f"generate.py: {path.name} does not join to the log it stands for")
            if SPAN.sub("", text).count(OPEN):
                raise SystemExit(f"generate.py: nested secret in {path.name}")
            for m in SPAN.finditer(text):
                if CUT not in text[max(0, m.start() - 60):m.end() + 2]:
                    raise SystemExit(f"generate.py: a whole secret of kind {m[1]} in {path.name}")
        if not options.check:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
        elif not path.exists() or path.read_bytes() != data:
            stale.append(path.name)
    if stale:
        raise SystemExit("generate.py: not what this script writes: " + ", ".join(stale))
    if options.counts:
        for kind, n in sorted(kinds.items(), key=lambda item: -item[1]):
            print(f"{n:5}  {kind} ({RULES[kind]})")
        print(f"{sum(kinds.values()):5}  in all")


if __name__ == "__main__":
    main()
