# Signs of life of services and applications.
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
unit_exists() { [ "$(systemctl show -p LoadState "$1" 2>/dev/null)" = LoadState=loaded ]; }
# Services of before that do not run, though the new system knows them and has not made them wait for a call.
lost_services() {
    list_running >"$WORK/services"
    services_of 'of["LoadState"] == "loaded" && !(of["ActiveState"] == "inactive" && !boots && called)' $(missing services) |
        # By another name it may run: dbus.service is dbus-broker.service on EL 9.
        grep -v -x -F -f "$WORK/services"
}
# As long as other probes, and some more; of one that does not end, with what it has started.
command_succeeds() {
    said=$(timeout 30 sh -c "$1" 2>&1)
    code=$?
    [ $code -ne 124 ] || said="no end within 30 s"
    echo "$said"
    return $code
}
# NAME: lines of before/NAME that $WORK/NAME does not have.
missing() { [ ! -f "$DIR/before/$1" ] || grep -v -x -F -f "$WORK/$1" "$DIR/before/$1"; }
