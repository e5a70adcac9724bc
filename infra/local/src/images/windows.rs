//! Stand-ins for Windows: a directory tree as drive C:, `/osferry/powershell` in place of Windows PowerShell and of
//! Setup, and state files in place of registry and WMI. They answer the scripts of OS Ferry in the documented form,
//! and nothing else; no code of Windows is in them. Media are placeholders that only list what a real one would hold.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::catalogue::{Image, Name, Recipe, image};
use super::missing;
use crate::guest::context;

/// What distinguishes one Windows from another, or one media from another.
#[derive(Clone, Copy, Debug)]
pub(super) struct System {
    build: u32,
    language: &'static str,
    /// As `DISM` calls it.
    edition: &'static str,
}

/// The same, as the worker that builds a tree is told it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Build {
    build: u32,
    language: String,
    edition: String,
}

impl From<System> for Build {
    fn from(system: System) -> Self {
        Self { build: system.build, language: system.language.to_owned(), edition: system.edition.to_owned() }
    }
}

const WINDOWS_2008_R2: Name = Name(
    "Windows Server  2008 R2 企业版 64位中文版",
    "Windows Server  2008 R2 Enterprise Edition 64bit Chinese Edition",
    "Windows Server 2008",
);
const WINDOWS_2012_R2: Name = Name(
    "Windows Server  2012 R2 数据中心版 64位中文版",
    "Windows Server  2012 R2 Data Center Edition 64bit Chinese Edition",
    "Windows Server 2012",
);
const WINDOWS_2016: Name = Name(
    "Windows Server  2016 数据中心版 64位英文版",
    "Windows Server  2016 Data Center Edition 64bit English Edition",
    "Windows Server 2016",
);
/// A disk with media has no system of its own.
const NO_SYSTEM: Name = Name("", "", "Others Linux");

const fn windows(build: u32, language: &'static str) -> Recipe {
    Recipe::Windows(System { build, language, edition: DATACENTER })
}

const DATACENTER: &str = "ServerDatacenter";

/// Windows images.
pub(super) static IMAGES: [Image; 3] = [
    image(
        "win2008r2_sp1_x64_ent_zh-cn_40G_alibase_20190816.vhd",
        &WINDOWS_2008_R2,
        "stand-in for Windows Server 2008 R2 Enterprise, Chinese, with a web shop",
        Recipe::Windows(System { build: 7601, language: "zh-CN", edition: "ServerEnterprise" }),
    ),
    image(
        "win2012r2_9600_x64_dtc_zh-cn_40G_alibase_20230811.vhd",
        &WINDOWS_2012_R2,
        "stand-in for Windows Server 2012 R2 Datacenter, Chinese, with a web shop",
        windows(9600, "zh-CN"),
    ),
    image(
        "win2016_1607_x64_dtc_en-us_40G_alibase_20230811.vhd",
        &WINDOWS_2016,
        "stand-in for Windows Server 2016 Datacenter, English, with a web shop",
        windows(14393, "en-US"),
    ),
];

const fn media(id: &'static str, build: u32, language: &'static str) -> Image {
    image(
        id,
        &NO_SYSTEM,
        "stand-in for installation media",
        Recipe::WindowsMedia(System { build, language, edition: DATACENTER }),
    )
}

/// Installation media, for data disks: no instance can be made of them, so no API lists them.
pub(super) static MEDIA: [Image; 7] = [
    media("m-local-media-win2012r2-zh-cn", NO_SCAN, "zh-CN"),
    media("m-local-media-win2016-zh-cn", 14393, "zh-CN"),
    media("m-local-media-win2016-en-us", 14393, "en-US"),
    media("m-local-media-win2019-zh-cn", 17763, "zh-CN"),
    media("m-local-media-win2019-en-us", 17763, "en-US"),
    media("m-local-media-win2022-zh-cn", 20348, "zh-CN"),
    media("m-local-media-win2022-en-us", 20348, "en-US"),
];

/// Programs of the stand-in, below `/osferry`.
const PROGRAMS: [(&str, &str); 5] = [
    ("powershell", include_str!("files/windows/powershell")),
    ("tool", include_str!("files/windows/tool")),
    ("setup", include_str!("files/windows/setup")),
    ("safeos", include_str!("files/windows/safeos")),
    ("firstboot", include_str!("files/windows/firstboot")),
];
/// Text that the programs read.
const PARTS: [(&str, &str); 2] =
    [("lib", include_str!("files/windows/lib")), ("answers", include_str!("files/windows/answers"))];
/// Services, by name.
const SERVICES: [(&str, &str); 3] = [
    ("W3SVC", include_str!("files/windows/web")),
    ("LanmanServer", include_str!("files/windows/idle")),
    ("AliyunService", include_str!("files/windows/idle")),
];
const RC_LOCAL: &str = include_str!("files/windows/rc.local");

