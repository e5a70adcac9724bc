# File systems of disks and networks; not the kernel's own, not those of containers.
list_mounts() {
    awk '$3 !~ /^(proc|sysfs|tmpfs|devtmpfs|devpts|cgroup2?|securityfs|debugfs|tracefs|pstore|bpf|mqueue|hugetlbfs|autofs|configfs|selinuxfs|binfmt_misc|rpc_pipefs|nsfs|overlay|squashfs|efivarfs|fusectl|fuse.gvfsd-fuse|ramfs|rootfs)$/ &&
        $2 !~ "^/(proc|sys|dev|run)(/|$)" && $2 !~ "^/var/lib/(docker|containers|kubelet|containerd|leapp)/" { print $2 }' \
        "$R/proc/mounts" | sort -u
}
# Where every boot mounts something: what fstab and mount units say, but for what is mounted on demand.
boot_mounts() {
    echo /
    awk '$1 !~ /^#/ && NF >= 3 && "," $4 "," !~ /,(noauto|(x-|comment=)systemd[.]automount),/ {
        if ($2 != "/") sub(/\/+$/, "", $2)
        print $2
    }' "$R/etc/fstab" 2>/dev/null
    for unit in "$R"/etc/systemd/system/*.mount "$R"/run/systemd/generator*/*.mount "$R"/usr/lib/systemd/system/*.mount; do
        # What a generator says of fstab is known.
        [ ! -f "$unit" ] || [ -e "${unit%.mount}.automount" ] || grep -q '^SourcePath=/etc/fstab' "$unit" || sed -n 's/^Where=//p' "$unit"
    done
    awk '$3 == "zfs" { print $2 }' "$R/proc/mounts"
}
list_lasting_mounts() {
    { boot_mounts | sed 's/^/boot /'; list_mounts; } | awk '$1 == "boot" { boot[$2] = 1; next } $1 in boot'
}
# Those that are gone after a boot, and do not come when somebody asks for them.
list_fleeting_mounts() {
    { boot_mounts | sed 's/^/boot /'; awk '$3 == "autofs" { print "demand " $2 }' "$R/proc/mounts"; list_mounts; } | awk '
        $1 == "boot" { boot[$2] = 1; next }
        $1 == "demand" { demand[$2] = 1; next }
        !($1 in boot) {
            for (up = $1; up != "" && !(up in demand); sub(/\/[^\/]*$/, "", up));
            if (up == "") print $1
        }'
}
