#!/usr/bin/env python3
"""Writes Rules/tokens.toml from token_table.py, with a regex and samples for each kind of token.

Deterministic: each rule has its own generator, seeded with its id, so that a new row changes no other row's samples.
Every sample is synthetic and is stored cut: the marker <cut> stands inside the token's literal. The patterns are held
against their own samples here (Python's `re` is close enough); `pipemason rules test` does it with the real engine.

    python3 Corpus/rules/generate_samples.py            # write Rules/tokens.toml
    python3 Corpus/rules/generate_samples.py --check    # exit 1 if the committed file differs
"""

import base64
import json
import pathlib
import random
import re
import sys
import zlib

HERE = pathlib.Path(__file__).resolve().parent
OUTPUT = HERE.parent.parent / "Rules" / "tokens.toml"

# Character classes of patterns. Those with a dot end with a look-behind, so that a sentence's period stays outside.
CLASSES = {
    "B": "A-Za-z0-9",
    "H": "0-9A-Fa-f",
    "A": "A-Z0-9",
    "W": "A-Za-z0-9_",
    "D": "A-Za-z0-9-",
    "U": "A-Za-z0-9_-",
    "V": "A-Za-z0-9=_-",
    "S": "A-Za-z0-9+/=",
    "X": "A-Za-z0-9+/=_-",
    "P": "A-Za-z0-9._-",
    "Q": "A-Za-z0-9.=_-",
    "Y": "A-Za-z0-9+./=_-",
}
LOWER = "abcdefghijklmnopqrstuvwxyz"
UPPER = LOWER.upper()
DIGITS = "0123456789"
# Alphabets of samples.
ALPHABETS = {
    "b": DIGITS + UPPER + LOWER,
    "u": DIGITS + UPPER + LOWER + "_-",
    "s": DIGITS + UPPER + LOWER + "+/",
    "h": DIGITS + "abcdef",
    "H": DIGITS + "ABCDEF",
    "l": DIGITS + LOWER,
    "a": DIGITS + UPPER,
    "z": LOWER,
    "Z": UPPER,
    "d": DIGITS,
    "t": LOWER + "234567",
    "T": UPPER + "234567",
    "k": "123456789" "ABCDEFGHJKLMNPQRSTUVWXYZ" "abcdefghijkmnopqrstuvwxyz",
    "x": "qpzry9x8gf2tvdw0s3jn54khce6mua7l",
}
SAMPLE_OF_CLASS = {
    "B": "b", "H": "h", "A": "a", "W": "b", "D": "b", "U": "u", "V": "u", "S": "s", "X": "u", "P": "u", "Q": "u", "Y": "u",
}
WORDS = """able acid acme also area back ball band bank base bash bean bear beat beta bird blue boat body book bool boot
born both call card care case cash char chat city club code cold come conf copy core cost crew dark data date dead deal
demo deny desk dial diff disk dock docs done door down drop each east easy edit else even ever exec exit face fact fail
fall fast file fill film find fine fire firm fish flag flow food fool foot form free from full game gave girl give goal
gold good grey grid grow hair half hand hard hash have head hear heat help here hero hide high hill hold home hook hope
host hour idea info into item jobs join json jump just keep kept keys kill kind king know lack land last late lazy lead
left less life lift line link list live load lock logs long look lord lost love made mail main make many mark mask meet
menu mind mode moon more most move much must name near need next node none note null once only open over pack page paid
pair pass past path pick pipe plan play plus poll pool port post pull push race rain rate read real rely rest rich ride
ring rise risk road rock role roof room root rule safe said sale salt same sand save seal seat seed seek seem self sell
send sent ship shop show shut sick side sign site size skip slow snow some song soon sort stay step stop such sure swap
sync take talk tall task team tell temp term test text than that them then they thin this tick time tiny tool town tree
true turn type unit upon used user vary very view void wait walk wall want warm wash wave ways weak wear week well went
were west what when wide wife will wind wine wing wire wish with wood word work yard year your zero zone""".split()

RUN = re.compile(r"[A-Za-z0-9_.+/=~@-]+")


