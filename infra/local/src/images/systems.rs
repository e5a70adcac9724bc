//! The packages of the two Enterprise Linux systems. Names, versions, dependencies, obsoletes,
//! configuration files and scriptlets are like the originals'; the programs are this machine's bash
//! and busybox, and random bytes.

use std::fs;
use std::io;

use super::missing;
use super::packages::Package;
use crate::guest::context;

const SYSTEMCTL: &str = include_str!("files/systemctl");
const SYSTEMD: &str = include_str!("files/systemd");
const SYSTEMD_RUN: &str = include_str!("files/systemd-run");
const KERNEL_INSTALL: &str = include_str!("files/kernel-install");
const SHOP_START: &str = include_str!("files/shop-start");
const ACME_POST: &str = include_str!("files/acme-post");

/// Everything these packages are made from besides this machine's own programs.
pub(super) const SOURCES: [&str; 7] =
    [include_str!("systems.rs"), SYSTEMCTL, SYSTEMD, SYSTEMD_RUN, KERNEL_INSTALL, SHOP_START, ACME_POST];

/// Applets that packages of the originals bring; `coreutils` stands for all of them.
const APPLETS: [&str; 113] = [
    "[",
    "ash",
    "awk",
    "base64",
    "basename",
    "bunzip2",
    "bzcat",
    "cat",
    "chgrp",
    "chmod",
    "chown",
    "chroot",
    "clear",
    "cmp",
    "comm",
    "cp",
    "cpio",
    "cut",
    "date",
    "dd",
    "df",
    "diff",
    "dirname",
    "dmesg",
    "du",
    "echo",
    "egrep",
    "env",
    "expand",
    "expr",
    "factor",
    "fallocate",
    "false",
    "fgrep",
    "find",
    "fold",
    "free",
    "getopt",
    "grep",
    "groups",
    "gunzip",
    "gzip",
    "head",
    "hexdump",
    "hostname",
    "id",
    "ifconfig",
    "install",
    "ip",
    "kill",
    "killall",
    "less",
    "link",
    "ln",
    "logger",
    "logname",
    "ls",
    "lsmod",
    "md5sum",
    "mkdir",
    "mkfifo",
    "mknod",
    "mktemp",
    "more",
    "mount",
    "mountpoint",
    "mv",
    "nc",
    "netstat",
    "nice",
    "nohup",
    "nproc",
    "od",
    "paste",
    "pgrep",
    "pidof",
    "ping",
    "pkill",
    "printenv",
    "printf",
    "ps",
    "pwd",
    "readlink",
    "realpath",
    "rm",
    "rmdir",
    "sed",
    "seq",
    "setsid",
    "sha1sum",
    "sha256sum",
    "sha512sum",
    "shuf",
    "sleep",
    "sort",
    "split",
    "stat",
    "strings",
    "sync",
    "tail",
    "tar",
    "tee",
    "test",
    "timeout",
    "top",
    "touch",
    "tr",
    "true",
    "truncate",
    "umount",
    "uname",
    "uniq",
    "wget",
];
const MORE_APPLETS: [&str; 12] =
    ["uptime", "usleep", "vi", "wc", "which", "who", "whoami", "xargs", "xz", "xzcat", "yes", "zcat"];

const DIRS: [&str; 22] = [
    "/boot",
    "/boot/grub2",
    "/boot/loader",
    "/boot/loader/entries",
    "/data",
    "/etc",
    "/etc/yum.repos.d",
    "/home",
    "/opt",
    "/srv",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/usr/lib64",
    "/usr/libexec",
    "/usr/local",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/share",
    "/var",
    "/var/lib",
    "/var/log",
];

