# The migration itself: runs detached from Cloud Assistant's agent, tells its state in state.json.
mkdir "$DIR/running" 2>/dev/null || exit 0
echo $$ >"$DIR/pid"
exec >>"$DIR/log" 2>&1 </dev/null
cd /
scratch

# progress info [code message]
state() {
    message=$(printf %s "${4-}" | tail -c 1900 | tr '\n\t' '  ' | tr -d '\000-\037' | sed 's/\\/\\\\/g; s/"/\\"/g')
    printf '{"Timestamp":%s,"ProgressInfo":"%s","Progress":%s,"ErrorCode":%s,"ErrorMsg":"%s"}\n' \
        "$(date +%s)" "$2" "$1" "${3-0}" "$message" >"$DIR/state.new"
    mv "$DIR/state.new" "$DIR/state.json"
}
fail() { state "$1" failed 103 "$2: $(tail -n 15 "$DIR/log")"; exit 1; }

run_distro_sync() {
    state 5 repositories
    mkdir -p "$DIR/repos"
    distro_sync_repos "$DIR/repos"
    distro_sync_transaction >"$DIR/transaction"
    state 10 download
    # Everything is here before anything is changed: no mirror can break the transaction.
    fetch 20 dnf -y --downloadonly $(distro_sync_options "$DIR/repos") --setopt=keepcache=1 shell "$DIR/transaction"
    code=$?
    cat "$WORK/out"
    [ $code -eq 0 ] || fail 10 "dnf download ended with $code"
    state 25 packages
    dnf -y -C $(distro_sync_options "$DIR/repos") --setopt=keepcache=1 shell "$DIR/transaction" ||
        fail 25 "dnf distro-sync ended with $?"
    state 90 checking
    rpm -q alinux-release || fail 90 "alinux-release is not installed"
    twice=$(rpm -qa --qf '%{NAME}\n' | grep -v -e '^kernel' -e '^gpg-pubkey' | sort | uniq -d | head -n 5)
    [ -z "$twice" ] || fail 90 "packages are installed twice: $twice"
    dnf -q --noplugins clean all
}

run_apt_full_upgrade() {
    export DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none NEEDRESTART_MODE=l
    state 5 repositories
    mkdir -p "$DIR/saved"
    apt_source_files | while IFS= read -r file; do
        cp -a "$file" "$DIR/saved/"
        apt_next_release "$file"
    done
    # Changed configuration files of the person stay.
    set -- -q -y -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold
    fetch 20 apt-get "$@" -o APT::Update::Error-Mode=any update || fail 5 "apt-get update: $(tail -n 5 "$WORK/out")"
    state 10 download
    fetch 20 apt-get "$@" -d full-upgrade || fail 10 "apt-get download: $(tail -n 5 "$WORK/out")"
    state 25 upgrade
    apt-get "$@" upgrade --without-new-pkgs || fail 25 "apt-get upgrade ended with $?"
    state 55 full-upgrade
    apt-get "$@" full-upgrade || fail 55 "apt-get full-upgrade ended with $?"
    state 90 checking
    [ "$(. /etc/os-release && echo "$VERSION_ID")" = "$TO" ] || fail 90 "os-release does not say $TO"
    apt-get -q clean
}

case $ENGINE in
distro-sync) run_distro_sync ;;
*) run_apt_full_upgrade ;;
esac
problems=$(package_problems)
[ -z "$problems" ] || fail 95 "the package database is not consistent: $problems"
sync
state 100 succeeded
