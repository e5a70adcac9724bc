# PID: of a process, not of what is left of one.
runs() { kill -0 "$1" 2>/dev/null && ! grep -q ') Z ' "/proc/$1/stat" 2>/dev/null; }
# Do only the snapshots lead back? After leapp any boot is into the upgrade, whoever asked for it.
beyond_return() { [ -e "$DIR/no_return" ] || { [ "$ENGINE" = leapp ] && [ -e "$DIR/before/boot_id" ] && ! same_boot; }; }
# When a process was started: so that another one with its number is not taken for it.
since() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }
# FILE: this script, as a process id means something: with its start, in its boot.
note_process() { printf '%s %s %s\n' $$ "$(since $$)" "$(this_boot)" >"$1"; }
# FILE: does the process that is noted there still run? Its id is left in $pid.
noted_runs() {
    read -r pid when boot 2>/dev/null <"$1" && runs "$pid" || return 1
    # A tool that an older version of this script started is noted by its id alone.
    if [ -z "$boot" ]; then same_boot; else [ "$boot" = "$(this_boot)" ] && [ "$(since "$pid")" = "$when" ]; fi
}
tool_is_alive() { noted_runs "$DIR/pid"; }
# Notes that this script is at work, for `undo`, which writes down first that nothing begins any more; and asks
# whether it has done so. That note stays: a command may be delivered late.
begin_work() {
    note_process "$DIR/at_work.$$" || return 1
    [ -e "$DIR.over" ] || return 0
    end_work
    return 1
}
end_work() { rm -f "$DIR/at_work.$$"; }
