//! Ids of public images: `centos_8_5_x64_20G_alibase_20220127.vhd`. Custom, shared and market images (`m-…`) tell
//! nothing. Source: ECS "Release notes for public images".

use super::{Arch, Edition, Family, Language, Os};

/// How ids begin, in small letters; longer ones first where one starts with another.
const BEGINNINGS: &[(&str, Family)] = &[
    ("aliyun_", Family::AlibabaCloudLinux),
    ("almalinux_", Family::AlmaLinux),
    ("anolisos_", Family::Anolis),
    ("centos_stream_", Family::CentOsStream),
    ("centos_", Family::CentOs),
    ("debian_", Family::Debian),
    ("fedora_", Family::Fedora),
    ("freebsd_", Family::FreeBsd),
    ("opensuse_", Family::OpenSuse),
    ("redhat_", Family::Rhel),
    ("rhel_", Family::Rhel),
    ("rockylinux_", Family::Rocky),
    ("sles_", Family::Sles),
    ("suse_", Family::Sles),
    ("ubuntu_", Family::Ubuntu),
    ("win", Family::WindowsServer),
];

/// In small letters, without the one known misspelling; None when it is no public image's.
fn plain(id: &str) -> Option<String> {
    let id = id.to_lowercase();
    (!id.starts_with("m-")).then(|| id.replace("win201202r2", "win2012r2"))
}

impl Os {
    /// Reads the id of a public image. None for custom images and unknown systems.
    pub fn from_image_id(id: &str) -> Option<Self> {
        let id = plain(id)?;
        let (beginning, family) = BEGINNINGS.iter().find(|(beginning, _)| id.starts_with(beginning))?;
        Self::versioned(*family, &id[beginning.len()..].replace('_', "."))
    }
}

/// Whether the id has a part that is one of `parts`.
fn has(id: &str, parts: &[&str]) -> bool {
    id.split('_').any(|part| parts.contains(&part))
}

/// The architecture that a public image's id tells.
pub(super) fn arch(id: &str) -> Option<Arch> {
    let id = plain(id)?;
    if id.contains("arm64") || id.contains("aarch64") {
        Some(Arch::Arm64)
    } else if has(&id, &["x86", "32", "i386"]) {
        Some(Arch::X86)
    } else {
        has(&id, &["x64", "64"]).then_some(Arch::X86_64)
    }
}

/// The edition of Windows Server that a public image's id tells.
pub(super) fn edition(id: &str) -> Option<Edition> {
    let id = plain(id)?;
    if has(&id, &["dtc", "dtcc"]) {
        Some(Edition::Datacenter)
    } else if has(&id, &["ent"]) {
        Some(Edition::Enterprise)
    } else {
        has(&id, &["std", "stdc"]).then_some(Edition::Standard)
    }
}

/// The language of Windows Server that a public image's id tells.
pub(super) fn language(id: &str) -> Option<Language> {
    let id = plain(id)?;
    if id.contains("zh-cn") { Some(Language::Chinese) } else { id.contains("en-us").then_some(Language::English) }
}

