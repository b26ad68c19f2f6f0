#!/usr/bin/env python3
"""Makes the inputs of the benchmarks: functions of their names and sizes alone, the same bytes on every machine.

    inputs.py                            list the inputs
    inputs.py DIR [--megabytes N] NAME…  write DIR/NAME.N, and what is expected of it into DIR/NAME.N.json

A log input's answer is known, since its secrets were planted: the SHA-256 of the scrubbed text without the rules' names. Of a constructed
input it is known where it has no secret: it passes as it is. Inputs hold whole secrets: never commit one.

Python 3.11 or later (tomllib), standard library only.
"""

import argparse
import base64
import hashlib
import json
import pathlib
import random
import re
import sys
import tomllib

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "Corpus" / "logs"))

import generate  # noqa: E402
from formats import FORMATS  # noqa: E402

MB = 1_000_000
#: Changing this changes every input, and so every figure.
SEED = 5

# MARK: Logs with planted secrets


def without_names(scrubbed):
    """What was redacted, whatever rule is named for it: two rules may both be right."""
    return re.sub(rb"\[REDACTED:[a-z0-9-]+\]", b"[REDACTED]", scrubbed)


def log(every, formats=FORMATS, edit=None):
    """Log text with one secret in `every` lines; its answer is what the generator planted."""

    def make(size):
        text, answer, secrets = [], hashlib.sha256(), []
        length = 0
        for marked in generate.blocks(SEED, every, formats):
            if edit:
                marked = edit(marked)
            block = generate.to_bytes(generate.whole(marked))
            scrubbed = without_names(generate.to_bytes(generate.expected(marked)))
            text.append(block)
            answer.update(scrubbed)
            length += len(block)
            secrets += [m[2].replace(generate.CUT, "") for m in generate.SPAN.finditer(marked)]
            if length >= size:
                break
        return b"".join(text), {"sha256": answer.hexdigest(), "secrets": secrets}

    return make


def one_line(marked):
    """Without line ends: what a program prints that forgot them."""
    return marked.replace("\r\n", " | ").replace("\n", " | ")


def binary(size):
    """Something like a program: machine code is nearly random, tables have many zeros, strings end in NUL."""
    rng = random.Random(SEED)
    words = [b"_ZN4core3fmt9Formatter", b".rodata", b"GLIBC_2.36", b"invalid argument", b"/usr/lib/x86_64-linux-gnu", b"%s: %d"]
    parts, length = [], 0
    while length < size:
        part = rng.randbytes(rng.randint(500, 4000))
        part += b"".join(rng.randint(0, 60_000).to_bytes(8, "little") for _ in range(rng.randint(20, 200)))
        part += b"\0".join(rng.choice(words) for _ in range(rng.randint(5, 60)))
        parts.append(part)
        length += len(part)
    # Chance makes an address now and then, so the answer is not known beforehand.
    return b"".join(parts)[:size], {}


JSON_FORMATS = [kind for kind in FORMATS if kind.name in {"docker-json", "node-pino", "cloud-audit", "agent-jsonl"}]
#: In one line, the identifiers of an exported journal are values of the names before them.
LINE_FORMATS = [kind for kind in FORMATS if kind.name != "journal-export"]

LOGS = {
    "benign": ("log without a secret", log(0)),
    "sparse": ("log, a secret in one line of 1,000", log(1000)),
    "dense": ("log, a secret in one line of 20", log(20)),
    "every-line": ("log, a secret in every line", log(1)),
    "giant-line": ("log without a secret, as one line", log(0, LINE_FORMATS, edit=one_line)),
    "json-lines": ("JSON Lines, a secret in one line of 1,000", log(1000, JSON_FORMATS)),
    "binary": ("machine code, tables and strings", binary),
}

# MARK: Constructed inputs


