# What says what happened: the ends of the logs that there are, 20 KB in all at most.
room=20000
# NAME BYTES: the end of the standard input, as one exhibit.
exhibit() {
    text=$(tail -c "$2" | tr -d '\000-\010\013-\037' | cut -c 1-300 | tail -n 60)
    [ -n "$text" ] || return 0
    # With what each line of the answer begins with.
    size=$(printf '%s\n' "$text" | awk '{ size += length($0) + 10 } END { print size }')
    [ $((room - size)) -gt 0 ] || return 0
    room=$((room - size))
    say exhibit "$1"
    printf '%s\n' "$text" | say_lines line 20000
}
# PATH BYTES
log() {
    [ -s "$R$1" ] || return 0
    tail -c "$2" "$R$1" >"$WORK/part"
    exhibit "$1" "$2" <"$WORK/part"
}
scratch
[ ! -s "$DIR/state.json" ] || exhibit state.json 2200 <"$DIR/state.json"
if [ -s "$DIR/log" ]; then tail -c 4500 "$DIR/log" >"$WORK/part"; exhibit log 4500 <"$WORK/part"; fi
if [ -s "$R/var/log/leapp/leapp-report.txt" ]; then
    grep -i -A 6 -e '(inhibitor)' -e '(error)' "$R/var/log/leapp/leapp-report.txt" | head -c 3000 >"$WORK/part"
    exhibit /var/log/leapp/leapp-report.txt 3000 <"$WORK/part"
fi
log /var/log/leapp/leapp-upgrade.log 3000
log /var/log/centostoanolis.json 2200
log /var/log/almalinux-deploy.log 2500
log /var/log/migrate2rocky.log 2500
log /var/log/convert2rhel/convert2rhel.log 2500
log /var/log/dpkg.log 800
log /var/log/apt/term.log 2500
if have journalctl; then timeout 10 journalctl -b -p err --no-pager 2>/dev/null | tail -n 25 >"$WORK/part"; exhibit journal 2500 <"$WORK/part"; fi
dmesg 2>/dev/null | tail -n 15 >"$WORK/part"
exhibit dmesg 1200 <"$WORK/part"
say done yes
