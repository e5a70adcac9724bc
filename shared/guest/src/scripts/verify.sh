# Is it the target, and is it healthy? Services and applications get $SECONDS_LEFT to come up.
scratch
http_answers() {
    if have curl; then curl -fsS -o /dev/null -m 10 "$1" 2>&1
    elif have wget; then wget -q -O /dev/null -T 10 "$1" 2>&1
    elif have bash && [ "${1#http://}" != "$1" ]; then bash_get "${1#http://}" 2>&1
    else busybox wget -q -O /dev/null -T 10 "$1" 2>&1; fi
}
# Plain HTTP without any client: Debian's static busybox crashes when it resolves a host, even an address.
bash_get() {
    host=${1%%/*} path=${1#"${1%%/*}"} port=80
    case $host in *:*[0-9]) port=${host##*:} ;; esac
    name=${host%":$port"}
    timeout 10 bash -c '
        exec 3<>"/dev/tcp/$0/$1" && printf "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n" "$2" "$3" >&3 || exit
        read -r version status words <&3
        case $status in [23][0-9][0-9]) ;; *) echo "$version $status $words"; exit 1 ;; esac
    ' "$name" "$port" "${path:-/}" "$host"
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
