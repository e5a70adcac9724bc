# Has the guest booted since the tool was started, and into what?
say_os
say boot_id_before "$(cat "$DIR/before/boot_id" 2>/dev/null)"
say_kernel
[ "$(cat "$R/proc/sys/kernel/random/boot_id")" = "$(cat "$DIR/before/boot_id" 2>/dev/null)" ] || engine_finishing
say done yes