class Source:
    """Random parts of samples, seeded by a rule's id."""

    def __init__(self, seed):
        self.random = random.Random("pipemason/" + seed)

    def text(self, alphabet, length):
        """`length` characters: digits and each case where the alphabet has them, no word, no character twice in a row."""
        letters = ALPHABETS[alphabet]
        wanted = [s for s in (DIGITS, UPPER, LOWER) if length >= 8 and set(s) & set(letters)]
        while True:
            out = []
            while len(out) < length:
                c = self.random.choice(letters)
                if out and c.lower() == out[-1].lower():
                    continue
                if len(out) in (0, length - 1) and not c.isalnum():
                    continue
                out.append(c)
            result = "".join(out)
            folded = result.lower()
            if all(set(w) & set(result) for w in wanted) and not any(w in folded for w in WORDS):
                return result

    def expand(self, template):
        """Replaces `{b40}` by 40 characters of the alphabet b, and `{uuid}` by a version 4 UUID."""

        def part(m):
            if m.group(1) == "uuid":
                t = self.text("h", 30)
                return f"{t[:8]}-{t[8:12]}-4{t[12:15]}-a{t[15:18]}-{t[18:30]}"
            return self.text(m.group(1)[0], int(m.group(1)[1:]))

        return re.sub(r"\{(uuid|[A-Za-z][0-9]+)\}", part, template)


def base62(number, width):
    digits = DIGITS + UPPER + LOWER
    out = ""
    while number:
        number, r = divmod(number, 62)
        out = digits[r] + out
    return out.rjust(width, "0")


def with_crc62(prefix, body):
    """GitHub's scheme: six base62 digits of the CRC-32 of what follows the prefix."""
    return prefix + body + base62(zlib.crc32(body.encode()), 6)


def with_crc_hex(text):
    """Atlassian's scheme: eight hexadecimal digits of the CRC-32 of all before them."""
    return text + format(zlib.crc32(text.encode()), "08X")


def with_crc_hex_le(text):
    """Grafana's scheme: the same after a `_`, low byte first."""
    return text + "_" + zlib.crc32(text.encode()).to_bytes(4, "little").hex()


def with_bech32(prefix, data):
    """An age identity: `data` are characters of the bech32 alphabet."""
    def polymod(values):
        check = 1
        for v in values:
            top = check >> 25
            check = (check & 0x1FFFFFF) << 5 ^ v
            for i, g in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
                if top >> i & 1:
                    check ^= g
        return check

    letters = ALPHABETS["x"]
    values = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    values += [letters.index(c) for c in data]
    sum_ = polymod(values + [0] * 6) ^ 1
    return prefix + "1" + data + "".join(letters[sum_ >> 5 * (5 - i) & 31] for i in range(6))


def json64(value, url=False):
    data = json.dumps(value, separators=(",", ":")).encode()
    return (base64.urlsafe_b64encode if url else base64.b64encode)(data).decode()


SURROUNDINGS = [
    "API_TOKEN={}",
    '{"id":7,"token":"{}","ttl":3600}',
    "deployed with {}.",
    "GET /v1/items?limit=5&key={}&page=2 200",
    "[12:04:31] using {} (from env)",
    'curl -H "X-Auth: {}" https://api.test/v1',
]


def cut(text, literal):
    """Stores a sample cut inside `literal`, and again in every long run: other rules' literals may begin there."""
    at = text.index(literal)
    k = at + (2 if len(literal) < 8 else 3)
    pieces = re.split("(<[^>]*>)", text[k:])
    pieces[::2] = [re.sub("[A-Za-z0-9+/=_.~@-]{24,}", cut_run, piece) for piece in pieces[::2]]
    return text[:k] + "<cut>" + "".join(pieces)


def cut_run(match):
    """Cuts a run every 18 characters, the first time after 6."""
    run = match[0]
    return "<cut>".join([run[:6], *(run[i:i + 18] for i in range(6, len(run), 18))])


