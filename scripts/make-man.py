#!/usr/bin/env python3
"""Writes a manual page from what its program says about itself.

    make-man.py PROGRAM < docs/man/pipemason.1.in > docs/man/pipemason.1

The template holds the prose; the line `@COMMANDS@` is replaced by all commands with their options, which come from
`PROGRAM --experimental-dump-help`, so that page and program cannot disagree. `make man` runs this; `make test` checks
that the committed page is current.
"""

import json
import re
import subprocess
import sys


def escape(text):
    """Text for roff: backslashes, hyphens, and control characters at the beginning of a line."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.MULTILINE)


def name(argument):
    """`-i, --in-place`, or the name of a positional argument."""
    if argument["kind"] == "positional":
        return "\\fI" + escape(argument["valueName"]) + "\\fR"
    names = []
    for entry in argument["names"]:
        dashes = "--" if entry["kind"] == "long" else "-"
        names.append("\\fB" + escape(dashes + entry["name"]) + "\\fR")
    names.sort(key=lambda text: "\\-\\-" in text)
    result = ", ".join(names)
    if argument["kind"] == "option":
        result += " \\fI" + escape(argument["valueName"]) + "\\fR"
    return result


def description(argument):
    text = argument.get("abstract", "")
    values = argument.get("allValues")
    if values:
        text += " One of: " + ", ".join(values) + "."
    if argument.get("isRepeating") and argument["kind"] == "option":
        text += " Can be repeated."
    return text


def render(command, path):
    """The command, then those below it."""
    lines = []
    arguments = [a for a in command.get("arguments", []) if a.get("shouldDisplay", True)]
    arguments = [a for a in arguments if not any(n["name"] in ("help", "version") for n in a.get("names", []))]
    if not command.get("subcommands"):
        words = " ".join(path)
        lines.append(".SS " + escape(words))
        lines.append(escape(command.get("abstract", "")))
        if command.get("discussion"):
            for paragraph in command["discussion"].split("\n\n"):
                lines.append(".PP")
                parts = paragraph.split("\n")
                lines.append("\n.br\n".join(escape(part) for part in parts))
        for argument in arguments:
            lines += [".TP", name(argument), escape(description(argument))]
    for sub in command.get("subcommands", []):
        if sub["commandName"] != "help":
            lines += render(sub, path + [sub["commandName"]])
    return lines


def main():
    dump = subprocess.run([sys.argv[1], "--experimental-dump-help"], check=True, capture_output=True, text=True)
    root = json.loads(dump.stdout)["command"]
    version = subprocess.run([sys.argv[1], "--version"], check=True, capture_output=True, text=True).stdout.strip()
    page = sys.stdin.read()
    page = page.replace("@VERSION@", version)
    page = page.replace("@COMMANDS@", "\n".join(render(root, [root["commandName"]])))
    sys.stdout.write(page)


main()
