//! What a guest says it is.

use migration::os::{Arch, Edition, Language, Os, System, Windows};

use super::{Answer, OutputError};

/// What a guest says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// `ID` of os-release; `windows`.
    pub os_id: String,
    /// `NAME` of os-release: CentOS and CentOS Stream have the same `ID`. Empty for Windows.
    pub os_name: String,
    /// `VERSION_ID` of os-release; the build of Windows.
    pub os_version: String,
    /// The whole version where another file tells more: `7.9.2009`, `11.11`.
    pub release: String,
    /// `x86_64`, `aarch64`; as the kernel writes it.
    pub arch: String,
    /// Boot id.
    pub boot_id: String,
    /// `EditionID` of Windows: `ServerDatacenter`; empty for Linux.
    pub edition: String,
    /// Language of Windows: `zh-CN`; empty for Linux.
    pub language: String,
    /// Whether it is a Server Core.
    pub core: bool,
}

impl Identity {
    /// The same in the words of the domain; None when it is no system that is known.
    pub fn system(&self) -> Option<System> {
        let arch = Arch::from_name(&self.arch)?;
        if self.os_id == "windows" {
            let windows = Windows {
                edition: Edition::from_edition_id(&self.edition),
                language: Some(Language::from_tag(&self.language)).filter(|_| !self.language.is_empty()),
                core: self.core,
            };
            let os = Os::from_windows_build(self.os_version.trim().parse().ok()?)?;
            return Some(System { os, arch, windows: Some(windows) });
        }
        let os = Os::from_os_release_named(&self.os_id, &self.os_version, &self.os_name)?;
        // Where os-release tells the major version only, another file may tell more.
        let exact = Os::from_os_release_named(&self.os_id, &self.release, &self.os_name);
        let os = exact.filter(|exact| exact.same_release(&os) && os.minor.is_none()).unwrap_or(os);
        Some(System { os, arch, windows: None })
    }
}

/// What a guest says it is.
pub fn read_identity(output: &str) -> Result<Identity, OutputError> {
    let answer = Answer::read(output)?;
    Ok(Identity {
        os_id: answer.text("os_id"),
        os_name: answer.text("os_name"),
        os_version: answer.text("os_version"),
        release: answer.text("release"),
        arch: answer.text("arch"),
        boot_id: answer.text("boot_id"),
        edition: answer.text("edition"),
        language: answer.text("language"),
        core: answer.yes("core"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::lines;
    use super::*;

    #[test]
    fn guests_say_what_they_are() {
        let system = |answer: &[(&str, &str)]| {
            let system = read_identity(&lines(answer)).unwrap().system();
            system.map(|system| system.to_string())
        };
        let linux = |id, version, name, release, arch| {
            system(&[("os_id", id), ("os_version", version), ("os_name", name), ("release", release), ("arch", arch)])
        };
        assert_eq!(linux("centos", "7", "CentOS Linux", "7.9.2009", "x86_64").as_deref(), Some("CentOS 7.9"));
        assert_eq!(linux("centos", "8", "CentOS Stream", "", "aarch64").as_deref(), Some("CentOS Stream 8 (arm64)"));
        assert_eq!(linux("debian", "12", "Debian GNU/Linux", "12.11", "x86_64").as_deref(), Some("Debian 12.11"));
        let rhel = linux("rhel", "8.6", "Red Hat Enterprise Linux", "8.6", "x86_64");
        assert_eq!(rhel.as_deref(), Some("Red Hat Enterprise Linux 8.6"));
        assert_eq!(
            linux("alinux", "3", "Alibaba Cloud Linux", "8.9", "x86_64").as_deref(),
            Some("Alibaba Cloud Linux 3")
        );
        assert_eq!(linux("arch", "", "Arch Linux", "", "x86_64"), None);
        assert_eq!(linux("debian", "12", "", "", "riscv64"), None);
        let windows = |build, edition| {
            let more = [("language", "zh-CN"), ("core", "yes"), ("arch", "x86_64")];
            system(&[&[("os_id", "windows"), ("os_version", build), ("edition", edition)][..], &more].concat())
        };
        let meant = "Windows Server 2016 Datacenter (Chinese, Server Core)";
        assert_eq!(windows("14393", "ServerDatacenterCor").as_deref(), Some(meant));
        assert_eq!(windows("22631", "Professional"), None);
    }
}
