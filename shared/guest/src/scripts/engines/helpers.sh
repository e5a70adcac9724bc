# What several engines do alike.

#: prepare preview undo
UNDO=$DIR/undo
list_names() { rpm -qa --qf '%{NAME}.%{ARCH}\n' | sort -u; }

#: prepare finish
# PATH: the file that it leads to. On EL 8 yum.conf is a link, and grubenv where the firmware is EFI.
behind() {
    if [ -h "$R$1" ]; then target=$(readlink -f "$R$1"); echo "${target#"$R"}"; else echo "$1"; fi
}

#: prepare
# PATH: keeps a file as it is now, once.
keep_file() {
    set -- "$(behind "$1")"
    [ -f "$R$1" ] && [ ! -e "$UNDO/files$1" ] || return 0
    mkdir -p "$UNDO/files${1%/*}" && cp -a "$R$1" "$UNDO/files$1.part" && mv -f "$UNDO/files$1.part" "$UNDO/files$1"
}
# FILE: exclusions become comments, with the lines that go on from them; at no moment it is half written.
put_exclusions_aside() {
    [ -f "$1" ] || return 0
    cp -p "$1" "$1.osferry" && awk '
        { more = /^exclude(pkgs)? *=/ || more && /^[ \t]+[^ \t]/; mark = more ? "#osferry " : ""; print mark $0 }' "$1" >"$1.osferry" &&
        mv -f "$1.osferry" "$1"
}
# PATH: notes a file that is ours.
keep_new_file() {
    mkdir -p "$UNDO"
    grep -q -x -F -e "$1" "$UNDO/new_files" 2>/dev/null || printf '%s\n' "$1" >>"$UNDO/new_files"
}
# URL PATH: fetches a file; says why when it cannot.
download() {
    if have curl; then fetch 5 curl -fsSL -m 120 -o "$2.part" "$1"; else fetch 5 wget -q -T 60 -O "$2.part" "$1"; fi
    code=$?
    if [ $code -ne 0 ]; then
        say unreachable "$1: $(tail -n 1 "$WORK/out" | cut -c 1-200) (exit code $code)"
        return 1
    fi
    mv "$2.part" "$2"
}
# URL PATH: fetches a script that will run as root; it must be the one that the operator has looked at.
download_script() {
    download "$1" "$2" || return 1
    if ! head -n 1 "$2" | grep -q '^#!.*sh'; then
        say problem "$1 is no shell script"
    elif [ -n "$TOOL_SHA256" ] && [ "$(sha256sum "$2" | cut -d ' ' -f 1)" != "$TOOL_SHA256" ]; then
        say problem "$1 is not the one whose checksum TOOL_CHECKSUMS names"
    elif [ -z "$TOOL_SHA256$(echo "$GPGCHECK" | grep -x 0)" ]; then
        say problem "TOOL_CHECKSUMS names no checksum of ${2##*/}"
    else
        return 0
    fi
    rm -f "$2"
    return 1
}
# COMMAND...: a package manager's call that installs; notes which packages are new, by name, so that one
# that was only updated is never removed; nor one that a person installs between two calls.
install_packages() {
    mkdir -p "$UNDO"
    if [ ! -s "$UNDO/packages_before" ]; then
        list_names >"$UNDO/packages_before.part" && mv -f "$UNDO/packages_before.part" "$UNDO/packages_before" || return 1
    fi
    fetch 5 "$@"
    code=$?
    note_new_packages || return 1
    [ $code -ne 0 ] || { rm -f "$UNDO/packages_before"; return 0; }
    key=problem
    ! unreachable "$WORK/out" || key=unreachable
    tail -n 5 "$WORK/out" | cut -c 1-300 | say_lines $key
    return 1
}

#: prepare undo
note_new_packages() {
    touch "$UNDO/packages" && list_names | comm -13 "$UNDO/packages_before" - | sort -u - "$UNDO/packages" >"$UNDO/packages.part" &&
        mv -f "$UNDO/packages.part" "$UNDO/packages"
}

