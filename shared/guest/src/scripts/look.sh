# What became of the guest: asked before a rollback and as proof after it.
say_os
if [ -d "$DIR/before" ]; then
    say started yes
    tool_is_alive && say alive yes
    if beyond_return; then say no_return yes; else say no_return no; fi
    [ -s "$DIR/state.json" ] && say state "$(cat "$DIR/state.json")"
    tail -n 30 "$DIR/log" 2>/dev/null | cut -c 1-200 | say_lines log
    # What a rollback would lose: files written since, by file system, without caches and our own.
    end=$(($(date +%s) + 10))
    awk '$3 ~ /^(ext[234]|xfs|btrfs|vfat)$/ || $2 == "/" { print $2 }' "$R/proc/mounts" | sort -u | head -n 16 | while IFS= read -r mount; do
        left=$((end - $(date +%s)))
        [ $left -gt 0 ] || break
        timeout $left find "$R$mount" -xdev \( -path "$R/proc" -o -path "$R/sys" -o -path "$R/run" -o -path "$R/dev" \
            -o -path "$R/var/cache" -o -path "$R/var/lib/osferry" -o -path "$R/var/lib/rpm" \) -prune \
            -o -type f -newer "$DIR/before/boot_id" -exec ls -ln {} + 2>/dev/null |
            awk -v mount="$mount" '{ count++; bytes += $5 } END { if (count) print mount, count, int((bytes + 1048575) / 1048576) }'
    done | say_lines written
else
    say started no
fi
say done yes
