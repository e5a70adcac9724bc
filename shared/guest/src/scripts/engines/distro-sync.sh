# Engine distro-sync: replace the release packages and bring every package to the target's version, in
# one transaction. Only the target's repositories take part; the guest's own repository files stay.

# Release packages of the source; they may go.
distro_sync_replaced() {
    printf '%s\n' centos-linux-release centos-linux-repos centos-gpg-keys centos-release centos-repos
}

distro_sync_repos() {
    for repo in os updates plus; do
        printf '[osferry-%s]\nname=Alibaba Cloud Linux 3 %s\nbaseurl=%s/alinux/3/%s/%s/\nenabled=1\ngpgcheck=%s\n' \
            "$repo" "$repo" "$MIRROR" "$repo" "$(uname -m)" "$GPGCHECK"
        printf 'gpgkey=%s/alinux/3/RPM-GPG-KEY-ALINUX-3\nskip_if_unavailable=%s\n' "$MIRROR" "$([ $repo = os ] && echo 0 || echo 1)"
    done >"$1/osferry.repo"
}

distro_sync_options() {
    printf '%s ' --noplugins --releasever=3 --allowerasing --setopt=reposdir="$1" --setopt=protected_packages= \
        --setopt=module_platform_id=platform:al8 --setopt=clean_requirements_on_remove=False
}

distro_sync_transaction() {
    for name in $(distro_sync_replaced); do
        rpm -q "$name" >/dev/null 2>&1 && echo "remove $name"
    done
    echo install alinux-release
    echo distro-sync
    echo run
}
