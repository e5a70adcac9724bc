# Drivers that EL 8 has no more, of those that are loaded (leapp-data, device_driver_deprecation_data.json; without
# those of which only some devices are gone).
removed_drivers() {
    awk '$1 ~ /^(3w_9xxx|3w_sas|aic79xx|aoe|arcmsr|be2iscsi|bfa|bna|cxgb3|floppy|hptiop|initio|isci|mptctl|mthca|mtip32xx|mvsas|mvumi|pata_.*|sata_(mv|nv|promise|qstor|sil|sil24|sis|svw|sx4|uli|via|vsc)|stex|sx8|tulip|ufshcd)$/ { print $1 }' \
        "$R/proc/modules" 2>/dev/null
}
