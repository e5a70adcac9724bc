# Takes back what `prepare`, or the tool before its point of no return, has changed; looks whether that is so. May
# be cut off and done again at any time. What cannot be taken back is told, and tried again the next time.
# First of all: nothing of this leg begins any more, however late it is delivered. The note stays.
over=yes
{ mkdir -p "${DIR%/*}" && chmod 700 "${DIR%/*}" && true >"$DIR.over"; } 2>/dev/null || over=
scratch
: >"$WORK/left"
[ -n "$over" ] || echo "it cannot be noted that the migration is over" >>"$WORK/left"
give_up() {
    say left "$1"
    say 'done' yes
    exit 0
}
too_late="the tool has begun to change packages: only the snapshots lead back"
! beyond_return || give_up "$too_late"
engine_settle || give_up "the analysis of $ENGINE still runs: it takes back itself what it changes"
stop_work || give_up "what prepares the migration has been asked to end, and still runs"
stop_tool >/dev/null 2>&1
# It may have come to it in the meantime.
if beyond_return || tool_is_alive; then give_up "$too_late"; fi
rm -rf "$DIR.gone"

# PATH: as it was; what a person changed in it meanwhile stays.
put_back() {
    original=$KEPT/files$1
    rm -f "$R$1.osferry"
    if [ -h "$original" ]; then
        [ ! -d "$R$1" ] || [ -h "$R$1" ] || return 1
        ln -snf "$(readlink "$original")" "$R$1"
    elif [ -f "$original" ]; then
        without_our_changes "$original" >"$WORK/kept"
        if [ -f "$R$1" ] && grep -q '^#osferry-o' "$R$1" && without_our_changes "$R$1" >"$WORK/theirs" && ! cmp -s "$WORK/theirs" "$WORK/kept"; then
            cp -p "$original" "$original.part" && cat "$WORK/theirs" >"$original.part" && mv -f "$original.part" "$original" || return 1
        fi
        same_file "$1" || { cp -a "$original" "$R$1.osferry" && mv -f "$R$1.osferry" "$R$1"; }
    fi
}
# shellcheck disable=SC2012 # Only the mode is read.
same_file() {
    if [ -h "$KEPT/files$1" ]; then
        [ "$(readlink "$R$1")" = "$(readlink "$KEPT/files$1")" ]
    else
        [ ! -h "$R$1" ] && cmp -s "$KEPT/files$1" "$R$1" && [ "$(ls -ln "$R$1" | cut -c 1-10)" = "$(ls -ln "$KEPT/files$1" | cut -c 1-10)" ]
    fi
}
put_back_packages() {
    set --
    for package in $(noted package); do
        is_installed "$package" || set -- "$@" "$(package_file "$package")"
    done
    [ $# -eq 0 ] || if rpm_based; then rpm -i --oldpackage --nosignature "$@"; else dpkg -i "$@"; fi
}
remove_installed() {
    set --
    for name in $(if [ -e "$KEPT/installed" ]; then cat "$KEPT/installed"; else newly_installed; fi); do
        ! rpm -q "$name" >/dev/null 2>&1 || set -- "$@" "$name"
    done
    [ $# -eq 0 ] || rpm -e "$@"
}
is_mounted() { TARGET=$1 awk '$2 == ENVIRON["TARGET"] { found = 1 } END { exit !found }' "$R/proc/mounts"; }
is_loaded() { grep -q "^$1 " "$R/proc/modules"; }
# KIND WHAT
take_back() {
    case $1 in
    file)
        put_back "$2"
        # What runs by it reads it again.
        [ "$2" != /etc/firewalld/firewalld.conf ] || ! firewall-cmd --state || firewall-cmd --reload
        ;;
    absent) rm -f "$R$2" "$R$2.osferry" ;;
    directory) rmdir "$R$2" ;;
    package) put_back_packages ;;
    installed) remove_installed ;;
    module) is_loaded "$2" || modprobe "$2" ;;
    mounted)
        # shellcheck disable=SC2086 # Source, target, type and options have no blanks.
        set -- $2
        is_mounted "$2" || mount "$(plain "$2")" || mount -t "$3" -o "$4" "$(plain "$1")" "$(plain "$2")"
        ;;
    esac >/dev/null 2>&1 </dev/null
}
# KIND WHAT: says what is not as it was.
check_back() {
    case $1 in
    file) same_file "$2" || printf '%s\n' "$2 is not as it was" ;;
    absent) [ ! -e "$R$2" ] || printf '%s\n' "$2 is still there" ;;
    package) is_installed "$2" || printf '%s\n' "package $2 is not back" ;;
    installed) ! rpm -q "$2" >/dev/null 2>&1 || printf '%s\n' "package $2 is still installed" ;;
    module) is_loaded "$2" || printf '%s\n' "driver $2 is not loaded" ;;
    mounted)
        # shellcheck disable=SC2086
        set -- $2
        is_mounted "$2" || printf '%s\n' "$2 is not mounted"
        ;;
    esac
}

# FOLDER PLACE: says which of its files are not in their place.
check_files() {
    (cd "$1" 2>/dev/null && find . -type f ! -name '*.part' -exec cksum {} +) | while read -r sum size file; do
        [ "$(cksum 2>/dev/null <"$R$2${file#.}")" = "$sum $size" ] || echo "$2${file#.} is not as it was"
    done 2>/dev/null
}
# The engine's own steps came last.
engine_undo >"$WORK/engine" 2>&1 </dev/null
sed -n 's/^osf	left	//p' "$WORK/engine" >>"$WORK/left"
check_files "$DIR/undo/files" "" >>"$WORK/left"
check_files "$DIR/saved" /etc/apt >>"$WORK/left"
if [ -f "$JOURNAL" ]; then
    # From the last to the first; but of two mounts the outer one was there before, and would cover the inner one.
    grep -v '^mounted ' "$JOURNAL" | sed '1!G;h;$!d' >"$WORK/journal"
    grep '^mounted ' "$JOURNAL" >>"$WORK/journal"
    while read -r kind what; do take_back "$kind" "$what"; done <"$WORK/journal"
    while read -r kind what; do check_back "$kind" "$what"; done <"$WORK/journal" >>"$WORK/left"
fi
if [ -s "$WORK/left" ]; then
    say_lines left 6000 <"$WORK/left"
else
    # Out of the way at once: a half removed directory would take back the wrong things.
    [ ! -d "$DIR" ] || mv -f "$DIR" "$DIR.gone"
    rm -rf "$DIR.gone"
    say undone yes
fi
sync
say 'done' yes
