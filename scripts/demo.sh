#!/usr/bin/env bash
# Shows the filter at work: a log of many sources before and after. Called by `make demo` with the program's path.
set -euo pipefail
cd "$(dirname "$0")/.."
pipemason=$1

bold=
plain=
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\e[1m'
    plain=$'\e[0m'
fi

# The sample is stored cut, so that scanning this repository finds nothing.
before=$(mktemp)
trap 'rm -f "$before"' EXIT
sed 's/<cut>//g' Corpus/demo/multi-source.log >"$before"

printf '%s\n\n' "${bold}── before: some-command ──${plain}"
cat "$before"
printf '\n\n%s\n\n' "${bold}── after: some-command | pipemason scrub ──${plain}"
"$pipemason" scrub <"$before"
printf '\n\n%s\n\n' "${bold}── pipemason scrub --check --summary ──${plain}"
status=0
"$pipemason" scrub --check --summary <"$before" 2>&1 || status=$?
printf '\n%s\n' "exit status $status (1: there are secrets)"
[ "$status" -eq 1 ]
