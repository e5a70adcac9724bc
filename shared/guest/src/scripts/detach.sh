# UNIT COMMAND...: runs it apart from Cloud Assistant's agent, which ends what it has started.
detach() {
    unit=$1
    shift
    if [ -d "$R/run/systemd/system" ] && have systemd-run; then
        # One that was killed keeps its name.
        systemctl reset-failed "$unit.service" >/dev/null 2>&1
        # systemd 219 (EL 7) knows no --collect.
        systemd-run --quiet --collect --unit="$unit" "$@" 2>/dev/null ||
            systemd-run --quiet --unit="$unit" "$@" ||
            systemctl is-active --quiet "$unit.service"
    elif have setsid; then
        (setsid "$@" >/dev/null 2>&1 </dev/null &)
    else
        (trap '' HUP; "$@" >/dev/null 2>&1 </dev/null &)
    fi
}
