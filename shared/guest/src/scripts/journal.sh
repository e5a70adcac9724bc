# What is noted of what was changed in the guest. Every step is noted in the journal before it is made, with the original
# beside it; steps are taken back from the last to the first.
KEPT=$DIR/remedies
JOURNAL=$KEPT/journal

# KIND: what was noted of it.
noted() { sed -n "s/^$1 //p" "$JOURNAL" 2>/dev/null; }
# \040 in mount tables is a blank.
# shellcheck disable=SC2059
plain() { printf "$(printf %s "$1" | sed 's/%/%%/g')"; }

package_file() {
    if rpm_based; then
        echo "$KEPT/packages/$1.rpm"
    else
        for file in "$KEPT/packages/${1%%:*}"_*_i386.deb; do echo "$file"; done
    fi
}
is_installed() {
    if rpm_based; then
        rpm -q "$1" >/dev/null 2>&1
    else
        dpkg-query -W -f '${db:Status-Abbrev}' "${1%%=*}" 2>/dev/null | grep -q '^ii'
    fi
}
# With what it needed.
newly_installed() { list_packages | comm -13 "$KEPT/before_install" -; }
