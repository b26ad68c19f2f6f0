#!/bin/sh
# The project's test.
failed=0
check() {
    got=$(sh src/total.sh $1)
    if [ "$got" = "$2" ]; then
        printf '  \033[32m✓\033[0m total of %s\n' "$1"
    else
        printf '  \033[31m✗\033[0m total of %s: expected \033[32m%s\033[0m, got \033[31m%s\033[0m\n' "$1" "$2" "$got" >&2
        failed=1
    fi
    sleep 0.1
}
check "1999 501" 25.00
check "5" 0.05
check "100 200 300" 6.00
exit $failed
