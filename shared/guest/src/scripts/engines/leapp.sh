# Engine leapp: the next major version, prepared online, carried out in an initramfs without network, ended
# by a service in the new system (leapp-repository; ELevate; Anolis OS, migration guide).

LEAPP_LOG=$R/var/log/leapp
LEAPP_RESUME=$R/etc/systemd/system/leapp_resume.service
LEAPP_PYTHON=$R/root/tmp_leapp_py3

leapp_yum() { if have dnf; then dnf -y "$@"; else yum -y "$@"; fi; }
# Whose: the vendor's fork, ELevate, or the system's own.
leapp_kind() { case $TO_ID in anolis | alinux) echo vendor ;; rhel) echo own ;; *) echo elevate ;; esac; }
# The last phase that was begun: as leapp prints it, and as its log says it, to which the initramfs and the new system add
# theirs (leapp, workflows).
leapp_phase() {
    sed -n -e 's/^==> Processing phase `\([A-Za-z]*\)`.*/\1/p' -e 's/.*: Starting phase \([A-Za-z]*\)$/\1/p' \
        "$DIR/log" "$LEAPP_LOG/leapp-upgrade.log" 2>/dev/null | tail -n 1
}

#: prepare
leapp_install() {
    # A leapp that the person had before keeps its settings and its database.
    if [ ! -d "$UNDO/leapp" ]; then
        rm -rf "$UNDO/leapp.new"
        for folder in etc var/lib; do
            mkdir -p "$UNDO/leapp.new/$folder"
            [ ! -e "$R/$folder/leapp" ] || cp -a "$R/$folder/leapp" "$UNDO/leapp.new/$folder/" || return 1
        done
        mv "$UNDO/leapp.new" "$UNDO/leapp"
    fi
    keep_file /etc/migration-results || return 1
    for file in /etc/yum.conf /etc/dnf/dnf.conf; do
        keep_file $file || return 1
        put_exclusions_aside "$R$(behind $file)" || return 1
    done
    # leapp makes its entry the default one.
    keep_file /boot/grub2/grubenv || return 1
    repo=/etc/yum.repos.d/osferry-leapp.repo
    case $(leapp_kind) in
    vendor)
        keep_new_file $repo
        printf '[migration]\nname=Anolis OS migration\nbaseurl=%s/anolis/migration/%s/$basearch/os/\nenabled=0\ngpgcheck=%s\ngpgkey=%s/anolis/RPM-GPG-KEY-ANOLIS\n' \
            "$MIRROR" "$(leapp_el)" "$GPGCHECK" "$MIRROR" >"$R$repo"
        install_packages leapp_yum --enablerepo=migration install leapp || return 1
        leapp_vendor_files
        ;;
    elevate)
        keep_new_file $repo
        printf '[elevate]\nname=ELevate\nbaseurl=%s/elevate/el%s/\nenabled=0\ngpgcheck=%s\ngpgkey=%s/elevate/RPM-GPG-KEY-ELevate\n' \
            "$TOOLS" "$FROM" "$GPGCHECK" "$TOOLS" >"$R$repo"
        install_packages leapp_yum --enablerepo=elevate install leapp-upgrade "leapp-data-$TO_ID"
        ;;
    *) install_packages leapp_yum install leapp-upgrade leapp-rhui-alibaba ;;
    esac
}
# Alibaba Cloud Linux 2 is like EL 7.
leapp_el() { case $FROM_ID in alinux) echo 7 ;; *) echo "$FROM" ;; esac; }
# What the vendor's own installer does besides; for Alibaba Cloud Linux, which it leaves out, the same with its
# repositories.
leapp_vendor_files() {
    lists=$R/etc/leapp/transaction
    repos=$R/etc/leapp/files/leapp_upgrade_repositories.repo
    mkdir -p "$lists" "${repos%/*}"
    printf '%s\n' epel-release anolis-release >>"$lists/to_remove"
    if [ "$TO_ID" = alinux ]; then
        alinux_repositories >"$repos"
        echo alinux-release >>"$lists/to_install"
    else
        printf '%s\n' epel-aliyuncs-release anolis-release-aliyuncs >>"$lists/to_install"
        [ ! -f "$repos" ] || sed -i -E "s|^(baseurl *= *)https?://[^/]+|\\1$MIRROR|" "$repos"
    fi
    for list in to_remove to_install; do sort -u -o "$lists/$list" "$lists/$list"; done
    grep -q '^\[migration-aliyuncs\]' "$repos" 2>/dev/null ||
        printf '\n[migration-aliyuncs]\nname=migration-aliyuncs\nbaseurl=%s/anolis/migration/8/$basearch/os/\nenabled=1\ngpgcheck=%s\ngpgkey=%s/anolis/RPM-GPG-KEY-ANOLIS\n' \
            "$MIRROR" "$GPGCHECK" "$MIRROR" >>"$repos"
}

