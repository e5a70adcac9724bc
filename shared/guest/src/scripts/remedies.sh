# What may be changed in the guest so that a check passes.

# KIND WHAT
note_step() { grep -q -x -F -e "$1 $2" "$JOURNAL" 2>/dev/null || printf '%s %s\n' "$1" "$2" >>"$JOURNAL"; }
# PATH: keeps a file or link as it is, or that there is none; once.
keep_original() {
    ! grep -q -x -F -e "file $1" -e "absent $1" "$JOURNAL" 2>/dev/null || return 0
    if [ -e "$R$1" ] || [ -h "$R$1" ]; then
        mkdir -p "$KEPT/files${1%/*}"
        rm -f "$KEPT/files$1" "$KEPT/files$1.part"
        cp -a "$R$1" "$KEPT/files$1.part" && mv -f "$KEPT/files$1.part" "$KEPT/files$1" || return 1
        note_step file "$1"
    else
        keep_no_directory "${1%/*}"
        note_step absent "$1"
    fi
}
keep_no_directory() {
    [ ! -d "$R$1" ] || return 0
    keep_no_directory "${1%/*}"
    note_step directory "$1"
    mkdir -p "$R$1"
}
# PATH: $WORK/new becomes its content; at no moment it is half written. Mode and owner stay.
change_file() {
    keep_original "$1" || return 1
    rm -f "$R$1.osferry"
    [ ! -f "$R$1" ] || cp -p "$R$1" "$R$1.osferry" || return 1
    cat "$WORK/new" >"$R$1.osferry" && mv -f "$R$1.osferry" "$R$1" || return 1
    ! have restorecon || restorecon "$R$1"
}
# PATH PATTERN LINE: LINE in place of the lines that PATTERN matches.
replace_lines() {
    [ -f "$R$1" ] && grep -q -E "$2" "$R$1" || return 0
    awk -v line="$3" -v pattern="$2" '$0 ~ pattern { print "#osferry-off# " $0; print "#osferry-on#"; print line; next } { print }' \
        "$R$1" >"$WORK/new" && change_file "$1"
}
package_manager() { if have dnf; then dnf -y "$@"; else yum -y "$@"; fi; }
network_mounts() { awk '$3 ~ /^(nfs4?|cifs|smb3)$/ { print $1, $2, $3, $4 }' "$R/proc/mounts"; }

# 32-bit packages with their exact versions. What could not be put back without a repository is not removed.
foreign_packages() {
    if rpm_based; then
        list_installed | awk '$3 ~ /^i[3-6]86$/ { print $1 "-" $2 "." $3 }'
    else
        list_installed | awk '$3 == "i386" { print $1 ":" $3 "=" $2 }'
    fi
}
remedy_remove_i686() {
    packages=$(foreign_packages)
    [ -n "$packages" ] || return 0
    mkdir -p "$KEPT/packages"
    # shellcheck disable=SC2086 # Names of packages, a word each.
    if rpm_based; then
        fetch 5 package_manager --downloadonly --downloaddir="$KEPT/packages" reinstall $packages
    else
        # shellcheck disable=SC2016
        fetch 5 sh -c 'cd "$0" && apt-get -q -o APT::Sandbox::User=root download "$@"' "$KEPT/packages" $packages
    fi
    for package in $packages; do
        [ -s "$(package_file "$package")" ] ||
            { echo "$package cannot be downloaded, so it could not be put back: $(tail -n 1 "$WORK/out")"; return 1; }
        ! rpm_based || for file in $(rpm -qc "$package"); do
            keep_original "$file" && keep_original "$file.rpmsave" || return 1
        done
    done
    for package in $packages; do note_step package "$package"; done
    # In one transaction, and nothing that needs them: that is a person's decision.
    # shellcheck disable=SC2086,SC2046
    if rpm_based; then rpm -e $packages; else dpkg --remove $(printf '%s\n' $packages | sed 's/=.*//'); fi
}
remedy_permit_root_login() {
    file=/etc/ssh/sshd_config
    [ -f "$R$file" ] || return 0
    ! grep -q '^#osferry-on#' "$R$file" || return 0
    value=$(sshd -T 2>/dev/null | awk '$1 == "permitrootlogin" { print $2; exit }')
    # What sshd takes when nothing is said (sshd_config(5) of OpenSSH 7.4 and 8.0).
    [ -n "$value" ] || case $FROM in 2 | 7) value=yes ;; *) value=prohibit-password ;; esac
    # At the top no Match block is open.
    { printf '#osferry-on# as it was in effect before the migration\nPermitRootLogin %s\n' "$value"; cat "$R$file"; } >"$WORK/new" &&
        change_file "$file"
}

