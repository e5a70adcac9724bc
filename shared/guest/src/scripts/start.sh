# Starts the tool, once: notes how things are, writes the tool down, and detaches it.
if [ ! -d "$DIR/before" ]; then
    rm -rf "$DIR/before.new"
    mkdir -p "$DIR/before.new"
    cat "$R/proc/sys/kernel/random/boot_id" >"$DIR/before.new/boot_id"
    list_packages >"$DIR/before.new/packages"
    for what in services enabled ports mounts users cron kernel_arguments modules repositories changed_configuration; do
        "list_$what" >"$DIR/before.new/$what"
    done
    selinux_mode >"$DIR/before.new/selinux"
    default_target >"$DIR/before.new/target"
    mv "$DIR/before.new" "$DIR/before"
fi
cat >"$DIR/tool.sh"
if [ ! -d "$DIR/running" ]; then
    if [ -d "$R/run/systemd/system" ] && have systemd-run; then
        systemd-run --quiet --collect --unit="osferry-${DIR##*/}" /bin/sh "$DIR/tool.sh"
    elif have setsid; then
        setsid /bin/sh "$DIR/tool.sh" >/dev/null 2>&1 </dev/null &
    else
        (trap '' HUP; /bin/sh "$DIR/tool.sh" >/dev/null 2>&1 </dev/null &)
    fi
fi
say done yes
