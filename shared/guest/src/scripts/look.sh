# What became of the guest: asked before a rollback and as proof after it.
# What a rollback would lose: files written since the snapshots, by file system, as far as 10 s go; without caches and
# our own.
walk() {
    if ! touch -d "@$SINCE" "$WORK/since" 2>"$WORK/why"; then
        say written_unknown "no file can be dated here: $(head -n 1 "$WORK/why")"
        return
    fi
    end=$(($(date +%s) + 10))
    awk '($3 ~ /^(ext[234]|xfs|btrfs|vfat)$/ || $2 == "/") && length($2) < 200 { print $2 }' "$R/proc/mounts" | sort -u | head -n 16 |
        while IFS= read -r mount; do
            left=$((end - $(date +%s)))
            [ $left -gt 0 ] || { echo "$mount" >>"$WORK/unseen"; continue; }
            timeout $left find "$R$mount" -xdev \( -path "$R/proc" -o -path "$R/sys" -o -path "$R/run" -o -path "$R/dev" \
                -o -path "$R/var/cache" -o -path "$R/var/lib/osferry" -o -path "$R/var/lib/rpm" -o -path "$WORK" \) -prune \
                -o -type f -newer "$WORK/since" -exec ls -ln {} + >"$WORK/files" 2>/dev/null
            # Killed by `timeout`, or by its signal.
            case $? in 124 | 137 | 143) echo "$mount" >>"$WORK/unseen" ;; esac
            awk -v mount="$mount" '{ count++; bytes += $5 } END { if (count) print mount, count, int((bytes + 1048575) / 1048576) }' "$WORK/files"
        done | say_lines written 4000
    [ ! -s "$WORK/unseen" ] || say written_unknown "not all files could be looked at within 10 s: $(tr '\n' ' ' <"$WORK/unseen")"
}
# Nothing else here needs room on a disk.
[ -z "$SINCE" ] || (scratch 2>/dev/null && walk) || say written_unknown "there is no room for notes"
tail -n 30 "$DIR/log" 2>/dev/null | cut -c 1-200 | say_lines log 6500
if [ -d "$DIR/before" ]; then
    # As it is: it has a limit of its own.
    [ ! -s "$DIR/state.json" ] || printf 'osf\tstate\t%s\n' "$(cat "$DIR/state.json")"
    tool_is_alive && say alive yes
    if beyond_return; then say no_return yes; else say no_return no; fi
    say started yes
else
    say started no
fi
say_os
say done yes
