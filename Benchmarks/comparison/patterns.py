#!/usr/bin/env python3
"""Writes the built-in rules for other engines, one pattern a line: `patterns.py anchored|email|context|whole`.

    anchored   the token rules' own patterns, JWTs and private keys' markers
    email      those, and e-mail addresses
    context    those, and keyword context: the credential words and the providers, an operator, and a value behind them
    whole      the token rules' patterns, to the end of the token: for programs that replace what they find

Everything is written so that it is as cheap as it can be and still finds what the rule finds: assertions, which Hyperscan
does not have, are left out, and a match that is not asked where it ends needs no more than the least repeat of its last
part.
"""

import pathlib
import re
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CLASSES = {
    "hex": "[0-9A-Fa-f]", "lower-hex": "[0-9a-f]", "upper-hex": "[0-9A-F]", "digits": "[0-9]", "lower-alnum": "[0-9a-z]",
    "upper-alnum": "[0-9A-Z]", "base62": "[0-9A-Za-z]", "base64": "[0-9A-Za-z+/=]", "base64url": "[0-9A-Za-z_-]",
}


def load(name):
    return tomllib.loads((ROOT / "Rules" / f"{name}.toml").read_text("utf-8"))


def without_assertions(pattern):
    """Takes (?=…), (?!…), (?<=…) and (?<!…) out, with whatever is in them."""
    out, i = "", 0
    while i < len(pattern):
        if not re.match(r"\(\?<?[=!]", pattern[i:]):
            step = 2 if pattern[i] == "\\" else 1
            out += pattern[i:i + step]
            i += step
            continue
        depth, inside = 0, False
        while True:
            c = pattern[i]
            if c == "\\":
                i += 1
            elif inside:
                inside = c != "]"
            elif c == "[":
                inside = True
            elif c in "()":
                depth += 1 if c == "(" else -1
            i += 1
            if not depth:
                break
    return out


ATOM = r"(?:\[[^\]]*\]|\((?:[^()\\]|\\.)*\)|\\.|.)"


def cheap(pattern):
    """The same matches, each seen as early as it can be."""
    pattern = without_assertions(pattern)
    while shorter := re.search(ATOM + r"(?:\{0,\d*\}|[?*])(\)?)$", pattern):
        pattern = pattern[:shorter.start()] + shorter[1]
    return re.sub(r"\{(\d+),\d*\}(\)?)$", r"{\1}\2", pattern)


def whole(rule):
    """To the end of the token. No bound: other engines pay for one with memory."""
    return re.sub(r"\{(\d+),\d{4,}\}", r"{\1,}", without_assertions(rule["regex"]))


def behind(rule):
    """What stands before a token that carries no literal: its context, or the assertion that its pattern begins with."""
    words = rule.get("context", [])
    words = [words] if isinstance(words, str) else words
    if not words:
        return ""
    context = f"(?:{'|'.join(map(re.escape, words))})"
    assertion = re.match(r"\(\?<=(.*?)\)", rule["regex"])
    if not assertion:
        return context + "[^ ]{0,20}"
    last = assertion[1].lstrip("\\")
    if all(word.endswith(last) for word in words):
        return context
    return assertion[1] if len(last) > 4 else context + "[^ ]{0,60}" + assertion[1]


def anchored():
    for rule in load("tokens")["rules"]:
        yield behind(rule) + cheap(rule["regex"])
    yield r"ey[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]"
    yield "-----BEGIN [A-Z ]{0,40}PRIVATE KEY"


def context():
    words = sorted({word for rule in load("structure")["rules"] for word in rule.get("keywords", [])})
    for word in words:
        yield f"(?i){word.replace('_', '[_.-]?')}['\\\"]?[ \\t]{{0,3}}(?:=|:|=>|:=)[ \\t]{{0,3}}['\\\"]?[^ \\t\\r\\n'\\\"]{{4}}"
    yield "://[^/ @:]{0,64}:[^/ @]{1,64}@"
    yield "(?i)authorization['\\\"]?[:=] ?['\\\"]?[a-z]{4,10} [^ ]{6}"
    yield "(?i)cookie['\\\"]?: ?[^ =]{1,40}=[^ ;]{6}"
    for provider in load("providers")["providers"]:
        word = "|".join(map(re.escape, provider["keywords"]))
        for shape in provider["shapes"]:
            length, alphabet = shape.split()
            digits = CLASSES.get(alphabet, "[0-9A-Za-z._-]")
            yield f"(?i)(?:{word})[0-9a-z_. \\t-]{{0,20}}['\\\"]?[ \\t]{{0,3}}(?:=|:|=>|:=)[ \\t]{{0,3}}['\\\"]?{digits}{{{length.split('-')[0]}}}"


def whole_tokens():
    for rule in load("tokens")["rules"]:
        yield behind(rule) + whole(rule)


def of_kind(kind):
    if kind == "whole":
        return list(whole_tokens())
    result = list(anchored())
    if kind in ("email", "context"):
        result.append(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}\.[A-Za-z]{2}")
    if kind == "context":
        result += context()
    return result


def main():
    print("\n".join(of_kind(sys.argv[1])))


if __name__ == "__main__":
    main()
