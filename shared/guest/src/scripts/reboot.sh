# Exit code 194 asks Cloud Assistant to report first and to reboot then (Cloud Assistant, "Restart an
# instance by a command"). A late second delivery must not reboot the new system again.
if [ -e "$DIR.over" ]; then say problem "this migration is over: nothing is rebooted for it"; exit 4; fi
# What was only prepared so far happens from here on. Not `:`, which ends the shell when it cannot write.
if ! { true >"$DIR/no_return" && sync; } 2>/dev/null; then say problem "the point of no return cannot be noted"; exit 4; fi
say done yes
same_boot || exit 0
exit 194
