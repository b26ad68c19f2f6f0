#!/usr/bin/env bash
# Holds the imports of every module against the table in ARCHITECTURE.md ("Dependency directions").
#
# A line of that table is `Module: Import Import …`. Every directory of Sources/ has one, and imports nothing else.
# A module with `(C)` is written in C and imports nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

awk '
    function complain(text) { print "check-architecture: " text > "/dev/stderr"; failed = 1 }

    FILENAME == "ARCHITECTURE.md" {
        if ($0 == "```imports") { inside = 1; next }
        if ($0 == "```") { inside = 0; next }
        if (!inside || $0 ~ /^ *$/) next
        module = $1
        if (sub(/:$/, "", module) != 1) { complain("ARCHITECTURE.md:" FNR ": no colon after the module"); next }
        known[module] = 1
        for (field = 2; field <= NF; field++) allowed[module, $field] = 1
        next
    }

    # The rest are the names of directories (from standard input), then Swift files.
    FILENAME == "-" { if (!($1 in known)) complain("Sources/" $1 " is not in the table of ARCHITECTURE.md"); next }

    /^[[:space:]]*((@[A-Za-z_]+(\([^)]*\))?|public|package|internal|fileprivate|private)[[:space:]]+)*import[[:space:]]/ {
        split(FILENAME, parts, "/")
        line = $0
        sub(/^.*import[[:space:]]+/, "", line)
        sub(/^(struct|class|enum|protocol|func|var|let|typealias)[[:space:]]+/, "", line)
        match(line, /^[A-Za-z_0-9]+/)
        imported = substr(line, RSTART, RLENGTH)
        if (!((parts[2], imported) in allowed))
            complain(FILENAME ":" FNR ": " parts[2] " must not import " imported)
    }

    END { exit failed }
' ARCHITECTURE.md - $(git ls-files --cached --others --exclude-standard 'Sources/*.swift') \
    < <(cd Sources && for directory in */; do echo "${directory%/}"; done)
