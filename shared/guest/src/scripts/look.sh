# What became of the guest: asked before a rollback and as proof after it.
say_os
if [ -d "$DIR" ]; then
    say started yes
    tool_is_alive && say alive yes
    [ -s "$DIR/state.json" ] && say state "$(cat "$DIR/state.json")"
    tail -n 30 "$DIR/log" 2>/dev/null | cut -c 1-200 | say_lines log
else
    say started no
fi
say done yes
