//! What makes a system itself: its release packages, with the files that say who it is and where its
//! packages come from.

use super::versions::System;
use crate::images::packages::Package;

/// The release packages of one system.
pub(in crate::images) struct Release {
    /// Name, version and release of the package that owns `/etc/os-release`.
    pub package: [&'static str; 3],
    /// The packages it needs, by name: repository files and keys, where they are packages of their own.
    pub with: &'static [&'static str],
    /// `/etc/redhat-release`
    text: &'static str,
    os_release: &'static str,
    /// What it is asked for by: `system-release(releasever)` decides `$releasever`.
    releasever: &'static str,
    /// Links to `redhat-release`, beside `system-release`.
    links: &'static [&'static str],
    provides: &'static [&'static str],
    /// Release packages of other systems that it replaces by itself.
    obsoletes: &'static [&'static str],
    /// Repository file: its path, and what is enabled.
    repo_file: &'static str,
    repos: &'static [(&'static str, &'static str)],
}

const MIRROR: &str = "http://mirrors.cloud.aliyuncs.com";

pub(super) const CENTOS_7: Release = Release {
    package: ["centos-release", "7", "9.2009.1.el7.centos"],
    with: &[],
    text: "CentOS Linux release 7.9.2009 (Core)",
    os_release: "NAME=\"CentOS Linux\"\nVERSION=\"7 (Core)\"\nID=\"centos\"\nID_LIKE=\"rhel fedora\"\nVERSION_ID=\"7\"\n\
        PRETTY_NAME=\"CentOS Linux 7 (Core)\"\nANSI_COLOR=\"0;31\"\nCPE_NAME=\"cpe:/o:centos:centos:7\"\n\
        HOME_URL=\"https://www.centos.org/\"\nCENTOS_MANTISBT_PROJECT=\"CentOS-7\"\nCENTOS_MANTISBT_PROJECT_VERSION=\"7\"\n",
    releasever: "7",
    links: &["/etc/centos-release"],
    provides: &[],
    obsoletes: &[],
    repo_file: "/etc/yum.repos.d/CentOS-Base.repo",
    repos: &[("base", "/centos/$releasever/os/$basearch/"), ("updates", "/centos/$releasever/updates/$basearch/")],
};

pub(super) const RED_HAT_7: Release = Release {
    package: ["redhat-release-server", "7.9", "6.el7_9"],
    with: &[],
    text: "Red Hat Enterprise Linux Server release 7.9 (Maipo)",
    os_release: "NAME=\"Red Hat Enterprise Linux Server\"\nVERSION=\"7.9 (Maipo)\"\nID=\"rhel\"\nID_LIKE=\"fedora\"\n\
        VARIANT=\"Server\"\nVARIANT_ID=\"server\"\nVERSION_ID=\"7.9\"\nPRETTY_NAME=\"Red Hat Enterprise Linux\"\n\
        CPE_NAME=\"cpe:/o:redhat:enterprise_linux:7.9:GA:server\"\nHOME_URL=\"https://www.redhat.com/\"\n",
    releasever: "7Server",
    links: &[],
    provides: &[],
    obsoletes: &[],
    repo_file: "",
    repos: &[],
};

pub(super) const ANOLIS_7: Release = Release {
    package: ["anolis-release", "7.9", "6.an7"],
    with: &["anolis-repos"],
    text: "Anolis OS release 7.9",
    os_release: "NAME=\"Anolis OS\"\nVERSION=\"7.9\"\nID=\"anolis\"\nID_LIKE=\"rhel fedora centos\"\nVERSION_ID=\"7.9\"\n\
        PRETTY_NAME=\"Anolis OS 7.9\"\nANSI_COLOR=\"0;31\"\nHOME_URL=\"https://openanolis.cn/\"\n",
    releasever: "7.9",
    links: &["/etc/anolis-release"],
    provides: &[],
    obsoletes: &[],
    repo_file: "/etc/yum.repos.d/AnolisOS.repo",
    repos: &[("os", "/anolis/7.9/os/$basearch/os/")],
};

