# Engine convert2rhel: the same major version of Red Hat Enterprise Linux, from ECS's RHUI (ECS, "Options for
# CentOS end of life"; convert2rhel).

C2R_LOG=$R/var/log/convert2rhel

c2r_yum() { if have dnf; then dnf -y "$@"; else yum -y "$@"; fi; }

#: prepare
convert2rhel_install() {
    repo=/etc/yum.repos.d/osferry-convert2rhel.repo
    keep_new_file $repo
    printf '[osferry-convert2rhel]\nname=convert2rhel\nbaseurl=%s/convert2rhel/\nenabled=0\ngpgcheck=%s\ngpgkey=%s/convert2rhel/RPM-GPG-KEY-redhat-release\n' \
        "$TOOLS" "$GPGCHECK" "$TOOLS" >"$R$repo"
    key=/etc/pki/rpm-gpg/RPM-GPG-KEY-redhat-release
    if [ "$GPGCHECK" = 1 ] && [ ! -e "$R$key" ]; then
        keep_new_file $key
        mkdir -p "$R/etc/pki/rpm-gpg"
        download "$TOOLS/convert2rhel/RPM-GPG-KEY-redhat-release" "$R$key" || return 1
    fi
    install_packages c2r_yum --enablerepo=osferry-convert2rhel install convert2rhel
}

#: preview run
# COMMAND...: with what both calls have in common. An instance with ECS's licence gets packages from RHUI.
c2r() {
    case $FROM in
    7) set -- "$@" -y --no-rhsm --enablerepo rhui-rhel-7-server-rhui-rpms \
        --enablerepo rhui-rhel-7-server-rhui-extras-rpms --enablerepo rhui-rhel-7-server-rhui-optional-rpms ;;
    *) set -- "$@" -y --no-rhsm --enablerepo "rhui-rhel-$FROM-for-$(uname -m)-baseos-rhui-rpms" \
        --enablerepo "rhui-rhel-$FROM-for-$(uname -m)-appstream-rhui-rpms" ;;
    esac
    "$@"
}

#: preview undo
C2R_APART=$DIR/analysis
# Packages that its analysis has taken away and not put back: it removes release packages and puts them back at its end;
# one that was cut off does not, and one that failed may not (convert2rhel 2.x, main.py).
c2r_lost() {
    [ -s "$UNDO/analyzed" ] && ! grep -q -x -e 0 -e 2 "$C2R_APART/code" 2>/dev/null || return 0
    list_names | comm -23 "$UNDO/analyzed" -
}

#: preview
# The analysis, apart from this command: nothing that ends the command may end it. Waits for it.
c2r_analysis() {
    if ! noted_runs "$C2R_APART/pid"; then
        lost=$(c2r_lost)
        [ -z "$lost" ] || { echo "convert2rhel's analysis was cut off and has left these packages removed: $lost"; return 1; }
        list_names | comm -23 - "$UNDO/packages" >"$UNDO/analyzed.part" && mv -f "$UNDO/analyzed.part" "$UNDO/analyzed" || return 1
        rm -rf "$C2R_APART"
        mkdir "$C2R_APART" && printf '%s\n' '
            export LC_ALL=C
            cd /
            note=$1/analysis over=$1.over boot=$2
            shift 2
            echo $$ "$(sed "s/.*) //" /proc/$$/stat | cut -d " " -f 20)" "$boot" >"$note/pid"
            [ ! -e "$over" ] || exit 0
            "$@" >"$note/out" 2>&1 </dev/null
            echo $? >"$note/code.new" && mv "$note/code.new" "$note/code"
            exit 0
        ' >"$C2R_APART/run" || return 1
        c2r detach "osferry-${DIR##*/}-analysis" /bin/sh "$C2R_APART/run" "$DIR" "$(this_boot)" convert2rhel analyze || return 1
    fi
    grace=50
    while [ ! -e "$C2R_APART/code" ] && [ $grace -gt 0 ]; do
        noted_runs "$C2R_APART/pid" || grace=$((grace - 1))
        sleep 0.2
    done
    cat "$C2R_APART/out"
    [ -e "$C2R_APART/code" ] || { echo "convert2rhel's analysis was cut off"; return 1; }
    return "$(cat "$C2R_APART/code")"
}
convert2rhel_preview() {
    (copy_rpm_database; package_facts; say changes "$(rpm -qa | wc -l)")
    # Before it is prepared there is no tool that could be asked.
    have convert2rhel && [ -d "$DIR/undo" ] && begin_work || return 0
    # What it changes for its checks it takes back itself. 0: fine, 2: something inhibits, 1: it failed.
    fetch 3 c2r_analysis
    code=$?
    end_work
    report=$C2R_LOG/convert2rhel-pre-conversion.json
    [ ! -s "$report" ] || say report "$report"
    if [ $code -ne 0 ] && unreachable "$WORK/out"; then
        tail -n 3 "$WORK/out" | cut -c 1-300 | say_lines unreachable
    elif [ $code -ne 0 ] && { [ $code -ne 2 ] || [ ! -s "$report" ]; }; then
        tail -n 8 "$WORK/out" | cut -c 1-300 | say_lines problem
    fi
}

