# Engine apt-full-upgrade: Debian's own way from one release to the next, from the guest's own sources.

codename() {
    case $1 in 11) echo bullseye ;; 12) echo bookworm ;; 13) echo trixie ;; esac
}

#: preview run
# ETC: the URIs below it that are of Debian's archive or a mirror of it. What was downloaded from one says whose it is;
# else its name does, as Debian and the vendor have it: /debian or /debian-security right below the host.
apt_debian_uris() {
    cat "$1"/sources.list "$1"/sources.list.d/*.list "$1"/sources.list.d/*.sources 2>/dev/null | tr -s ' \t' '\n' |
        grep -E '^[a-z+]+:/' | sort -u | while IFS= read -r uri; do
        place=${uri#*:}
        place=${place#//}
        place=${place%/}
        set -- "$R/var/lib/apt/lists/$(printf %s "$place" | tr / _)"_*Release
        if [ -f "$1" ]; then
            cat "$@" | grep -q -E '^Origin: Debian( Backports)?$'
        else
            printf '%s\n' "$place" | grep -q -E '^([^/]*\.debian\.org(/.*)?|[^/]+/debian(-security)?)$'
        fi && printf '%s\n' "$uri"
    done
}

# ETC TO: Debian's entries below ETC with the next release's name: suites, -updates, -security alike. Whole files go to
# TO/next; those entries alone to TO/only, for the upgrade itself (release notes, "Start from pure Debian"). The
# others' URIs are left in $WORK/foreign.
# Firmware has a component of its own from Debian 12 on (release notes, "non-free split").
apt_next_release() {
    old=$(codename "$FROM") new=$(codename "$TO")
    mkdir -p "$2/next/sources.list.d" "$2/only/sources.list.d"
    : >"$2/only/sources.list"
    apt_debian_uris "$1" >"$WORK/uris"
    : >"$WORK/foreign"
    for file in "$1"/sources.list "$1"/sources.list.d/*.list "$1"/sources.list.d/*.sources; do
        [ -f "$file" ] || continue
        # Each line, after + where it is of an entry of Debian's: a line of a list, a paragraph of the newer form.
        awk '
            function tell(   i) { for (i = 1; i <= count; i++) print mark line[i]; count = 0; mark = "-" }
            BEGIN { mark = "-" }
            uris { debian[$0]; next }
            { line[++count] = $0 }
            !/^[ \t]*#/ { for (i = 1; i <= NF; i++) if ($i in debian) mark = "+" }
            list || /^[ \t]*$/ { tell() }
            END { tell() }' uris=1 "$WORK/uris" uris= list="$(echo "$file" | grep '\.list$')" "$file" >"$WORK/marked"
        awk '/^-([ \t]*deb|URIs:)/ { for (i = 2; i <= NF; i++) if ($i ~ /^[a-z+]+:\//) print $i }' "$WORK/marked" >>"$WORK/foreign"
        sed -E -e ':again' -e "/^\+[^#]/ s/([: \t])$old([-/ \t]|\$)/\1$new\2/" -e 't again' "$WORK/marked" >"$WORK/renamed"
        [ "$TO" != 12 ] || sed -i -E '/^\+ *(deb|Components:)/ { /non-free-firmware/! s/\bnon-free\b/non-free non-free-firmware/ }' "$WORK/renamed"
        place=${file#"$1"/}
        sed -n 's/^+//p' "$WORK/renamed" >"$2/only/$place"
        cmp -s "$WORK/marked" "$WORK/renamed" || sed 's/^.//' "$WORK/renamed" >"$2/next/$place"
    done
    # They may bear it already: of a run that was cut off.
    cat "$2"/only/sources.list "$2"/only/sources.list.d/* 2>/dev/null | grep -q -w "$new"
}
# TO: so apt asks nobody else.
apt_only() { printf '%s\n' -o "Dir::Etc::SourceList=$1/only/sources.list" -o "Dir::Etc::SourceParts=$1/only/sources.list.d"; }

#: preview
apt_full_upgrade_preview() {
    package_facts
    if ! apt_next_release "$R/etc/apt" "$WORK"; then
        say problem "no source of Debian's archive names $(codename "$FROM")"
        return
    fi
    sort -u "$WORK/foreign" | say_lines system.foreign_source
    cp "$R/var/lib/apt/extended_states" "$WORK/extended_states" 2>/dev/null || : >"$WORK/extended_states"
    set -- $(apt_only "$WORK") -o Dir::State::Lists="$WORK/lists" -o Dir::Cache="$WORK/cache" -o Dir::Log="$WORK/cache" \
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
    rm -rf "$DIR/apt"
    apt_next_release "$R/etc/apt" "$DIR/apt" || fail 5 "no source of Debian's archive names $(codename "$FROM")"
    (cd "$DIR/apt/next" && find . -type f) >"$WORK/sources"
    while IFS= read -r place; do
        file=$R/etc/apt/${place#./} kept=$DIR/saved/${place#./}
        mkdir -p "${kept%/*}"
        [ -e "$kept" ] || { cp -a "$file" "$kept.part" && mv -f "$kept.part" "$kept"; } || fail 5 "$file cannot be kept"
        cp -p "$file" "$file.osferry" && cat "$DIR/apt/next/$place" >"$file.osferry" && mv -f "$file.osferry" "$file" ||
            fail 5 "$file cannot be changed"
    done <"$WORK/sources"
    if [ ! -d "$DIR/lists" ]; then
        rm -rf "$DIR/lists.part"
        mkdir -p "$R/var/lib/apt/lists"
        cp -a "$R/var/lib/apt/lists" "$DIR/lists.part" && mv "$DIR/lists.part" "$DIR/lists" || fail 5 "apt's lists cannot be kept"
    fi
    [ -e "$DIR/debs" ] || { apt_debs >"$DIR/debs.part" && mv "$DIR/debs.part" "$DIR/debs"; } || fail 5 "apt's cache cannot be listed"
    # Changed configuration files of the person stay.
    set -- $(apt_only "$DIR/apt") -q -y -o DPkg::Lock::Timeout=600 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold
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
