//! The packages of the Enterprise Linux systems. Names, versions, dependencies, obsoletes,
//! configuration files and scriptlets are like the originals'; the programs are this machine's bash
//! and busybox, and random bytes.

mod host;
mod releases;
mod versions;

use super::packages::Package;
use host::APPLETS;
pub(super) use host::Host;
pub(super) use releases::Release;
pub(super) use versions::System;

const SYSTEMCTL: &str = include_str!("../files/systemctl");
const SYSTEMD: &str = include_str!("../files/systemd");
const SYSTEMD_RUN: &str = include_str!("../files/systemd-run");
const KERNEL_INSTALL: &str = include_str!("../files/kernel-install");
const LSINITRD: &str = include_str!("../files/lsinitrd");
const COMM: &str = include_str!("../files/comm");
const UNAME: &str = include_str!("../files/uname");
const GRUBBY: &str = include_str!("../files/grubby");
const KMOD: &str = include_str!("../files/kmod");
const YUM: &str = include_str!("../files/yum");
const SHOP_START: &str = include_str!("../files/shop-start");
const ACME_POST: &str = include_str!("../files/acme-post");

/// Everything these packages are made from besides this machine's own programs.
pub(super) const SOURCES: [&str; 16] = [
    include_str!("mod.rs"),
    include_str!("host.rs"),
    include_str!("releases.rs"),
    include_str!("versions.rs"),
    SYSTEMCTL,
    SYSTEMD,
    SYSTEMD_RUN,
    KERNEL_INSTALL,
    LSINITRD,
    GRUBBY,
    KMOD,
    COMM,
    UNAME,
    YUM,
    SHOP_START,
    ACME_POST,
];

/// Every system, with its release.
pub(super) const ALL: [(System, Release); 13] = [
    (versions::CENTOS_7, releases::CENTOS_7),
    (versions::RED_HAT_7, releases::RED_HAT_7),
    (versions::ANOLIS_7, releases::ANOLIS_7),
    (versions::ALIBABA_CLOUD_LINUX_2, releases::ALIBABA_CLOUD_LINUX_2),
    (versions::CENTOS_8, releases::CENTOS_8),
    (versions::RED_HAT_8, releases::RED_HAT_8),
    (versions::ALMA_8, releases::ALMA_8),
    (versions::ROCKY_8, releases::ROCKY_8),
    (versions::ANOLIS_8, releases::ANOLIS_8),
    (versions::ALIBABA_CLOUD_LINUX_3, releases::ALIBABA_CLOUD_LINUX_3),
    (versions::RED_HAT_9, releases::RED_HAT_9),
    (versions::ALMA_9, releases::ALMA_9),
    (versions::ALMA_10, releases::ALMA_10),
];

