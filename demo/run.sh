#!/usr/bin/env bash
# A small project whose test fails, an agent that mends it at its second attempt, and what the runner keeps of that.
#
#   demo/run.sh [PROGRAM] [REPORT]     the program (default: .build/release/pipemason), where the HTML report goes
#
# The agent is a shell script (demo/project/agent.sh): it needs no network and no key. It prints made-up secrets as a careless tool
# would, and at the end this script looks for them in everything that was kept.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
pipemason=$(realpath "${1:-$here/../.build/release/pipemason}")
report=$(realpath -m "${2:-run-report.html}")

bold= plain=
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' plain=$'\e[0m'; fi
say() { printf '\n%s── %s ──%s\n\n' "$bold" "$1" "$plain"; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R "$here/project/." "$work"
cd "$work"

# Made up, and joined here so that no file of the repository holds one.
token="gh""p_x7Kd92LmQp4RtVw8ZbNc3FgHj6YsAe1UiOo5"
words="correct-horse-""7-battery"
printf 'DEPLOY_PASSPHRASE=%s\n' "$words" >.env
export DEMO_TOKEN="$token"

say "pipemason pipeline check"
"$pipemason" pipeline check

say "pipemason pipeline run"
"$pipemason" pipeline run

say "pipemason verify"
"$pipemason" verify

say "pipemason status"
"$pipemason" status

say "pipemason replay --speed 4 --idle 0.5 --iteration 2"
"$pipemason" replay --speed 4 --idle 0.5 --iteration 2 </dev/null

say "pipemason report --html -o $(basename "$report")"
"$pipemason" report --html -o "$report"

# Neither the token nor the passphrase is in what was kept.
if grep -rqF -e "$token" -e "$words" .pipeline "$report"; then
    echo "demo: a secret was kept" >&2
    exit 1
fi
[ "$("$pipemason" status --json | grep -o '"iteration":[0-9]*')" = '"iteration":2' ] || {
    echo "demo: two iterations were expected" >&2
    exit 1
}
echo "$report: open it in a browser. No secret is in it, nor in the log."