pub(super) const ALIBABA_CLOUD_LINUX_2: Release = Release {
    package: ["alinux-release", "2.1903", "12.1.al7"],
    with: &[],
    text: "Alibaba Cloud Linux (Aliyun Linux) release 2.1903 LTS (Hunting Beagle)",
    os_release: "NAME=\"Alibaba Cloud Linux (Aliyun Linux)\"\nVERSION=\"2.1903 LTS (Hunting Beagle)\"\nID=\"alinux\"\n\
        ID_LIKE=\"rhel fedora centos anolis\"\nVERSION_ID=\"2.1903\"\n\
        PRETTY_NAME=\"Alibaba Cloud Linux (Aliyun Linux) 2.1903 LTS (Hunting Beagle)\"\nANSI_COLOR=\"0;31\"\n\
        HOME_URL=\"https://www.aliyun.com/\"\n",
    releasever: "2.1903",
    links: &["/etc/alinux-release"],
    provides: &[],
    obsoletes: &[],
    repo_file: "/etc/yum.repos.d/AliYun.repo",
    repos: &[
        ("base", "/alinux/$releasever/os/$basearch/"),
        ("updates", "/alinux/$releasever/updates/$basearch/"),
        ("plus", "/alinux/$releasever/plus/$basearch/"),
    ],
};

pub(super) const CENTOS_8: Release = Release {
    package: ["centos-linux-release", "8.5", "1.2111.el8"],
    with: &["centos-linux-repos", "centos-gpg-keys"],
    text: "CentOS Linux release 8.5.2111",
    os_release: "NAME=\"CentOS Linux\"\nVERSION=\"8\"\nID=\"centos\"\nID_LIKE=\"rhel fedora\"\nVERSION_ID=\"8\"\n\
        PLATFORM_ID=\"platform:el8\"\nPRETTY_NAME=\"CentOS Linux 8\"\nANSI_COLOR=\"0;31\"\nCPE_NAME=\"cpe:/o:centos:centos:8\"\n\
        HOME_URL=\"https://centos.org/\"\nCENTOS_MANTISBT_PROJECT=\"CentOS-8\"\nCENTOS_MANTISBT_PROJECT_VERSION=\"8\"\n",
    releasever: "8",
    links: &["/etc/centos-release"],
    provides: &["centos-release = 8.5"],
    obsoletes: &[],
    repo_file: "/etc/yum.repos.d/CentOS-Linux-BaseOS.repo",
    repos: &[("baseos", "/centos-vault/8.5.2111/BaseOS/$basearch/os/")],
};

pub(super) const RED_HAT_8: Release = Release {
    package: ["redhat-release", "8.10", "0.3.el8"],
    with: &[],
    text: "Red Hat Enterprise Linux release 8.10 (Ootpa)",
    os_release: "NAME=\"Red Hat Enterprise Linux\"\nVERSION=\"8.10 (Ootpa)\"\nID=\"rhel\"\nID_LIKE=\"fedora\"\n\
        VERSION_ID=\"8.10\"\nPLATFORM_ID=\"platform:el8\"\nPRETTY_NAME=\"Red Hat Enterprise Linux 8.10 (Ootpa)\"\n\
        CPE_NAME=\"cpe:/o:redhat:enterprise_linux:8::baseos\"\nHOME_URL=\"https://www.redhat.com/\"\n",
    releasever: "8",
    links: &[],
    provides: &[],
    obsoletes: &[],
    repo_file: "",
    repos: &[],
};

pub(super) const RED_HAT_9: Release = Release {
    package: ["redhat-release", "9.6", "0.1.el9"],
    text: "Red Hat Enterprise Linux release 9.6 (Plow)",
    os_release: "NAME=\"Red Hat Enterprise Linux\"\nVERSION=\"9.6 (Plow)\"\nID=\"rhel\"\nID_LIKE=\"fedora\"\n\
        VERSION_ID=\"9.6\"\nPLATFORM_ID=\"platform:el9\"\nPRETTY_NAME=\"Red Hat Enterprise Linux 9.6 (Plow)\"\n\
        CPE_NAME=\"cpe:/o:redhat:enterprise_linux:9::baseos\"\nHOME_URL=\"https://www.redhat.com/\"\n",
    releasever: "9",
    ..RED_HAT_8
};