#: preview run boot
# What is wrong with the package database; silent when nothing is. Leaves nothing behind: caches and logs
# go to $WORK.
package_problems() {
    if ! rpm_based; then
        dpkg --audit 2>&1
        apt-get -qq -o Dir::Cache="$WORK/cache" check 2>&1 | grep -v '^W:'
    elif have dnf; then
        dnf -q --noplugins --setopt=cachedir="$WORK/cache" --setopt=logdir="$WORK/cache" \
            --setopt=persistdir="$WORK/cache" check 2>&1
    else
        # EL 7: `yum check` takes minutes, and says no more.
        yum --version >"$WORK/yum" 2>&1 || tail -n 1 "$WORK/yum" | sed 's/^/yum does not start: /'
        rpm -Va --nofiles --nodigest --nosignature --noscripts 2>&1
        list_installed | awk '$1 !~ /^(kernel.*|gpg-pubkey)$/ && seen[$1 "." $3]++ == 1 { print $1 "." $3 " is installed twice" }'
    fi | head -n 5
}

#: preview
# Packages that become older; databases first, for they decide.
say_downgrades() {
    cat >"$WORK/older"
    { grep -i -E '^(mysql|mariadb|percona)' "$WORK/older"; grep -v -i -E '^(mysql|mariadb|percona)' "$WORK/older"; } | say_lines downgrade
}
# What is particular about the installed packages.
package_facts() {
    if ! rpm_based; then
        dpkg-query -W -f '${Package}:${Architecture}\n' | grep ':i386$' | say_lines foreign_package
        dpkg-query -W -f '${db:Status-Abbrev} ${Package}-${Version}\n' | awk '$1 == "ii" { print $2 }' |
            grep -E '^(mysql|mariadb|percona(-server|-xtradb-cluster)?)-server' | say_lines mysql 600
    else
        rpm -qa --qf '%{NAME}.%{ARCH}\n' | grep -E '\.i[3-6]86$' | say_lines foreign_package
        rpm -qa --qf '%{NAME}-%{VERSION}\n' | grep -i -E '^(mysql|mariadb).*server|^percona-(server|xtradb-cluster)-server' |
            say_lines mysql 600
        awk -F= '/^\[/ { s = $0 } /^enabled *= *1/ && s == "[epel-modular]" { print "yes"; exit }' \
            "$R"/etc/yum.repos.d/*.repo 2>/dev/null | say_lines epel_modular
    fi
    package_problems | say_lines package_problem
}

#: undo
# Nothing that says how things were is removed by these steps: they may have to be done again.
remove_packages() {
    # Of a call that was cut off.
    [ ! -s "$UNDO/packages_before" ] || note_new_packages || say left "which packages are new cannot be noted"
    [ -s "$UNDO/packages" ] || return 0
    gone=$(while read -r name; do rpm -q "$name" >/dev/null 2>&1 && echo "$name"; done <"$UNDO/packages")
    # Together first: they may need each other. What something else needs by now stays.
    [ -z "$gone" ] || rpm -e $gone >/dev/null 2>&1 ||
        for name in $gone; do rpm -e "$name" >/dev/null 2>&1 || say left "package $name"; done
}
# FOLDER PLACE: every file of the folder goes to its place below $R; the place's own folders stay as they are.
copy_files() {
    (cd "$1" 2>/dev/null && find . -type f ! -name '*.part') | while IFS= read -r file; do
        place=$2${file#.}
        rm -f "$R$place.osferry"
        cp -a "$1/$file" "$R$place.osferry" && mv -f "$R$place.osferry" "$R$place" && continue
        rm -f "$R$place.osferry"
        say left "$place cannot be put back"
    done
}
put_back_files() {
    copy_files "$UNDO/files" ""
    [ ! -f "$UNDO/new_files" ] || while read -r file; do rm -f "$R$file" || say left "$file"; done <"$UNDO/new_files"
}
# PID: it and all that it started.
family() {
    cat /proc/[0-9]*/stat 2>/dev/null | sed 's/ (.*) \([A-Za-z]\) / \1 /' | awk -v first="$1" '
        $2 != "Z" { parent[$1] = $3 }
        END { for (pid in parent) { for (up = pid; up in parent && up != first; up = parent[up]); if (up == first) print pid } }'
}
# Ends scripts of ours that prepare, ask the tool or start it. Never by force: a package manager that is killed in
# the middle leaves a database that nobody can mend.
stop_work() {
    for note in "$DIR"/at_work.*; do
        noted_runs "$note" || continue
        members=$(family "$pid")
        kill -TERM $members 2>/dev/null
        wait_for $members || return 1
    done
}
# PID...: 20 s at most for their end.
wait_for() {
    left=100
    for pid; do
        while runs "$pid"; do
            [ $left -gt 0 ] || return 1
            sleep 0.2
            left=$((left - 1))
        done
    done
}
# Ends the tool with everything that it started.
stop_tool() {
    have systemctl && systemctl stop "osferry-${DIR##*/}.service" >/dev/null 2>&1
    tool_is_alive || return 0
    # It leads a session of its own where setsid started it.
    kill -TERM -- "-$pid" 2>/dev/null || kill -TERM $(family "$pid") 2>/dev/null
    wait_for "$pid"
    kill -KILL -- "-$pid" 2>/dev/null || kill -KILL "$pid" 2>/dev/null
    wait_for "$pid"
}

