# A file without what OS Ferry changed in it: `#osferry-off# ` stands before a line that was taken out,
# `#osferry-on#` above a line that was put in.
without_our_changes() {
    awk '/^#osferry-on#/ { getline; next } { sub(/^#osferry-off# /, ""); print }' "$1"
}