def repeat(piece):
    """`piece` again and again."""
    piece = piece.encode() if isinstance(piece, str) else piece
    return lambda size: (piece * (size // len(piece) + 1))[:size]


def clean(make):
    """An input that has no secret: it passes as it is."""
    return lambda size: (make(size), {"same": True})


def hostile(make):
    """An input of which some parts may be secrets: chunking must not matter, and scrubbing it again changes nothing."""
    return lambda size: (make(size), {})


def chars(alphabet, separator=b"", every=0):
    """Random characters, with `separator` after `every` of them."""

    def make(size):
        text = bytes(random.Random(SEED).choices(alphabet.encode() if isinstance(alphabet, str) else alphabet, k=size))
        if not every:
            return text
        return separator.join(text[i:i + every] for i in range(0, size, every))[:size]

    return make


def nested(levels, encode):
    """Text that is encoded several times, whole, so that each view holds another."""

    def make(size):
        text = b"plain text is nested in here, and words, words, words. "
        text *= max(1, size // len(text) // 2**levels)
        for _ in range(levels):
            text = encode(text)
        return repeat(text)(size)

    return make


def json_escapes(levels):
    """A string in a string in a string: backslashes double with each level."""
    text = 'a "b" \\ c'
    for _ in range(levels):
        text = json.dumps(text)
    return repeat(text + " ")


def after(head, make):
    """`head` once, then the rest: a construct that begins and does not end."""
    return lambda size: (head.encode() + make(size))[:size]


def rules():
    """The built-in rules, with their samples joined."""
    for name in ("tokens", "structure", "packs"):
        for rule in tomllib.loads((ROOT / "Rules" / f"{name}.toml").read_text("utf-8"))["rules"]:
            yield rule


def samples(kind):
    """All samples of a kind: `near_misses` are what the rules' authors could think of that is nearly a secret."""
    return "\n".join(
        text.replace("<cut>", "").replace("<span>", "").replace("</span>", "") for rule in rules() for text in rule.get(kind, [])) + "\n"


def anchors():
    """Every literal that a token begins with."""
    for rule in rules():
        value = rule.get("anchor", [])
        yield from [value] if isinstance(value, str) else value


def inner_anchors():
    """Those that may stand in the middle of a token."""
    for rule in rules():
        value = rule.get("anchor", [])
        if rule.get("inner"):
            yield from [value] if isinstance(value, str) else value


def provider_words():
    for provider in tomllib.loads((ROOT / "Rules" / "providers.toml").read_text("utf-8"))["providers"]:
        yield from provider["keywords"]


def near_provider_tokens(size):
    """Each line names a provider and has a value that is nearly of its shape."""
    rng = random.Random(SEED)
    words = list(provider_words())
    rows = []
    for _ in range(4000):
        value = "".join(rng.choices("0123456789abcdef", k=rng.choice((15, 31, 33, 39, 41))))
        rows.append(f"{rng.choice(words)} = {value}-\n")
    return repeat("".join(rows))(size)


def broken_token(separator):
    """One token after another, each with `separator` in it after every third character."""
    token = "gh" + "p_" + "8f3Kq2Zp7Wm4Xc9Vb1Nt6Lr5Hd0Js3Gy2Ua7"
    return repeat(separator.join(token[i:i + 3] for i in range(0, len(token), 3)) + "\n\n")


def tokens(size):
    """A valid token in every 41 bytes."""
    rng = random.Random(SEED)
    body = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    return repeat("".join("gh" + "p_" + "".join(rng.choices(body, k=36)) + "\n" for _ in range(2000)))(size)


PEM = "-----BEG" + "IN RSA PRIV" + "ATE KEY-----\n"
KEY_LINES = chars("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", b"\n", 64)
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
HEX = "0123456789abcdef"

#: What an attacker would write. Each name says which part of the engine it is aimed at.
CONSTRUCTED = {
    # Single bytes and classes of bytes.
    "one-letter": clean(repeat("a")),
    "one-letter-lines": clean(repeat("a\n")),
    "only-newlines": clean(repeat("\n")),
    "only-nul": clean(repeat(b"\0")),
    "only-ff": clean(repeat(b"\xff")),
    "only-spaces": clean(repeat(" ")),
    "only-quotes": clean(repeat('"')),
    "only-backslashes": clean(repeat("\\")),
    "only-percent": clean(repeat("%")),
    "only-ampersands": clean(repeat("&")),
    "only-escape": clean(repeat("\x1b")),
    "only-dashes": clean(repeat("-")),
    "only-equals": clean(repeat("=")),
    "only-brackets": clean(repeat("[")),
    "only-digits": hostile(chars("0123456789")),
    "random-bytes": hostile(lambda size: random.Random(SEED).randbytes(size)),
    "random-base64": hostile(chars(BASE64)),
    "random-base64-lines": hostile(chars(BASE64, b"\n", 76)),
    "random-hexadecimal": hostile(chars(HEX)),
    # With letters that spell no name: behind `pwd` and a blank, which chance writes too, a run would be its value.
    "runs-of-15": clean(chars("BJQVXZbjqvxz0123456789+/", b" ", 15)),
    "runs-of-16": hostile(chars(BASE64, b" ", 16)),
    # Addresses.
    "all-at": clean(repeat("@")),
    "short-addresses": hostile(repeat("a@b.")),
    "addresses": hostile(repeat("a.b" "@c.example ")),
    "long-local-parts": hostile(repeat("a" * 63 + "@")),
    "addresses-in-a-run": hostile(repeat("ab" "@cd.com,")),
    "addresses-without-domain": hostile(repeat("first.last@host ")),
    # Token rules.
    "jwt-heads": hostile(repeat("ey" + "J.")),
    "jwt-parts": hostile(repeat("ey" + "JhbGciOiJIUzI1NiJ9.")),
    "aws-every-4": hostile(repeat("AK" + "IA")),
    "aws-near-miss": hostile(repeat("AK" + "IA0000000000000 ")),
    "anchors": hostile(repeat(".".join(anchors()))),
    "anchors-lines": hostile(repeat("".join(f"{anchor}{'a1B2' * 5}\n" for anchor in anchors()))),
    "anchors-short": clean(repeat("".join(f"{anchor[:3]}{'.' * 13}\n" for anchor in anchors()))),
    "inner-anchors": hostile(repeat("xxxx".join(inner_anchors()))),
    "dots-behind-a-jwt-head": hostile(repeat("a" * 16_000 + "ey" "J" + ".." * 8000 + " ")),
    "near-misses": hostile(repeat(samples("near_misses"))),
    "matches": hostile(repeat(samples("matches"))),
    "tokens": hostile(tokens),
    "token-without-end": hostile(after("gh" + "p_", chars(BASE64.replace("+/", "")))),
    "one-anchor-in-a-run": hostile(repeat("sk-" * 20)),
    "context-words": hostile(repeat("heroku " + "0123abcd-ef01-2345-6789-abcdef01234 ")),
    # Assignments, headers, URLs.
    "names-without-values": hostile(repeat("api_" "key_token_pass" "word_")),
    "keyword-run": hostile(repeat("pass" "word ")),
    "assignments-of-nothing": hostile(repeat("pass" "word=")),
    "assignments-of-words": hostile(repeat("pass" "word: pass" "word: ")),
    "value-without-end": hostile(after("pass" 'word="', repeat("lorem ipsum dolor\n"))),
    "values-without-end": hostile(repeat("sec" 'ret="a\n')),
    "fragment-heads": clean(repeat("pas tok sec key aut cre bea coo ")),
    "credential-options": hostile(repeat("--pass" "word --tok" "en ")),
    "sql": hostile(repeat("IDENTI" "FIED BY '")),
    "xml": hostile(repeat("<pass" "word>")),
    "json-objects": hostile(repeat('{"pass' 'word":')),
    "yaml-secret": hostile(repeat("kind: Secret\ndata:\n  a: b\n")),
    "headers": hostile(repeat("Authori" "zation: Bas" "ic ")),
    "cookies": hostile(after("Cook" "ie: ", repeat("a=b;"))),
    "curl": hostile(repeat("curl -u a")),
    "options-without-command": hostile(repeat("-p x ")),
    "commands": hostile(repeat("cu" "rl -u a:b ")),
    "names-and-arrows": hostile(repeat("key => ")),
    "netrc": hostile(repeat("login pass" "word x ")),
    "schemes": clean(repeat("://")),
    "urls-without-host": hostile(repeat("a://b:c")),
    "url-passwords": hostile(repeat("ftp://u:p" "w1x@h/ ")),
    "provider-words": hostile(repeat(" ".join(provider_words()))),
    "near-provider-tokens": hostile(near_provider_tokens),
    # Keys.
    "pem-markers": hostile(repeat(PEM)),
    "pem-near-miss": clean(repeat(PEM.replace("IN RSA", "IN  RSA").replace("KEY-----", "KE -----"))),
    "pem-short-bodies": hostile(repeat(PEM + "AAAA\n")),
    "pem-without-end": hostile(after(PEM, KEY_LINES)),
    "pem-one-line": hostile(after(PEM[:-1], chars(BASE64))),
    "putty": hostile(repeat("Pu" "TTY-User-Key-File-2: ssh-rsa\nPriv" "ate-Lines: 2\n")),
    # Encodings.
    "base64-twice": hostile(nested(2, base64.b64encode)),
    "base64-six-times": hostile(nested(6, base64.b64encode)),
    "base64-words": hostile(repeat(base64.b64encode(b"words of text") + b" ")),
    "base64-of-names": hostile(nested(1, lambda text: base64.b64encode(b"pass" b"word=" * (len(text) // 9 + 1)))),
    "hexadecimal": hostile(repeat("41" * 8)),
    "hexadecimal-twice": hostile(nested(2, lambda text: text.hex().encode())),
    "percent": hostile(repeat("%41")),
    "percent-and-a-long-word": hostile(repeat("%41" + "a" * 300)),
    "percent-of-percent": hostile(repeat("%2525")),
    "unicode-escapes": hostile(repeat("\\u0041")),
    "json-in-json": hostile(json_escapes(6)),
    "zeros-in-base64": hostile(repeat("A")),
    "ampersands": hostile(repeat("&amp;")),
    "entities": hostile(repeat("&#64;")),
    "colours": clean(repeat("a\x1b[0m")),
    "colours-in-tokens": hostile(broken_token("\x1b[1m")),
    "utf-16": hostile(repeat(b"p\0a\0s\0")),
    "mixed-escapes": hostile(repeat("%41\\u0042&#67;\x1b[0mD\\x45")),
    "tokens-over-lines": hostile(broken_token("\n")),
    "utf-8": hostile(repeat("pässwörd日本@例え。")),
    # Our own marks.
    "placeholders": clean(repeat("[REDACTED:github-pat]")),
    "placeholder-heads": clean(repeat("[REDACTED:")),
    "placeholder-values": hostile(repeat("pass" "word=[REDACTED:a] ")),
}

ALL = {name: make for name, (_, make) in LOGS.items()} | CONSTRUCTED


class Input:
    """One input on disk, and what is known of its answer."""

    def __init__(self, folder, name, megabytes):
        self.name, self.megabytes = name, megabytes
        self.path = pathlib.Path(folder) / f"{name}.{megabytes:g}"
        facts = self.path.with_name(self.path.name + ".json")
        if not facts.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            data, known = ALL[name](int(megabytes * MB))
            self.path.write_bytes(data)
            if known.pop("same", False):
                known |= {"sha256": hashlib.sha256(without_names(data)).hexdigest(), "secrets": []}
            facts.write_text(json.dumps(known))
        known = json.loads(facts.read_text())
        #: SHA-256 of the scrubbed text, or None if it is not known beforehand.
        self.sha256 = known.get("sha256")
        #: The planted secrets, or None.
        self.secrets = known.get("secrets")
        self.size = self.path.stat().st_size


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--megabytes", type=float, default=8)
    options = parser.parse_intermixed_args()
    if not options.folder:
        for name in ALL:
            print(f"{name:26}{LOGS[name][0] if name in LOGS else ''}")
        return
    for name in options.names or ALL:
        if name not in ALL:
            raise SystemExit(f"inputs.py: no input is called {name}")
        print(Input(options.folder, name, options.megabytes).path)


if __name__ == "__main__":
    main()
