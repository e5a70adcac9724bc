# What every script begins with. Answers are lines "osf<TAB>key<TAB>value"; anything else is noise.
set -u
# Without this dnf makes a folder for aliases.
export LC_ALL=C DNF_DISABLE_ALIASES=1
DIR=/var/lib/osferry/$MID-$HOP

# A scratch folder that is gone when the script ends: in memory where package lists fit.
scratch() {
    base=/run
    [ "$(df -Pk /run | awk 'NR == 2 { print int($4 / 1024) }')" -ge 400 ] || base=/var/tmp
    WORK=$(mktemp -d $base/osferry.XXXXXX) || exit 3
    trap 'rm -rf "$WORK"' EXIT
    mkdir -p "$WORK/home" "$WORK/cache" "$WORK/lists/partial" "$WORK/repos"
}

# Does this output speak of repositories that could not be reached?
unreachable() {
    grep -q -i -e 'curl error' -e 'cannot download' -e 'failed to download' -e 'failed to fetch' -e 'unable to fetch' \
        -e 'could not resolve' -e 'could not connect' -e 'unable to connect' -e 'temporary failure' "$1"
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

say() { printf 'osf\t%s\t%s\n' "$1" "$2"; }
say_lines() { while IFS= read -r line; do [ -z "$line" ] || say "$1" "$line"; done; }
have() { command -v "$1" >/dev/null 2>&1; }

say_os() {
    say os_id "$(. /etc/os-release && printf %s "${ID-}")"
    say os_version "$(. /etc/os-release && printf %s "${VERSION_ID-}")"
    say boot_id "$(cat /proc/sys/kernel/random/boot_id)"
}

list_packages() {
    case $ENGINE in
    distro-sync) rpm -qa --qf '%{NAME}\n' ;;
    *) dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | awk '$1 == "ii" { print $2 }' ;;
    esac | sort -u
}

# Running services; none where nothing like systemd manages them.
list_services() {
    have systemctl || return 0
    systemctl list-units --type=service --state=running --no-legend --plain 2>/dev/null |
        awk '{ print $1 }' | grep -v -e '^user@' -e '^session-' -e getty -e '^osferry-' | sort -u
}

# What is wrong with the package database; silent when nothing is. Leaves nothing behind: caches and logs
# go to $WORK.
package_problems() {
    case $ENGINE in
    distro-sync)
        dnf -q --noplugins --setopt=cachedir="$WORK/cache" --setopt=logdir="$WORK/cache" \
            --setopt=persistdir="$WORK/cache" check 2>&1
        ;;
    *)
        dpkg --audit 2>&1
        apt-get -qq -o Dir::Cache="$WORK/cache" check 2>&1 | grep -v '^W:'
        ;;
    esac | head -n 5
}

# A process id means something only in the boot that it is of.
tool_is_alive() {
    [ -s "$DIR/pid" ] && [ "$(cat /proc/sys/kernel/random/boot_id)" = "$(cat "$DIR/before/boot_id")" ] &&
        kill -0 "$(cat "$DIR/pid")" 2>/dev/null
}
