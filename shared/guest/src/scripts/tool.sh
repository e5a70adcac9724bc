# The migration itself: runs detached from Cloud Assistant's agent, tells its state in state.json.
mkdir "$DIR/running" 2>/dev/null || exit 0
note_process "$DIR/pid"
# `undo` says so first and looks for the tool then.
[ ! -e "$DIR.over" ] || exit 0
exec >>"$DIR/log" 2>&1 </dev/null
cd /
scratch

# progress info [code message]
state() {
    message=$(printf %s "${4-}" | tail -c 1900 | tr '\n\t' '  ' | tr -d '\000-\037' | sed 's/\\/\\\\/g; s/"/\\"/g')
    printf '{"Timestamp":%s,"ProgressInfo":"%s","Progress":%s,"ErrorCode":%s,"ErrorMsg":"%s"}\n' \
        "$(date +%s)" "$2" "$1" "${3-0}" "$message" >"$DIR/state.new"
    mv "$DIR/state.new" "$DIR/state.json"
}
# Each part has its own limit: neither what failed nor why gets lost.
fail() {
    state "$1" failed 103 "$(printf %s "$2" | head -c 600): $(tail -n 15 "$DIR/log" | tail -c 1200)"
    exit 1
}

# From here on only the snapshots lead back.
# Not `:`, which ends the shell when it cannot write.
no_return() { true >"$DIR/no_return" && sync || fail 20 "the point of no return cannot be noted"; }

engine_run
problems=$(package_problems)
[ -z "$problems" ] || fail 95 "the package database is not consistent: $problems"
sync
state 100 succeeded
