#!/usr/bin/env python3
"""Throughput of `PROGRAM scrub` on generated inputs: median of five runs each, in MB/s of input.

    throughput.py PROGRAM [--megabytes N]

Python 3.9 or later, standard library only. Inputs are made in a temporary directory and removed.
"""

import argparse
import base64
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

GENERATE = pathlib.Path(__file__).resolve().parent.parent / "Corpus" / "logs" / "generate.py"
RUNS = 5

#: Pieces that are repeated to fill a constructed input.
CONSTRUCTED = {
    "all @": b"@",
    "a@b.": b"a@b.",
    "eyJ.": b"eyJ.",
    "AKIA without end": b"AKIA",
    "base64 in base64": base64.b64encode(base64.b64encode(b"plain text nested here ok " * 3)),
    "hexadecimal of hexadecimal": b"41" * 8,
    "names without values": b"api_" b"key_token_pass" b"word_",
    "PEM markers": b"-----BEG" b"IN RSA PRIV" b"ATE KEY-----\nAAAA\n",
    "percent escapes": b"%41",
    "colours": b"a\x1b[0m",
    "UTF-16": b"p\0a\0s\0",
    "one letter": b"a",
}


def measure(program, path):
    times = []
    for _ in range(RUNS):
        with open(path, "rb") as source:
            start = time.perf_counter()
            subprocess.run([program, "scrub"], stdin=source, stdout=subprocess.DEVNULL, check=True)
            times.append(time.perf_counter() - start)
    return os.path.getsize(path) / 1e6 / statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--megabytes", type=int, default=32)
    arguments = parser.parse_args()
    size = arguments.megabytes * 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "input")
        for name, options in [
            ("ordinary log", ["--benign", str(size)]),
            ("one secret in 1000 lines", ["--mixed", str(size), "--every", "1000"]),
            ("one secret in 20 lines", ["--mixed", str(size), "--every", "20"]),
        ]:
            with open(path, "wb") as out:
                subprocess.run([sys.executable, GENERATE, *options, "--seed", "5"], stdout=out, check=True)
            print(f"{measure(arguments.program, path):8.0f} MB/s  {name}", flush=True)
        for name, piece in CONSTRUCTED.items():
            with open(path, "wb") as out:
                out.write((piece * (size // 8 // len(piece) + 1))[: size // 8])
            print(f"{measure(arguments.program, path):8.0f} MB/s  {name}", flush=True)


if __name__ == "__main__":
    main()