pub(super) const ALMA_8: Release = Release {
    package: ["almalinux-release", "8.10", "1.el8"],
    with: &[],
    text: "AlmaLinux release 8.10 (Cerulean Leopard)",
    os_release: "NAME=\"AlmaLinux\"\nVERSION=\"8.10 (Cerulean Leopard)\"\nID=\"almalinux\"\nID_LIKE=\"rhel centos fedora\"\n\
        VERSION_ID=\"8.10\"\nPLATFORM_ID=\"platform:el8\"\nPRETTY_NAME=\"AlmaLinux 8.10 (Cerulean Leopard)\"\n\
        CPE_NAME=\"cpe:/o:almalinux:almalinux:8::baseos\"\nHOME_URL=\"https://almalinux.org/\"\n",
    releasever: "8",
    links: &["/etc/almalinux-release", "/etc/centos-release"],
    provides: &[],
    obsoletes: &[],
    repo_file: "/etc/yum.repos.d/almalinux.repo",
    repos: &[
        ("baseos", "/almalinux/$releasever/BaseOS/$basearch/os/"),
        ("appstream", "/almalinux/$releasever/AppStream/$basearch/os/"),
    ],
};

pub(super) const ALMA_9: Release = Release {
    package: ["almalinux-release", "9.6", "1.el9"],
    text: "AlmaLinux release 9.6 (Sage Margay)",
    os_release: "NAME=\"AlmaLinux\"\nVERSION=\"9.6 (Sage Margay)\"\nID=\"almalinux\"\nID_LIKE=\"rhel centos fedora\"\n\
        VERSION_ID=\"9.6\"\nPLATFORM_ID=\"platform:el9\"\nPRETTY_NAME=\"AlmaLinux 9.6 (Sage Margay)\"\n\
        CPE_NAME=\"cpe:/o:almalinux:almalinux:9::baseos\"\nHOME_URL=\"https://almalinux.org/\"\n",
    releasever: "9",
    ..ALMA_8
};

pub(super) const ALMA_10: Release = Release {
    package: ["almalinux-release", "10.0", "30.el10"],
    text: "AlmaLinux release 10.0 (Purple Lion)",
    os_release: "NAME=\"AlmaLinux\"\nVERSION=\"10.0 (Purple Lion)\"\nID=\"almalinux\"\nID_LIKE=\"rhel centos fedora\"\n\
        VERSION_ID=\"10.0\"\nPLATFORM_ID=\"platform:el10\"\nPRETTY_NAME=\"AlmaLinux 10.0 (Purple Lion)\"\n\
        CPE_NAME=\"cpe:/o:almalinux:almalinux:10.0\"\nHOME_URL=\"https://almalinux.org/\"\n",
    releasever: "10",
    ..ALMA_8
};

pub(super) const ROCKY_8: Release = Release {
    package: ["rocky-release", "8.10", "1.9.el8"],
    with: &["rocky-repos", "rocky-gpg-keys"],
    text: "Rocky Linux release 8.10 (Green Obsidian)",
    os_release: "NAME=\"Rocky Linux\"\nVERSION=\"8.10 (Green Obsidian)\"\nID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n\
        VERSION_ID=\"8.10\"\nPLATFORM_ID=\"platform:el8\"\nPRETTY_NAME=\"Rocky Linux 8.10 (Green Obsidian)\"\n\
        CPE_NAME=\"cpe:/o:rocky:rocky:8:GA\"\nHOME_URL=\"https://rockylinux.org/\"\n",
    releasever: "8",
    links: &["/etc/rocky-release", "/etc/centos-release"],
    provides: &[],
    obsoletes: &[],
    repo_file: "/etc/yum.repos.d/Rocky-BaseOS.repo",
    repos: &[("baseos", "/rockylinux/$releasever/BaseOS/$basearch/os/")],
};

