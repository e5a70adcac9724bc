# Has the guest booted since the tool was started?
say_os
say boot_id_before "$(cat "$DIR/before/boot_id" 2>/dev/null)"
say done yes
