//! What an instance runs, as far as is known.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Edition, Language, Os, Windows, image_id, names};

/// Architecture of a processor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Arch {
    /// Intel and AMD, 64 bit.
    #[default]
    #[serde(rename = "x86_64")]
    X86_64,
    /// ARM, 64 bit (Yitian, Ampere).
    #[serde(rename = "arm64")]
    Arm64,
    /// Intel and AMD, 32 bit: nothing is offered for it.
    #[serde(rename = "i386")]
    X86,
}

impl Arch {
    /// As DescribeImages writes it: `x86_64`, `arm64`, `i386`.
    pub fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
            Self::X86 => "i386",
        }
    }

    /// Reads `Architecture` of DescribeImages, `uname -m` or `PROCESSOR_ARCHITECTURE`.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name.trim().to_lowercase().as_str() {
            "x86_64" | "amd64" | "x64" => Self::X86_64,
            "arm64" | "aarch64" => Self::Arm64,
            "i386" | "i486" | "i586" | "i686" | "x86" => Self::X86,
            _ => return None,
        })
    }
}

/// What an instance runs, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct System {
    /// The operating system.
    pub os: Os,
    /// The architecture; x86_64 unless something says otherwise.
    #[serde(default)]
    pub arch: Arch,
    /// More of a Windows Server; None for everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub windows: Option<Windows>,
}

impl System {
    /// An operating system of which nothing more is known; taken for x86_64.
    pub fn of(os: Os) -> Self {
        let windows = os.is_windows().then(Windows::default);
        Self { os, arch: Arch::X86_64, windows }
    }

    /// Reads what ECS says of an instance or image: OSName, OSNameEn, ImageId and, where it is told (DescribeImages
    /// only), Architecture. None when it is no system that is known.
    ///
    /// The name is that of the image: the guest may have been migrated or updated since.
    pub fn from_ecs(os_name: &str, os_name_en: &str, image_id: &str, architecture: Option<&str>) -> Option<Self> {
        let both = [os_name_en, os_name];
        let os = both.iter().find_map(|name| Os::from_ecs_name(name)).or_else(|| Os::from_image_id(image_id))?;
        // The word for ARM may be in one name only; "64 bit" says nothing against it.
        let told = [names::arch(os_name_en), names::arch(os_name), image_id::arch(image_id)];
        let arch = architecture.and_then(Arch::from_name);
        let arch = arch.or_else(|| told.into_iter().flatten().find(|arch| *arch != Arch::X86_64)).unwrap_or_default();
        let windows = os.is_windows().then(|| Windows {
            edition: both.iter().find_map(|name| names::edition(name)).or_else(|| image_id::edition(image_id)),
            language: both.iter().find_map(|name| names::language(name)).or_else(|| image_id::language(image_id)),
            core: both.iter().any(|name| names::core(name)) || image_id::core(image_id),
        });
        Some(Self { os, arch, windows })
    }

    /// Edition of a Windows Server, where it is known.
    pub fn edition(&self) -> Option<Edition> {
        self.windows.and_then(|windows| windows.edition)
    }

    /// Language of a Windows Server, where it is known.
    pub fn language(&self) -> Option<Language> {
        self.windows.and_then(|windows| windows.language)
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.os)?;
        if let Some(edition) = self.edition() {
            write!(f, " {}", edition.name())?;
        }
        let mut more: Vec<String> = self.language().iter().map(ToString::to_string).collect();
        if self.windows.is_some_and(|windows| windows.core) {
            more.push("Server Core".into());
        }
        if self.arch != Arch::X86_64 {
            more.push(self.arch.name().into());
        }
        if more.is_empty() { Ok(()) } else { write!(f, " ({})", more.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ecs_says_of_an_instance() {
        for (os_name, os_name_en, image_id, architecture, meant) in [
            ("CentOS  7.9 64位", "CentOS  7.9 64 bit", "centos_7_9_x64_20G_alibase_20220824.vhd", None, "CentOS 7.9"),
            ("CentOS 7.9 64位 ARM版", "CentOS 7.9 64 bit", "m-bp1", None, "CentOS 7.9 (arm64)"),
            ("CentOS  7.9 64位", "", "m-bp1", Some("arm64"), "CentOS 7.9 (arm64)"),
            ("CentOS  7.9 64位", "", "centos_7_9_arm64_20G_alibase_20220420.vhd", None, "CentOS 7.9 (arm64)"),
            ("", "", "aliyun_3_x64_20G_alibase_20260101.vhd", None, "Alibaba Cloud Linux 3"),
            (
                "Windows Server  2012 R2 数据中心版 64位中文版",
                "",
                "m-bp1",
                None,
                "Windows Server 2012 R2 Datacenter (Chinese)",
            ),
            (
                "Windows Server  2008 R2",
                "Windows Server 2008 R2",
                "win2008r2_64_ent_sp1_en-us_40G_alibase_20181220.vhd",
                None,
                "Windows Server 2008 R2 Enterprise (English)",
            ),
            (
                "Windows Server 2019 数据中心版 64位中文版 (不含图形化桌面)",
                "",
                "",
                Some("x86_64"),
                "Windows Server 2019 Datacenter (Chinese, Server Core)",
            ),
            (
                "Windows Server  2008 标准版 SP2 32位中文版",
                "",
                "",
                None,
                "Windows Server 2008 Standard (Chinese, i386)",
            ),
        ] {
            let system = System::from_ecs(os_name, os_name_en, image_id, architecture);
            assert_eq!(system.map(|system| system.to_string()).as_deref(), Some(meant), "{os_name} {image_id}");
        }
        assert_eq!(System::from_ecs("Customized Linux", "Customized Linux", "m-bp1", Some("x86_64")), None);
    }

    #[test]
    fn only_windows_has_editions() {
        assert_eq!(System::of(Os::windows_r2(2012)).windows, Some(Windows::default()));
        assert_eq!(System::from_ecs("Debian 12.1 64位 中文", "", "", None).unwrap().windows, None);
    }

    #[test]
    fn architectures_as_everybody_writes_them() {
        for (name, arch) in [("aarch64", Arch::Arm64), ("AMD64", Arch::X86_64), ("i686", Arch::X86)] {
            assert_eq!(Arch::from_name(name), Some(arch));
            assert_eq!(Arch::from_name(arch.name()), Some(arch));
        }
        assert_eq!(Arch::from_name("riscv64"), None);
    }
}
