# Engine almalinux-deploy: the vendor's script, the same major version of AlmaLinux (almalinux-deploy 0.1.13).

DEPLOY_STATUSES=$R/var/run/almalinux-deploy-statuses
DEPLOY_LOG=$R/var/log/almalinux-deploy.log

#: prepare
almalinux_deploy_install() {
    mkdir -p "$DIR/tools"
    download_script "$TOOLS/almalinux-deploy/almalinux-deploy.sh" "$DIR/tools/almalinux-deploy.sh"
}

#: preview
almalinux_deploy_preview() {
    # The script has no dry run; every package is replaced by the target's.
    (copy_rpm_database; package_facts; say changes "$(rpm -qa | wc -l)")
    # Its own line; the packages of almalinux-repos name the list of mirrors.
    url=$(sed -n 's/^REPO_URL=//p' "$DIR/tools/almalinux-deploy.sh" 2>/dev/null | head -n 1)
    [ -z "$url" ] || check_reach "$url/$FROM/BaseOS/$(uname -m)/os/repodata/repomd.xml"
    case $url in *//repo.almalinux.org/*) check_reach "https://mirrors.almalinux.org/mirrorlist/$FROM/baseos" ;; esac
}

#: run
almalinux_deploy_run() {
    [ -s "$DIR/tools/almalinux-deploy.sh" ] || fail 5 "almalinux-deploy.sh was not downloaded"
    no_return
    state 10 almalinux-deploy
    # It resumes after the stages that are done: a restart is safe.
    bash "$DIR/tools/almalinux-deploy.sh"
    code=$?
    [ $code -eq 0 ] || fail 20 "almalinux-deploy.sh ended with $code"
    # Its last words may still be under way, through a `tee` that it does not wait for.
    [ -e "$DEPLOY_STATUSES/completed" ] || fail 90 "almalinux-deploy.sh does not say that it is completed"
    state 90 checking
    rpm -q almalinux-release || fail 90 "almalinux-release is not installed"
}

#: progress
# Its finished stages are files, a dozen in all.
almalinux_deploy_progress() {
    stages=$(ls -tr "$DEPLOY_STATUSES" 2>/dev/null)
    [ -n "$stages" ] || return 0
    count=$(printf '%s\n' "$stages" | wc -l)
    [ "$count" -le 12 ] || count=12
    echo "$((10 + count * 6)) $(printf '%s\n' "$stages" | tail -n 1)"
}

#: boot
almalinux_deploy_finishing() { :; }
# Its statuses are in memory and gone with the boot; the log is not.
almalinux_deploy_success() {
    state_succeeded && grep -q 'Migration to AlmaLinux is completed' "$DIR/log" "$DEPLOY_LOG" 2>/dev/null &&
        rpm -q almalinux-release >/dev/null 2>&1
}

#: undo
almalinux_deploy_undo() { rm -rf "$DIR/tools"; }

#: finish
almalinux_deploy_finish() { rm -rf "$DIR/tools" "$DEPLOY_STATUSES"; }
