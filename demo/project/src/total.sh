total=0
for price in "$@"; do total=$((total + price)); done
