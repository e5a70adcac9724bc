# Exit code 3010 asks Cloud Assistant to report first and to reboot then (Cloud Assistant, "Restart an instance by
# a command"). Setup was told /noreboot, so that the reboot is known to come. A late second delivery must not reboot
# the new system again.
if (Over) { Refuse 'nothing is rebooted for it' }
Done
if ((BootId) -ne (Read "$DIR\before\boot_id")) { exit 0 }
exit 3010