#: preview run
# VERB: with the newest report that this leapp knows. Its output, also after an unknown schema, is in $WORK/out.
leapp_report() {
    set -- "$1" --no-rhsm
    [ "$GPGCHECK" = 1 ] || set -- "$@" --nogpgcheck
    fetch 3 leapp "$@" --report-schema 1.2.0
    code=$?
    if [ $code -ne 0 ] && grep -q -i -e 'report-schema' -e 'invalid choice' "$WORK/out"; then
        fetch 3 leapp "$@" --report-schema 1.1.0
        code=$?
    fi
    return $code
}
# Why it stopped: titles of inhibitors in the report's text, else what it called an error.
leapp_complaints() {
    grep -i -A 1 '(inhibitor)' "$LEAPP_LOG/leapp-report.txt" 2>/dev/null | sed -n 's/^Title: //p' | head -n 20
    grep -E '(ERROR|[Ee]rror:)' "$WORK/out" | tail -n 5 | cut -c 1-300
}

#: preview
leapp_preview() {
    (copy_rpm_database; package_facts; say changes "$(rpm -qa | wc -l)")
    # Before it is prepared there is no tool that could be asked.
    have leapp && [ -d "$DIR/undo" ] && begin_work || return 0
    leapp_report preupgrade
    code=$?
    end_work
    # leapp writes a report of every run, also of one that it could not end.
    if [ $code -ne 0 ] && unreachable "$WORK/out" && ! grep -q inhibitor "$LEAPP_LOG/leapp-report.json" 2>/dev/null; then
        tail -n 3 "$WORK/out" | cut -c 1-300 | say_lines unreachable
    elif [ -s "$LEAPP_LOG/leapp-report.json" ]; then
        say report "$LEAPP_LOG/leapp-report.json"
        # Inhibitors are in the report; without one, an exit code other than 0 is an error of leapp itself.
        [ $code -eq 0 ] || grep -q inhibitor "$LEAPP_LOG/leapp-report.json" || leapp_complaints | say_lines problem
    else
        { leapp_complaints; tail -n 3 "$WORK/out" | cut -c 1-300; } | say_lines problem
    fi
}

#: run
leapp_run() {
    have leapp || fail 5 "leapp is not installed"
    state 10 leapp
    # leapp writes to its own logs what it does; ours gets it at the end.
    leapp_report upgrade
    code=$?
    cat "$WORK/out"
    [ $code -eq 0 ] || fail 10 "leapp upgrade ended with $code: $(leapp_complaints)"
    [ "$(leapp_phase)" = InterimPreparation ] || fail 10 "leapp upgrade ended after phase $(leapp_phase)"
    state 95 "ready for the reboot"
}

#: progress
leapp_progress() {
    phase=$(leapp_phase)
    case $phase in
    '') return 0 ;;
    FactsCollection) percent=15 ;;
    Checks) percent=30 ;;
    TargetTransactionFactsCollection) percent=40 ;;
    TargetTransactionCheck) percent=60 ;;
    Reports) percent=70 ;;
    Download) percent=75 ;;
    InterimPreparation) percent=92 ;;
    *) percent=95 ;;
    esac
    echo "$percent $phase"
}

#: boot
leapp_finishing() {
    if [ -e "$LEAPP_PYTHON/.leapp_upgrade_failed" ]; then
        say failed "leapp failed in phase $(leapp_phase): $(grep -E '(ERROR|Error:)' "$LEAPP_LOG/leapp-upgrade.log" | tail -n 3 | cut -c 1-300 | tr '\n' ' ')"
    elif [ -e "$LEAPP_RESUME" ] && systemctl is-failed --quiet leapp_resume.service && [ -e "$LEAPP_RESUME" ]; then
        # Had it come to its end in between, it would have removed itself.
        say failed "leapp_resume.service failed in phase $(leapp_phase)"
    elif [ -e "$LEAPP_RESUME" ]; then
        say finishing "$(leapp_phase)"
    fi
}
# The last activity of /etc/migration-results was a success, and nothing is left to do.
leapp_success() {
    [ ! -e "$LEAPP_RESUME" ] && [ ! -e "$LEAPP_PYTHON/.leapp_upgrade_failed" ] && [ -s "$R/etc/migration-results" ] &&
        [ "$(tr -d ' \n' 2>/dev/null <"$R/etc/migration-results" | grep -o '"success":[a-z]*' | tail -n 1)" = '"success":true' ]
}

