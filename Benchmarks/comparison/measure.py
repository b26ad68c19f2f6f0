"""Runs programs and takes their times: in turn, so that a machine that gets slower does so for all."""

import os
import statistics
import subprocess
import time

#: Runs of each of the programs compared; the median counts.
RUNS = 5


class WrongAnswer(SystemExit):
    """A program said something else than it must: its time means nothing."""

    def __init__(self, text):
        super().__init__("compare: " + text)


def one_core():
    """From here on, this process and its children have one core."""
    os.sched_setaffinity(0, {min(ALL_CORES)})


def all_cores():
    os.sched_setaffinity(0, ALL_CORES)


ALL_CORES = os.sched_getaffinity(0)


def run(command, stdin=None, stdout=subprocess.DEVNULL, statuses=(0,)):
    """The seconds from start to exit."""
    with open(stdin or os.devnull, "rb") as source:
        start = time.perf_counter()
        status = subprocess.run(command, stdin=source, stdout=stdout, stderr=subprocess.PIPE)
        seconds = time.perf_counter() - start
    if status.returncode not in statuses:
        raise WrongAnswer(f"{command[0]} ended with {status.returncode}: {status.stderr.decode(errors='replace')[-500:]}")
    return seconds


def run_pipe(path, command):
    """The seconds of `cat path | command > /dev/null`."""
    start = time.perf_counter()
    cat = subprocess.Popen(["cat", path], stdout=subprocess.PIPE)
    status = subprocess.run(command, stdin=cat.stdout, stdout=subprocess.DEVNULL).returncode
    cat.stdout.close()
    seconds = max(time.perf_counter() - start, 1e-9)
    if status or cat.wait():
        raise WrongAnswer(f"cat | {command[0]} failed")
    return seconds


def output(command, stdin=None):
    """What a program prints."""
    with open(stdin or os.devnull, "rb") as source:
        return subprocess.run(command, stdin=source, stdout=subprocess.PIPE, check=True).stdout


def alternate(*actions, runs=RUNS):
    """Each action's results, `runs` of each, in turn."""
    results = [[] for _ in actions]
    for _ in range(runs):
        for result, action in zip(results, actions):
            result.append(action())
    return results


def peak_memory(command, stdin):
    """The peak resident set in bytes. By GNU time, which is small: a child's peak is no less than its parent's size."""
    with open(stdin, "rb") as source:
        done = subprocess.run(
            ["/usr/bin/time", "-f", "%M", *command], stdin=source, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)
    return int(done.stderr.split()[-1]) * 1024


def median(values):
    return statistics.median(values)
