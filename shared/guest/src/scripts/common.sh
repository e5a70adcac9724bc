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

# Does this output speak of repositories that could not be reached, or of a lock of apt's that somebody else holds?
# A full disk is an error of curl, too (23, CURLE_WRITE_ERROR).
unreachable() {
    ! grep -q -i 'curl error (23)' "$1" && grep -q -i -E 'curl error|cannot (download|retrieve|find a valid baseurl)|failed to (download|fetch)|unable to (fetch|connect)|could not (resolve|connect)|temporary failure|no more mirrors|could not get lock' "$1"
}

# TRIES command: runs it, its output in $WORK/out; again while repositories cannot be reached.
fetch() {
    left=$1
    shift
    pause=0
    while :; do
        "$@" >"$WORK/out" 2>&1
        code=$?
        left=$((left - 1))
        { [ $code -ne 0 ] && [ $left -gt 0 ] && unreachable "$WORK/out"; } || return $code
        [ $pause -ge 30 ] || pause=$((pause + 2))
        sleep $pause
    done
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
    say os_id "$(. "$R/etc/os-release" && printf %s "${ID-}")"
    say os_version "$(. "$R/etc/os-release" && printf %s "${VERSION_ID-}")"
    say boot_id "$(cat "$R/proc/sys/kernel/random/boot_id")"
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

# Drivers that EL 8 has no more, of those that are loaded (leapp-data, device_driver_deprecation_data.json; without
# those of which only some devices are gone).
removed_drivers() {
    awk '$1 ~ /^(3w_9xxx|3w_sas|aic79xx|aoe|arcmsr|be2iscsi|bfa|bna|cxgb3|floppy|hptiop|initio|isci|mptctl|mthca|mtip32xx|mvsas|mvumi|pata_.*|sata_(mv|nv|promise|qstor|sil|sil24|sis|svw|sx4|uli|via|vsc)|stex|sx8|tulip|ufshcd)$/ { print $1 }' \
        "$R/proc/modules" 2>/dev/null
}
# Versions of the installed kernels as `uname -r` tells them, oldest first; in the order of rpm, to which a number is
# newer than a word (1160.119.1.el7 than 1160.el7).
list_kernels() {
    list_installed | awk '
        $1 ~ /^kernel(-plus|-ml|-lt|-uek)?(-core)?$/ { print $2 "." $3 }
        $1 ~ /^linux-image-[0-9].*[0-9a-z]$/ && $1 !~ /-(dbg|unsigned)$/ { print substr($1, 13) }' |
        awk '{
            key = ""
            rest = $0
            while (match(rest, /[0-9]+|[A-Za-z]+/)) {
                part = substr(rest, RSTART, RLENGTH)
                key = key (part ~ /^[0-9]/ ? sprintf("2%012d ", part) : "1" part " ")
                rest = substr(rest, RSTART + RLENGTH)
            }
            print key "\t" $0
        }' | sort -u | cut -f 2
}
# Kernels that neither run, nor are the newest, nor the boot loader's choice.
list_old_kernels() {
    list_kernels | sed '$d' | grep -v -x -F -e "$(uname -r)" |
        grep -v -x -F -e "$(grubby --default-kernel 2>/dev/null | sed 's/.*vmlinuz-//')"
}

this_boot() { cat "$R/proc/sys/kernel/random/boot_id"; }
same_boot() { [ "$(this_boot)" = "$(cat "$DIR/before/boot_id" 2>/dev/null)" ]; }
# PID: of a process, not of what is left of one.
runs() { kill -0 "$1" 2>/dev/null && ! grep -q ') Z ' "/proc/$1/stat" 2>/dev/null; }
# Do only the snapshots lead back? After leapp any boot is into the upgrade, whoever asked for it.
beyond_return() { [ -e "$DIR/no_return" ] || { [ "$ENGINE" = leapp ] && [ -e "$DIR/before/boot_id" ] && ! same_boot; }; }
# When a process was started: so that another one with its number is not taken for it.
since() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }
# FILE: this script, as a process id means something: with its start, in its boot.
note_process() { printf '%s %s %s\n' $$ "$(since $$)" "$(this_boot)" >"$1"; }
# FILE: does the process that is noted there still run? Its id is left in $pid.
noted_runs() {
    read -r pid when boot 2>/dev/null <"$1" && runs "$pid" || return 1
    # A tool that an older version of this script started is noted by its id alone.
    if [ -z "$boot" ]; then same_boot; else [ "$boot" = "$(this_boot)" ] && [ "$(since "$pid")" = "$when" ]; fi
}
tool_is_alive() { noted_runs "$DIR/pid"; }
# Notes that this script is at work, for `undo`, which writes down first that nothing begins any more; and asks
# whether it has done so. That note stays: a command may be delivered late.
begin_work() {
    note_process "$DIR/at_work.$$" || return 1
    [ -e "$DIR.over" ] || return 0
    end_work
    return 1
}
end_work() { rm -f "$DIR/at_work.$$"; }

# A file without what OS Ferry changed in it: `#osferry-off# ` stands before a line that was taken out,
# `#osferry-on#` above a line that was put in.
without_our_changes() {
    awk '/^#osferry-on#/ { getline; next } { sub(/^#osferry-off# /, ""); print }' "$1"
}
