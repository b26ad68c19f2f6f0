#!/usr/bin/env python3
"""Draws the README's picture: a few lines of the demo log before and after the filter.

    make-picture.py PROGRAM > docs/images/demo.svg

The lines come from Corpus/demo/multi-source.log, shortened; what stands under "after" is what PROGRAM printed for them,
and the report of PROGRAM says where the secrets are. The picture stores no secret whole: each is cut in the middle.
"""

import json
import re
import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path

# What of the log is shown: the first line that matches, from the match on, cut at the column limit.
LINES = [
    r"GITHUB_TOKEN: .*",
    r"AWS_SECRET_ACCESS_KEY: .*",
    r"\$ psql postgres:.*",
    r"\"GET /files/export\?access_token=[^ ]*",
    r"http header: \"Cookie: .*",
    r"sshd\[\d+\]: Failed password for root from .*",
    r"postfix/smtp\[\d+\]: .*?>",
    r"\"body\":\{.*?\}",
    r"\"usage\":\{.*?\}",
    r"latest: digest: .*",
]
# Lines that begin at the first expression and end with the second.
BLOCK = (r"\$ cat ~/\.ssh/id_ed25519$", r"-----END ")

COLUMNS = 94
CELL = 8.4
SIZE = 14
LEADING = 20
MARGIN = 20
BAR = 34

COLOURS = {
    "back": "#0f1720", "bar": "#1b2633", "text": "#c9d4df", "prompt": "#8fd0ff",
    "secret": "#ff8f86", "placeholder": "#7fe0a3",
}


def plain(text):
    """The text without control sequences, as a terminal shows it."""
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)


def select(log):
    """The lines of the log that are shown."""
    lines = [plain(line) for line in log.split("\n")]
    chosen = []
    for pattern in LINES:
        match = next(m for m in (re.search(pattern, line) for line in lines) if m)
        chosen.append(match.group(0))
    first = next(i for i, line in enumerate(lines) if re.search(BLOCK[0], line))
    last = next(i for i in range(first, len(lines)) if re.search(BLOCK[1], lines[i]))
    return "\n".join(chosen + lines[first:last + 1]) + "\nPassword: "


def scrub(program, text):
    """What the program prints for the text, and its findings."""
    data = text.encode()
    with tempfile.NamedTemporaryFile() as report:
        output = subprocess.run(
            [program, "scrub", "--report", "json", "--report-file", report.name], input=data, capture_output=True, check=True)
        findings = json.loads(Path(report.name).read_text())["findings"]
    return output.stdout.decode(), [(f["offset"], f["offset"] + f["length"]) for f in findings]


def cut(secret):
    """A secret with its middle left out, so that the picture holds none."""
    keep = 11 if secret.startswith("-----") else min(6, len(secret) // 4)
    return secret[:keep] + "…" + secret[len(secret) - keep:] if keep else "…"


def before(text, spans):
    """The input in rows of (kind, text) pieces, secrets cut."""
    rows = [[]]
    ends = sorted({0, len(text)} | {edge for span in spans for edge in span})
    for start, end in zip(ends, ends[1:]):
        secret = any(low <= start < high for low, high in spans)
        for number, line in enumerate(text[start:end].split("\n")):
            if number:
                rows.append([])
            if line:
                rows[-1].append(("secret", cut(line)) if secret else ("text", line))
    # A key takes many rows that look alike: the first, the second and the last tell enough.
    solid = [i for i, row in enumerate(rows) if row and all(kind == "secret" for kind, _ in row)]
    drop = set(solid[2:-1])
    return [row for i, row in enumerate(rows) if i not in drop]


def after(text):
    """The output in rows of pieces."""
    rows = []
    for line in text.split("\n"):
        parts = re.split(r"(\[REDACTED:[^\]]*\])", line)
        rows.append([("placeholder" if i % 2 else "text", part) for i, part in enumerate(parts) if part])
    return rows


def draw(rows):
    """The rows as a terminal window."""
    width = round(COLUMNS * CELL + 2 * MARGIN)
    height = BAR + 2 * MARGIN + len(rows) * LEADING - 6
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
        'aria-label="Lines of a log before and after pipemason: each secret is replaced by a placeholder such as '
        '[REDACTED:github-pat], and everything else is unchanged.">',
        "<style>text{font:%dpx ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre;fill:%s}"
        % (SIZE, COLOURS["text"])
        + "".join(f".{name}{{fill:{COLOURS[name]}}}" for name in ("prompt", "secret", "placeholder"))
        + "</style>",
        f'<rect width="{width}" height="{height}" rx="10" fill="{COLOURS["back"]}"/>',
        f'<path d="M0 {BAR}V10a10 10 0 0 1 10-10H{width - 10}a10 10 0 0 1 10 10V{BAR}z" fill="{COLOURS["bar"]}"/>',
    ]
    for i, colour in enumerate(("#ff5f57", "#febc2e", "#28c840")):
        out.append(f'<circle cx="{20 + 20 * i}" cy="{BAR // 2}" r="6" fill="{colour}"/>')
    y = BAR + MARGIN + 10
    for row in rows:
        column = 0
        pieces = []
        for kind, text in row:
            if column + len(text) > COLUMNS:
                text = text[:COLUMNS - column - 1] + "…"
            # Each piece has its place, so that a font of another width cannot move the next one.
            name = "" if kind == "text" else f' class="{kind}"'
            pieces.append(
                f'<tspan x="{MARGIN + column * CELL:.1f}" textLength="{len(text) * CELL:.1f}"{name}>{escape(text)}</tspan>')
            column += len(text)
            if column >= COLUMNS:
                break
        if pieces:
            out.append(f'<text y="{y}" xml:space="preserve">{"".join(pieces)}</text>')
        y += LEADING
    out.append("</svg>")
    return "\n".join(out) + "\n"


def main():
    root = Path(__file__).resolve().parent.parent
    text = select((root / "Corpus/demo/multi-source.log").read_text().replace("<cut>", ""))
    output, spans = scrub(sys.argv[1], text)
    # Offsets are bytes; all that is shown is ASCII.
    assert text.isascii()
    rows = [[("prompt", "$ "), ("text", "./deploy.sh")]] + before(text, spans)
    rows += [[], [("prompt", "$ "), ("text", "./deploy.sh | pipemason scrub")]] + after(output)
    sys.stdout.write(draw(rows))


main()