class Rule:
    """One row of the table. `T` builds the usual kind: literal, then at least `least` characters of a class."""

    def __init__(self, id, description, anchors, regex, samples, misses, *, context=None, inner=False, validators=(),
                 confidence="high", category="token", pack=None, reference=None, literal=None, around=None, allowlist=None):
        self.id, self.description, self.regex = id, description, regex
        self.anchors = [anchors] if isinstance(anchors, str) else anchors
        self.context = [context] if isinstance(context, str) else context
        self.samples, self.misses = samples, misses
        self.inner, self.validators, self.confidence = inner, list(validators), confidence
        self.category, self.pack, self.reference = category, pack, reference
        self.literal, self.around = literal, around

    def literal_in(self, text):
        for l in [self.literal] if self.literal else (self.anchors or self.context):
            if l in text:
                return l
        return None

    def build(self):
        source = Source(self.id)
        tokens = [s(source) if callable(s) else source.expand(s) for s in self.samples]
        matches = []
        seed = zlib.crc32(self.id.encode())
        for i, token in enumerate(tokens):
            bare = "<span>" not in token
            literal = self.literal_in(token) or self.literal_in(token.replace("<span>", ""))
            assert literal, (self.id, token)
            stored = cut(token, literal) if literal in token else cut_across(token, literal)
            if bare and i:
                frame = self.around or SURROUNDINGS[(seed + i) % len(SURROUNDINGS)]
                stored = frame.replace("{}", "<span>" + stored + "</span>")
            matches.append(stored)
        if len(tokens) == 1 and "<span>" not in tokens[0]:
            frame = self.around or SURROUNDINGS[seed % len(SURROUNDINGS)]
            again = self.samples[0](source) if callable(self.samples[0]) else source.expand(self.samples[0])
            matches.append(frame.replace("{}", "<span>" + cut(again, self.literal_in(again)) + "</span>"))
        misses = []
        for m in self.misses:
            text = m(source) if callable(m) else source.expand(m)
            literal = self.literal_in(text)
            misses.append(cut(text, literal) if literal else text)
        return matches, misses


def cut_across(token, literal):
    """Cuts a sample whose literal is itself interrupted by a marker."""
    k = token.index(literal[:2]) + 2
    return token[:k] + "<cut>" + token[k:]


def escape(literal):
    return re.sub(r"([.+$|?*()\[\]{}\\^])", r"\\\1", literal)


def T(id, description, prefixes, cls, least, *, most=1200, exact=False, digit=False, upper=False, lone=False, sample=None,
      lengths=None, tail="", before="", tail_class=None, misses=None, **options):
    """A literal and at least `least` (exact: from `least` to `most`, then a boundary) characters of the class.

    digit: the rest is not lower-case letters only. upper: it holds an upper-case letter. lone: no `_` or `-` before the literal.
    """
    prefixes = [prefixes] if isinstance(prefixes, str) else prefixes
    body = CLASSES[cls]
    head = escape(prefixes[0]) if len(prefixes) == 1 else "(?:" + "|".join(map(escape, prefixes)) + ")"
    looks = ""
    if digit and cls == "H":
        looks += "(?=[%s]{0,64}[0-9])" % body.replace("0-9", "")
    elif digit:
        looks += "(?=[%s]{0,64}[0-9A-Z])" % body.replace("0-9", "").replace("A-Z", "")
    if upper:
        looks += "(?=[%s]{0,64}[A-Z])" % body.replace("A-Z", "")
    if exact:
        most = least if most == 1200 else most
        count = "{%d}" % least if most == least else "{%d,%d}" % (least, most)
    else:
        count = "{%d,%d}" % (least, most)
    end = ""
    if exact:
        end = "(?![A-Za-z0-9_-])" if cls not in "SXY" else "(?![A-Za-z0-9+/=_-])"
    elif "." in body:
        end = r"(?<!\.)"
    regex = ("(?<![_-])" if lone else "") + before + head + looks + "[" + body + "]" + count + tail + end
    alphabet = sample or SAMPLE_OF_CLASS[cls]
    lengths = lengths or [least]
    samples = []
    for i in range(max(2, len(prefixes), len(lengths))):
        samples.append(prefixes[i % len(prefixes)] + "{%s%d}" % (alphabet, lengths[i % len(lengths)]))
    p = prefixes[0]
    half = least // 2
    defaults = [
        p + "{%s%d}" % (alphabet, least - 1),
        p + "{%s%d}*{%s%d}" % (alphabet, half, alphabet, least - half - 1),
        ("k" if p[0].isalnum() else "") + p + "{%s%d}" % (alphabet, lengths[0]),
    ]
    if not p[0].isalnum():
        defaults.pop()
    if exact:
        defaults.append(p + "{%s%d}" % (alphabet, most + 3))
    return Rule(id, description, prefixes, regex, samples, (misses or []) + defaults, **options)


def R(id, description, anchors, regex, samples, misses, **options):
    """A rule with its own pattern."""
    return Rule(id, description, anchors, regex, samples, misses, **options)


