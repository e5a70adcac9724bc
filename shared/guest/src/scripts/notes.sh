# How things are in the guest, as lists that are compared before and after.

# Port and process of every TCP socket that listens; without ports that change with every start.
list_listening() {
    read -r low high 2>/dev/null <"$R/proc/sys/net/ipv4/ip_local_port_range" || { low=32768; high=60999; }
    # With a second name every folder gets a headline.
    ls -l /dev/null "$R"/proc/[0-9]*/fd 2>/dev/null | awk '
        /^\/.*\/fd:$/ { split($0, path, "/"); pid = path[length(path) - 1] }
        match($0, /socket:\[[0-9]+\]/) { print substr($0, RSTART + 8, RLENGTH - 9), pid }' |
        awk 'FNR == NR && NF == 2 { owner[$1] = $2; next }
            $4 == "0A" { n = split($2, place, ":"); print place[n], owner[$10] }' - "$R/proc/net/tcp" "$R/proc/net/tcp6" 2>/dev/null |
        sort -u | while read -r hex pid; do
            port=$((0x$hex))
            [ $port -lt "$low" ] || [ $port -gt "$high" ] || continue
            echo "$port ${pid:-none}"
        done | sort -u
}
# Port, unit and program of those that a boot brings back: not what a session holds, nor a service that only happens to
# run.
list_ports() {
    running=$(list_running)
    boots=$(list_services)
    list_listening | while read -r port pid; do
        unit=-
        group=$(grep -e name=systemd: -e ^0:: "$R/proc/$pid/cgroup" 2>/dev/null | head -n 1)
        case $group in
        */session-*) continue ;;
        # Of users only those run at boot who linger.
        */user@*) [ -n "$(ls "$R/var/lib/systemd/linger" 2>/dev/null)" ] || continue ;;
        *.service*)
            unit=${group%%.service*}
            unit=${unit##*/}.service
            if ! echo "$running" | grep -q -x -F -e "$unit"; then unit=-
            elif ! echo "$boots" | grep -q -x -F -e "$unit"; then continue; fi
            ;;
        esac
        program=$(readlink "$R/proc/$pid/exe" 2>/dev/null)
        # So the kernel calls one that was updated under way.
        echo "$port $unit ${program:--}" | sed 's/ (deleted)$//'
    done | sort -u
}
# People and applications, not the accounts that packages make.
list_users() {
    awk -F: '$3 == 0 || $3 >= 1000 && $3 < 65534 || $7 !~ /(nologin|false|sync|shutdown|halt)$/ { print "user " $1 ":" $3 }' "$R/etc/passwd"
    awk -F: '$3 >= 1000 && $3 < 65534 { print "group " $1 ":" $3 }' "$R/etc/group"
}
list_cron() {
    for file in "$R"/etc/crontab "$R"/etc/cron.d/* "$R"/var/spool/cron/* "$R"/var/spool/cron/crontabs/*; do
        [ -f "$file" ] && echo "$(cksum <"$file" | cut -d ' ' -f 1) ${file#"$R"}"
    done
}
# Without what names kernel and root: those are the boot loader's.
list_kernel_arguments() {
    tr ' ' '\n' <"$R/proc/cmdline" | grep -v -e '^BOOT_IMAGE=' -e '^root=' -e '^initrd=' -e '^$' | sort -u
}
list_modules() { cut -d ' ' -f 1 "$R/proc/modules" 2>/dev/null | sort -u; }
list_enabled() {
    have systemctl || return 0
    systemctl list-unit-files --type=service --state=enabled --no-legend --plain 2>/dev/null | awk '{ print $1 }' | sort -u
}
list_repositories() {
    cat "$R"/etc/yum.repos.d/*.repo 2>/dev/null | awk '
        /^\[/ { if (name != "" && on) print name; name = $0; on = 1 } /^enabled *= *(0|[Ff])/ { on = 0 } END { if (name != "" && on) print name }'
    grep -h -E '^deb ' "$R"/etc/apt/sources.list "$R"/etc/apt/sources.list.d/*.list 2>/dev/null
}
# Configuration files that somebody changed, with their sums; what takes longer than a while is left out.
list_changed_configuration() {
    if ! rpm_based; then
        dpkg-query -W -f '${Conffiles}\n' | awk 'NF == 2 { print $2 "  " $1 }' | timeout 20 md5sum -c 2>/dev/null | sed -n 's/: FAILED$//p'
    else
        timeout 40 rpm -Va --nodeps --noscripts --nomtime --nosignature --noghost 2>/dev/null | awk '$2 == "c" && $1 ~ /5/ { print $3 }'
    fi | head -n 200 | while IFS= read -r file; do echo "$(cksum <"$R$file" | cut -d ' ' -f 1) $file"; done
}
selinux_mode() { if have getenforce; then getenforce; fi; }
default_target() { if have systemctl; then systemctl get-default 2>/dev/null; fi; }
