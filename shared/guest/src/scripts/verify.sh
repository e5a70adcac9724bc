# Is it the target, and is it healthy? Services and applications get $SECONDS_LEFT to come up; then
# everything is compared with how it was before.
scratch
until=$(($(date +%s) + SECONDS_LEFT))
while :; do
    lost=$(lost_services)
    list_listening | cut -d ' ' -f 1 >"$WORK/open"
    closed=$(while read -r port about; do
        grep -q -x "$port" "$WORK/open" || echo "$port $about"
    done 2>/dev/null <"$DIR/before/ports")
    list_mounts >"$WORK/mounts"
    unmounted=$(missing mounts)
    failed=$(probes)
    [ -n "$lost$failed$closed$unmounted" ] && [ "$(date +%s)" -lt "$until" ] || break
    sleep 1
done
printf '%s\n' "$lost" | say_lines service_lost
printf '%s\n' "$failed" | say_lines probe_failed
printf '%s\n' "$unmounted" | say_lines mount_lost
# A port whose unit is gone, or whose program where no unit had it, went with its package; so did what systemd held.
printf '%s\n' "$closed" | while read -r port unit program; do
    # Without units, from an older version of this script.
    case $unit in
    '') continue ;;
    /*) program="$unit${program:+ $program}" unit=- ;;
    esac
    how=lost
    case $program in
    */systemd) how=retired ;;
    /*) if [ "$unit" != - ]; then unit_exists "$unit" || how=retired; elif [ ! -e "$program" ]; then how=retired; fi ;;
    esac
    echo "$how $port $program" | sed 's/ -\{0,1\}$//'
done >"$WORK/gone"
for how in retired lost; do sed -n "s/^$how //p" "$WORK/gone" | say_lines port_$how; done
# KEY NAME: what was there before and is not now.
compare() {
    "list_$2" >"$WORK/$2"
    missing "$2" | say_lines "$1"
}
compare user_lost users
compare cron_changed cron
compare kernel_argument_lost kernel_arguments
compare module_lost modules
list_enabled >"$WORK/enabled"
missing enabled | while IFS= read -r unit; do
    if unit_exists "$unit"; then printf '%s\n' "$unit"; fi
done | say_lines service_disabled
# Configuration that a person had changed, and that is different now.
while read -r sum file; do
    [ "$(cksum 2>/dev/null <"$R$file" | cut -d ' ' -f 1)" = "$sum" ] || printf '%s\n' "$file"
done 2>/dev/null <"$DIR/before/changed_configuration" | say_lines configuration_changed
[ "$(selinux_mode)" = "$(cat "$DIR/before/selinux" 2>/dev/null)" ] ||
    say setting_changed "SELinux: $(cat "$DIR/before/selinux" 2>/dev/null), now $(selinux_mode)"
[ "$(default_target)" = "$(cat "$DIR/before/target" 2>/dev/null)" ] ||
    say setting_changed "systemd's default target: $(cat "$DIR/before/target" 2>/dev/null), now $(default_target)"
package_problems | say_lines package_problem
# Repositories that name the old system and are enabled.
list_old_repositories() {
    if ! rpm_based; then
        list_repositories | grep -E "[ /]$(codename "$FROM")([ /-]|\$)"
        return
    fi
    case $FROM_ID in
    "$TO_ID") old="${FROM_ID}[a-z]*[/-]?${FROM}([^0-9]|\$)" ;;
    rhel) old="rhel|redhat|rhui" ;;
    *) old=$FROM_ID ;;
    esac
    # Beside them those of others for the old major version; the other engines stay within one.
    [ "$ENGINE" != leapp ] || old="$old|[/-]${FROM}(server)?([/&-]|\$)"
    cat "$R"/etc/yum.repos.d/*.repo 2>/dev/null | awk -v old="$old" '
        function tell() { if (on && is_old) print id }
        /^\[/ { tell(); id = $0; on = 1; is_old = 0 }
        /^enabled *= *(0|[Ff])/ { on = 0 }
        tolower($0) ~ /^ *(baseurl|mirrorlist|metalink) *=/ && tolower($0) ~ old { is_old = 1 }
        END { tell() }'
}
list_old_repositories | grep -x -F -f "$DIR/before/repositories" 2>/dev/null | say_lines repository_old
# Packages of the old major version that are still there; its kernels may stay.
if rpm_based && [ "$FROM" != "$TO" ]; then
    say leftovers "$(rpm -qa --qf '%{NAME} %{RELEASE}\n' | grep -v '^kernel' | grep -c -E "\.$(old_dist)([._]|\$)")"
fi
list_packages >"$WORK/packages"
# Without the tool, which `finish` has removed.
sed 's/\.[^.]*$//' "$DIR/undo/packages" 2>/dev/null >"$WORK/tools"
missing packages | grep -v -x -F -f "$WORK/tools" | say_lines package_lost
say packages_new "$(grep -c -v -x -F -f "$DIR/before/packages" "$WORK/packages")"
say_kernel
engine_success && say tool_succeeded yes
say boot_id_before "$(cat "$DIR/before/boot_id" 2>/dev/null)"
say_os
say done yes
