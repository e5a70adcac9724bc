# Do services and applications go on? Looks for $SECONDS_LEFT; ends early when something fails twice in a row:
# once may be a restart.
scratch
until=$(($(date +%s) + SECONDS_LEFT))
bad=0
while :; do
    lost=$(lost_services)
    failed=$(probes)
    if [ -n "$lost$failed" ]; then bad=$((bad + 1)); else bad=0; fi
    [ "$bad" -lt 2 ] && [ "$(date +%s)" -lt "$until" ] || break
    sleep 5
done
# Bad once, at the very end: the next look decides.
if [ "$bad" -ge 2 ]; then
    printf '%s\n' "$lost" | say_lines service_lost
    printf '%s\n' "$failed" | say_lines probe_failed
fi
say done yes
