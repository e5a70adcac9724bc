# Exit code 194 asks Cloud Assistant to report first and to reboot then (Cloud Assistant, "Restart an
# instance by a command"). A late second delivery must not reboot the new system again.
if [ "$(cat /proc/sys/kernel/random/boot_id)" != "$(cat "$DIR/before/boot_id")" ]; then say done yes; exit 0; fi
say done yes
sync
exit 194
