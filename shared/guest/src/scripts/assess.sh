# The migratability check. Changes nothing: databases are read from copies, lists and caches go to a
# scratch folder that is deleted.
scratch
mounts=$R/proc/mounts
cat "$R/etc/fstab" >"$WORK/fstab" 2>/dev/null
(! rpm_based || copy_rpm_database; list_installed >"$WORK/installed"; list_kernels >"$WORK/kernels"; list_old_kernels >"$WORK/old") 2>/dev/null
# NAME... as an expression: is one of these packages installed?
installed() { awk -v names=" $* " 'index(names, " " $1 " ") { print $1 "-" $2 }' "$WORK/installed"; }
prefix() { sed "s/^/$1 /"; }
list_file() { for file in "$@"; do [ ! -f "$file" ] || sed "s|^|${file#"$R"}: |" "$file"; done; }

# Each line: the fact's name, and what was found.
check_files() {
    for link in "$R"/*; do
        target=$(readlink "$link") && case $target in /*) echo "root_link ${link#"$R"} -> $target" ;; esac
    done
    awk '
        function path(p) { if (p != "/") sub(/\/+$/, "", p); return p }
        /^[ \t]*(#|$)/ { next }
        NF < 3 || NF > 6 { print "fstab_unparsed line " FNR; next }
        $3 ~ /^(nfs4?|cifs|smb3)$/ { print "network_mount " $2 " of " $1 " in fstab" }
        $2 ~ "^/(var|var/lib|var/lib/leapp)$" && "," $4 "," ~ /,noexec,/ { print "noexec_var " $2 " in fstab" }
        $3 == "xfs" {
            n = split($4, options, ",")
            for (i = 1; i <= n; i++) {
                sub(/=.*/, "", options[i])
                if (options[i] ~ /^(nobarrier|barrier|nodelaylog|delaylog|ihashsize|irixsgid|osyncisdsync|osyncisosync)$/)
                    print "xfs_option " options[i] " of " $2
            }
        }
        $2 ~ "^/" {
            new = path($2)
            for (old in line) if (old == new || new == "/" || index(old, new "/") == 1) print "fstab_order " new " after " old
            line[new] = 1
        }' "$WORK/fstab"
    awk '
        $3 ~ /^(nfs4?|cifs|smb3)$/ { print "network_mount " $2 " of " $1 }
        "," $4 "," ~ /,noexec,/ && $2 ~ "^/(var|var/lib|var/lib/leapp)$" { print "noexec_var " $2 }
        "," $4 "," ~ /,noexec,/ && $2 == "/tmp" { print "noexec_tmp /tmp" }
        "," $4 "," ~ /,ro,/ && ($2 == "/mnt" || $2 == "/sys") { print "read_only " $2 }
        $3 == "btrfs" && !seen[$1]++ { print "btrfs " $2 }' "$mounts"
    # A mount whose root is not the file system's own is a directory bound elsewhere, such as a container's.
    list_fleeting_mounts | awk 'listing { fleeting[$0] = 1; next }
        $4 == "/" && $5 in fleeting {
            for (i = 7; i < NF && $i != "-"; i++);
            if ($(i + 2) !~ "^/dev/loop") print "unlisted_mount " $5 " of " $(i + 2)
        }' listing=1 - listing= "$R/proc/self/mountinfo"
    for id in "$R"/sys/class/block/dm-*/dm/uuid; do
        case $(cat "$id" 2>/dev/null) in CRYPT-*) echo "luks $(cat "${id%uuid}name")" ;; esac
    done
    disk=$(awk '$2 == "/" || $2 == "/boot" { name = $1 } END { sub(".*/", "", name); sub(/p?[0-9]+$/, "", name); print name }' "$mounts")
    [ -d "$R/sys/firmware/efi" ] || for start in "$R/sys/class/block/$disk"[0-9p]*/start; do
        [ "$(cat "$start" 2>/dev/null || echo 2048)" -ge 2048 ] || echo "early_partition $disk at sector $(cat "$start")"
    done
    nics=$(for nic in "$R"/sys/class/net/*; do [ ! -e "$nic/device" ] || echo "${nic##*/}"; done)
    case "$(echo "$nics" | wc -l) $nics" in 1\ *) ;; *eth[0-9]*) echo "nic $(echo "$nics" | tr '\n' ' ')" ;; esac
    grep -l -w -E 'pam_tally2(\.so)?' "$R"/etc/pam.d/* 2>/dev/null | sed "s|^$R|pam_removed pam_tally2 in |"
    for module in pam_pkcs11 pam_krb5; do
        # What was answered is no question. `leapp answer` writes to the one file, a run of leapp to both; as leapp reads
        # them, a section of the second replaces that of the first (leapp, workflows and messaging/answerstore.py).
        cat "$R/var/log/leapp/answerfile.userchoices" "$R/var/log/leapp/answerfile" 2>/dev/null |
            awk -v section="[remove_${module}_module_check]" '
                /^\[/ { here = $0 == section; if (here) yes = 0 }
                here && tolower($0) ~ /^confirm *[=:] *true *$/ { yes = 1 }
                END { exit !yes }' ||
            grep -l -E "^[^#]*$module" "$R"/etc/pam.d/* 2>/dev/null | sed "s|^$R|pam_question $module in |"
    done
    list_file "$R/etc/hosts.allow" "$R/etc/hosts.deny" | grep -v -E ': *(#|$)' | prefix tcp_wrappers
    [ ! -h "$R/etc/resolv.conf" ] || echo "resolv_link $(readlink "$R/etc/resolv.conf")"
    [ ! -f "$R/var/lib/pacemaker/cib/cib.xml" ] || echo "cluster pacemaker"
    for version in "$R"/var/lib/pgsql/data/PG_VERSION "$R"/var/lib/pgsql/*/data/PG_VERSION "$R"/var/lib/postgresql/*/*/PG_VERSION; do
        [ ! -f "$version" ] || echo "postgresql ${version#"$R"} says $(cat "$version")"
    done
    grep -l -E -m 1 '^#!.*python(2|2\.7)?( |$)' "$R"/usr/local/bin/* "$R"/usr/local/sbin/* "$R"/etc/cron.*/* 2>/dev/null | sed "s|^$R|python2 |"
    sed -n 's/.*release \([0-9.]*\).*/release \1/p' "$R/etc/redhat-release" 2>/dev/null
}
check_boot() {
    running=$(uname -r)
    newest=$(tail -n 1 "$WORK/kernels")
    if grep -q -x -F -e "$running" "$WORK/kernels"; then
        [ "$running" = "$newest" ] || echo "kernel_not_newest $running runs, $newest is installed"
    elif [ -d "$R/lib/modules/$running" ]; then
        echo "custom_kernel $running"
    fi
    prefix old_kernel <"$WORK/old"
    if [ -d "$R/sys/firmware/efi" ]; then
        have efibootmgr || echo "efi_tool efibootmgr"
        awk '$2 == "/boot/efi" || $2 == "/efi" { found = 1 } END { if (!found) print "efi_mount /boot/efi" }' "$mounts"
        for variable in "$R"/sys/firmware/efi/efivars/SecureBoot-*; do
            [ ! -f "$variable" ] || [ "$(od -An -t u1 "$variable" | awk '{ print $NF }')" != 1 ] || echo "secure_boot enabled"
        done
    fi
    sed -n 's/.*\[\(integrity\|confidentiality\)\].*/secure_boot lockdown \1/p' "$R/sys/kernel/security/lockdown" 2>/dev/null
    installed grub | prefix grub_legacy
    removed_drivers | prefix removed_driver
    awk '$1 == "AliSecGuard" { print "security_agent " $1 } $1 == "nvidia" { print "nvidia " $1 }' "$R/proc/modules"
    # x86-64-v2 and v3: what EL 9 and 10 are compiled for.
    [ "$(uname -m)" != x86_64 ] || awk '
        function lacks(fact, flags,   need, n, i) {
            n = split(flags, need, " ")
            for (i = 1; i <= n; i++) if (" " $0 " " !~ " " need[i] " ") print fact " " need[i]
        }
        /^flags/ {
            lacks("cpu", "cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3")
            lacks("cpu_v3", "abm avx avx2 bmi1 bmi2 f16c fma movbe xsave")
            exit
        }' "$R/proc/cpuinfo"
}
check_packages() {
    if rpm_based; then
        cat "$R"/etc/yum.repos.d/*.repo 2>/dev/null | sed -n 's/^\[\(.*\)\] *$/repo_twice \1/p' | sort | uniq -d
        list_file "$R/etc/yum.conf" "$R/etc/dnf/dnf.conf" | grep -E ': *exclude(pkgs)? *=' | prefix excluded
        list_file "$R/etc/yum.conf" "$R/etc/dnf/dnf.conf" | grep -E ': *plugins *= *(0|no|false)' | prefix plugins_off
        [ ! -e "$R/etc/rhsm/ca/katello-server-ca.pem" ] || echo "katello katello-server-ca.pem"
        [ ! -e "$R/etc/salt/minion.d/susemanager.conf" ] || echo "katello susemanager.conf"
        installed katello-ca-consumer katello-agent venv-salt-minion | prefix katello
        # leapp asks nobody whose firewalld does not start.
        grep -q '^AllowZoneDrifting *= *yes' "$R/etc/firewalld/firewalld.conf" 2>/dev/null &&
            [ "$(systemctl is-enabled firewalld 2>/dev/null)" = enabled ] && echo "zone_drifting yes"
    else
        apt-mark showhold 2>/dev/null | prefix held
    fi
    installed docker docker-ce docker.io | prefix docker
    installed ntp | prefix ntp
    installed gcc glibc libc6 | prefix version
    echo "version kernel-$(uname -r)"
    check_sshd
    case $ENGINE in almalinux-deploy | migrate2rocky) check_for_tool ;; esac
}
# EL 7: changed and no word on root in the global part. EL 8: as delivered, so the package's next one replaces it.
check_sshd() {
    file=$R/etc/ssh/sshd_config
    rpm_based && [ -f "$file" ] || return 0
    changed=$(rpm -V openssh-server 2>/dev/null | awk '$1 ~ /5/ && $NF == "/etc/ssh/sshd_config"')
    told=$(awk '{ word = tolower($1) } word == "match" { inside = tolower($2) != "all" } word == "permitrootlogin" && !inside { print $2 }' "$file")
    case $FROM in
    2 | 7) [ -z "$changed" ] || [ -n "$told" ] || echo "root_login sshd_config was changed and does not say PermitRootLogin" ;;
    *) [ -n "$changed" ] || echo "root_login sshd_config is as delivered, the new system's denies passwords to root" ;;
    esac
}

awk '$NF ~ /^\(.*[OEPF].*\)$/ { print $1 }' "$R/proc/modules" | say_lines foreign_module 600
(! rpm_based || copy_rpm_database; check_files; check_boot; check_packages) 2>/dev/null |
    awk '
        {
            name = $1
            sub(/^[^ ]+ /, "")
            line = "osf\tsystem." name "\t" substr($0, 1, 120)
            # One of each is always told.
            if (!(name in told)) { told[name] = 1; used += length(line) + 1; print line; next }
            whose[++count] = name
            rest[count] = line
        }
        END {
            for (at = 1; at <= count; at++) {
                used += length(rest[at]) + 1
                if (used > 7000) more[whose[at]]++
                else print rest[at]
            }
            for (name in more) print "osf\tsystem." name "\tand " more[name] " more"
        }'

# Why there is no plan: what cannot be reached now may be reached later, what cannot be resolved stays so.
tell_problem() {
    if unreachable "$WORK/plan"; then
        grep -i -E '(error|err|failed|cannot|could not|unable)' "$WORK/plan" | tail -n 3 | say_lines unreachable
    else
        grep -A 12 -i -E '^(error|e:|the following packages have unmet)' "$WORK/plan" | head -n 12 | say_lines problem
        tail -n 3 "$WORK/plan" | say_lines problem
    fi
}

engine_preview
say_os
say arch "$(uname -m)"
awk '/^MemAvailable:/ { print "osf\tmemory_mib\t" int($2 / 1024) } /^MemTotal:/ { print "osf\tmemory_total_mib\t" int($2 / 1024) }' "$R/proc/meminfo"
# leapp lays something over each.
say mounts "$(awk '$1 ~ "^/dev/" && $1 !~ "^/dev/loop" && $3 ~ /^(ext[234]|xfs|btrfs|vfat)$/ && !seen[$2]++ { count++ } END { print count + 0 }' "$mounts")"
for path in /usr /var /boot; do
    say free_mib "$path $(df -Pk "$R$path" | awk 'NR == 2 { print int($4 / 1024) }')"
done
say 'done' yes
