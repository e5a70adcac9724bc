# Engine apt-full-upgrade: Debian's own way from one release to the next, from the guest's own sources.

codename() {
    case $1 in 11) echo bullseye ;; 12) echo bookworm ;; 13) echo trixie ;; esac
}

# Files with Debian's releases; other people's sources name releases of their own.
apt_source_files() {
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
        [ -f "$file" ] && grep -q -E '/debian(-security)?/?( |$)' "$file" && echo "$file"
    done
}

# The next release's name in place of this one's, in the named files.
apt_next_release() {
    sed -i -E "/^(deb|Suites)/ s/\\b$(codename "$FROM")\\b/$(codename "$TO")/g" "$@"
}