#: progress
# Packages done of packages to do, where the package manager counts them, between 25 and 90 percent.
count_progress() {
    percent=$(sed -n 's/.*"Progress":\([0-9]*\).*/\1/p' "$DIR/state.json" 2>/dev/null)
    [ "${percent:-0}" -ge 25 ] && [ "$percent" -lt 90 ] || return 0
    # When all is done it counts once more, what it verifies.
    grep -E '[0-9]+/[0-9]+ *$' "$DIR/log" 2>/dev/null | tail -n 1 | awk '
        /^ *Verifying/ { print 90; exit }
        { n = split($NF, count, "/"); if (n == 2 && count[2] > 0 && count[1] <= count[2]) print int(25 + 65 * count[1] / count[2]) }'
}

#: boot finish
# What the releases of the old system's packages say for which system they were built, as a pattern. Alibaba Cloud Linux 2
# is built like EL 7 and has packages of both names.
old_dist() { case $FROM_ID in alinux) echo "(al|el)$((FROM + 5))" ;; anolis) echo "an$FROM" ;; *) echo "el$FROM" ;; esac; }

#: boot
state_succeeded() { grep -q '"Progress":100,"ErrorCode":0' "$DIR/state.json" 2>/dev/null; }
# The kernel that runs, and the one that the boot loader starts when nobody chooses.
say_kernel() {
    kernel=$(sed -n 's/.*BOOT_IMAGE=[^ ]*vmlinuz-\([^ ]*\).*/\1/p' "$R/proc/cmdline")
    say kernel "${kernel:-$(uname -r)}"
    default=
    if ! rpm_based; then
        # Unless somebody told it otherwise GRUB starts the newest; what is no package's nobody knows here.
        grep -q '^GRUB_DEFAULT=[^0]' "$R/etc/default/grub" 2>/dev/null || ! list_kernels | grep -q -x -F -e "${kernel:-$(uname -r)}" ||
            default=vmlinuz-$(list_kernels | tail -n 1)
    elif have grubby; then
        default=$(grubby --default-kernel 2>/dev/null)
    else
        entry=$(sed -n 's/^saved_entry=//p' "$R/boot/grub2/grubenv" 2>/dev/null)
        [ -z "$entry" ] || default=$(sed -n 's/^linux *//p' "$R/boot/loader/entries/$entry.conf" 2>/dev/null)
    fi
    case $default in *vmlinuz-*) say kernel_default "${default##*vmlinuz-}" ;; esac
}
