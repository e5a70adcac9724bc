# What the engines that lead to Alibaba Cloud Linux do alike.

#: prepare preview run
# Repositories of the target release of Alibaba Cloud Linux.
alinux_repositories() {
    home=$MIRROR/alinux/$TO key=$MIRROR/alinux/$TO/RPM-GPG-KEY-ALINUX-$TO parts="os updates plus"
    # The older system has a repository more, and its own names.
    [ "$TO" != 2 ] || home=$MIRROR/alinux/2.1903 key=$MIRROR/alinux/RPM-GPG-KEY-ALIYUN parts="os updates plus extra"
    for part in $parts; do
        printf '[osferry-%s]\nname=Alibaba Cloud Linux %s %s\nbaseurl=%s/%s/%s/\nenabled=1\ngpgcheck=%s\n' \
            "$part" "$TO" "$part" "$home" "$part" "$(uname -m)" "$GPGCHECK"
        printf 'gpgkey=%s\nskip_if_unavailable=%s\n' "$key" "$([ "$part" = os ] && echo 0 || echo 1)"
    done
}