/// Facts of a new Windows. The names are those of the answers' keys or of the lists in `inventory.ps1`; `kms`,
/// `setup_fault`, `blocking_program` and the like, which are not here, make something go wrong.
const STATE: [(&str, &str); 13] = [
    ("core", "no"),
    ("arch", "x86_64"),
    ("cpus", "2"),
    ("memory_mib", "8191"),
    ("free_mib", "24576"),
    ("windows_mib", "16384"),
    ("license_status", "1"),
    ("license_channel", "VOLUME_KMSCLIENT"),
    ("Users", "Administrator\nshop"),
    ("Shares", "orders"),
    ("Tasks", "\\Nightly backup"),
    // In ASCII as the scripts say it; the numbers are those of Win32_ServerFeature.
    ("Roles", "2 \\u7f51\\u7edc Web Server (IIS)\n39 .NET Framework"),
    ("programs", "8080 C:\\inetpub\\shop.exe"),
];

/// busybox's applets that the stand-in uses.
const APPLETS: [&str; 42] = [
    "awk", "base64", "basename", "cat", "chmod", "cksum", "cp", "cut", "date", "df", "du", "echo", "find", "grep",
    "gzip", "head", "hostname", "httpd", "id", "kill", "ls", "mkdir", "mv", "nc", "netstat", "printf", "ps",
    "readlink", "rm", "rmdir", "sed", "seq", "setsid", "sh", "sleep", "sort", "stat", "tail", "tee", "touch", "tr",
    "wc",
];
const MORE_APPLETS: [&str; 7] = ["timeout", "wget", "sha256sum", "true", "false", "test", "["];

/// What the stand-ins are built from, for their version.
pub(super) fn sources() -> Vec<&'static str> {
    let texts = PROGRAMS.iter().chain(&PARTS).chain(&SERVICES).map(|(_, text)| *text);
    texts.chain([RC_LOCAL, include_str!("windows.rs")]).collect()
}

/// Makes the tree of a Windows below `root`.
pub(super) fn install(root: &Path, windows: &Build) -> io::Result<()> {
    let busybox = fs::read("/bin/busybox").map_err(missing("busybox", "busybox-static"))?;
    for dir in ["bin", "etc", "osferry/state", "osferry/services", "c/ProgramData", "c/Users/Administrator"] {
        fs::create_dir_all(root.join(dir)).map_err(context(format_args!("create /{dir}")))?;
    }
    program(&root.join("bin/busybox"), &busybox)?;
    for applet in APPLETS.iter().chain(&MORE_APPLETS) {
        symlink("busybox", root.join("bin").join(applet))?;
    }
    for (name, text) in PROGRAMS {
        program(&root.join("osferry").join(name), text.as_bytes())?;
    }
    for (name, text) in PARTS {
        fs::write(root.join("osferry").join(name), text)?;
    }
    for (name, text) in SERVICES {
        program(&root.join("osferry/services").join(name), text.as_bytes())?;
    }
    program(&root.join("etc/rc.local"), RC_LOCAL.as_bytes())?;
    let own = [
        ("build", windows.build.to_string()),
        ("first_build", windows.build.to_string()),
        ("language", windows.language.clone()),
        ("edition", windows.edition.clone()),
    ];
    for (name, value) in STATE.iter().map(|(name, value)| (*name, (*value).to_owned())).chain(own) {
        fs::write(root.join("osferry/state").join(name), value + "\n")?;
    }
    for (path, text) in [
        ("c/Windows/System32/ntoskrnl.exe", format!("kernel of build {}\n", windows.build)),
        ("c/Windows/win.ini", "; for 16-bit app support\n".to_owned()),
        ("c/inetpub/wwwroot/health", "ok\n".to_owned()),
        ("c/inetpub/shop.exe", "the shop\n".to_owned()),
        ("c/Users/Administrator/orders.csv", (1..=300).map(|n| format!("{n},{}\n", n * 37 % 911)).collect()),
    ] {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap_or(root))?;
        fs::write(path, text)?;
    }
    Ok(())
}

/// Windows Server 2012 R2: its Setup knows neither a scan nor the choice of an image.
const NO_SCAN: u32 = 9600;
const ALL_EDITIONS: [&str; 4] =
    ["ServerStandard yes", "ServerStandard no", "ServerDatacenter yes", "ServerDatacenter no"];

/// Makes the tree of a disk with media below `root`: index, build, edition, core, language of each image, in the order
/// of every server media.
pub(super) fn install_media(root: &Path, media: &Build) -> io::Result<()> {
    fs::create_dir(root.join("sources"))?;
    fs::write(root.join("setup.exe"), "placeholder for Windows Setup\n")?;
    // Media of one image only: their Setup cannot be told which.
    let images: &[&str] = if media.build == NO_SCAN { &ALL_EDITIONS[3..] } else { &ALL_EDITIONS };
    let lines = images.iter().enumerate().map(|(index, image)| {
        let Build { build, language, .. } = media;
        format!("{} {build} {image} {language}\n", index + 1)
    });
    fs::write(root.join("sources/install.wim"), lines.collect::<String>())
}

fn program(path: &Path, text: &[u8]) -> io::Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, Permissions::from_mode(0o755))
}
