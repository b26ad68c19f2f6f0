#!/bin/sh
# Stands for a coding agent. It mends src/total.sh: wrongly in the first iteration, rightly in the second.
event() {
    # Agents report to the runner on this descriptor, one JSON object a line.
    [ -n "${PIPEMASON_EVENTS_FD:-}" ] && printf '%s\n' "$1" >"/proc/self/fd/$PIPEMASON_EVENTS_FD"
}

event '{"type":"agent.message","data":{"role":"user","text":"Make the test pass. Prices are in cents."}}'
printf '\033[2mthinking\033[0m'
for _ in 1 2 3; do
    sleep 0.2
    printf '.'
done
printf '\n'

# What a careless tool prints.
echo "cloning https://ci:$DEMO_TOKEN@git.example.net/shop.git"
echo "deploying with $(cat .env)"

if [ "${PIPEMASON_ITERATION:-1}" = 1 ]; then
    event '{"type":"agent.message","data":{"role":"assistant","text":"The total is never printed. I print it."}}'
    cat >src/total.sh <<'END'
total=0
for price in "$@"; do total=$((total + price)); done
echo "$total"
END
    tokens=1180 micros=9400
else
    event "{\"type\":\"agent.message\",\"data\":{\"role\":\"assistant\",\"text\":\"The phase '$PIPEMASON_FAILED_PHASE' failed: it wants units, not cents.\"}}"
    cat >src/total.sh <<'END'
total=0
for price in "$@"; do total=$((total + price)); done
printf '%d.%02d\n' $((total / 100)) $((total % 100))
END
    tokens=1430 micros=11200
fi
event '{"type":"agent.tool_call","data":{"name":"edit","path":"src/total.sh"}}'
event "{\"type\":\"agent.usage\",\"data\":{\"gen_ai.provider.name\":\"demo\",\"gen_ai.request.model\":\"demo-1\",\"gen_ai.usage.input_tokens\":$tokens,\"gen_ai.usage.output_tokens\":210,\"cost\":{\"micros\":$micros,\"currency\":\"USD\",\"estimate\":true}}}"
printf '\033[32m✓\033[0m changed src/total.sh\n'
