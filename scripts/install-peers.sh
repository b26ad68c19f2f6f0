#!/usr/bin/env bash
# Installs the independent implementations that the crypto toolkit is tested against, if they are missing: Debian's
# `age`, and PyPI's `cryptography` (50 is the first with Cobblestone) in a virtual environment under .build/peers.
set -euo pipefail
cd "$(dirname "$0")/.."

root=()
[ "$(id -u)" -eq 0 ] || root=(sudo)
missing=()
command -v age >/dev/null || missing+=(age)
command -v script >/dev/null || missing+=(bsdutils)
python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
if [ ${#missing[@]} -gt 0 ]; then
    export DEBIAN_FRONTEND=noninteractive
    "${root[@]}" apt-get update -q
    "${root[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}"
fi

peers=.build/peers
if ! "$peers/bin/python" -c 'import cryptography.cobblestone' 2>/dev/null; then
    rm -rf "$peers"
    python3 -m venv "$peers"
    "$peers/bin/pip" install -q --disable-pip-version-check 'cryptography>=50'
fi