#: run
# CODE: has it put back everything itself? 2 is told only after a rollback without errors; after 1 it must have said
# what it says at the end of one, or that it had changed nothing (convert2rhel 2.x, main.py).
c2r_went_back() {
    ! grep -q -e POST_PONR -e 'allows rollback of any action until this point' -e "wasn't completed successfully" \
        -e 'Error while rolling back' "$DIR/log" || return 1
    [ "$1" -ne 2 ] || return 0
    grep -q 'No changes were made to the system' "$DIR/log" || sed -n '/Performing rollback/,$p' "$DIR/log" |
        grep -q -i -e 'pre-conversion analysis report' -e 'interrupted before analysis of system completed'
}
convert2rhel_run() {
    have convert2rhel || fail 5 "convert2rhel is not installed"
    # It removes packages long before its own point of no return; killed there it leaves them removed.
    no_return
    state 10 convert2rhel
    c2r convert2rhel
    code=$?
    if [ $code -ne 0 ] && c2r_went_back $code; then rm -f "$DIR/no_return"; sync; fi
    case $code in
    0) ;;
    2) fail 10 "convert2rhel found something that inhibits the conversion" ;;
    *) fail 10 "convert2rhel ended with $code" ;;
    esac
    state 90 checking
    rpm -q redhat-release || rpm -q redhat-release-server || fail 90 "redhat-release is not installed"
}

#: progress
# Its tasks, `TASK - [Prepare: …] ***`; the transaction is the longest of each half (convert2rhel 2.x, logger.py, phase.py).
convert2rhel_progress() {
    sed -n 's/.*TASK - \[\([A-Z][a-z]*: [^]]*\)\].*/\1/p' "$DIR/log" 2>/dev/null | awk '
        /^Prepare:/ { percent = 15 } /^Prepare: Validate/ { percent = 30 }
        /^Convert:/ { percent = percent < 60 ? 60 : 85 }
        { task = $0 }
        END { if (percent) print percent, task }'
}

#: boot
convert2rhel_finishing() { :; }
convert2rhel_success() {
    state_succeeded && { rpm -q redhat-release >/dev/null 2>&1 || rpm -q redhat-release-server >/dev/null 2>&1; }
}

#: undo
# Before its point of no return convert2rhel goes back by itself when it fails; nobody else can do that for it.
convert2rhel_settle() {
    left=600
    while noted_runs "$C2R_APART/pid"; do
        [ $left -gt 0 ] || return 1
        sleep 1
        left=$((left - 1))
    done
}
convert2rhel_undo() {
    c2r_lost | while read -r name; do say left "package $name, which convert2rhel's analysis has removed"; done
    remove_packages
    put_back_files
}

#: finish
convert2rhel_finish() {
    rpm -q convert2rhel >/dev/null 2>&1 && rpm -e convert2rhel >/dev/null 2>&1
    rm -f "$R/etc/yum.repos.d/osferry-convert2rhel.repo"
}
