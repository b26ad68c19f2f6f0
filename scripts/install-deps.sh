#!/usr/bin/env bash
# Installs what the build needs and this machine lacks, by Debian package name. Does nothing if all is there.
#
# Needs root, or sudo, only when something is missing.
set -euo pipefail

missing=()
need() { # need PACKAGE COMMAND...: the package, if the command fails
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}

need pkg-config command -v pkg-config
# The static libraries come with the same packages; pkg-config alone would not show that a header is missing.
need libpcre2-dev test -e /usr/include/pcre2.h
need libssl-dev test -e /usr/include/openssl/evp.h
need libsqlite3-dev test -e /usr/include/sqlite3.h
need libpq-dev test -e /usr/include/postgresql/libpq-fe.h
need libseccomp-dev test -e /usr/include/seccomp.h
need zlib1g-dev test -e /usr/include/zlib.h
need libzstd-dev test -e /usr/include/zstd.h
need liblzma-dev test -e /usr/include/lzma.h
need libbz2-dev test -e /usr/include/bzlib.h
need python3 command -v python3
need git command -v git

if ! command -v swift >/dev/null; then
    echo "install-deps: there is no swift; get Swift 6.3 or later from https://www.swift.org/install/linux/" >&2
    exit 1
fi
if [ ${#missing[@]} -eq 0 ]; then
    exit 0
fi

echo "install-deps: installing ${missing[*]}" >&2
if ! command -v apt-get >/dev/null; then
    echo "install-deps: there is no apt-get here; install what corresponds to: ${missing[*]}" >&2
    exit 1
fi
root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "install-deps: run as root: apt-get install ${missing[*]}" >&2
        exit 1
    fi
    root=(sudo)
fi
export DEBIAN_FRONTEND=noninteractive
"${root[@]}" apt-get update -q
"${root[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}"