#: undo
leapp_undo() {
    # A container that a killed leapp left mounted.
    awk '$2 ~ "^/var/lib/leapp/" { print $2 }' "$R/proc/mounts" 2>/dev/null | sort -r | while read -r path; do umount -l "$path"; done
    # What is mounted below would go with it.
    if grep -q ' /var/lib/leapp/' "$R/proc/mounts"; then say left "mounts below /var/lib/leapp"; return; fi
    for kernel in "$R"/boot/vmlinuz-upgrade.*; do
        [ -e "$kernel" ] || continue
        ! have grubby || grubby --remove-kernel="$kernel" >/dev/null 2>&1
    done
    for entry in "$R"/boot/loader/entries/*.conf; do
        [ -f "$entry" ] && grep -q 'Upgrade-Initramfs' "$entry" && rm -f "$entry"
    done
    rm -f "$R"/boot/vmlinuz-upgrade.* "$R"/boot/initramfs-upgrade.* "$LEAPP_RESUME"
    remove_packages
    # Unless it was noted how things were, nothing was installed.
    [ ! -d "$UNDO/leapp" ] || {
        rm -rf "$LEAPP_PYTHON" "$R/var/lib/leapp" "$R/etc/leapp" "$R/run/leapp.pid" "$R/etc/migration-results"
        for folder in etc var/lib; do
            [ ! -e "$UNDO/leapp/$folder/leapp" ] || cp -a "$UNDO/leapp/$folder/leapp" "$R/$folder/" || say left "/$folder/leapp cannot be put back"
        done
    }
    put_back_files
}

#: finish
# Packages of the old vendor for the old release. Others' packages are a person's.
leapp_old() {
    rpm -qa --qf '%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}\t%{VENDOR}\n' | awk -F '\t' -v dist="[.]$(old_dist)[._]" '
        $1 ~ dist && $2 ~ /^(CentOS|Red Hat|Alibaba|AlmaLinux)/ { print $1 }'
}
leapp_finish() {
    for file in /etc/yum.conf /etc/dnf/dnf.conf; do
        # Exclusions that leapp or ELevate added go, the person's own come back.
        real=$R$(behind $file)
        [ ! -f "$real" ] ||
            sed -i -E -e '/^exclude(pkgs)? *=.*(leapp|elevate)/d' -e 's/^#osferry //' "$real" || say left "exclusions in $file"
    done
    leapp_old >"$WORK/old"
    # The tool, the old kernels, and what leapp calls a leftover; but no library: a person's programs may need it.
    {
        rpm -qa | grep -E '^(leapp|python[23]?-leapp|elevate-release|snactor)'
        grep '^kernel' "$WORK/old" | grep -v -F -e "$(uname -r)"
        awk '/packages have not been upgraded:/ { on = 1; next } on && /^ *- / { print $2; next } { on = 0 }' "$LEAPP_LOG/leapp-report.txt" 2>/dev/null |
            while read -r name; do rpm -ql "$name" 2>/dev/null | grep -q -E '\.so(\.|$)' || awk -v name="$name." 'index($0, name) == 1' "$WORK/old"; done
    } | sort -u >"$WORK/left"
    rpm -e $(cat "$WORK/left") >/dev/null 2>&1 ||
        for pass in 1 2 3; do while read -r name; do rpm -e "$name" >/dev/null 2>&1; done <"$WORK/left"; done
    leapp_old | sed 's/^/package /' | say_lines kept 4000
    rm -rf "$LEAPP_PYTHON" "$R/etc/yum.repos.d/osferry-leapp.repo" "$R/etc/yum.repos.d/ELevate.repo" \
        "$R"/boot/vmlinuz-upgrade.* "$R"/boot/initramfs-upgrade.*
    return 0
}