remedy_unload_drivers() {
    for driver in $(removed_drivers); do note_step module "$driver"; done
    [ -n "$(noted module)" ] || return 0
    noted module | sed 's/^/blacklist /' >"$WORK/new"
    change_file /etc/modprobe.d/osferry.conf || return 1
    for driver in $(removed_drivers); do rmmod "$driver" || return 1; done
}

remedy_clean_boot() {
    awk '$2 == "/boot" { found = 1 } END { exit !found }' "$R/proc/mounts" || { echo "/boot has no space of its own"; return 1; }
    for version in $(list_old_kernels); do
        note_step kernel "$version"
        for file in vmlinuz initramfs initrd.img System.map config symvers; do
            move_away "/boot/$file-$version" "/boot/$file-$version.img" "/boot/$file-$version.gz" || return 1
        done
        move_away "/boot/initramfs-${version}kdump.img" "/boot/.vmlinuz-$version.hmac" || return 1
        for file in "$R"/boot/loader/entries/*-"$version".conf; do move_away "${file#"$R"}" || return 1; done
    done
    for file in "$R"/boot/*-0-rescue* "$R"/boot/loader/entries/*-0-rescue*.conf; do move_away "${file#"$R"}" || return 1; done
}
move_away() {
    for path in "$@"; do
        [ ! -f "$R$path" ] || { keep_original "$path" && rm -f "$R$path"; } || return 1
    done
}

remedy_unmount_network_file_systems() {
    # No table of mounts tells a password.
    for target in $(network_mounts | awk '$3 !~ /^nfs/ { print $2 }'); do
        TARGET=$target awk '{ sub(/^#osferry-off# /, "") } $1 !~ /^#/ && $2 == ENVIRON["TARGET"] { found = 1 } END { exit !found }' \
            "$R/etc/fstab" ||
            { echo "$target is not in /etc/fstab: it could not be mounted again"; return 1; }
    done
    network_mounts | while read -r mount; do note_step mounted "$mount"; done
    awk '$3 ~ /^(nfs4?|cifs|smb3)$/ && $1 !~ /^#/ { printf "#osferry-off# " } { print }' "$R/etc/fstab" >"$WORK/new" || return 1
    cmp -s "$WORK/new" "$R/etc/fstab" || change_file /etc/fstab || return 1
    # The inner ones first.
    for target in $(network_mounts | awk '{ print $2 }' | sort -r); do umount "$(plain "$target")" || return 1; done
}

remedy_relative_root_links() {
    for link in "$R"/*; do
        target=$(readlink "$link") || continue
        case $target in /*) ;; *) continue ;; esac
        keep_original "${link#"$R"}" || return 1
        target=$(printf %s "$target" | sed 's|^/*||')
        ln -snf "${target:-.}" "$link" || return 1
    done
}

remedy_regular_resolv_conf() {
    [ -h "$R/etc/resolv.conf" ] || return 0
    cat "$R/etc/resolv.conf" >"$WORK/new" && [ -s "$WORK/new" ] || { echo "/etc/resolv.conf leads nowhere"; return 1; }
    change_file /etc/resolv.conf
}

remedy_disable_zone_drifting() {
    replace_lines /etc/firewalld/firewalld.conf '^AllowZoneDrifting *= *yes' AllowZoneDrifting=no || return 1
    ! firewall-cmd --state >/dev/null 2>&1 || firewall-cmd --reload
}

remedy_enable_yum_plugins() {
    for file in /etc/yum.conf /etc/dnf/dnf.conf; do
        [ -h "$R$file" ] || replace_lines "$file" '^ *plugins *= *(0|no|false|False) *$' plugins=1 || return 1
    done
}

remedy_install_efibootmgr() {
    if [ ! -e "$KEPT/before_install" ]; then
        ! have efibootmgr || return 0
        list_packages >"$KEPT/before_install.part" && mv -f "$KEPT/before_install.part" "$KEPT/before_install" || return 1
    fi
    [ ! -e "$KEPT/installed" ] || return 0
    note_step installed efibootmgr
    fetch 5 package_manager install efibootmgr || { tail -n 3 "$WORK/out"; return 1; }
    newly_installed >"$KEPT/installed.part" && mv -f "$KEPT/installed.part" "$KEPT/installed"
}
# Needs the tool.
remedy_answer_leapp() {
    have leapp || { echo "leapp is not installed"; return 1; }
    keep_original /var/log/leapp/answerfile && keep_original /var/log/leapp/answerfile.userchoices || return 1
    case $FROM in
    2 | 7) set -- remove_pam_pkcs11_module_check remove_pam_krb5_module_check authselect_check ;;
    *) set -- check_vdo ;;
    esac
    for section in "$@"; do leapp answer --section "$section.confirm=True" --add || return 1; done
}
