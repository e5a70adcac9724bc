# Waits until the tool has ended, at most $SECONDS_LEFT: its end, or the time, ends this command, and
# the end of the command is an event.
until=$(($(date +%s) + SECONDS_LEFT))
over() { grep -q -e '"Progress":100,' -e '"ErrorCode":[1-9]' "$DIR/state.json" 2>/dev/null; }
grace=10
while ! over && [ "$(date +%s)" -lt "$until" ]; do
    if [ -d "$DIR/running" ] && ! tool_is_alive; then
        # It may have been between its last words and its end.
        grace=$((grace - 1))
        [ "$grace" -gt 0 ] || break
    fi
    sleep 0.2
done
# After all this time it has not even begun: it was cut off at its very start.
over || [ -d "$DIR/running" ] || grace=0
# As it is: it has a limit of its own.
[ ! -s "$DIR/state.json" ] || printf 'osf\tstate\t%s\n' "$(cat "$DIR/state.json")"
if over; then say done yes; exit 0; fi
[ "$grace" -gt 0 ] || say died yes
# "percent phase", where the tool itself tells more.
say progress "$(engine_progress)"
say done yes
