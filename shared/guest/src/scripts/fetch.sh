# Does this output speak of repositories that could not be reached, or of a lock of apt's that somebody else holds?
# A full disk is an error of curl, too (23, CURLE_WRITE_ERROR).
unreachable() {
    ! grep -q -i 'curl error (23)' "$1" && grep -q -i -E 'curl error|cannot (download|retrieve|find a valid baseurl)|failed to (download|fetch)|unable to (fetch|connect)|could not (resolve|connect)|temporary failure|no more mirrors|could not get lock' "$1"
}

# TRIES command: runs it, its output in $WORK/out; again while repositories cannot be reached.
fetch() {
    left=$1
    shift
    pause=0
    while :; do
        "$@" >"$WORK/out" 2>&1
        code=$?
        left=$((left - 1))
        { [ $code -ne 0 ] && [ $left -gt 0 ] && unreachable "$WORK/out"; } || return $code
        [ $pause -ge 30 ] || pause=$((pause + 2))
        sleep $pause
    done
}
