# Is it the target, and is it healthy? Services and applications get $SECONDS_LEFT to come up.
scratch
http_answers() {
    if have curl; then curl -fsS -o /dev/null -m 10 "$1" 2>&1
    elif have wget; then wget -q -O /dev/null -T 10 "$1" 2>&1
    else busybox wget -q -O /dev/null -T 10 "$1" 2>&1; fi
}
tcp_answers() {
    if have nc; then nc -z -w 10 "$1" "$2" 2>&1
    elif have bash; then timeout 10 bash -c ': <>"/dev/tcp/$0/$1"' "$1" "$2" 2>&1
    else busybox nc -z -w 10 "$1" "$2" 2>&1; fi
}
unit_exists() {
    for folder in /etc/systemd/system /usr/lib/systemd/system /lib/systemd/system; do
        [ -e "$folder/$1" ] && return 0
    done
    return 1
}
lost_services() {
    list_services >"$WORK/services"
    grep -v -x -F -f "$WORK/services" "$DIR/before/services" | while IFS= read -r unit; do
        if unit_exists "$unit"; then echo "$unit"; fi
    done
}

until=$(($(date +%s) + SECONDS_LEFT))
while :; do
    lost=$(lost_services)
    failed=$(probes)
    [ -n "$lost$failed" ] && [ "$(date +%s)" -lt "$until" ] || break
    sleep 1
done
say_os
say boot_id_before "$(cat "$DIR/before/boot_id" 2>/dev/null)"
grep -q '"Progress":100,"ErrorCode":0' "$DIR/state.json" 2>/dev/null && say tool_succeeded yes
printf '%s\n' "$lost" | say_lines service_lost
printf '%s\n' "$failed" | say_lines probe_failed
package_problems | say_lines package_problem
list_packages >"$WORK/packages"
grep -v -x -F -f "$WORK/packages" "$DIR/before/packages" | head -n 60 | say_lines package_lost
say packages_new "$(grep -c -v -x -F -f "$DIR/before/packages" "$WORK/packages")"
say done yes
