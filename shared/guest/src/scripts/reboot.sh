# Exit code 194 asks Cloud Assistant to report first and to reboot then (Cloud Assistant, "Restart an
# instance by a command"). A late second delivery must not reboot the new system again.
if [ "$(cat "$R/proc/sys/kernel/random/boot_id")" != "$(cat "$DIR/before/boot_id")" ]; then say done yes; exit 0; fi
# What was only prepared so far happens from here on.
: >"$DIR/no_return"
say done yes
sync
exit 194
