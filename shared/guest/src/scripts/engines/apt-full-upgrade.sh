# Engine apt-full-upgrade: Debian's own way from one release to the next, from the guest's own sources.

codename() {
    case $1 in 11) echo bullseye ;; 12) echo bookworm ;; 13) echo trixie ;; esac
}

# Files with Debian's releases; other people's sources name releases of their own.
apt_source_files() {
    for file in "$R"/etc/apt/sources.list "$R"/etc/apt/sources.list.d/*.list "$R"/etc/apt/sources.list.d/*.sources; do
        [ -f "$file" ] && grep -q -E '/debian(-security)?/?( |$)' "$file" && echo "$file"
    done
}

# The next release's name in place of this one's, in the named files: suites, -updates, -security alike.
# Firmware has a component of its own from Debian 12 on (release notes, "non-free split").
apt_next_release() {
    sed -i -E "/^(deb|Suites)/ s/\\b$(codename "$FROM")\\b/$(codename "$TO")/g" "$@"
    [ "$TO" != 12 ] || sed -i -E '/^(deb|Components:)/ { /non-free-firmware/! s/\bnon-free\b/non-free non-free-firmware/ }' "$@"
}

#: preview
apt_full_upgrade_preview() {
    package_facts
    mkdir "$WORK/etc"
    cp -a /etc/apt/. "$WORK/etc"
    apt_source_files | sed "s|^/etc/apt|$WORK/etc|" | while IFS= read -r file; do apt_next_release "$file"; done
    cp /var/lib/apt/extended_states "$WORK/extended_states" 2>/dev/null || : >"$WORK/extended_states"
    set -- -o Dir::Etc::SourceList="$WORK/etc/sources.list" -o Dir::Etc::SourceParts="$WORK/etc/sources.list.d" \
        -o Dir::State::Lists="$WORK/lists" -o Dir::Cache="$WORK/cache" -o Dir::Log="$WORK/cache" \
        -o Dir::State::extended_states="$WORK/extended_states" -o APT::Sandbox::User=root
    if ! fetch 5 apt-get "$@" -q -o APT::Update::Error-Mode=any update; then
        mv "$WORK/out" "$WORK/plan"
        tell_problem
        return
    fi
    if ! apt-get "$@" -q -s full-upgrade >"$WORK/plan" 2>&1; then
        tell_problem
        return
    fi
    # This package says which release it is. Sources that name it in no way that is known here lead nowhere.
    if ! grep -q "^Inst base-files .*(${TO}[.]" "$WORK/plan"; then
        say problem "apt's sources do not lead to Debian $TO: with every $(codename "$FROM") in them replaced, base-files stays as it is"
        return
    fi
    # A package that a new one says it replaces or provides has a successor.
    awk '$1 == "Inst" && $3 !~ /^\[/ { print $2 }' "$WORK/plan" >"$WORK/new"
    xargs apt-cache "$@" show --no-all-versions <"$WORK/new" 2>/dev/null |
        awk '/^(Replaces|Provides):/ { gsub(/\([^)]*\)/, ""); gsub(/,/, " "); for (i = 2; i <= NF; i++) print $i }' |
        sort -u >"$WORK/replaced"
    # So has a library whose next version is new: libsemanage1, libsemanage2.
    awk 'function stem(name) { sub(/[0-9.]+(t64)?$/, "", name); return name }
        FNR == NR { if ($1 ~ /^lib.*[0-9]/) new[stem($1)] = 1; next }
        $1 == "Remv" && $2 ~ /^lib.*[0-9]/ && stem($2) in new { print $2 }' "$WORK/new" "$WORK/plan" >>"$WORK/replaced"
    awk '$1 == "Remv" { print $2 }' "$WORK/plan" | grep -v -x -F -f "$WORK/replaced" | say_lines removal 4000
    awk '$1 == "Inst" && /DOWNGRADED/ { print $2 }' "$WORK/plan" | say_downgrades
    say changes "$(grep -c '^Inst ' "$WORK/plan")"
}

#: run undo
# Packages in apt's cache, whole or not.
apt_debs() { find "$R/var/cache/apt/archives" -type f \( -name '*.deb' -o -path '*/partial/*' \) | sort; }
# Those that were downloaded for the migration, not a person's own.
apt_forget_debs() {
    [ ! -e "$DIR/debs" ] || apt_debs | comm -13 "$DIR/debs" - | while IFS= read -r file; do rm -f "$file"; done
}

#: run
# What installs. The lock of the archives is none of those that apt waits for; without it nothing has begun.
apt_install() {
    left=20
    while :; do
        begin=$(wc -c <"$DIR/log")
        apt-get "$@" && return
        code=$?
        left=$((left - 1))
        [ $left -gt 0 ] && tail -c "+$((begin + 1))" "$DIR/log" | grep -q '^E: Could not get lock' || return $code
        sleep 30
    done
}
apt_full_upgrade_run() {
    export DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none NEEDRESTART_MODE=l
    state 5 repositories
    # Source files by their place below /etc/apt, and apt's lists, for the way back.
    mkdir -p "$DIR/saved"
    apt_source_files >"$WORK/sources"
    while IFS= read -r file; do
        kept=$DIR/saved/${file#"$R"/etc/apt/}
        mkdir -p "${kept%/*}"
        [ -e "$kept" ] || { cp -a "$file" "$kept.part" && mv -f "$kept.part" "$kept"; } || fail 5 "$file cannot be kept"
        apt_next_release "$file" || fail 5 "$file cannot be changed"
    done <"$WORK/sources"
    if [ ! -d "$DIR/lists" ]; then
        rm -rf "$DIR/lists.part"
        mkdir -p "$R/var/lib/apt/lists"
        cp -a "$R/var/lib/apt/lists" "$DIR/lists.part" && mv "$DIR/lists.part" "$DIR/lists" || fail 5 "apt's lists cannot be kept"
    fi
    [ -e "$DIR/debs" ] || { apt_debs >"$DIR/debs.part" && mv "$DIR/debs.part" "$DIR/debs"; } || fail 5 "apt's cache cannot be listed"
    # Changed configuration files of the person stay.
    set -- -q -y -o DPkg::Lock::Timeout=600 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold
    fetch 20 apt-get "$@" -o APT::Update::Error-Mode=any update || fail 5 "apt-get update: $(tail -n 5 "$WORK/out")"
    state 10 download
    fetch 20 apt-get "$@" -d full-upgrade || fail 10 "apt-get download: $(tail -n 5 "$WORK/out")"
    no_return
    state 25 upgrade
    apt_install "$@" upgrade --without-new-pkgs || fail 25 "apt-get upgrade ended with $?"
    state 55 full-upgrade
    apt_install "$@" full-upgrade || fail 55 "apt-get full-upgrade ended with $?"
    state 90 checking
    [ "$(. "$R/etc/os-release" && echo "$VERSION_ID")" = "$TO" ] || fail 90 "os-release does not say $TO"
    apt_forget_debs
    rm -rf "$DIR/lists"
}

#: progress
apt_full_upgrade_progress() { count_progress; }

#: boot
apt_full_upgrade_finishing() { :; }
apt_full_upgrade_success() { state_succeeded; }

#: undo
# Until the upgrade only sources and lists were exchanged and packages downloaded.
apt_full_upgrade_undo() {
    copy_files "$DIR/saved" /etc/apt
    lists=$R/var/lib/apt/lists
    if [ -d "$DIR/lists" ]; then
        rm -rf "$lists.osferry"
        cp -a "$DIR/lists" "$lists.osferry" && rm -rf "$lists" && mv "$lists.osferry" "$lists" || say left "${lists#"$R"} cannot be put back"
    fi
    apt_forget_debs
}

#: finish
# Sources, lists and packages are the new release's; nothing else was touched.
apt_full_upgrade_finish() { :; }
