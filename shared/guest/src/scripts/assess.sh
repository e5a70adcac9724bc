# The migratability check. Changes nothing: databases are read from copies, lists and caches go to a
# scratch folder that is deleted.
scratch

say_os
say memory_mib "$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo)"
for path in /usr /var /boot; do
    say free_mib "$path $(df -Pk "$path" | awk 'NR == 2 { print int($4 / 1024) }')"
done
awk '$NF ~ /^\(.*O.*\)$/ { print $1 }' /proc/modules | head -n 20 | say_lines foreign_module

# Why there is no plan: what cannot be reached now may be reached later, what cannot be resolved stays so.
tell_problem() {
    if unreachable "$WORK/plan"; then
        grep -i -E '(error|err|failed|cannot|could not|unable)' "$WORK/plan" | tail -n 3 | cut -c 1-300 | say_lines unreachable
    else
        grep -A 12 -i -E '^(error|e:|the following packages have unmet)' "$WORK/plan" | head -n 12 | say_lines problem
        tail -n 3 "$WORK/plan" | say_lines problem
    fi
}

# name, sections and rows of the transaction that dnf shows
preview_distro_sync() {
    cp -a /var/lib/rpm "$WORK/rpm"
    printf '%%_dbpath %s\n' "$WORK/rpm" >"$WORK/home/.rpmmacros"
    export HOME=$WORK/home
    rpm -qa --qf '%{NAME}.%{ARCH}\n' | grep -E '\.i[3-6]86$' | head -n 50 | say_lines foreign_package
    rpm -qa --qf '%{NAME}-%{VERSION}\n' | grep -E '^(mysql|mariadb).*server' | say_lines mysql
    awk -F= '/^\[/ { s = $0 } /^enabled *= *1/ && s == "[epel-modular]" { print "yes"; exit }' \
        /etc/yum.repos.d/*.repo 2>/dev/null | say_lines epel_modular
    package_problems | say_lines package_problem
    distro_sync_repos "$WORK/repos"
    distro_sync_transaction >"$WORK/transaction"
    fetch 5 dnf --assumeno $(distro_sync_options "$WORK/repos") --setopt=cachedir="$WORK/cache" \
        --setopt=logdir="$WORK/cache" --setopt=persistdir="$WORK/cache" shell "$WORK/transaction"
    mv "$WORK/out" "$WORK/plan"
    if grep -q -e '^Transaction Summary' -e '^Nothing to do' "$WORK/plan"; then
        awk '
            /^[A-Z].*:$/ { section = $0; next }
            /^Transaction Summary/ { exit }
            /^ [^ ]/ {
                if (section ~ /^Removing/) print "osf\tremoval\t" $1
                else if (section ~ /^Downgrading/) print "osf\tdowngrade\t" $1
                if (section ~ /^(Installing|Upgrading|Downgrading|Reinstalling)/) changes++
            }
            END { print "osf\tchanges\t" changes + 0 }
        ' "$WORK/plan" | grep -v -x -F "$(distro_sync_replaced | sed 's/^/osf	removal	/')"
    else
        tell_problem
    fi
}

preview_apt_full_upgrade() {
    dpkg-query -W -f '${Package}:${Architecture}\n' | grep ':i386$' | head -n 50 | say_lines foreign_package
    dpkg-query -W -f '${db:Status-Abbrev} ${Package}-${Version}\n' | awk '$1 == "ii" { print $2 }' |
        grep -E '^(mysql|mariadb)-server' | say_lines mysql
    package_problems | say_lines package_problem
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
    # A package that a new one says it replaces or provides has a successor.
    awk '$1 == "Inst" && $3 !~ /^\[/ { print $2 }' "$WORK/plan" >"$WORK/new"
    xargs apt-cache "$@" show --no-all-versions <"$WORK/new" 2>/dev/null |
        awk '/^(Replaces|Provides):/ { gsub(/\([^)]*\)/, ""); gsub(/,/, " "); for (i = 2; i <= NF; i++) print $i }' |
        sort -u >"$WORK/replaced"
    # So has a library whose next version is new: libsemanage1, libsemanage2.
    awk 'function stem(name) { sub(/[0-9.]+(t64)?$/, "", name); return name }
        FNR == NR { if ($1 ~ /^lib.*[0-9]/) new[stem($1)] = 1; next }
        $1 == "Remv" && $2 ~ /^lib.*[0-9]/ && stem($2) in new { print $2 }' "$WORK/new" "$WORK/plan" >>"$WORK/replaced"
    awk '$1 == "Remv" { print $2 }' "$WORK/plan" | grep -v -x -F -f "$WORK/replaced" | say_lines removal
    awk '$1 == "Inst" && /DOWNGRADED/ { print $2 }' "$WORK/plan" | say_lines downgrade
    say changes "$(grep -c '^Inst ' "$WORK/plan")"
}

case $ENGINE in
distro-sync) preview_distro_sync ;;
*) preview_apt_full_upgrade ;;
esac
say done yes
