# Engine distro-sync: replace the release packages and bring every package to the target's version, in
# one transaction. Only the target's repositories take part; the guest's own repository files stay.

# EL 7 has yum only; what the tool is asked for is the same.
distro_sync_tool() { if have dnf; then echo dnf; else echo yum; fi; }

# Release packages of the sources; they may go.
distro_sync_replaced() {
    printf '%s\n' centos-linux-release centos-linux-repos centos-gpg-keys centos-release centos-repos \
        redhat-release redhat-release-server redhat-release-eula
}

distro_sync_repos() { alinux_repositories >"$1/osferry.repo"; }

distro_sync_options() {
    printf '%s ' --noplugins --releasever="$TO" --setopt=reposdir="$1" --setopt=protected_packages= \
        --setopt=clean_requirements_on_remove=False --disableexcludes=all
    # yum removes nothing but what is obsolete, and knows no modules.
    [ "$(distro_sync_tool)" = yum ] || printf '%s ' --allowerasing --setopt=module_platform_id="platform:al$((TO + 5))"
}

distro_sync_transaction() {
    for name in $(distro_sync_replaced); do
        rpm -q "$name" >/dev/null 2>&1 && echo "remove $name"
    done
    echo install alinux-release
    echo distro-sync
    echo run
}

#: preview
# name, sections and rows of the transaction that the tool shows
distro_sync_preview() {
    copy_rpm_database
    package_facts
    distro_sync_repos "$WORK/repos"
    distro_sync_transaction >"$WORK/transaction"
    fetch 5 "$(distro_sync_tool)" --assumeno $(distro_sync_options "$WORK/repos") --setopt=cachedir="$WORK/cache" \
        --setopt=logdir="$WORK/cache" --setopt=persistdir="$WORK/cache" shell "$WORK/transaction"
    mv "$WORK/out" "$WORK/plan"
    if grep -q -e '^Transaction Summary' -e '^Nothing to do' "$WORK/plan"; then
        awk '
            /^[A-Z].*:$/ { section = $0; next }
            /^Transaction Summary/ { exit }
            /^ [^ ]/ {
                if (section ~ /^Removing/) print "removal " $1
                else if (section ~ /^Downgrading/) print "downgrade " $1
                if (section ~ /^(Installing|Upgrading|Updating|Downgrading|Reinstalling)/) changes++
            }
            END { print "changes " changes + 0 }
        ' "$WORK/plan" >"$WORK/planned"
        planned() { sed -n "s/^$1 //p" "$WORK/planned"; }
        planned removal | grep -v -x -F "$(distro_sync_replaced)" | say_lines removal 4000
        planned downgrade | say_downgrades
        say changes "$(planned changes)"
    else
        tell_problem
    fi
}

#: run
# What went wrong, of the tool's output: its shell ends with 0 although a package could not be downloaded or its
# transaction failed (dnf, cli/commands/shell.py). A repository that may be missing is no error.
distro_sync_errors() {
    grep -v -E "^Error: (Failed to download metadata for repo|Cache-only enabled but no cache for) '" |
        grep -E -A 1 '^(Error:|Error unpacking|Failed:)' | head -n 4 | tr -s '\n ' ' '
}
distro_sync_download() {
    "$tool" -y --downloadonly $(distro_sync_options "$DIR/repos") --setopt=keepcache=1 shell "$DIR/transaction" || return
    # Nor is it told otherwise that nothing could be resolved.
    [ -z "$(distro_sync_errors <"$WORK/out")" ] && grep -q '^Transaction Summary' "$WORK/out"
}
distro_sync_run() {
    tool=$(distro_sync_tool)
    state 5 repositories
    mkdir -p "$DIR/repos"
    distro_sync_repos "$DIR/repos"
    distro_sync_transaction >"$DIR/transaction"
    state 10 download
    # Everything is here before anything is changed: no mirror can break the transaction.
    fetch 20 distro_sync_download
    code=$?
    cat "$WORK/out"
    [ $code -eq 0 ] || fail 10 "$tool download ended with $code"
    no_return
    state 25 packages
    begin=$(wc -c <"$DIR/log")
    "$tool" -y -C $(distro_sync_options "$DIR/repos") --setopt=keepcache=1 shell "$DIR/transaction" ||
        fail 25 "$tool distro-sync ended with $?"
    errors=$(tail -c "+$((begin + 1))" "$DIR/log" | distro_sync_errors)
    [ -z "$errors" ] || fail 25 "$tool distro-sync failed: $errors"
    state 90 checking
    rpm -q alinux-release || fail 90 "alinux-release is not installed"
    twice=$(rpm -qa --qf '%{NAME}\n' | grep -v -e '^kernel' -e '^gpg-pubkey' | sort | uniq -d | head -n 5)
    [ -z "$twice" ] || fail 90 "packages are installed twice: $twice"
    "$(distro_sync_tool)" -q --noplugins clean all
}

#: progress
distro_sync_progress() { count_progress; }

#: boot
distro_sync_finishing() { :; }
distro_sync_success() { state_succeeded && rpm -q alinux-release >/dev/null 2>&1; }

#: undo
# Until the transaction only packages were downloaded.
distro_sync_undo() { rm -rf "$R"/var/cache/dnf/osferry-* "$R"/var/cache/yum/*/*/osferry-*; }

#: finish
distro_sync_finish() { rm -rf "$R"/var/cache/dnf/osferry-* "$R"/var/cache/yum/*/*/osferry-*; }
