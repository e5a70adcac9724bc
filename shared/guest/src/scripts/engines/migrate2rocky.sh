# Engine migrate2rocky: the vendor's script, the same major version of Rocky Linux (rocky-tools).

ROCKY_LOG=$R/var/log/migrate2rocky.log

#: prepare
migrate2rocky_install() {
    mkdir -p "$DIR/tools"
    download_script "$TOOLS/migrate2rocky/migrate2rocky.sh" "$DIR/tools/migrate2rocky.sh"
}

#: preview
migrate2rocky_preview() {
    # The script has no dry run; every package is replaced by the target's.
    (copy_rpm_database; package_facts; say changes "$(rpm -qa | wc -l)")
    # Its own table of repositories.
    check_reach $(sed -n 's/^ *\[rocky[a-z]*\]="\([^"]*\)".*/\1/p' "$DIR/tools/migrate2rocky.sh" 2>/dev/null |
        sed -e "s/[$]{SUPPORTED_MAJOR}/$FROM/" -e "s/[$]ARCH/$(uname -m)/" -e 's|/*$|/repodata/repomd.xml|')
}

#: run
migrate2rocky_run() {
    [ -s "$DIR/tools/migrate2rocky.sh" ] || fail 5 "migrate2rocky.sh was not downloaded"
    no_return
    state 10 migrate2rocky
    bash "$DIR/tools/migrate2rocky.sh" -r
    code=$?
    [ $code -eq 0 ] || fail 20 "migrate2rocky.sh ended with $code"
    grep -q 'Done, please reboot your system' "$DIR/log" "$ROCKY_LOG" || fail 90 "migrate2rocky.sh does not say that it is done"
    state 90 checking
    rpm -q rocky-release || fail 90 "rocky-release is not installed"
}

#: progress
migrate2rocky_progress() {
    grep -o -E '[0-9]+/[0-9]+ *$' "$DIR/log" 2>/dev/null | tail -n 1 |
        awk -F/ '$2 > 0 && $1 <= $2 { print int(20 + 65 * $1 / $2) " packages" }'
}

#: boot
migrate2rocky_finishing() { :; }
migrate2rocky_success() {
    state_succeeded && grep -q 'Done, please reboot your system' "$DIR/log" "$ROCKY_LOG" 2>/dev/null &&
        rpm -q rocky-release >/dev/null 2>&1
}

#: undo
migrate2rocky_undo() { rm -rf "$DIR/tools"; }

#: finish
# /root/convert holds lists of packages from before and after: theirs, and worth keeping.
migrate2rocky_finish() { rm -rf "$DIR/tools"; }
