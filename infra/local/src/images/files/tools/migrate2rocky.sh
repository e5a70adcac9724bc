#!/bin/bash
# A stand-in of migrate2rocky.sh: its options, checks, messages, log, lists and exit codes; it really changes
# the packages, with dnf. Tests make it fail or wait: /etc/osferry-standin holds migrate2rocky-fails-at (a step
# or an exit code) and migrate2rocky-waits-at (a step).
SWITCHES=/etc/osferry-standin
LOG=/var/log/migrate2rocky.log
CONVERT=/root/convert
ARCH=$(arch)
SUPPORTED_MAJOR=8
declare -A repo_urls
repo_urls=(
    [rockybaseos]="http://mirrors.cloud.aliyuncs.com/rockylinux/${SUPPORTED_MAJOR}/BaseOS/$ARCH/os/"
)

usage() {
    echo "Usage: ${0##*/} [OPTIONS]"
    echo "-h Display this help"
    echo "-r Convert to rocky"
    echo "-V Verify switch"
    exit 1
}
leave() {
    printf '%s\n' "$1"
    printf '\n%s\n' "An error occurred while we were attempting to convert your system to Rocky Linux. Your system may be unstable. Script will now exit to prevent possible damage."
    printf 'A log of this installation can be found at %s\n' $LOG
    exit 1
}
at() {
    while [ "$(cat $SWITCHES/migrate2rocky-waits-at 2>/dev/null)" = "$1" ]; do sleep 0.1; done
    [ "$(cat $SWITCHES/migrate2rocky-fails-at 2>/dev/null)" != "$1" ] || leave "failed in $1, as it was told to"
}
# Each needs at most 95 percent of what is free.
space() {
    free=$(df -Pk "$1" | awk 'NR == 2 { print int($4 / 1024 * 0.95) }')
    [ "$free" -ge "$2" ] || leave "Not enough space in $1, $2M required, ${free}M available."
}
collect() {
    . /etc/os-release
    case "$ID" in centos | almalinux | rhel | ol) ;; *) leave "Unable to determine the enabled repositories of $ID." ;; esac
    [ "${PLATFORM_ID-}" = platform:el8 ] || leave "This script must be run on an EL8 distribution. Migration from other distributions is not supported."
}
# What the original asks for before anything else.
needs() {
    for bin in rpm dnf awk column tee tput mkdir cat arch sort uniq rmdir df rm head curl sha512sum mktemp systemd-detect-virt sed grep; do
        type "$bin" >/dev/null 2>&1 || leave "Commands not found: $bin.  Possible bad PATH setting or corrupt installation."
    done
    for package in dnf dnf-plugins-core; do
        rpm -q "$package" >/dev/null || leave "$package is required for this script.  Please run \"dnf install $package; dnf update\" first."
    done
}
write_lists() { rpm -qa --qf '%{NAME}|%{VERSION}|%{RELEASE}|%{INSTALLTIME}|%{VENDOR}|%{ARCH}\n' | sort >"$CONVERT/$HOSTNAME-rpms-list-$1.log"; }
repos() {
    mkdir -p $CONVERT/repos
    printf '[rocky-baseos]\nname=Rocky Linux 8 - BaseOS\nbaseurl=%s\nenabled=1\ngpgcheck=0\n' "${repo_urls[rockybaseos]}" >$CONVERT/repos/rocky.repo
}
swap() {
    remove=
    for name in centos-linux-release centos-linux-repos centos-gpg-keys redhat-release almalinux-release; do
        ! rpm -q "$name" >/dev/null 2>&1 || remove="$remove $name"
    done
    {
        for name in $remove; do echo "remove $name"; done
        printf 'install %s\n' rocky-release rocky-repos rocky-gpg-keys
        echo run
    } >$CONVERT/swap
    dnf -y --noplugins --nogpgcheck --allowerasing --releasever=8 --setopt=reposdir=$CONVERT/repos --setopt=protected_packages= shell $CONVERT/swap
}
distro_sync() {
    dnf -y --noplugins --nogpgcheck --allowerasing --releasever=8 --setopt=reposdir=$CONVERT/repos --setopt=protected_packages= distro-sync
}

migrate() {
    echo "migrate2rocky - Begin logging at $(date +%c)."
    HOSTNAME=$(hostname)
    mkdir -p $CONVERT
    echo "Removing dnf cache"
    rm -rf /var/cache/dnf
    echo "Preparing to migrate your system to Rocky Linux."
    at check
    needs
    space /usr 250
    space /var 1536
    space /boot 50
    collect
    problems=$(dnf -q --noplugins check 2>&1) || leave "Errors found in dnf/rpm database. Please correct before running ${0##*/}: $problems"
    at repositories
    repos
    [ -z "$verify" ] || { echo "Creating a list of RPMs installed: before"; write_lists before; }
    if [ -n "$convert" ]; then
        echo "Migrating: removing packages of the old system and installing rocky-release"
        at swap
        swap || leave "Error removing/installing release packages"
        echo "Syncing packages"
        at distro-sync
        distro_sync || leave "Error during distro-sync."
    fi
    at verify
    [ -z "$verify" ] || { echo "Creating a list of RPMs installed: after"; write_lists after; }
    [ -z "$convert" ] || grep -q '^ID="rocky"' /etc/os-release || leave "The release is still CentOS."
    printf '\n\n\nDone, please reboot your system.\n'
    printf 'A log of this installation can be found at %s\n' $LOG
}

convert= verify=
while getopts hrVR option; do
    case "$option" in
        r) convert=1 ;;
        V) verify=1 ;;
        *) usage ;;
    esac
done
[ -n "$convert$verify" ] || usage
code=$(cat $SWITCHES/migrate2rocky-fails-at 2>/dev/null)
case "$code" in '' | *[!0-9]*) ;; *) exit "$code" ;; esac
if [ "$(id -u)" -ne 0 ]; then echo "You must run this script as root."; exit 1; fi
[ ! -e $LOG ] || mv $LOG $LOG.0
migrate 2>&1 | tee -a $LOG
exit "${PIPESTATUS[0]}"
