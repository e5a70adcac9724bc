# Engine centos2anolis: the vendor's own tool for CentOS 7 to Anolis OS 7 and CentOS 8 to Anolis OS 8. It
# swaps the release packages, then `yum distro-sync` (Anolis OS, migration guide).

C2A_STATE=$R/var/log/centostoanolis.json

c2a_yum() { if have dnf; then dnf -y "$@"; else yum -y "$@"; fi; }
# The number of `"KEY":number` in the tool's state file; 0 when it says nothing.
c2a_number() {
    value=$(grep -o -E "\"$1\" *: *-?[0-9]+" "$C2A_STATE" 2>/dev/null | tail -n 1 | sed 's/.*: *//')
    echo "${value:-0}"
}
c2a_text() { sed -n -E "s/.*\"$1\" *: *\"([^\"]*)\".*/\1/p" "$C2A_STATE" 2>/dev/null | tail -n 1; }

#: prepare
centos2anolis_install() {
    keep_file /etc/yum.conf || return 1
    put_exclusions_aside "$R$(behind /etc/yum.conf)" || return 1
    keep_new_file /etc/yum.repos.d/osferry-migration.repo
    {
        printf '[migration]\nname=Anolis OS migration\nbaseurl=%s/anolis/migration/%s/$basearch/os/\nenabled=0\n' "$MIRROR" "$FROM"
        printf 'gpgcheck=%s\ngpgkey=%s/anolis/RPM-GPG-KEY-ANOLIS\n' "$GPGCHECK" "$MIRROR"
        # python36-psutil, which the tool needs on EL 7, comes from EPEL, which is archived.
        [ "$FROM" != 7 ] ||
            printf '[osferry-epel]\nname=EPEL\nbaseurl=%s/epel-archive/7/$basearch/\nenabled=0\ngpgcheck=0\n' "$MIRROR"
    } >"$R/etc/yum.repos.d/osferry-migration.repo"
    set -- --enablerepo=migration
    [ "$FROM" != 7 ] || set -- "$@" --enablerepo=osferry-epel --setopt=osferry-epel.skip_if_unavailable=1
    install_packages c2a_yum "$@" install centos2anolis
}

#: preview
centos2anolis_preview() {
    # The tool has no dry run; every package is replaced by the target's.
    (copy_rpm_database; package_facts; say changes "$(rpm -qa | wc -l)")
}

#: run
centos2anolis_run() {
    have centos2anolis.py || fail 5 "centos2anolis.py is not installed"
    rm -f "$C2A_STATE"
    no_return
    state 10 centos2anolis
    centos2anolis.py
    code=$?
    [ $code -eq 0 ] && [ "$(c2a_number ErrorCode)" -eq 0 ] ||
        fail 20 "centos2anolis.py ended with $code, error $(c2a_number ErrorCode): $(c2a_text ErrorMsg)"
    [ "$(c2a_number Progress)" -eq 100 ] || fail 20 "centos2anolis.py ended at $(c2a_number Progress) %"
    state 90 checking
    rpm -q anolis-release || fail 90 "anolis-release is not installed"
}

#: progress
centos2anolis_progress() {
    [ ! -s "$C2A_STATE" ] || echo "$((10 + $(c2a_number Progress) * 8 / 10)) $(c2a_text ProgressInfo)"
}

#: boot
centos2anolis_finishing() { :; }
centos2anolis_success() {
    [ "$(c2a_number Progress)" -eq 100 ] && [ "$(c2a_number ErrorCode)" -eq 0 ] && rpm -q anolis-release >/dev/null 2>&1
}

#: undo
centos2anolis_undo() {
    remove_packages
    put_back_files
    rm -f "$C2A_STATE"
}

#: finish
centos2anolis_finish() {
    rpm -q centos2anolis >/dev/null 2>&1 && rpm -e --nodeps centos2anolis
    rm -f "$R/etc/yum.repos.d/osferry-migration.repo"
    # Person's own exclusions come back.
    conf=$R$(behind /etc/yum.conf)
    [ ! -f "$conf" ] || sed -i 's/^#osferry //' "$conf" || say left "exclusions in /etc/yum.conf"
}
