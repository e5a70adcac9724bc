# Has the guest booted since the tool was started, and into what?
say_os
say boot_id_before "$(cat "$DIR/before/boot_id" 2>/dev/null)"
say_kernel
same_boot || engine_finishing
say done yes
