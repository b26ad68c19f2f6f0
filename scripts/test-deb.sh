#!/usr/bin/env bash
# Installs the packages that `make deb` made, uses them, removes them, and checks that nothing is left. Called by
# `make test-deb` with their directory. Needs root, and refuses where a package of ours is installed already.
set -euo pipefail
directory=$(realpath "$1")

fail() { echo "test-deb: $1" >&2 && exit 1; }
[ "$(id -u)" -eq 0 ] || fail "run it as root"
for package in pipemason pipemason-server; do
    ! dpkg-query -W "$package" >/dev/null 2>&1 || fail "$package is installed already; remove it first"
    ! getent passwd pipemason-server >/dev/null || fail "there is a user pipemason-server already"
    [ "$(find "$directory" -name "${package}_*.deb" | wc -l)" -eq 1 ] || fail "there must be one package of $package"
done
[ ! -e /etc/pipemason-server ] && [ ! -e /var/lib/pipemason-server ] || fail "there are files of a server already"

work=$(mktemp -d)
server=
cleanup() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    dpkg --purge pipemason pipemason-server >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap cleanup EXIT

if command -v lintian >/dev/null; then
    # What a package for ourselves leaves out: the archive's bug number, and two programs that carry their libraries.
    lintian --fail-on error --suppress-tags initial-upload-closes-no-bugs,statically-linked-binary,embedded-library,no-manual-page \
        "$directory"/*.deb
fi
for file in "$directory"/*.deb; do
    dpkg-deb --field "$file" Package Version Architecture Maintainer Description >/dev/null
    dpkg-deb --contents "$file" | awk '$2 != "root/root" || $1 ~ /^.....w....|^........w./ { bad = 1; print } END { exit bad }' \
        || fail "a file of $file belongs to somebody else, or others may write it"
done
apt-get install -y -q --no-install-recommends "$directory"/pipemason_*.deb "$directory"/pipemason-server_*.deb >"$work/install.log" 2>&1 \
    || { cat "$work/install.log" >&2 && fail "the packages do not install"; }
dpkg-query -L pipemason pipemason-server | sort -u >"$work/files"

dpkg --verify pipemason pipemason-server
[ "$(pipemason --version)" = "$(dpkg-query -W -f '${Version}' pipemason)" ]
[ "$(printf 'hello\n' | pipemason scrub)" = hello ]
[ "$(pipemason-server --version)" = "$(dpkg-query -W -f '${Version}' pipemason-server)" ]
for program in pipemason pipemason-server; do
    bash -n "/usr/share/bash-completion/completions/$program"
    [ -s "/usr/share/zsh/vendor-completions/_$program" ] && [ -s "/usr/share/fish/vendor_completions.d/$program.fish" ]
done
zcat /usr/share/man/man1/pipemason.1.gz /usr/share/man/man8/pipemason-server.8.gz | grep '^\.TH PIPEMASON-SERVER 8' >/dev/null
getent passwd pipemason-server >/dev/null || fail "there is no user for the server"
if command -v systemd-analyze >/dev/null; then
    units=/usr/lib/systemd/system
    systemd-analyze verify --man=no "$units"/pipemason-server*.service "$units"/pipemason-server-backup.timer
    # Exposure from 0 (none) to 10; the threshold is ten times that.
    systemd-analyze security --offline=true --threshold=15 "$units/pipemason-server.service" >"$work/security"
    tail -1 "$work/security"
fi

# The server runs as its user, from the installed configuration.
install -d -m 700 -o pipemason-server -g pipemason-server "$work/data"
chmod 711 "$work"
runuser -u pipemason-server -- env PIPEMASON_SERVER_CONFIG=/etc/pipemason-server/server.toml \
    pipemason-server serve --data "$work/data" --listen 127.0.0.1:0 >"$work/server.log" 2>&1 &
server=$!
for _ in $(seq 100); do
    address=$(sed -n 's/^pipemason-server: listening on //p' "$work/server.log")
    [ -z "$address" ] || break
    sleep 0.1
done
[ -n "$address" ] || { cat "$work/server.log" >&2 && fail "the server does not start"; }
python3 - "$address" <<'PYTHON'
import sys, urllib.request
for path, word in (("/healthz", "ok"), ("/readyz", "ready"), ("/sign-in", "Sign in")):
    with urllib.request.urlopen(sys.argv[1] + path, timeout=10) as answer:
        assert answer.status == 200 and word in answer.read().decode(), path
PYTHON
pkill -TERM -P "$server" || kill "$server"
wait "$server" || true
server=
runuser -u pipemason-server -- pipemason-server verify --data "$work/data"

dpkg --remove pipemason pipemason-server >/dev/null
[ -e /etc/pipemason-server/server.toml ] || fail "the configuration is gone before the purge"
dpkg --purge pipemason pipemason-server >/dev/null
while IFS= read -r file; do
    [ ! -f "$file" ] || fail "$file is left"
done <"$work/files"
[ ! -e /etc/pipemason-server ] || fail "/etc/pipemason-server is left"
! getent passwd pipemason-server >/dev/null || fail "the user is left"
echo "test-deb: both packages install, work and go"
