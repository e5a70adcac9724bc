# Drivers that EL 8 has no more, of those that are loaded (leapp-data, device_driver_deprecation_data.json; without
# those of which only some devices are gone).
removed_drivers() {
    awk '$1 ~ /^(3w_9xxx|3w_sas|aic79xx|aoe|arcmsr|be2iscsi|bfa|bna|cxgb3|floppy|hptiop|initio|isci|mptctl|mthca|mtip32xx|mvsas|mvumi|pata_.*|sata_(mv|nv|promise|qstor|sil|sil24|sis|svw|sx4|uli|via|vsc)|stex|sx8|tulip|ufshcd)$/ { print $1 }' \
        "$R/proc/modules" 2>/dev/null
}
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
