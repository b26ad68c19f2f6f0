#!/usr/bin/env bash
# Scans every file of this repository with the program given: it must find nothing.
#
# Samples are stored cut for that reason (docs/formats/rules.md); a finding is a sample that was not, or a real secret.
set -euo pipefail
cd "$(dirname "$0")/.."
pipemason=$1
git ls-files -z | xargs -0 "$pipemason" scrub --check --explain --summary
