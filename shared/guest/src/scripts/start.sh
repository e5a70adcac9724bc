# Starts the tool, once: notes how things are, writes the tool down, and detaches it.
if [ ! -d "$DIR/before" ]; then
    mkdir -p "$DIR/before.new"
    cat /proc/sys/kernel/random/boot_id >"$DIR/before.new/boot_id"
    list_packages >"$DIR/before.new/packages"
    list_services >"$DIR/before.new/services"
    mv "$DIR/before.new" "$DIR/before"
fi
cat >"$DIR/tool.sh"
if [ ! -d "$DIR/running" ]; then
    if [ -d /run/systemd/system ] && have systemd-run; then
        systemd-run --quiet --collect --unit="osferry-$MID-$HOP" /bin/sh "$DIR/tool.sh"
    elif have setsid; then
        setsid /bin/sh "$DIR/tool.sh" >/dev/null 2>&1 </dev/null &
    else
        (trap '' HUP; /bin/sh "$DIR/tool.sh" >/dev/null 2>&1 </dev/null &)
    fi
fi
say done yes
