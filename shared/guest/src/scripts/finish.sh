# After success: people's settings come back, the tool's leftovers go. What does not fit the new system stays away, and
# that is told. May be done again.
scratch
KEPT=$DIR/remedies
# What is said is gathered, and told in bounds at the end. What is started meanwhile does not hold the real output open.
{
    engine_finish >"$WORK/engine" 2>/dev/null </dev/null
    grep '^osf	' "$WORK/engine"

    # WHAT COMMAND...: says whether it is back.
    restore() {
        what=$1
        shift
        if "$@" >/dev/null 2>&1 </dev/null; then say restored "$what"; else say left "$what"; fi
    }
    # PATH: $WORK/new becomes its content, also behind a link; at no moment it is half written. Mode and owner stay.
    rewrite() { cmp -s "$WORK/new" "$R$1" || restore "$1" replace "$(readlink -f "$R$1")"; }
    replace() {
        rm -f "$1.osferry"
        cp -a "$1" "$1.osferry" && cat "$WORK/new" >"$1.osferry" && mv -f "$1.osferry" "$1" && return 0
        rm -f "$1.osferry"
        return 1
    }
    # KIND: what was noted of it.
    noted() { sed -n "s/^$1 //p" "$KEPT/journal" 2>/dev/null; }
    # shellcheck disable=SC2059
    plain() { printf "$(printf %s "$1" | sed 's/%/%%/g')"; }

    noted file | while IFS= read -r path; do
        original=$KEPT/files$path
        case $path in
        # What is in effect stays in effect: without the line the new system denies what the old one allowed.
        /etc/ssh/sshd_config) say kept_away "the default of PermitRootLogin: $path says it now" ;;
        # The new firewalld knows it no more.
        /etc/firewalld/firewalld.conf) say kept_away "AllowZoneDrifting in $path" ;;
        /boot/*) ;;
        *)
            if [ -h "$original" ]; then
                target=$(readlink "$original")
                case $target in /*) place=$R$target ;; *) place=$R${path%/*}/$target ;; esac
                if [ ! -e "$place" ]; then
                    say kept_away "link $path to $target"
                elif [ "$(readlink "$R$path")" != "$target" ] && { [ -h "$R$path" ] || [ ! -d "$R$path" ]; }; then
                    restore "$path" ln -snf "$target" "$R$path"
                fi
            elif [ -f "$R$path" ] && grep -q '^#osferry-o' "$R$path"; then
                without_our_changes "$R$path" >"$WORK/new" && rewrite "$path"
            fi
            ;;
        esac
    done
    noted mounted | while read -r source target type options; do
        TARGET=$target awk '$2 == ENVIRON["TARGET"] { found = 1 } END { exit !found }' "$R/proc/mounts" && continue
        if { mount "$(plain "$target")" || mount -t "$type" -o "$options" "$(plain "$source")" "$(plain "$target")"; } >/dev/null 2>&1 </dev/null; then
            say restored "mount of $target"
        else
            say left "mount of $target: it cannot be mounted"
        fi
    done
    noted module | while read -r driver; do say kept_away "driver $driver"; done
    [ -z "$(noted module)" ] || rm -f "$R/etc/modprobe.d/osferry.conf"
    noted package | while read -r package; do say kept_away "package $package"; done
    noted kernel | while read -r version; do
        say kept_away "kernel $version"
        if rpm_based; then
            gone=$(list_installed | awk -v version="$version" '$1 ~ /^kernel/ && $2 "." $3 == version { print $1 "-" version }')
            # shellcheck disable=SC2086
            [ -z "$gone" ] || rpm -e $gone </dev/null >/dev/null 2>&1
        else
            dpkg --purge "linux-image-$version" </dev/null >/dev/null 2>&1
        fi
    done

    copy() { cp -a "$1" "$2.osferry" && mv -f "$2.osferry" "$2"; }
    # A person's repository files, if they do not name the old system; and exclusions that are missing now.
    for file in "$DIR"/settings/repos/*.repo; do
        [ -f "$file" ] || continue
        path=/etc/yum.repos.d/${file##*/}
        [ ! -e "$R$path" ] || continue
        if grep -i -E '^ *(baseurl|mirrorlist|metalink) *=' "$file" | grep -q -i -E "centos|rhel|redhat|rhui|elevate|/el?$FROM([^0-9.]|\$)|[-/]$FROM(Server|[./&-])"; then
            say kept_away "repository file $path"
        else
            restore "$path" copy "$file" "$R$path"
        fi
    done
    for path in /etc/yum.conf /etc/dnf/dnf.conf; do
        saved=$DIR/settings/${path##*/}
        [ -f "$saved" ] && [ -f "$R$path" ] || continue
        grep -E '^exclude(pkgs)? *=' "$saved" | grep -v -E 'leapp|elevate' | grep -v -x -F -f "$R$path" >"$WORK/missing" || continue
        awk 'more { lines = lines $0 "\n"; next } { print } /^\[main\]/ { printf "%s", lines }' more=1 "$WORK/missing" more= "$R$path" >"$WORK/new" &&
            rewrite "$path"
    done
    if [ "$(cat "$DIR/before/selinux" 2>/dev/null)" = Enforcing ] && [ "$(getenforce 2>/dev/null)" = Permissive ]; then
        sed 's/^SELINUX=.*/SELINUX=enforcing/' "$R/etc/selinux/config" >"$WORK/new" && rewrite /etc/selinux/config
        # Now, so that the verification sees what it does.
        restore "SELinux: Enforcing" setenforce 1
    fi
    ! have systemctl || while read -r unit; do
        [ "$(systemctl is-enabled "$unit" 2>/dev/null)" = disabled ] || continue
        restore "service $unit" systemctl enable "$unit"
        ! grep -q -x -F -e "$unit" "$DIR/before/services" || systemctl start "$unit" </dev/null >/dev/null 2>&1
    done 2>/dev/null <"$DIR/before/enabled"
} >"$WORK/told"
for key in restored kept_away kept left; do sed -n "s/^osf	$key	//p" "$WORK/told" | say_lines $key 4000; done
say 'done' yes
