"""Turns results.json into the tables of docs/benchmarks.md and the README's picture."""

import html
import math
import re

import inputs

PICTURE = "docs/images/speed.svg"
DOCUMENT = "docs/benchmarks.md"


def number(value):
    """Three digits that mean something."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def one_line(row):
    return "  ".join(f"{key} {number(value) if isinstance(value, float) else value}" for key, value in row.items())


def describe(name):
    return inputs.LOGS[name][0] if name in inputs.LOGS else name


def table(head, rows):
    align = [":--"] + ["--:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(map(str, cells)) + " |" for cells in [head, align, *rows])


# MARK: Tables


def hyperscan(rows):
    kinds = {"anchored": "token rules", "email": "and e-mail", "context": "and keyword context"}
    return table(
        ["input, patterns", "pipemason redacts, MB/s", "Hyperscan matches, MB/s", "ratio"],
        [[f"{describe(row['input'])}; {row['patterns']} patterns: {kinds[row['peer']]}", number(row["ours"]), number(row["theirs"]),
          f"**{number(row['ratio'])}×**"] for row in rows])


def pipe(rows):
    return table(
        ["input", "`cat f \\| pipemason scrub`, MB/s", "`cat f \\| cat`, MB/s", "takes longer by"],
        [[describe(row["input"]), number(row["ours"]), number(row["theirs"]), f"**{number(row['ratio'])}×**"] for row in rows])


def peers(rows):
    """One row a peer, one column an input: how many times as fast we are."""
    names = [name for name in inputs.LOGS if any(row["input"] == name for row in rows)]
    shown = list(dict.fromkeys(row["peer"] for row in rows))
    cell = {(row["peer"], row["input"]): row for row in rows}
    lines = []
    for peer in shown:
        found = next((row for row in rows if row["peer"] == peer), {})
        cells = [f"{peer} {found.get('version', '')}".strip()]
        for name in names:
            row = cell.get((peer, name))
            cells.append(f"**{number(row['ratio'])}×** ({number(row['theirs'])})" if row else "")
        lines.append(cells)
    ours = ["pipemason"]
    for name in names:
        rates = [row["ours"] for row in rows if row["input"] == name]
        ours.append(f"({number(max(rates))})" if rates else "")
    return table(["", *(describe(name) for name in names)], [ours, *lines])


def found(rows):
    """What of the planted secrets each peer took, in the log with one secret in 20 lines."""
    rows = [row for row in rows if row["input"] == "dense" and "planted" in row]
    return table(["", "of the planted secrets"], [["pipemason", "100 %"]] + [[row["peer"], f"{100 * row['taken'] / row['planted']:.0f} %"] for row in rows])


def constructed(rows):
    return table(
        ["input", "1 MB", "4 MB", "16 MB"],
        [[row["input"], *(number(rate) for rate in row["rates"])] for row in sorted(rows, key=lambda row: row["rate"])])


def start(rows):
    return table(
        ["program, empty input", "ms", "beyond a C program"],
        [[row["peer"], number(row["milliseconds"]), number(row["beyond"])] for row in rows])


def memory(rows):
    logs = [row for row in rows if row["input"] in inputs.LOGS]
    worst = max((row for row in rows if row["input"] in inputs.CONSTRUCTED), key=lambda row: row["peak"], default=None)
    lines = [[describe(row["input"]), f"{row['peak'] / 2**20:.1f}"] for row in logs]
    if worst:
        lines.append([f"the worst constructed input: {worst['input']}", f"{worst['peak'] / 2**20:.1f}"])
    return table(["input", "peak resident set, MiB"], lines)


def rules(rows):
    return table(
        ["input, rules", "MB/s", "with the built-in rules", "takes longer by"],
        [[f"{describe(row['input'])}; {row['rules']:,} rules", number(row["ours"]), number(row["theirs"]),
          f"**{100 / row['ratio'] - 100:.0f} %**"] for row in rows])


def jobs(rows):
    return table(
        ["input, 256 MB", "`--jobs 2`, MB/s", "`--jobs 1`, MB/s", "ratio"],
        [[describe(row["input"]), number(row["ours"]), number(row["theirs"]), f"**{number(row['ratio'])}×**"] for row in rows])


TABLES = {
    "hyperscan": hyperscan, "pipe": pipe, "peers": peers, "constructed": constructed, "start": start, "memory": memory,
    "rules": rules, "jobs": jobs}


def write(results, root):
    path = root / DOCUMENT
    text = path.read_text()
    for section, make in [*TABLES.items(), ("found", found)]:
        measured = results.get("peers" if section == "found" else section)
        if not measured or not measured["rows"]:
            continue
        block = f"<!-- {section} -->\n{make(measured['rows'])}\n\n{measured['date']}, {measured['machine']}.\n<!-- end -->"
        text, count = re.subn(rf"<!-- {section} -->.*?<!-- end -->", lambda _: block, text, flags=re.S)
        if count != 1:
            raise SystemExit(f"report: {DOCUMENT} has {count} places for the table {section}")
    path.write_text(text)
    if "peers" in results:
        (root / PICTURE).write_text(picture(results["peers"]))


# MARK: Picture

SERIES = [("benign", "#2f6fdb", "log without a secret"), ("every-line", "#e07a1f", "a secret in every line")]


def picture(measured):
    """Bars on a logarithmic scale: how many times as fast as each peer."""
    cell = {(row["peer"], row["input"]): row["ratio"] for row in measured["rows"]}
    shown = sorted(
        dict.fromkeys(row["peer"] for row in measured["rows"]), key=lambda peer: cell.get((peer, "benign"), 0))
    left, right, top, step, bar = 150, 690, 74, 44, 14
    bottom = top + step * len(shown)
    most = max(cell.values(), default=10)
    decades = max(1, math.ceil(math.log10(most)))
    x = lambda ratio: left + (right - left) * max(0, math.log10(max(ratio, 1))) / decades
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {bottom + 52}" font-family="system-ui, sans-serif" font-size="13" '
        'role="img" aria-label="How many times as fast as other programs">',
        f'<rect width="760" height="{bottom + 52}" rx="8" fill="#ffffff" stroke="#d0d7de"/>',
        '<text x="24" y="30" font-size="16" font-weight="600" fill="#1f2328">pipemason scrub is so many times as fast as …</text>',
    ]
    at = 24
    for _, colour, text in SERIES:
        out.append(f'<rect x="{at}" y="43" width="12" height="12" rx="2" fill="{colour}"/>')
        out.append(f'<text x="{at + 18}" y="54" fill="#59636e">{text}</text>')
        at += 190
    for decade in range(decades + 1):
        place = x(10**decade)
        out.append(f'<line x1="{place:.1f}" y1="{top - 6}" x2="{place:.1f}" y2="{bottom}" stroke="#e6e9ed"/>')
        out.append(f'<text x="{place:.1f}" y="{bottom + 17}" text-anchor="middle" fill="#59636e">{10**decade:,}×</text>')
    for index, peer in enumerate(shown):
        y = top + index * step
        out.append(f'<text x="{left - 10}" y="{y + 21}" text-anchor="end" fill="#1f2328">{html.escape(peer)}</text>')
        for row, (name, colour, _) in enumerate(SERIES):
            ratio = cell.get((peer, name))
            if not ratio:
                continue
            up = y + 2 + row * (bar + 1)
            out.append(f'<rect x="{left}" y="{up}" width="{x(ratio) - left:.1f}" height="{bar}" rx="2" fill="{colour}"/>')
            out.append(f'<text x="{x(ratio) + 6:.1f}" y="{up + 11}" font-size="12" fill="#1f2328">{number(ratio)}×</text>')
    out.append(
        f'<text x="24" y="{bottom + 40}" font-size="11" fill="#59636e">Same bytes, one core, in turn; medians of five runs. '
        f'{measured["date"]}, {html.escape(measured["machine"])}.</text>')
    out.append("</svg>")
    return "\n".join(out) + "\n"
