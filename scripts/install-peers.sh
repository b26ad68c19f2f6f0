#!/usr/bin/env bash
# Installs what the tests hold ours against, if it is missing: Debian's `age`, `rsyslog`, `logrotate`, systemd's journal, `faketime`, `tinyproxy` and `openssl`, and PyPI's `cryptography` (50 is the first with
# Cobblestone) and `pillow` (images) in a virtual environment under .build/peers; for the pages Debian's Chromium, and PyPI's selenium and axe-core; for the
# server Debian's `postgresql`, `haproxy` and `slowhttptest`, and PyPI's authlib, schemathesis and nanio
# (an S3-compatible server that checks signatures).
set -euo pipefail
cd "$(dirname "$0")/.."

root=()
[ "$(id -u)" -eq 0 ] || root=(sudo)
missing=()
command -v age >/dev/null || missing+=(age)
command -v chromium >/dev/null || missing+=(chromium fonts-dejavu-core)
command -v chromedriver >/dev/null || missing+=(chromium-driver)
command -v slowhttptest >/dev/null || missing+=(slowhttptest)
command -v strace >/dev/null || missing+=(strace)
command -v script >/dev/null && command -v logger >/dev/null || missing+=(bsdutils)
command -v rsyslogd >/dev/null || [ -x /usr/sbin/rsyslogd ] || missing+=(rsyslog)
command -v haproxy >/dev/null || [ -x /usr/sbin/haproxy ] || missing+=(haproxy)
command -v ip >/dev/null || [ -x /usr/sbin/ip ] || missing+=(iproute2)
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing+=(postgresql)
[ -x /usr/sbin/logrotate ] || missing+=(logrotate)
[ -x /lib/systemd/systemd-journal-remote ] || missing+=(systemd-journal-remote)
command -v journalctl >/dev/null || missing+=(systemd)
command -v faketime >/dev/null || missing+=(faketime)
command -v tinyproxy >/dev/null || missing+=(tinyproxy-bin)
command -v openssl >/dev/null || missing+=(openssl)
python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
if [ ${#missing[@]} -gt 0 ]; then
    export DEBIAN_FRONTEND=noninteractive
    "${root[@]}" apt-get update -q
    "${root[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}"
fi

peers=.build/peers
if ! "$peers/bin/python" -c 'import cryptography.cobblestone, PIL, authlib, schemathesis, requests' 2>/dev/null; then
    rm -rf "$peers"
    python3 -m venv "$peers"
    "$peers/bin/pip" install -q --disable-pip-version-check 'cryptography>=50' pillow authlib schemathesis requests
fi
if ! "$peers/bin/python" -c 'import selenium, axe_core_python' 2>/dev/null; then
    "$peers/bin/pip" install -q --disable-pip-version-check 'selenium>=4' axe-core-python
fi
if [ ! -x "$peers/bin/nanio" ]; then
    "$peers/bin/pip" install -q --disable-pip-version-check 'nanio>=0.1.7'
fi