const DIRS: [&str; 24] = [
    "/boot",
    "/boot/grub2",
    "/boot/loader",
    "/boot/loader/entries",
    "/data",
    "/etc",
    "/etc/dracut.conf.d",
    "/etc/modprobe.d",
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

/// Programs that are the toolbox's.
fn of_toolbox(program: &str) -> String {
    format!("#!/bin/sh\nexec /.toolbox/bin/{program} \"$@\"\n")
}

impl System {
    fn package(&self, name: &str, [version, release]: [&str; 2]) -> Package {
        Package::new(name, version, &self.release(release))
    }

    fn release(&self, release: &str) -> String {
        release.replace(self.dist[0], self.dist[1])
    }
}

/// Every package of a system.
pub(super) fn packages(system: &System, release: &Release, host: &Host) -> Vec<Package> {
    let mut packages = basic(system, host);
    packages.extend(release.packages(system));
    packages.push(kernel(system, system.kernel));
    packages.extend(tools(system));
    packages.extend(applications(system));
    if let "el7" | "el8" | "rhel7" | "rhel8" | "rhel9" = system.repo {
        packages.push(rhui_client(system));
    }
    match system.repo {
        "el7" | "el8" => packages.extend(only_source(system)),
        _ => packages.extend(only_target(system)),
    }
    packages
}

fn basic(system: &System, host: &Host) -> Vec<Package> {
    let mut filesystem =
        DIRS.iter().fold(system.package("filesystem", system.filesystem), |package, dir| package.dir(dir, 0o755));
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
    let coreutils = APPLETS.iter().fold(system.package("coreutils", system.coreutils), |package, applet| {
        package.link(&format!("/usr/bin/{applet}"), "busybox")
    });
    vec![
        filesystem,
        host.locale
            .iter()
            .fold(system.package("glibc", system.glibc), |package, (path, bytes)| package.file(path, bytes.clone()))
            .requires(&["filesystem"])
            .program("/usr/lib64/ld-linux-x86-64.so.2", host.loader.clone())
            .program("/usr/lib64/libc.so.6", host.libc.clone())
            // Where this machine's loader looks.
            .link("/usr/lib/x86_64-linux-gnu", "../lib64"),
        system
            .package("ncurses-libs", system.ncurses)
            .requires(&["glibc"])
            .program("/usr/lib64/libtinfo.so.6", host.libtinfo.clone())
            // A terminal without abilities.
            .program("/usr/bin/tput", "#!/bin/sh\nexit 0\n"),
        // Not busybox's shell: that prefers its own applets, rpm among them, to what PATH has.
        system
            .package("bash", system.bash)
            .requires(&["glibc", "ncurses-libs"])
            .provides(&["/bin/sh", "/bin/bash", "/usr/bin/sh"])
            .program("/usr/bin/bash", host.bash.clone())
            .link("/usr/bin/sh", "bash"),
        coreutils
            .requires(&["bash", "glibc"])
            .program("/usr/bin/busybox", host.busybox.clone())
            .program("/usr/bin/comm", COMM)
            .program("/usr/bin/column", "#!/bin/sh\nexec cat\n")
            .program("/usr/bin/uname", UNAME),
        system
            .package("systemd", system.systemd)
            .requires(&["bash", "coreutils", "glibc"])
            .program("/usr/lib/systemd/systemd", SYSTEMD)
            .link("/usr/sbin/init", "../lib/systemd/systemd")
            .program("/usr/bin/systemctl", SYSTEMCTL)
            .program("/usr/bin/systemd-run", SYSTEMD_RUN)
            .program("/usr/bin/kernel-install", KERNEL_INSTALL)
            .program("/usr/bin/lsinitrd", LSINITRD)
            .program("/usr/bin/systemd-detect-virt", "#!/bin/sh\necho kvm\n")
            .dir("/usr/lib/systemd/system", 0o755)
            .dir("/etc/systemd/system", 0o755)
            .dir("/etc/systemd/system/multi-user.target.wants", 0o755)
            .payload(&format!("/usr/lib/systemd/libsystemd-shared-{}.so", system.systemd[0]), 1_000_000),
        system.package("openssl-libs", system.openssl).requires(&["glibc"]).payload(
            match system.major {
                7 => "/usr/lib64/libssl.so.10",
                8 => "/usr/lib64/libssl.so.1.1",
                _ => "/usr/lib64/libssl.so.3",
            },
            600_000,
        ),
    ]
}

/// A kernel: its file, its modules, and scriptlets that make an initramfs and a boot entry.
pub(super) fn kernel(system: &System, [version, release]: [&str; 2]) -> Package {
    let kernel = format!("{version}-{}.x86_64", system.release(release));
    system
        .package("kernel", [version, release])
        .requires(&["systemd", "coreutils"])
        .provides(&["installonlypkg(kernel)", &format!("kernel-core-uname-r = {kernel}")])
        .payload(&format!("/boot/vmlinuz-{kernel}"), 4_000_000)
        .text(&format!("/usr/lib/modules/{kernel}/modules.builtin"), "kernel/fs/ext4/ext4.ko\n")
        .payload(&format!("/usr/lib/modules/{kernel}/kernel/drivers/block/virtio_blk.ko.xz"), 9_000)
        .payload(&format!("/usr/lib/modules/{kernel}/kernel/drivers/net/virtio_net.ko.xz"), 19_000)
        .posttrans(&format!("/usr/bin/kernel-install add {kernel} || exit $?\n"))
        .preun(&format!("/usr/bin/kernel-install remove {kernel} || exit $?\n"))
}

/// What manages packages, modules, the boot loader and logins.
fn tools(system: &System) -> Vec<Package> {
    let kmod = ["lsmod", "rmmod", "modprobe"].iter().fold(system.package("kmod", system.kmod), |package, program| {
        package.link(&format!("/usr/sbin/{program}"), "../bin/kmod")
    });
    let pam = system.package("pam", system.pam).requires(&["glibc"]).config(
        "/etc/pam.d/system-auth",
        "auth required pam_env.so\nauth sufficient pam_unix.so try_first_pass nullok\naccount required pam_unix.so\n",
    );
    let pam = match system.major {
        // The smart card stack of Enterprise Linux 7.
        7 => pam.config(
            "/etc/pam.d/smartcard-auth",
            "auth required pam_env.so\nauth [success=done ignore=ignore default=die] pam_pkcs11.so nodebug wait_for_card\naccount required pam_unix.so\n",
        ),
        _ => pam,
    };
    let (python, yum) = if system.major == 7 {
        let python = system
            .package("python", system.python)
            .requires(&["glibc", "openssl-libs"])
            .provides(&[&format!("python2 = {}", system.python[0])])
            .program("/usr/bin/python2", of_toolbox("python"))
            .link("/usr/bin/python", "python2")
            .payload("/usr/lib64/libpython2.7.so.1.0", 800_000);
        let yum = system.package("yum", system.dnf).requires(&["python", "rpm"]).program("/usr/bin/yum", YUM).config(
            "/etc/yum.conf",
            "[main]\ncachedir=/var/cache/yum/$basearch/$releasever\nkeepcache=0\ndebuglevel=2\nlogfile=/var/log/yum.log\n\
             exactarch=1\nobsoletes=1\ngpgcheck=1\nplugins=1\ninstallonly_limit=5\n",
        );
        (python, yum)
    } else {
        let python = system
            .package("platform-python", system.python)
            .requires(&["glibc", "openssl-libs"])
            .program("/usr/libexec/platform-python", of_toolbox("python"))
            .payload("/usr/lib64/libpython3.6m.so.1.0", 800_000);
        let dnf = system.package("dnf", system.dnf)
            .requires(&["platform-python", "rpm"])
            .provides(&[&format!("yum = {}", system.dnf[0])])
            .obsoletes(&["yum < 4"])
            .program("/usr/bin/dnf", of_toolbox("dnf"))
            .link("/usr/bin/yum", "dnf")
            .config("/etc/dnf/dnf.conf", "[main]\ngpgcheck=1\ninstallonly_limit=3\nclean_requirements_on_remove=True\nbest=True\nskip_if_unavailable=False\n")
            .link("/etc/yum.conf", "dnf/dnf.conf");
        (python, dnf)
    };
    let mut tools = vec![
        kmod.requires(&["glibc", "bash"]).program("/usr/bin/kmod", KMOD),
        pam,
        python,
        yum,
        system.package("grubby", system.grubby).requires(&["bash"]).program("/usr/sbin/grubby", GRUBBY),
        system.package("curl", system.curl).requires(&["openssl-libs"]).program("/usr/bin/curl", of_toolbox("curl")),
        system.package("rpm", system.rpm).requires(&["glibc", "bash"]).program("/usr/bin/rpm", of_toolbox("rpm")),
        system
            .package("chrony", system.chrony)
            .requires(&["systemd"])
            .payload("/usr/sbin/chronyd", 250_000)
            .config("/etc/chrony.conf", "server ntp.cloud.aliyuncs.com minpoll 4 maxpoll 10 iburst\n"),
        system
            .package("openssh-server", system.openssh)
            .requires(&["systemd", "pam"])
            .payload("/usr/sbin/sshd", 700_000)
            .config("/etc/ssh/sshd_config", "#PermitRootLogin yes\nPasswordAuthentication yes\nUsePAM yes\n"),
        system
            .package("selinux-policy-targeted", system.selinux)
            .requires(&["filesystem"])
            .config("/etc/selinux/config", "SELINUX=disabled\nSELINUXTYPE=targeted\n"),
    ];
    if system.major > 7 {
        let plugins = system.package("dnf-plugins-core", system.dnf).requires(&["dnf"]);
        tools.push(plugins.text("/etc/dnf/plugins/debuginfo-install.conf", "[main]\nenabled=1\nautoupdate=1\n"));
    }
    tools
}

fn applications(system: &System) -> Vec<Package> {
    vec![
        system.package("nginx", system.nginx)
            .requires(&["systemd", "openssl-libs"])
            .payload("/usr/sbin/nginx", 700_000)
            .config("/etc/nginx/nginx.conf", "worker_processes auto;\n"),
        system.package("java-1.8.0-openjdk", system.java)
            .requires(&["glibc"])
            .payload("/usr/lib/jvm/java-1.8.0-openjdk/lib/rt.jar", 1_500_000),
        system.package("shop", system.shop)
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

const EPEL: &str = "[epel]\nname=Extra Packages for Enterprise Linux MAJOR\nbaseurl=http://mirrors.cloud.aliyuncs.com/epel/PATH\nenabled=ENABLED\ngpgcheck=0\n";

fn epel(major: u32) -> String {
    let (path, enabled) = if major == 7 { ("7/$basearch", "1") } else { ("8/Everything/$basearch", "0") };
    EPEL.replace("MAJOR", &major.to_string()).replace("PATH", path).replace("ENABLED", enabled)
}

/// Third-party packages of the systems that are left, and their own repositories of extra packages.
fn only_source(system: &System) -> Vec<Package> {
    let el7 = system.major == 7;
    let dist = system.dist[1];
    let repos = Package::new("epel-release", &system.major.to_string(), "13")
        .vendor("Fedora Project")
        .requires(&["filesystem"])
        .config("/etc/yum.repos.d/epel.repo", &epel(system.major));
    vec![
        repos,
        Package::new("mysql-community-server", if el7 { "5.7.36" } else { "8.0.28" }, &format!("1.{dist}"))
            .vendor("Oracle and/or its affiliates")
            .requires(&["systemd", "openssl-libs"])
            .payload("/usr/sbin/mysqld", 2_000_000)
            .config("/etc/my.cnf", "[mysqld]\ndatadir=/var/lib/mysql\n")
            .dir("/var/lib/mysql", 0o751),
        Package::new("libstdc++", if el7 { "4.8.5" } else { "8.5.0" }, if el7 { "44.el7" } else { "4.el8_5" })
            .arch("i686")
            .requires(&["filesystem"])
            .payload("/usr/lib/libstdc++.so.6", 300_000),
        // Built against this system's OpenSSL, as agents of vendors are.
        Package::new("acme-vpn", "3.2", &format!("1.{dist}"))
            .vendor("ACME")
            .requires(&["systemd", if el7 { "openssl-libs < 1.1" } else { "openssl-libs < 3" }])
            .payload("/usr/lib/acme-vpn/vpnd", 200_000),
        acme("1.0", dist),
        Package::new("shop-plugin", "1.0", &format!("1.{dist}"))
            .vendor("Shop")
            .requires(&["shop"])
            .text("/usr/lib/shop/plugins/loyalty.sh", "# Loyalty points, for shop API 1.\nLOYALTY=on\n"),
    ]
}

/// The repositories of a licensed Red Hat Enterprise Linux on ECS. The names are those that ECS's guide
/// gives to convert2rhel; the paths are the mirror's own.
fn rhui_client(system: &System) -> Package {
    // Whoever still runs CentOS has the licence, but does not use it yet.
    let (major, enabled) = (system.major, u8::from(!matches!(system.repo, "el7" | "el8")));
    let repos: &[(&str, &str)] = match major {
        7 => &[
            ("rhui-rhel-7-server-rhui-rpms", "rhel-7-server/os"),
            ("rhui-rhel-7-server-rhui-extras-rpms", "rhel-7-server/extras"),
            ("rhui-rhel-7-server-rhui-optional-rpms", "rhel-7-server/empty"),
        ],
        8 => &[
            ("rhui-rhel-8-for-x86_64-baseos-rhui-rpms", "rhel-8-baseos/os"),
            ("rhui-rhel-8-for-x86_64-appstream-rhui-rpms", "rhel-8-appstream/os"),
        ],
        _ => &[
            ("rhui-rhel-9-for-x86_64-baseos-rhui-rpms", "rhel-9-baseos/os"),
            ("rhui-rhel-9-for-x86_64-appstream-rhui-rpms", "rhel-9-appstream/os"),
        ],
    };
    let text = repos.iter().map(|(id, path)| {
        format!("[{id}]\nname={id}\nbaseurl=http://mirrors.cloud.aliyuncs.com/rhui/{path}/$basearch/\nenabled={enabled}\ngpgcheck=0\n")
    });
    Package::new("rhui-client", &major.to_string(), "1")
        .vendor("Alibaba Cloud")
        .requires(&["filesystem"])
        .config("/etc/yum.repos.d/rh-cloud.repo", &text.collect::<String>())
}

fn only_target(system: &System) -> Vec<Package> {
    let dist = system.dist[1];
    let mut packages = vec![
        acme("2.0", dist).post(ACME_POST),
        Package::new("shop-plugin", "2.0", &format!("1.{dist}"))
            .vendor("Shop")
            .requires(&["shop"])
            .text("/usr/lib/shop/plugins/loyalty.sh", "# Loyalty points, for shop API 2.\n[ \"$SHOP_API\" -ge 2 ] || fail \"loyalty 2.0 needs shop API 2, this is $SHOP_API\"\n"),
    ];
    match system.repo {
        "alinux3" => packages.push(
            Package::new("epel-aliyuncs-release", "8", "15.1.al8")
                .requires(&["filesystem"])
                .obsoletes(&["epel-release"])
                .config("/etc/yum.repos.d/epel.repo", &epel(8)),
        ),
        "anolis7" => packages.push(kernel(system, ["3.10.0", "1160.119.1.0.1.an7"])),
        "anolis8" => packages.push(kernel(system, ["4.18.0", "553.0.1.an8_10"])),
        _ => {}
    }
    packages
}

fn acme(version: &str, dist: &str) -> Package {
    Package::new("acme-agent", version, &format!("1.{dist}"))
        .vendor("ACME")
        .requires(&["systemd"])
        .payload("/usr/lib/acme/agent.db", 1_000_000)
        .program("/usr/bin/acme-agent", format!("#!/bin/sh\necho acme-agent {version}\n"))
        .dir("/var/lib/acme", 0o755)
}
