# Engine apt-full-upgrade: Debian's own way from one release to the next.

codename() {
    case $1 in 11) echo bullseye ;; 12) echo bookworm ;; 13) echo trixie ;; esac
}

# The guest's sources with the next release's name, Debian's only.
apt_sources() {
    new=$(codename "$TO")
    cat <<SOURCES
deb $MIRROR/debian $new main
deb $MIRROR/debian $new-updates main
deb $MIRROR/debian-security $new-security main
SOURCES
}
