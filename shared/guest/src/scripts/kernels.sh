# Versions of the installed kernels as `uname -r` tells them, oldest first; in the order of rpm, to which a number is
# newer than a word (1160.119.1.el7 than 1160.el7).
list_kernels() {
    list_installed | awk '
        $1 ~ /^kernel(-plus|-ml|-lt|-uek)?(-core)?$/ { print $2 "." $3 }
        $1 ~ /^linux-image-[0-9].*[0-9a-z]$/ && $1 !~ /-(dbg|unsigned)$/ { print substr($1, 13) }' |
        awk '{
            key = ""
            rest = $0
            while (match(rest, /[0-9]+|[A-Za-z]+/)) {
                part = substr(rest, RSTART, RLENGTH)
                key = key (part ~ /^[0-9]/ ? sprintf("2%012d ", part) : "1" part " ")
                rest = substr(rest, RSTART + RLENGTH)
            }
            print key "\t" $0
        }' | sort -u | cut -f 2
}
# Kernels that neither run, nor are the newest, nor the boot loader's choice.
list_old_kernels() {
    list_kernels | sed '$d' | grep -v -x -F -e "$(uname -r)" |
        grep -v -x -F -e "$(grubby --default-kernel 2>/dev/null | sed 's/.*vmlinuz-//')"
}
