# What the guest is, as exactly as it says.
say_os
say arch "$(uname -m)"
release=$(grep -h -o -E '[0-9]+(\.[0-9]+)+' "$R/etc/centos-release" "$R/etc/redhat-release" "$R/etc/debian_version" 2>/dev/null | head -n 1)
say release "$release"
say done yes
