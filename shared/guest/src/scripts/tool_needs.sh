# What these tools ask for at their start. They have no dry run: their refusal would come after the point of no return.
check_for_tool() {
    platform=$(. "$R/etc/os-release" && printf %s "${PLATFORM_ID-}")
    [ "$platform" = "platform:el$FROM" ] || echo "module_platform ${platform:-none}"
    dnf=$(awk '$1 == "dnf" { print $2 }' "$WORK/installed")
    echo "${dnf:-0}" | awk -F '[.-]' '$1 < 4 || $1 == 4 && $2 < 2 { found = 1 } END { exit !found }' && echo "dnf_old ${dnf:-is not installed}"
    [ -n "$(installed dnf-plugins-core)" ] || echo "plugins_core is not installed"
    for tool in rpm dnf awk column tee tput mkdir cat arch sort uniq rmdir df rm head curl sha512sum mktemp systemd-detect-virt sed grep; do
        have $tool || echo "tool_missing $tool"
    done
    [ ! -d "$R/sys/firmware/efi" ] || for tool in findmnt grub2-mkconfig mokutil lsblk; do
        have $tool || echo "tool_missing $tool"
    done
    # Any cPanel, and Plesk from 18.0.35 on.
    sed -n 's/^\([0-9.]*\).*/\1/p' "$R/usr/local/psa/version" | head -n 1 | awk -F . '
        $1 < 18 || $1 == 18 && $2 == 0 && $3 < 35 { print "panel Plesk " $0 }'
}
# URL...: what the tool will ask for after its point of no return is asked for before.
check_reach() {
    for url; do
        fetch 3 curl -fsSL -m 30 -o /dev/null "$url" || say unreachable "$url: $(tail -n 1 "$WORK/out" | cut -c 1-200)"
    done
}