/// What the two systems differ in.
struct System {
    /// Suffix of every release.
    dist: &'static str,
    repo_file: &'static str,
    filesystem: [&'static str; 2],
    glibc: [&'static str; 2],
    ncurses: [&'static str; 2],
    bash: [&'static str; 2],
    coreutils: [&'static str; 2],
    systemd: [&'static str; 2],
    kernel: [&'static str; 2],
    openssl: [&'static str; 2],
    python: [&'static str; 2],
    dnf: [&'static str; 2],
    curl: [&'static str; 2],
    rpm: [&'static str; 2],
    chrony: [&'static str; 2],
    nginx: [&'static str; 2],
    java: [&'static str; 2],
    shop: [&'static str; 2],
}

const CENTOS: System = System {
    dist: "el8",
    repo_file: "[baseos]\nname=CentOS Linux 8.5.2111 - BaseOS\n\
        baseurl=http://mirrors.cloud.aliyuncs.com/centos-vault/8.5.2111/BaseOS/x86_64/os/\nenabled=1\ngpgcheck=0\n",
    filesystem: ["3.8", "6.el8"],
    glibc: ["2.28", "164.el8"],
    ncurses: ["6.1", "9.20180224.el8"],
    bash: ["4.4.20", "2.el8"],
    coreutils: ["8.30", "12.el8"],
    systemd: ["239", "51.el8_5.2"],
    kernel: ["4.18.0", "348.7.1.el8_5"],
    openssl: ["1.1.1k", "5.el8_5"],
    python: ["3.6.8", "41.el8"],
    dnf: ["4.7.0", "4.el8"],
    curl: ["7.61.1", "22.el8"],
    rpm: ["4.14.3", "19.el8"],
    chrony: ["4.1", "1.el8"],
    nginx: ["1.14.1", "9.module_el8.0.0"],
    java: ["1.8.0.312.b07", "2.el8_5"],
    shop: ["1.4", "1.el8"],
};

const ALIBABA_CLOUD_LINUX: System = System {
    dist: "al8",
    repo_file: "[alinux3-os]\nname=Alibaba Cloud Linux 3 - os\n\
        baseurl=http://mirrors.cloud.aliyuncs.com/alinux/3/os/x86_64/\nenabled=1\ngpgcheck=0\n",
    filesystem: ["3.8", "6.0.1.al8"],
    glibc: ["2.32", "1.16.al8"],
    ncurses: ["6.1", "10.20180224.0.1.al8"],
    bash: ["4.4.20", "5.0.1.al8"],
    coreutils: ["8.30", "15.0.1.al8"],
    systemd: ["239", "82.0.3.al8.2"],
    kernel: ["5.10.134", "16.3.al8"],
    openssl: ["1.1.1k", "12.0.1.al8"],
    python: ["3.6.8", "62.0.1.al8"],
    dnf: ["4.7.0", "20.0.1.al8"],
    curl: ["7.61.1", "35.0.2.al8.3"],
    rpm: ["4.14.3", "31.0.1.al8"],
    chrony: ["4.5", "1.0.1.al8"],
    nginx: ["1.20.1", "16.0.2.al8"],
    java: ["1.8.0.402.b06", "2.0.1.al8"],
    shop: ["1.5", "1.al8"],
};

/// Files of the locale C.UTF-8 that bash and coreutils ask for.
const LOCALE: [&str; 12] = [
    "LC_ADDRESS",
    "LC_COLLATE",
    "LC_CTYPE",
    "LC_IDENTIFICATION",
    "LC_MEASUREMENT",
    "LC_MESSAGES/SYS_LC_MESSAGES",
    "LC_MONETARY",
    "LC_NAME",
    "LC_NUMERIC",
    "LC_PAPER",
    "LC_TELEPHONE",
    "LC_TIME",
];

/// Programs of this machine that run in the guests.
pub(super) struct Host {
    busybox: Vec<u8>,
    bash: Vec<u8>,
    loader: Vec<u8>,
    libc: Vec<u8>,
    libtinfo: Vec<u8>,
    /// C.UTF-8: commands run with it, and bash complains where it is missing.
    locale: Vec<(String, Vec<u8>)>,
}

impl Host {
    /// Reads them; errors name the Debian package that is missing.
    pub(super) fn read() -> io::Result<Self> {
        let read = |path: &str| fs::read(path).map_err(context(format_args!("read {path}")));
        Ok(Self {
            busybox: fs::read("/bin/busybox").map_err(missing("busybox", "busybox-static"))?,
            bash: read("/bin/bash")?,
            loader: read("/lib64/ld-linux-x86-64.so.2")?,
            libc: read("/usr/lib/x86_64-linux-gnu/libc.so.6")?,
            libtinfo: read("/usr/lib/x86_64-linux-gnu/libtinfo.so.6")?,
            locale: LOCALE
                .iter()
                .map(|name| format!("/usr/lib/locale/C.utf8/{name}"))
                .map(|path| Ok((path.clone(), read(&path)?)))
                .collect::<io::Result<_>>()?,
        })
    }
}

/// Every package of CentOS 8.5.
pub(super) fn centos(host: &Host) -> Vec<Package> {
    let mut packages = common(&CENTOS, host);
    packages.extend(only_centos());
    packages
}

/// Every package of Alibaba Cloud Linux 3.
pub(super) fn alibaba_cloud_linux(host: &Host) -> Vec<Package> {
    let mut packages = common(&ALIBABA_CLOUD_LINUX, host);
    packages.extend(only_alibaba_cloud_linux());
    packages
}

fn common(system: &System, host: &Host) -> Vec<Package> {
    let new = |name: &str, [version, release]: [&str; 2]| Package::new(name, version, release);
    let kernel = format!("{}-{}.x86_64", system.kernel[0], system.kernel[1]);
    let mut filesystem = DIRS.iter().fold(new("filesystem", system.filesystem), |package, dir| package.dir(dir, 0o755));
    for (link, target) in [("/bin", "usr/bin"), ("/sbin", "usr/sbin"), ("/lib", "usr/lib"), ("/lib64", "usr/lib64")] {
        filesystem = filesystem.link(link, target);
    }
    let accounts = "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:Kernel Overflow User:/:/sbin/nologin\n";
    let filesystem = filesystem
        .dir("/root", 0o550)
        .dir("/tmp", 0o1777)
        .dir("/var/tmp", 0o1777)
        .config("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n")
        .config("/etc/passwd", accounts)
        .config("/etc/group", "root:x:0:\nnobody:x:65534:\n")
        .config("/etc/fstab", "/dev/vda1 / ext4 defaults 1 1\n/dev/vdb /data ext4 defaults,nofail 0 2\n");
    let coreutils = APPLETS.iter().chain(&MORE_APPLETS).fold(new("coreutils", system.coreutils), |package, applet| {
        package.link(&format!("/usr/bin/{applet}"), "busybox")
    });
    vec![
        filesystem,
        host.locale
            .iter()
            .fold(new("glibc", system.glibc), |package, (path, bytes)| package.file(path, bytes.clone()))
            .requires(&["filesystem"])
            .program("/usr/lib64/ld-linux-x86-64.so.2", host.loader.clone())
            .program("/usr/lib64/libc.so.6", host.libc.clone())
            // Where this machine's loader looks.
            .link("/usr/lib/x86_64-linux-gnu", "../lib64"),
        new("ncurses-libs", system.ncurses).requires(&["glibc"]).program("/usr/lib64/libtinfo.so.6", host.libtinfo.clone()),
        // Not busybox's shell: that prefers its own applets, rpm among them, to what PATH has.
        new("bash", system.bash)
            .requires(&["glibc", "ncurses-libs"])
            .provides(&["/bin/sh", "/bin/bash", "/usr/bin/sh"])
            .program("/usr/bin/bash", host.bash.clone())
            .link("/usr/bin/sh", "bash"),
        coreutils
            .requires(&["bash", "glibc"])
            .program("/usr/bin/busybox", host.busybox.clone()),
        new("systemd", system.systemd)
            .requires(&["bash", "coreutils", "glibc"])
            .program("/usr/lib/systemd/systemd", SYSTEMD)
            .link("/usr/sbin/init", "../lib/systemd/systemd")
            .program("/usr/bin/systemctl", SYSTEMCTL)
            .program("/usr/bin/systemd-run", SYSTEMD_RUN)
            .program("/usr/bin/kernel-install", KERNEL_INSTALL)
            .dir("/usr/lib/systemd/system", 0o755)
            .dir("/etc/systemd/system", 0o755)
            .dir("/etc/systemd/system/multi-user.target.wants", 0o755)
            .payload("/usr/lib/systemd/libsystemd-shared-239.so", 1_000_000),
        new("kernel", system.kernel)
            .requires(&["systemd", "coreutils"])
            .provides(&["installonlypkg(kernel)", &format!("kernel-core-uname-r = {kernel}")])
            .payload(&format!("/boot/vmlinuz-{kernel}"), 4_000_000)
            .text(&format!("/usr/lib/modules/{kernel}/modules.builtin"), "kernel/drivers/block/virtio_blk.ko\n")
            .posttrans(&format!("/usr/bin/kernel-install add {kernel} || exit $?\n"))
            .preun(&format!("/usr/bin/kernel-install remove {kernel} || exit $?\n")),
        new("openssl-libs", system.openssl).requires(&["glibc"]).payload("/usr/lib64/libssl.so.1.1", 600_000),
        new("platform-python", system.python)
            .requires(&["glibc", "openssl-libs"])
            .program("/usr/libexec/platform-python", "#!/bin/sh\nexec /.toolbox/bin/python \"$@\"\n")
            .payload("/usr/lib64/libpython3.6m.so.1.0", 800_000),
        new("dnf", system.dnf)
            .requires(&["platform-python", "rpm"])
            .provides(&[&format!("yum = {}", system.dnf[0])])
            .program("/usr/bin/dnf", "#!/bin/sh\nexec /.toolbox/bin/dnf \"$@\"\n")
            .link("/usr/bin/yum", "dnf")
            .config("/etc/dnf/dnf.conf", "[main]\ngpgcheck=1\ninstallonly_limit=3\nclean_requirements_on_remove=True\nbest=True\nskip_if_unavailable=False\n")
            .link("/etc/yum.conf", "dnf/dnf.conf"),
        new("curl", system.curl).requires(&["openssl-libs"]).program("/usr/bin/curl", "#!/bin/sh\nexec /.toolbox/bin/curl \"$@\"\n"),
        new("rpm", system.rpm).requires(&["glibc", "bash"]).program("/usr/bin/rpm", "#!/bin/sh\nexec /.toolbox/bin/rpm \"$@\"\n"),
        new("chrony", system.chrony)
            .requires(&["systemd"])
            .payload("/usr/sbin/chronyd", 250_000)
            .config("/etc/chrony.conf", "server ntp.cloud.aliyuncs.com minpoll 4 maxpoll 10 iburst\n"),
        new("nginx", system.nginx)
            .requires(&["systemd", "openssl-libs"])
            .payload("/usr/sbin/nginx", 700_000)
            .config("/etc/nginx/nginx.conf", "worker_processes auto;\n"),
        new("java-1.8.0-openjdk", system.java).requires(&["glibc"]).payload("/usr/lib/jvm/java-1.8.0-openjdk/lib/rt.jar", 1_500_000),
        new("shop", system.shop)
            .requires(&["systemd", "nginx"])
            .program("/usr/libexec/shop/start", SHOP_START)
            .text("/usr/share/shop/health", "ok\n")
            .text("/usr/share/shop/version", &format!("{}\n", system.shop[0]))
            .config("/etc/shop/shop.conf", "LISTEN=127.0.0.1:8080\n")
            .dir("/usr/lib/shop/plugins", 0o755)
            .dir("/var/lib/shop", 0o755)
            .text("/usr/lib/systemd/system/shop-web.service", "[Unit]\nDescription=Web shop\n\n[Service]\nExecStart=/usr/libexec/shop/start\n\n[Install]\nWantedBy=multi-user.target\n")
            .post("[ $1 -gt 1 ] || systemctl enable shop-web.service\n"),
    ]
}

fn release(name: &str, version: &str, release: &str, text: &str, os_release: &str) -> Package {
    Package::new(name, version, release)
        .requires(&["filesystem"])
        .text("/etc/os-release", os_release)
        .text("/etc/redhat-release", &format!("{text}\n"))
        .link("/etc/system-release", "redhat-release")
}

fn only_centos() -> Vec<Package> {
    let os_release = "NAME=\"CentOS Linux\"\nVERSION=\"8\"\nID=\"centos\"\nID_LIKE=\"rhel fedora\"\nVERSION_ID=\"8\"\n\
        PLATFORM_ID=\"platform:el8\"\nPRETTY_NAME=\"CentOS Linux 8\"\nANSI_COLOR=\"0;31\"\nCPE_NAME=\"cpe:/o:centos:centos:8\"\n\
        HOME_URL=\"https://centos.org/\"\nCENTOS_MANTISBT_PROJECT=\"CentOS-8\"\nCENTOS_MANTISBT_PROJECT_VERSION=\"8\"\n";
    vec![
        release("centos-linux-release", "8.5", "1.2111.el8", "CentOS Linux release 8.5.2111", os_release)
            .requires(&["centos-linux-repos"])
            .provides(&["centos-release = 8.5", "system-release = 8.5", "system-release(releasever) = 8", "redhat-release = 8.5"])
            .link("/etc/centos-release", "redhat-release"),
        Package::new("centos-linux-repos", "8", "3.el8")
            .requires(&["filesystem", "centos-gpg-keys"])
            .provides(&["centos-repos = 8"])
            .config("/etc/yum.repos.d/CentOS-Linux-BaseOS.repo", CENTOS.repo_file),
        Package::new("centos-gpg-keys", "8", "3.el8").requires(&["filesystem"]).text("/etc/pki/rpm-gpg/RPM-GPG-KEY-centosofficial", "(unsigned repositories)\n"),
        Package::new("epel-release", "8", "13.el8").requires(&["filesystem"]).config(
            "/etc/yum.repos.d/epel.repo",
            "[epel]\nname=Extra Packages for Enterprise Linux 8\nbaseurl=http://mirrors.cloud.aliyuncs.com/epel/8/Everything/x86_64\nenabled=0\ngpgcheck=0\n",
        ),
        Package::new("mysql-community-server", "8.0.28", "1.el8")
            .requires(&["systemd", "openssl-libs"])
            .payload("/usr/sbin/mysqld", 2_000_000)
            .config("/etc/my.cnf", "[mysqld]\ndatadir=/var/lib/mysql\n")
            .dir("/var/lib/mysql", 0o751),
        Package::new("libstdc++", "8.5.0", "4.el8_5").arch("i686").requires(&["filesystem"]).payload("/usr/lib/libstdc++.so.6", 300_000),
        acme("1.0", CENTOS.dist),
        Package::new("shop-plugin", "1.0", "1.el8")
            .requires(&["shop"])
            .text("/usr/lib/shop/plugins/loyalty.sh", "# Loyalty points, for shop API 1.\nLOYALTY=on\n"),
    ]
}

fn only_alibaba_cloud_linux() -> Vec<Package> {
    let os_release = "NAME=\"Alibaba Cloud Linux\"\nVERSION=\"3 (OpenAnolis Edition)\"\nID=\"alinux\"\nID_LIKE=\"rhel fedora centos anolis\"\n\
        VERSION_ID=\"3\"\nUPDATE_ID=\"10\"\nPLATFORM_ID=\"platform:al8\"\nPRETTY_NAME=\"Alibaba Cloud Linux 3 (OpenAnolis Edition)\"\n\
        ANSI_COLOR=\"0;31\"\nHOME_URL=\"https://www.aliyun.com/\"\n";
    vec![
        release("alinux-release", "3", "21.al8", "Alibaba Cloud Linux release 3 (OpenAnolis Edition)", os_release)
            .requires(&["alinux-repos"])
            .provides(&["system-release = 3", "system-release(releasever) = 3", "redhat-release = 8"])
            .obsoletes(&["centos-linux-release", "centos-release"]),
        Package::new("alinux-repos", "3", "13.al8")
            .requires(&["filesystem"])
            .obsoletes(&["centos-linux-repos", "centos-repos", "centos-gpg-keys"])
            .config("/etc/yum.repos.d/AliYun.repo", ALIBABA_CLOUD_LINUX.repo_file),
        Package::new("epel-aliyuncs-release", "8", "15.1.al8").requires(&["filesystem"]).obsoletes(&["epel-release"]).config(
            "/etc/yum.repos.d/epel.repo",
            "[epel]\nname=Extra Packages for Enterprise Linux 8\nbaseurl=http://mirrors.cloud.aliyuncs.com/epel/8/Everything/x86_64\nenabled=0\ngpgcheck=0\n",
        ),
        acme("2.0", ALIBABA_CLOUD_LINUX.dist).post(ACME_POST),
        Package::new("shop-plugin", "2.0", "1.al8")
            .requires(&["shop"])
            .text("/usr/lib/shop/plugins/loyalty.sh", "# Loyalty points, for shop API 2.\n[ \"$SHOP_API\" -ge 2 ] || fail \"loyalty 2.0 needs shop API 2, this is $SHOP_API\"\n"),
    ]
}

fn acme(version: &str, dist: &str) -> Package {
    Package::new("acme-agent", version, &format!("1.{dist}"))
        .requires(&["systemd"])
        .payload("/usr/lib/acme/agent.db", 1_000_000)
        .program("/usr/bin/acme-agent", format!("#!/bin/sh\necho acme-agent {version}\n"))
        .dir("/var/lib/acme", 0o755)
}
