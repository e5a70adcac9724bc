# Prepares the guest: mends what the policy allows ($REMEDIATIONS), brings the tool in. How things were is noted
# first, so that `undo` can take all of it back. Done twice it is done once.
scratch
umask 022
if beyond_return; then
    say problem "the tool has begun to change packages"
    say 'done' yes
    exit 0
fi
refuse() {
    say problem "this migration is over: nothing is prepared for it"
    say 'done' yes
    exit 4
}
[ ! -e "$DIR.over" ] || refuse
mkdir -p "$DIR" && chmod 700 "${DIR%/*}" "$DIR" || exit 3
if ! begin_work; then
    rmdir "$DIR" 2>/dev/null
    [ ! -e "$DIR.over" ] || refuse
    exit 3
fi
mkdir -p "$DIR/undo" "$KEPT/files" || exit 3

# Repository files and exclusions of people, for `finish`. A package's own repository file goes with the package.
if [ ! -d "$DIR/settings" ]; then
    rm -rf "$DIR/settings.new"
    mkdir -p "$DIR/settings.new/repos"
    ! rpm_based || for file in "$R"/etc/yum.repos.d/*.repo; do
        [ ! -f "$file" ] || rpm -qf "${file#"$R"}" >/dev/null 2>&1 || cp -a "$file" "$DIR/settings.new/repos/"
    done
    for file in "$R/etc/yum.conf" "$R/etc/dnf/dnf.conf"; do [ ! -f "$file" ] || cp -p "$file" "$DIR/settings.new/"; done
    mv "$DIR/settings.new" "$DIR/settings"
fi

apply() {
    if (remedy_"$(printf %s "$1" | tr - _)") >"$WORK/why" 2>&1 </dev/null; then
        say applied "$1"
    else
        say problem "$1: $(tail -n 3 "$WORK/why" | tr '\n' ' ' | cut -c 1-300)"
    fi
}
answer=
for name in $REMEDIATIONS; do
    case $name in
    answer-leapp) answer=$name ;;
    remove-i686 | permit-root-login | unload-drivers | clean-boot | unmount-network-file-systems | relative-root-links | \
        regular-resolv-conf | disable-zone-drifting | enable-yum-plugins | install-efibootmgr) apply "$name" ;;
    *) say problem "there is no remediation $name" ;;
    esac
done
if type engine_install >/dev/null 2>&1; then
    engine_install >"$WORK/install" 2>&1 </dev/null
    code=$?
    grep '^osf	' "$WORK/install" | head -n 9
    [ $code -eq 0 ] || grep -q -e '^osf	problem' -e '^osf	unreachable' "$WORK/install" ||
        say problem "$ENGINE cannot be installed: $(tail -n 3 "$WORK/install" | tr '\n' ' ' | cut -c 1-300)"
fi
[ -z "$answer" ] || apply "$answer"
end_work
sync
say 'done' yes
