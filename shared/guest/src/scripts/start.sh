# Starts the tool, once: notes how things are, writes the tool down, and detaches it.
if ! begin_work; then
    [ -e "$DIR.over" ] || exit 3
    # `undo` came in between.
    rm -f "$DIR/common.sh"
    rmdir "$DIR" 2>/dev/null
    say problem "this migration is over: its tool is not started"
    exit 4
fi
if [ ! -d "$DIR/before" ]; then
    rm -rf "$DIR/before.new"
    mkdir -p "$DIR/before.new"
    cat "$R/proc/sys/kernel/random/boot_id" >"$DIR/before.new/boot_id"
    list_packages >"$DIR/before.new/packages"
    list_lasting_mounts >"$DIR/before.new/mounts"
    for what in services enabled ports users cron kernel_arguments modules repositories changed_configuration; do
        "list_$what" >"$DIR/before.new/$what"
    done
    selinux_mode >"$DIR/before.new/selinux"
    default_target >"$DIR/before.new/target"
    mv "$DIR/before.new" "$DIR/before"
fi
if [ ! -d "$DIR/running" ]; then
    cat >"$DIR/tool.sh.new" && mv -f "$DIR/tool.sh.new" "$DIR/tool.sh" || exit 4
    detach "osferry-${DIR##*/}" /bin/sh "$DIR/tool.sh" || exit 4
fi
end_work
say done yes