def found(rule, text):
    """The spans that `rule` takes in `text`, by the token detector's semantics; validators are not run."""
    pattern = re.compile("(?<![A-Za-z0-9])(?:" + rule.regex + ")")
    spans = []
    for run in RUN.finditer(text):
        if run.end() - run.start() < 16:
            continue
        if rule.anchors:
            ok = False
            for a in rule.anchors:
                at = text.find(a, run.start(), run.end())
                while at >= 0 and not ok:
                    ok = rule.inner or at == 0 or not a[0].isalnum() or not text[at - 1].isalnum()
                    at = text.find(a, at + 1, run.end())
        else:
            ok = run.start() > 0 and text[run.start() - 1] in ":$!|&\\" and any(
                c in text[max(0, run.start() - 64):run.start()] for c in rule.context)
        if not ok:
            continue
        for m in pattern.finditer(text, run.start(), run.end()):
            g = next((i for i in range(1, (pattern.groups or 0) + 1) if m.group(i) is not None), 0)
            spans.append(m.span(g))
    return spans


def unmarked(text):
    """The text without <span> markers, and the spans they mark."""
    plain, spans = "", []
    for i, part in enumerate(re.split("</?span>", text)):
        if i % 2:
            spans.append((len(plain), len(plain) + len(part)))
        plain += part
    return plain, spans


def verify(rules):
    """Builds the samples and stops if one of them is not what it claims to be."""
    built, wrong = [(r, *r.build()) for r in rules], []
    for rule, matches, misses in built:
        if not matches or len(misses) < 2:
            wrong.append(f"{rule.id}: too few samples")
        for stored in matches:
            if re.search("<cut>(?!.*[^<])|<+<cut>|<cut>/?span>", stored):
                wrong.append(f"{rule.id}: cut in a marker: {stored}")
            plain, wanted = unmarked(stored.replace("<cut>", ""))
            spans = found(rule, plain)
            if not spans or (wanted and wanted != spans):
                wrong.append(f"{rule.id}: {spans} instead of {wanted} in {plain}")
        for stored in misses:
            text = stored.replace("<cut>", "")
            for other in rules:
                if (other.pack is None or other is rule) and found(other, text):
                    wrong.append(f"{rule.id}: {other.id} matches the near miss {text}")
    if wrong:
        sys.exit("\n".join(wrong))
    return built


def quoted(text):
    assert "'" not in text and "\n" not in text, text
    return "'" + text + "'"


def listed(name, values):
    if len(values) == 1:
        return f"{name} = {quoted(values[0])}\n"
    line = f"{name} = [" + ", ".join(map(quoted, values)) + "]\n"
    if len(line) <= 120:
        return line
    out, row = f"{name} = [\n", "   "
    for v in values:
        if len(row) + len(v) + 4 > 118:
            out, row = out + row + "\n", "   "
        row += " " + quoted(v) + ","
    return out + row + "\n]\n"


def render(built):
    out = [
        "# Tokens that carry a literal: where the format gives one, nothing else is needed to know them.\n"
        "# Written by Corpus/rules/generate_samples.py from token_table.py: edit the table, not this file.\n"
        "# Samples are synthetic and cut (<cut>); see docs/formats/rules.md.\n"
    ]
    for rule, matches, misses in built:
        text = "\n[[rules]]\n"
        text += f"id = {quoted(rule.id)}\n".replace("'", '"')
        text += f'description = "{rule.description}"\n'
        text += f'category = "{rule.category}"\n'
        text += f'confidence = "{rule.confidence}"\n'
        if rule.pack:
            text += f'pack = "{rule.pack}"\n'
        if rule.anchors:
            text += listed("anchor", rule.anchors)
        else:
            text += listed("context", rule.context)
        if rule.inner:
            text += "inner = true\n"
        text += f"regex = {quoted(rule.regex)}\n"
        if rule.validators:
            text += "validators = [" + ", ".join(f'"{v}"' for v in rule.validators) + "]\n"
        if rule.reference:
            text += f'reference = "{rule.reference}"\n'
        for name, values in (("matches", matches), ("near_misses", misses)):
            text += f"{name} = [\n" + "".join(f"    {quoted(v)},\n" for v in values) + "]\n"
        out.append(text)
    return "".join(out)


def main():
    import token_table

    rules = token_table.RULES
    ids = [r.id for r in rules]
    assert len(set(ids)) == len(ids), sorted(i for i in ids if ids.count(i) > 1)
    text = render(verify(rules))
    if "--check" in sys.argv:
        if OUTPUT.read_text() != text:
            sys.exit(f"{OUTPUT} differs from what {__file__} writes")
        return
    OUTPUT.write_text(text)
    print(f"{len(rules)} rules")


if __name__ == "__main__":
    sys.modules["generate_samples"] = sys.modules["__main__"]
    main()