/// Whether a public image's id says that it is a Server Core (`dtcC`, `core`).
pub(super) fn core(id: &str) -> bool {
    plain(id).is_some_and(|id| has(&id, &["core", "dtcc", "stdc"]) || id.starts_with("wincore_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_ids_of_public_images() {
        for (id, meant, arch_meant) in [
            ("centos_8_5_x64_20G_alibase_20220127.vhd", "CentOS 8.5", Arch::X86_64),
            ("centos_8_3_uefi_x64_20G_alibase_20210521.vhd", "CentOS 8.3", Arch::X86_64),
            ("centos_7_9_arm64_20G_alibase_20220420.vhd", "CentOS 7.9", Arch::Arm64),
            ("centos_7_9_arm64x64_20G_alibase_20220420.vhd", "CentOS 7.9", Arch::Arm64),
            ("centos_7_06_64_20G_alibase_20190218.vhd", "CentOS 7.6", Arch::X86_64),
            ("centos_8_64_20G_alibase_20200218.vhd", "CentOS 8", Arch::X86_64),
            ("centos_6_10_x86_20G_alibase_20190218.vhd", "CentOS 6.10", Arch::X86),
            ("centos_stream_9_x64_20G_alibase_20240628.vhd", "CentOS Stream 9", Arch::X86_64),
            ("aliyun_2_1903_x64_20G_alibase_20210120.vhd", "Alibaba Cloud Linux 2.1903", Arch::X86_64),
            ("aliyun_2_1903_x64_20G_secured_alibase_20210120.vhd", "Alibaba Cloud Linux 2.1903", Arch::X86_64),
            ("aliyun_3_x64_20G_alibase_20260101.vhd", "Alibaba Cloud Linux 3", Arch::X86_64),
            ("aliyun_3_arm64_20G_alibase_20260101.vhd", "Alibaba Cloud Linux 3", Arch::Arm64),
            ("aliyun_4_x64_20G_container_optimized_alibase_20260101.vhd", "Alibaba Cloud Linux 4", Arch::X86_64),
            ("anolisos_8_2_x64_20G_rhck_alibase_20210802.vhd", "Anolis OS 8.2", Arch::X86_64),
            ("almalinux_9_2_x64_20G_alibase_20230731.vhd", "AlmaLinux 9.2", Arch::X86_64),
            ("rockylinux_9_2_x64_20G_alibase_20230731.vhd", "Rocky Linux 9.2", Arch::X86_64),
            ("debian_12_13_x64_20G_alibase_20260101.vhd", "Debian 12.13", Arch::X86_64),
            ("ubuntu_22_04_x64_20G_alibase_20260101.vhd", "Ubuntu 22.04", Arch::X86_64),
            ("ubuntu_16_0402_64_20G_alibase_20180409.vhd", "Ubuntu 16.04", Arch::X86_64),
            ("ubuntu_20_04_uefi_x64_20G_alibase_20260101.vhd", "Ubuntu 20.04", Arch::X86_64),
            ("opensuse_15_2_x64_20G_alibase_20210122.vhd", "openSUSE 15.2", Arch::X86_64),
            ("sles_15_sp2_x64_20G_alibase_20210122.vhd", "SUSE Linux Enterprise Server 15 SP2", Arch::X86_64),
            ("fedora_33_0_x64_20G_alibase_20210122.vhd", "Fedora 33", Arch::X86_64),
            ("freebsd_12_1_x64_30G_alibase_20210122.vhd", "FreeBSD 12.1", Arch::X86_64),
            ("win2008r2_sp1_x64_ent_zh-cn_40G_alibase_20190816.vhd", "Windows Server 2008 R2", Arch::X86_64),
            ("win2008r2_64_ent_sp1_zh-cn_40G_alibase_20181220.vhd", "Windows Server 2008 R2", Arch::X86_64),
            ("win2012r2_9600_x64_dtc_zh-cn_40G_alibase_20230811.vhd", "Windows Server 2012 R2", Arch::X86_64),
            ("win2012r2_64_dtc_9600_en-us_40G_alibase_20181220.vhd", "Windows Server 2012 R2", Arch::X86_64),
            ("win201202r2_64_dtc_9600_zh-cn_40G_alibase_20181220.vhd", "Windows Server 2012 R2", Arch::X86_64),
            ("win2016_1607_x64_dtc_en-us_40G_alibase_20230811.vhd", "Windows Server 2016", Arch::X86_64),
            ("win2019_1809_x64_dtc_zh-cn_40G_container_alibase_20230811.vhd", "Windows Server 2019", Arch::X86_64),
            ("win2022_21H2_x64_dtc_zh-cn_40G_uefi_alibase_20230811.vhd", "Windows Server 2022", Arch::X86_64),
        ] {
            assert_eq!(Os::from_image_id(id).map(|os| os.to_string()).as_deref(), Some(meant), "{id}");
            assert_eq!(arch(id), Some(arch_meant), "{id}");
        }
        for id in ["m-bp1234567890", "", "wincore_2004_x64_dtc_zh-cn_40G_alibase_20201217.vhd", "beos_5_x64"] {
            assert_eq!(Os::from_image_id(id), None, "{id}");
        }
    }

    #[test]
    fn image_ids_tell_edition_and_language() {
        let told = |id| (edition(id), language(id), core(id));
        let datacenter = Some(Edition::Datacenter);
        assert_eq!(told("win2012r2_9600_x64_dtc_zh-cn_40G_x.vhd"), (datacenter, Some(Language::Chinese), false));
        assert_eq!(
            told("win2008r2_64_ent_sp1_en-us_40G_x.vhd"),
            (Some(Edition::Enterprise), Some(Language::English), false)
        );
        assert_eq!(told("winsvr_64_dtcC_1903_en-us_40G_x.vhd"), (datacenter, Some(Language::English), true));
        assert_eq!(told("m-dtc_zh-cn"), (None, None, false));
    }
}
