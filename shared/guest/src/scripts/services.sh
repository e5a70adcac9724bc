# Running services; none where nothing like systemd manages them.
list_running() {
    have systemctl || return 0
    systemctl list-units --type=service --state=running --no-legend --plain 2>/dev/null |
        awk '{ print $1 }' | grep -v -e '^user@' -e '^session-' -e getty -e '^osferry-' | sort -u
}
# EXPRESSION UNIT...: those for which the expression of awk is true of their properties.
services_of() {
    expression=$1
    shift
    [ $# -eq 0 ] || systemctl show -p Id -p LoadState -p ActiveState -p UnitFileState -p Type -p TriggeredBy -p FragmentPath "$@" 2>/dev/null | awk '
        { at = index($0, "="); of[substr($0, 1, at - 1)] = substr($0, at + 1) }
        $0 == "" { tell() }
        END { tell() }
        function tell(boots, called) {
            boots = of["UnitFileState"] !~ /^(|static|disabled|indirect|transient|masked.*)$/
            called = of["Type"] == "dbus" || of["TriggeredBy"] != ""
            if (of["Id"] != "" && ('"$expression"')) print of["Id"]
            split("", of)
        }' | sort -u
}
# Of those that run the ones that every boot starts: not what a person, a timer, a message or a connection has started.
list_services() {
    services_of '(boots || of["UnitFileState"] ~ /^(static)?$/ && !called) && of["TriggeredBy"] !~ /[.]timer/ &&
        of["FragmentPath"] !~ "^/run/systemd/(system|transient)/"' $(list_running)
}