pub(super) const ANOLIS_8: Release = Release {
    package: ["anolis-release", "8.9", "4.an8"],
    with: &["anolis-repos"],
    text: "Anolis OS release 8.9",
    os_release: "NAME=\"Anolis OS\"\nVERSION=\"8.9\"\nID=\"anolis\"\nID_LIKE=\"rhel fedora centos\"\nVERSION_ID=\"8.9\"\n\
        PLATFORM_ID=\"platform:an8\"\nPRETTY_NAME=\"Anolis OS 8.9\"\nANSI_COLOR=\"0;31\"\nHOME_URL=\"https://openanolis.cn/\"\n",
    releasever: "8",
    links: &["/etc/anolis-release"],
    provides: &[],
    obsoletes: &[],
    repo_file: "/etc/yum.repos.d/AnolisOS-BaseOS.repo",
    repos: &[
        ("BaseOS", "/anolis/$releasever/BaseOS/$basearch/os/"),
        ("AppStream", "/anolis/$releasever/AppStream/$basearch/os/"),
    ],
};

pub(super) const ALIBABA_CLOUD_LINUX_3: Release = Release {
    package: ["alinux-release", "3", "21.al8"],
    with: &["alinux-repos"],
    text: "Alibaba Cloud Linux release 3 (OpenAnolis Edition)",
    os_release: "NAME=\"Alibaba Cloud Linux\"\nVERSION=\"3 (OpenAnolis Edition)\"\nID=\"alinux\"\nID_LIKE=\"rhel fedora centos anolis\"\n\
        VERSION_ID=\"3\"\nUPDATE_ID=\"10\"\nPLATFORM_ID=\"platform:al8\"\nPRETTY_NAME=\"Alibaba Cloud Linux 3 (OpenAnolis Edition)\"\n\
        ANSI_COLOR=\"0;31\"\nHOME_URL=\"https://www.aliyun.com/\"\n",
    releasever: "3",
    links: &["/etc/alinux-release"],
    provides: &[],
    obsoletes: &["centos-linux-release", "centos-linux-repos", "centos-repos", "centos-gpg-keys"],
    repo_file: "/etc/yum.repos.d/AliYun.repo",
    repos: &[
        ("alinux3-os", "/alinux/$releasever/os/$basearch/"),
        ("alinux3-updates", "/alinux/$releasever/updates/$basearch/"),
    ],
};

impl Release {
    /// Its packages: the release itself and what goes with it.
    pub(super) fn packages(&self, system: &System) -> Vec<Package> {
        let [name, version, release] = self.package;
        let mut main = Package::new(name, version, release)
            .requires(&["filesystem"])
            .requires(self.with)
            .provides(&[
                &format!("system-release = {version}"),
                &format!("system-release(releasever) = {}", self.releasever),
                &format!("redhat-release = {version}"),
            ])
            .provides(self.provides)
            .obsoletes(self.obsoletes)
            .text("/etc/os-release", self.os_release)
            .text("/etc/redhat-release", &format!("{}\n", self.text))
            .link("/etc/system-release", "redhat-release");
        for link in self.links {
            main = main.link(link, "redhat-release");
        }
        let mut packages: Vec<Package> =
            self.with.iter().map(|name| Package::new(name, version, release).requires(&["filesystem"])).collect();
        for package in &mut packages {
            // The key file's name is made up: nothing here is signed.
            if package.is("keys") {
                package
                    .push_text(&format!("/etc/pki/rpm-gpg/RPM-GPG-KEY-{}", system.repo), "(unsigned repositories)\n");
            }
        }
        if !self.repos.is_empty() {
            let owner = packages.iter_mut().find(|package| package.is("repos")).unwrap_or(&mut main);
            owner.push_config(self.repo_file, &self.repo_text());
        }
        packages.push(main);
        packages
    }

    fn repo_text(&self) -> String {
        let repo = |(id, path): &(&str, &str)| {
            format!("[{id}]\nname={} - {id}\nbaseurl={MIRROR}{path}\nenabled=1\ngpgcheck=0\n", self.text)
        };
        self.repos.iter().map(repo).collect()
    }
}
