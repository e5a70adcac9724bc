#!/bin/bash
# A stand-in of almalinux-deploy.sh 0.1.13: its options, steps, messages, status files, logs and exit codes;
# it really changes the packages, with dnf. Tests make it fail or wait: /etc/osferry-standin holds
# almalinux-deploy-fails-at (a step or an exit code) and almalinux-deploy-waits-at (a step).
VERSION=0.1.13
STATUSES=/var/run/almalinux-deploy-statuses
REPO_URL=http://mirrors.cloud.aliyuncs.com/almalinux
RELEASE_URL=${ALMA_RELEASE_URL:-${REPO_URL}/almalinux-release-latest-8.x86_64.rpm}
SWITCHES=/etc/osferry-standin

done_message() { printf '\033[0;32m%-70sOK\033[0m\n' "$1"; }
error_message() {
    printf '\033[0;31m%-70sERROR\033[0m\n' "$1" >&2
    [ -z "${2-}" ] || printf '    %s\n' "$2" >&2
}
# NAME TEXT command...: a step, done once.
step() {
    name=$1 text=$2
    shift 2
    while [ "$(cat $SWITCHES/almalinux-deploy-waits-at 2>/dev/null)" = "$name" ]; do sleep 0.1; done
    if [ "$(cat $SWITCHES/almalinux-deploy-fails-at 2>/dev/null)" = "$name" ]; then
        error_message "$text" "failed as it was told to"
        exit 1
    fi
    [ ! -e "$STATUSES/$name" ] || return 0
    if ! "$@"; then
        error_message "$text"
        exit 1
    fi
    done_message "$text"
    mkdir -p $STATUSES
    : >"$STATUSES/$name"
}

check_arch() { [ "$(uname -m)" = x86_64 ]; }
check_system() {
    . /etc/os-release
    case "$ID" in centos | almalinux | ol | rhel | rocky) ;; *) return 1 ;; esac
    [ "${VERSION_ID%%.*}" = 8 ] || return 1
    [ "$ID" != centos ] || grep -q -E 'release 8\.[45]' /etc/redhat-release
}
check_panel() { [ ! -e /usr/local/psa/version ]; }
check_plugins() { rpm -q dnf-plugins-core >/dev/null; }
download_release() { curl -f -s -S -o /root/almalinux-release-latest.rpm "$RELEASE_URL"; }
verify_release() { [ "$(rpm -qp --qf '%{NAME}' /root/almalinux-release-latest.rpm)" = almalinux-release ]; }
replace_release() {
    for old in centos-linux-release centos-linux-repos centos-gpg-keys redhat-release rocky-release rocky-repos rocky-gpg-keys; do
        ! rpm -q "$old" >/dev/null 2>&1 || rpm -e --nodeps --allmatches "$old" || return 1
    done
    rpm -Uh --nosignature /root/almalinux-release-latest.rpm
}
distro_sync() { dnf distro-sync -y --nogpgcheck --allowerasing --setopt=protected_packages=; }
install_kernel() { rpm -q kernel >/dev/null; }
check_default() { grubby --info DEFAULT | grep -q AlmaLinux; }

migrate() {
    done_message 'Check root privileges'
    done_message 'Check Secure Boot disabled'
    step check_arch "Check $(uname -m) architecture is supported" check_arch
    step check_system "Check $(. /etc/os-release; echo "$ID-$VERSION_ID") is supported" check_system
    step check_panel 'Check control panel is supported' check_panel
    step check_plugins 'Check dnf-plugins-core is installed' check_plugins
    step download_release 'Download almalinux-release package' download_release
    step verify_release 'Verify almalinux-release package' verify_release
    step replace_release 'Install almalinux-release package' replace_release
    step distro_sync 'Run dnf distro-sync -y' distro_sync
    step install_kernel 'Install AlmaLinux kernel' install_kernel
    step check_default 'All AlmaLinux boot entries are in place' check_default
    step completed 'Complete' true
    rm -f /root/almalinux-release-latest.rpm
    printf '\n\033[0;32mMigration to AlmaLinux is completed\033[0m\n'
}

for option; do
    case "$option" in
        -h | --help) echo "Usage: almalinux-deploy.sh [OPTION]..."; exit 0 ;;
        -v | --version) echo $VERSION; exit 0 ;;
        -f | --full | -d | --downgrade | -l=* | -e=*) ;;
        *) echo "Error: unknown option $option" >&2; exit 2 ;;
    esac
done
code=$(cat $SWITCHES/almalinux-deploy-fails-at 2>/dev/null)
case "$code" in '' | *[!0-9]*) ;; *) exit "$code" ;; esac
if [ "$(id -u)" -ne 0 ]; then
    error_message 'Check root privileges' 'Migration tool must be run as root'
    exit 2
fi
# Nobody waits for this one: the last words may come after the end.
exec > >(tee -a /var/log/almalinux-deploy.log) 2>&1
migrate
