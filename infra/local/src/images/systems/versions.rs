//! Versions of the packages of each system. Only what differs is written down: a distribution that
//! rebuilds another's packages has its versions under its own suffix.

/// One system: what it is made of, and which of its packages have which version.
#[derive(Clone, Copy)]
pub(in crate::images) struct System {
    /// Name of its repository's directory.
    pub repo: &'static str,
    /// VENDOR of its packages.
    pub vendor: &'static str,
    /// The Enterprise Linux that it is like: 7, 8, 9.
    pub major: u32,
    /// In the releases below, what is written and what it stands for.
    pub dist: [&'static str; 2],
    pub filesystem: [&'static str; 2],
    pub glibc: [&'static str; 2],
    pub ncurses: [&'static str; 2],
    pub bash: [&'static str; 2],
    pub coreutils: [&'static str; 2],
    pub systemd: [&'static str; 2],
    pub kernel: [&'static str; 2],
    pub openssl: [&'static str; 2],
    pub python: [&'static str; 2],
    /// yum on Enterprise Linux 7.
    pub dnf: [&'static str; 2],
    pub curl: [&'static str; 2],
    pub rpm: [&'static str; 2],
    pub chrony: [&'static str; 2],
    pub kmod: [&'static str; 2],
    pub grubby: [&'static str; 2],
    pub pam: [&'static str; 2],
    pub openssh: [&'static str; 2],
    pub selinux: [&'static str; 2],
    pub nginx: [&'static str; 2],
    pub java: [&'static str; 2],
    pub shop: [&'static str; 2],
}

/// Version of the shop that the targets have.
const SHOP_2: [&str; 2] = ["1.5", "1.DIST"];

pub(in crate::images) const CENTOS_7: System = System {
    repo: "el7",
    vendor: "CentOS",
    major: 7,
    dist: ["DIST", "el7"],
    filesystem: ["3.2", "25.DIST"],
    glibc: ["2.17", "317.DIST"],
    ncurses: ["5.9", "14.20130511.DIST_4"],
    bash: ["4.2.46", "34.DIST"],
    coreutils: ["8.22", "24.DIST"],
    systemd: ["219", "78.DIST"],
    kernel: ["3.10.0", "1160.DIST"],
    openssl: ["1.0.2k", "19.DIST"],
    python: ["2.7.5", "89.DIST"],
    dnf: ["3.4.3", "168.DIST"],
    curl: ["7.29.0", "59.DIST"],
    rpm: ["4.11.3", "45.DIST"],
    chrony: ["3.4", "1.DIST"],
    kmod: ["20", "28.DIST"],
    grubby: ["8.28", "26.DIST"],
    pam: ["1.1.8", "23.DIST"],
    openssh: ["7.4p1", "21.DIST"],
    selinux: ["3.13.1", "268.DIST"],
    nginx: ["1.16.1", "3.DIST"],
    java: ["1.8.0.262.b10", "1.DIST"],
    shop: ["1.4", "1.DIST"],
};

pub(in crate::images) const RED_HAT_7: System = System {
    repo: "rhel7",
    vendor: "Red Hat, Inc.",
    kernel: ["3.10.0", "1160.119.1.DIST"],
    openssl: ["1.0.2k", "26.DIST_9"],
    shop: SHOP_2,
    ..CENTOS_7
};

pub(in crate::images) const ANOLIS_7: System = System {
    repo: "anolis7",
    vendor: "OpenAnolis Community",
    dist: ["DIST", "an7"],
    kernel: ["4.19.91", "28.1.DIST"],
    glibc: ["2.17", "326.0.1.DIST"],
    shop: SHOP_2,
    ..CENTOS_7
};

pub(in crate::images) const ALIBABA_CLOUD_LINUX_2: System = System {
    repo: "alinux2",
    vendor: "Alibaba Cloud",
    dist: ["DIST", "1.al7"],
    kernel: ["4.19.91", "27.7.al7"],
    glibc: ["2.17", "323.DIST"],
    nginx: ["1.16.1", "3.DIST"],
    ..CENTOS_7
};

pub(in crate::images) const CENTOS_8: System = System {
    repo: "el8",
    vendor: "CentOS",
    major: 8,
    dist: ["DIST", "el8"],
    filesystem: ["3.8", "6.DIST"],
    glibc: ["2.28", "164.DIST"],
    ncurses: ["6.1", "9.20180224.DIST"],
    bash: ["4.4.20", "2.DIST"],
    coreutils: ["8.30", "12.DIST"],
    systemd: ["239", "51.DIST_5.2"],
    kernel: ["4.18.0", "348.7.1.DIST_5"],
    openssl: ["1.1.1k", "5.DIST_5"],
    python: ["3.6.8", "41.DIST"],
    dnf: ["4.7.0", "4.DIST"],
    curl: ["7.61.1", "22.DIST"],
    rpm: ["4.14.3", "19.DIST"],
    chrony: ["4.1", "1.DIST"],
    kmod: ["25", "18.DIST"],
    grubby: ["8.40", "42.DIST"],
    pam: ["1.3.1", "15.DIST"],
    openssh: ["8.0p1", "10.DIST"],
    selinux: ["3.14.3", "80.DIST_5.2"],
    nginx: ["1.14.1", "9.module_el8.0.0"],
    java: ["1.8.0.312.b07", "2.DIST_5"],
    shop: ["1.4", "1.DIST"],
};

/// The last Enterprise Linux 8, as its rebuilds have it.
const EL_8_10: System = System {
    glibc: ["2.28", "251.DIST_10.2"],
    bash: ["4.4.20", "5.DIST"],
    coreutils: ["8.30", "15.DIST"],
    systemd: ["239", "82.DIST_10.1"],
    kernel: ["4.18.0", "553.DIST_10"],
    openssl: ["1.1.1k", "12.DIST_9"],
    python: ["3.6.8", "62.DIST_10"],
    dnf: ["4.7.0", "20.DIST"],
    curl: ["7.61.1", "34.DIST"],
    rpm: ["4.14.3", "31.DIST"],
    chrony: ["4.5", "1.DIST"],
    kmod: ["25", "20.DIST"],
    grubby: ["8.40", "49.DIST"],
    pam: ["1.3.1", "33.DIST"],
    openssh: ["8.0p1", "24.DIST"],
    selinux: ["3.14.3", "139.DIST_10"],
    nginx: ["1.20.1", "1.module_el8.6.0"],
    java: ["1.8.0.412.b08", "2.DIST"],
    shop: SHOP_2,
    ..CENTOS_8
};

pub(in crate::images) const ALMA_8: System = System { repo: "alma8", vendor: "AlmaLinux", ..EL_8_10 };

pub(in crate::images) const ROCKY_8: System = System { repo: "rocky8", vendor: "Rocky", ..EL_8_10 };

pub(in crate::images) const RED_HAT_8: System = System { repo: "rhel8", vendor: "Red Hat, Inc.", ..EL_8_10 };

pub(in crate::images) const ANOLIS_8: System = System {
    repo: "anolis8",
    vendor: "OpenAnolis Community",
    dist: ["DIST", "0.1.an8"],
    kernel: ["5.10.134", "17.2.an8"],
    nginx: ["1.20.1", "1.0.1.module+an8.9.0"],
    ..EL_8_10
};

pub(in crate::images) const ALIBABA_CLOUD_LINUX_3: System = System {
    repo: "alinux3",
    vendor: "Alibaba Cloud",
    dist: ["DIST", "al8"],
    filesystem: ["3.8", "6.0.1.DIST"],
    glibc: ["2.32", "1.16.DIST"],
    ncurses: ["6.1", "10.20180224.0.1.DIST"],
    bash: ["4.4.20", "5.0.1.DIST"],
    coreutils: ["8.30", "15.0.1.DIST"],
    systemd: ["239", "82.0.3.DIST.2"],
    kernel: ["5.10.134", "16.3.DIST"],
    openssl: ["1.1.1k", "12.0.1.DIST"],
    python: ["3.6.8", "62.0.1.DIST"],
    dnf: ["4.7.0", "20.0.1.DIST"],
    curl: ["7.61.1", "35.0.2.DIST.3"],
    rpm: ["4.14.3", "31.0.1.DIST"],
    kmod: ["25", "20.0.1.DIST"],
    grubby: ["8.40", "49.0.1.DIST"],
    pam: ["1.3.1", "33.0.1.DIST"],
    openssh: ["8.0p1", "24.0.1.DIST"],
    selinux: ["3.14.3", "139.0.1.DIST"],
    chrony: ["4.5", "1.0.1.DIST"],
    nginx: ["1.20.1", "16.0.2.DIST"],
    java: ["1.8.0.402.b06", "2.0.1.DIST"],
    ..EL_8_10
};

pub(in crate::images) const ALMA_9: System = System {
    repo: "alma9",
    vendor: "AlmaLinux",
    major: 9,
    dist: ["DIST", "el9"],
    filesystem: ["3.16", "5.DIST"],
    glibc: ["2.34", "168.DIST_6.14"],
    ncurses: ["6.2", "10.20210508.DIST"],
    bash: ["5.1.8", "9.DIST"],
    coreutils: ["8.32", "35.DIST"],
    systemd: ["252", "51.DIST_6"],
    kernel: ["5.14.0", "570.12.1.DIST_6"],
    openssl: ["3.0.7", "27.DIST"],
    python: ["3.9.18", "3.DIST"],
    dnf: ["4.14.0", "9.DIST"],
    curl: ["7.76.1", "29.DIST"],
    rpm: ["4.16.1.3", "29.DIST"],
    kmod: ["28", "9.DIST"],
    grubby: ["8.40", "63.DIST"],
    pam: ["1.5.1", "19.DIST"],
    openssh: ["8.7p1", "38.DIST"],
    selinux: ["38.1.53", "5.DIST_6"],
    nginx: ["1.20.1", "14.DIST"],
    java: ["1.8.0.412.b08", "3.DIST"],
    ..EL_8_10
};

pub(in crate::images) const RED_HAT_9: System = System { repo: "rhel9", vendor: "Red Hat, Inc.", ..ALMA_9 };

pub(in crate::images) const ALMA_10: System = System {
    repo: "alma10",
    major: 10,
    dist: ["DIST", "el10"],
    filesystem: ["3.18", "16.DIST"],
    glibc: ["2.39", "37.DIST"],
    ncurses: ["6.4", "14.20240127.DIST"],
    bash: ["5.2.26", "6.DIST"],
    coreutils: ["9.5", "6.DIST"],
    systemd: ["257", "9.DIST_0.1"],
    kernel: ["6.12.0", "55.12.1.DIST_0"],
    openssl: ["3.2.2", "16.DIST"],
    python: ["3.12.9", "1.DIST"],
    dnf: ["4.20.0", "12.DIST"],
    curl: ["8.9.1", "5.DIST"],
    rpm: ["4.19.1.1", "12.DIST"],
    chrony: ["4.6.1", "1.DIST"],
    kmod: ["31", "11.DIST"],
    grubby: ["8.40", "78.DIST"],
    pam: ["1.6.1", "7.DIST"],
    openssh: ["9.9p1", "7.DIST"],
    selinux: ["40.13.26", "1.DIST"],
    nginx: ["1.26.3", "1.DIST"],
    java: ["1.8.0.452.b09", "2.DIST"],
    ..ALMA_9
};
