# Running services; none where nothing like systemd manages them.
list_services() {
    have systemctl || return 0
    systemctl list-units --type=service --state=running --no-legend --plain 2>/dev/null |
        awk '{ print $1 }' | grep -v -e '^user@' -e '^session-' -e getty -e '^osferry-' | sort -u
}
