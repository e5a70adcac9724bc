# What every script begins with. Answers are lines "osf<TAB>key<TAB>value"; anything else is noise.
# $R is empty; tests set it to a directory that stands for /.
set -u
# Without this dnf makes a folder for aliases.
export LC_ALL=C DNF_DISABLE_ALIASES=1

# A scratch folder that is gone when the script ends: in memory where package lists fit.
scratch() {
    base=$R/run
    [ "$(df -Pk "$base" | awk 'NR == 2 { print int($4 / 1024) }')" -ge 400 ] || base=$R/var/tmp
    WORK=$(mktemp -d "$base/osferry.XXXXXX") || exit 3
    trap 'rm -rf "$WORK"' EXIT
    mkdir -p "$WORK/home" "$WORK/cache" "$WORK/lists/partial" "$WORK/repos"
}

# Of a long output Cloud Assistant keeps the end: no value and no list grows without limit, and what decides comes last.
say() { printf 'osf\t%s\t%.1000s\n' "$1" "$2"; }
# KEY [BYTES]: an answer for each line of the standard input, so much in all; how many did not fit is said.
say_lines() {
    awk -v key="$1" -v room="${2:-1000}" '
        $0 != "" {
            line = "osf\t" key "\t" substr($0, 1, 300)
            room -= length(line) + 1
            if (room < 0 && told) more++
            else { print line; told = 1 }
        }
        END { if (more) print "osf\t" key "\tand " more " more" }'
}
have() { command -v "$1" >/dev/null 2>&1; }

say_os() {
    (. "$R/etc/os-release" && say os_id "${ID-}" && say os_name "${NAME-}" && say os_version "${VERSION_ID-}")
    say boot_id "$(this_boot)"
}

rpm_based() { [ "$ENGINE" != apt-full-upgrade ]; }

# From here on rpm and dnf read a copy of the package database: asking may write to the original.
copy_rpm_database() {
    [ -d "$WORK/rpm" ] || cp -a "$R/var/lib/rpm" "$WORK/rpm"
    printf '%%_dbpath %s\n' "$WORK/rpm" >"$WORK/home/.rpmmacros"
    export HOME="$WORK/home"
}

# "name version architecture" of what is installed.
list_installed() {
    if rpm_based; then
        rpm -qa --qf '%{NAME} %{VERSION}-%{RELEASE} %{ARCH}\n'
    else
        dpkg-query -W -f '${db:Status-Abbrev} ${Package} ${Version} ${Architecture}\n' |
            awk '$1 == "ii" { print $2, $3, $4 }'
    fi
}
list_packages() { list_installed | awk '{ print $1 }' | sort -u; }

this_boot() { cat "$R/proc/sys/kernel/random/boot_id"; }
same_boot() { [ "$(this_boot)" = "$(cat "$DIR/before/boot_id" 2>/dev/null)" ]; }
