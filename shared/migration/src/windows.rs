//! What is particular to Windows Setup: its result codes, its compatibility reports, the keys of volume
//! activation.

use std::fmt;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde::{Deserialize, Serialize};

use crate::os::Os;

/// The public key with which a Datacenter edition asks a KMS for its activation. None for a release that is
/// nobody's destination. Source: Microsoft, "KMS client activation and product keys".
pub fn volume_key(os: &Os) -> Option<&'static str> {
    const KEYS: [(Os, &str); 5] = [
        (Os::windows_r2(2012), "W3GGN-FT8W3-Y4M27-J84CP-Q3VJ9"),
        (Os::new(crate::os::Family::WindowsServer, 2016), "CB7KF-BWN84-R7R2Y-793K2-8XDDG"),
        (Os::new(crate::os::Family::WindowsServer, 2019), "WMDGN-G9PQG-XVVXX-R3X43-63DFG"),
        (Os::new(crate::os::Family::WindowsServer, 2022), "WX4NM-KYWYW-QJJR4-XV3QB-6VM33"),
        (Os::new(crate::os::Family::WindowsServer, 2025), "D764K-2NDRG-47T6Q-P8T8W-YP6DF"),
    ];
    KEYS.iter().find(|(known, _)| known.same_release(os)).map(|(_, key)| *key)
}

/// The build number of a release that can be a destination, the one of its media.
pub fn build_of(os: &Os) -> Option<u32> {
    [7601, 9600, 14393, 17763, 20348, 26100]
        .into_iter()
        .find(|build| Os::from_windows_build(*build).is_some_and(|known| known.same_release(os)))
}

/// Whether Setup of this release's media upgrades unattended by `/auto upgrade /quiet`, and knows
/// `/compat scanonly`: from Windows 10's Setup on. Older media need an answer file and have no scan. Source:
/// Azure, "In-place upgrade for VMs running Windows Server".
pub fn setup_scans(os: &Os) -> bool {
    build_of(os).is_some_and(|build| build >= 14393)
}

/// What a result of Setup means for the migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Setup found nothing against the upgrade.
    Go,
    /// A person can clear what Setup found.
    Fix,
    /// This machine cannot take this upgrade.
    Never,
    /// The upgrade was begun and taken back by Setup itself.
    RolledBack,
}

/// One of Setup's results. Source: Microsoft, "Windows upgrade error codes".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetupResult {
    /// As Setup and its logs write it, `0xC1900210`.
    pub code: u32,
    /// Its symbolic name, as far as it has one.
    pub name: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What a person does about it.
    pub remedy: &'static str,
    /// What follows.
    pub verdict: Verdict,
}

const fn result(
    code: u32,
    verdict: Verdict,
    name: &'static str,
    meaning: &'static str,
    remedy: &'static str,
) -> SetupResult {
    SetupResult { code, name, meaning, remedy, verdict }
}

const MORE_DISK: &str = "extend the system disk and drive C:, or delete what is not needed there";

/// Every result that is known.
pub const SETUP_RESULTS: [SetupResult; 8] = [
    result(0xC190_0210, Verdict::Go, "MOSETUP_E_COMPAT_SCANONLY", "the scan found no compatibility issue", ""),
    result(
        0xC190_0208,
        Verdict::Fix,
        "MOSETUP_E_COMPAT_INSTALLREQ_BLOCK",
        "an application or a driver stands against the upgrade",
        "uninstall or update what the scan names, then try again",
    ),
    result(
        0xC190_0204,
        Verdict::Never,
        "MOSETUP_E_COMPAT_MIGCHOICE_BLOCK",
        "this upgrade is not offered for the installed edition and language",
        "take media of the same language, and an edition that the installed one can become",
    ),
    result(
        0xC190_0200,
        Verdict::Never,
        "MOSETUP_E_COMPAT_SYSREQ_BLOCK",
        "the machine does not have what the new Windows needs",
        "change the instance type, or choose another destination",
    ),
    result(
        0xC190_020E,
        Verdict::Fix,
        "MOSETUP_E_INSTALLDISKSPACE_BLOCK",
        "there is too little free space on the disk",
        MORE_DISK,
    ),
    result(0x8007_0070, Verdict::Fix, "ERROR_DISK_FULL", "there is too little free space on the disk", MORE_DISK),
    result(
        0xC190_0101,
        Verdict::RolledBack,
        "",
        "Setup went back to the old Windows, mostly because of a driver",
        "read setupact.log and setupapi.dev.log of the rollback; update or remove the driver that they name",
    ),
    result(
        0xC190_0107,
        Verdict::Fix,
        "",
        "an earlier upgrade is still to be cleaned up",
        r"reboot, delete C:\$WINDOWS.~BT, then try again",
    ),
];

/// Setup's result by its exit code, however the 32 bits were read: `-1047526896` and `3247440400` are both
/// 0xC1900210.
pub fn setup_result(exit_code: i64) -> Option<&'static SetupResult> {
    SETUP_RESULTS.iter().find(|known| known.code == bits(exit_code))
}

/// The exit code as Setup's logs write it.
pub fn hex(exit_code: i64) -> String {
    format!("0x{:08X}", bits(exit_code))
}

/// Exit codes are 32 bits, signed or not.
fn bits(exit_code: i64) -> u32 {
    (exit_code & 0xFFFF_FFFF) as u32
}

/// The second half of a result, `0x4000D`: where Setup was. Source: Microsoft, "Windows upgrade error codes",
/// extend codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendCode(pub u32);

impl ExtendCode {
    /// Between which boots it was.
    pub fn phase(self) -> &'static str {
        match self.0 >> 16 {
            1 => "in the running system, before the first reboot",
            2 => "in Setup's own small system, after the first reboot",
            3 => "in the first boot of the new Windows",
            4 => "in the second boot of the new Windows",
            5 => "while the new Windows was uninstalled",
            _ => "in an unknown phase",
        }
    }

    /// What it did; empty for what has no name here.
    pub fn operation(self) -> &'static str {
        const NAMES: [&str; 0x1F] = [
            "",
            "COPY_PAYLOAD",
            "DOWNLOAD_UPDATES",
            "INSTALL_UPDATES",
            "INSTALL_RECOVERY_ENVIRONMENT",
            "INSTALL_RECOVERY_IMAGE",
            "REPLICATE_OC",
            "INSTALL_DRIVERS",
            "PREPARE_SAFE_OS",
            "PREPARE_ROLLBACK",
            "PREPARE_FIRST_BOOT",
            "PREPARE_OOBE_BOOT",
            "APPLY_IMAGE",
            "MIGRATE_DATA",
            "SET_PRODUCT_KEY",
            "ADD_UNATTEND",
            "ADD_DRIVER",
            "ENABLE_FEATURE",
            "DISABLE_FEATURE",
            "REGISTER_ASYNC_PROCESS",
            "REGISTER_SYNC_PROCESS",
            "CREATE_FILE",
            "CREATE_REGISTRY",
            "BOOT",
            "SYSPREP",
            "OOBE",
            "BEGIN_FIRST_BOOT",
            "END_FIRST_BOOT",
            "BEGIN_OOBE_BOOT",
            "END_OOBE_BOOT",
            "PRE_OOBE",
        ];
        NAMES.get((self.0 & 0xFF) as usize).copied().unwrap_or_default()
    }
}

impl fmt::Display for ExtendCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.phase())?;
        match self.operation() {
            "" => Ok(()),
            operation => write!(f, ", at {operation}"),
        }
    }
}

/// What is known about the first result that `text` names (`0xC1900101 - 0x4000D`), in one sentence: its
/// meaning, where Setup was, what to do. None when it names none that is known.
pub fn explain(text: &str) -> Option<String> {
    let mut numbers = text.split(|c: char| !c.is_ascii_alphanumeric()).filter_map(hex_number).peekable();
    while let Some(number) = numbers.next() {
        let Some(known) = setup_result(i64::from(number)) else { continue };
        // Disk space comes with operations of its own (0x80070070-0x50011), which are no extend codes.
        let extend = numbers.peek().filter(|_| known.code == 0xC190_0101).filter(|n| **n <= 0x5_00FF);
        let place = extend.map(|extend| format!(", {}", ExtendCode(*extend))).unwrap_or_default();
        let remedy = if known.remedy.is_empty() { String::new() } else { format!("; {}", known.remedy) };
        return Some(format!("{}{place}{remedy}", known.meaning));
    }
    None
}

fn hex_number(word: &str) -> Option<u32> {
    u32::from_str_radix(word.strip_prefix("0x").or(word.strip_prefix("0X"))?, 16).ok()
}

/// What kind of thing Setup's compatibility report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IssueKind {
    /// An installed program.
    Program,
    /// A driver package, by its INF.
    Driver,
    /// A device.
    Device,
    /// The machine itself, or anything else.
    Hardware,
}

/// One entry of a compatibility report that stands against the upgrade, or is worth knowing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Issue {
    /// What kind of thing.
    pub kind: IssueKind,
    /// Its name: `Example Agent 1.0`, `oem471.inf`.
    pub name: String,
    /// What Setup says of it; may be empty.
    pub message: String,
    /// Whether Setup refuses because of it.
    pub blocks: bool,
}

/// Reads a `ScanResult.xml` or `CompatData_*.xml` whole, in UTF-8 or UTF-16. Tolerant: whatever comes before a
/// fault in the text counts. Drivers that merely do not migrate are told as blocking, as Setup does. Source:
/// Microsoft, "Use Windows Setup compatibility scan logs to identify blocking issues".
pub fn read_compat_report(bytes: &[u8]) -> Vec<Issue> {
    let text = decode(bytes);
    let mut reader = Reader::from_str(&text);
    reader.config_mut().check_end_names = false;
    let mut issues = Vec::new();
    let mut current: Option<Issue> = None;
    // An error ends the text for us.
    while let Ok(event) = reader.read_event() {
        let element = match &event {
            Event::Start(element) | Event::Empty(element) => element,
            Event::Eof => break,
            _ => continue,
        };
        let name = element.local_name();
        let value = |key| attribute(element, key);
        let item = |kind, key| Issue { kind, name: value(key), message: String::new(), blocks: false };
        match name.as_ref() {
            "Program" => current = Some(item(IssueKind::Program, "Name")),
            "Device" => current = Some(item(IssueKind::Device, "Name")),
            "HardwareItem" => current = Some(item(IssueKind::Hardware, "HardwareType")),
            "DriverPackage" => {
                current = None;
                if value("BlockMigration").eq_ignore_ascii_case("true") {
                    issues.push(Issue { blocks: true, ..item(IssueKind::Driver, "Inf") });
                }
            }
            "CompatibilityInfo" => {
                let kind = value("BlockingType");
                let blocks = kind.eq_ignore_ascii_case("hard");
                if let Some(found) = current.take().filter(|_| blocks || kind.eq_ignore_ascii_case("soft")) {
                    let message = [value("Message"), value("StatusDetail")].into_iter().find(|text| !text.is_empty());
                    issues.push(Issue { message: message.unwrap_or_default(), blocks, ..found });
                }
            }
            _ => {}
        }
    }
    issues.sort();
    issues.dedup();
    issues
}

fn attribute(element: &BytesStart<'_>, key: &str) -> String {
    element
        .attributes()
        .with_checks(false)
        .flatten()
        .find(|attribute| attribute.key.local_name().as_ref() == key)
        .map(|attribute| {
            quick_xml::escape::unescape(&attribute.value).map_or_else(|_| attribute.value.to_string(), Into::into)
        })
        .unwrap_or_default()
}

/// UTF-16 by its byte order mark, else UTF-8.
fn decode(bytes: &[u8]) -> String {
    let units = |from: fn([u8; 2]) -> u16| {
        let pairs: Vec<u16> = bytes[2..].chunks_exact(2).map(|pair| from([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&pairs)
    };
    match bytes {
        [0xFF, 0xFE, ..] => units(u16::from_le_bytes),
        [0xFE, 0xFF, ..] => units(u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes).trim_start_matches('\u{feff}').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_found_however_its_bits_were_read() {
        // (signed, code) of every documented pair.
        for (signed, code) in [
            (-1047526896, 0xC190_0210),
            (-1047526904, 0xC190_0208),
            (-1047526908, 0xC190_0204),
            (-1047526912, 0xC190_0200),
            (-1047526898, 0xC190_020E),
        ] {
            assert_eq!(setup_result(signed).unwrap().code, code);
            assert_eq!(setup_result(i64::from(code)).unwrap().code, code);
            assert_eq!(hex(signed), format!("0x{code:08X}"));
        }
        assert_eq!(setup_result(0), None);
        assert_eq!(setup_result(1), None);
        for known in &SETUP_RESULTS {
            assert_eq!(known.remedy.is_empty(), known.verdict == Verdict::Go, "{known:?}");
        }
    }

    #[test]
    fn results_in_logs_are_explained() {
        assert_eq!(
            explain("Error: 0xC1900101 - 0x4000D: MOUPG").as_deref(),
            Some(
                "Setup went back to the old Windows, mostly because of a driver, in the second boot of the new \
                 Windows, at MIGRATE_DATA; read setupact.log and setupapi.dev.log of the rollback; update or remove \
                 the driver that they name"
            )
        );
        assert!(explain("0x80070070-0x50011").unwrap().starts_with("there is too little free space on the disk; "));
        assert!(explain("exit code 0xC1900107").unwrap().contains("earlier upgrade"));
        assert_eq!(explain("exit code 0x00000001, 42"), None);
        assert_eq!(
            ExtendCode(0x2000C).to_string(),
            "in Setup's own small system, after the first reboot, at APPLY_IMAGE"
        );
        assert_eq!(ExtendCode(0x30018).operation(), "SYSPREP");
        assert_eq!(ExtendCode(0x700FF).to_string(), "in an unknown phase");
    }

    #[test]
    fn keys_are_those_of_destinations() {
        for name in ["Windows Server 2012 R2", "Windows Server 2016", "Windows Server 2019", "Windows Server 2022"] {
            let os = Os::from_ecs_name(name).unwrap();
            assert_eq!(volume_key(&os).unwrap().len(), 29);
            assert_eq!(setup_scans(&os), os.minor.is_none(), "{name}");
        }
        assert_eq!(volume_key(&Os::windows_r2(2008)), None);
        assert_eq!(build_of(&Os::windows_r2(2012)), Some(9600));
        assert_eq!(build_of(&Os::from_ecs_name("CentOS 7.9").unwrap()), None);
    }

    const REPORT: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<CompatReport xmlns="http://schemas.microsoft.com/compatreport">
  <Hardware><HardwareItem HardwareType="Setup_InsufficientDisk"><CompatibilityInfo BlockingType="Hard"/></HardwareItem></Hardware>
  <Devices><Device Name="Old &amp; slow" Class="Net"><CompatibilityInfo BlockingType="Soft" StatusDetail="Unknown"/></Device></Devices>
  <DriverPackages>
    <DriverPackage Inf="oem1.inf" BlockMigration="False" HasSignedBinaries="True"/>
    <DriverPackage Inf="oem471.inf" BlockMigration="True" HasSignedBinaries="True"/>
  </DriverPackages>
  <Programs>
    <Program Name="Example Agent 1.0" Id="{1}"><CompatibilityInfo BlockingType="Hard" StatusDetail="UpgradeBlock" Message="Uninstall this app."/>
      <Action Name="Dismiss"/></Program>
    <Program Name="Fine 2.0"><CompatibilityInfo BlockingType="None"/></Program>
  </Programs>
</CompatReport>"#;

    #[test]
    fn a_report_names_what_blocks() {
        let issues = read_compat_report(REPORT.as_bytes());
        let told: Vec<_> = issues.iter().map(|issue| (issue.kind, issue.name.as_str(), issue.blocks)).collect();
        assert_eq!(
            told,
            [
                (IssueKind::Program, "Example Agent 1.0", true),
                (IssueKind::Driver, "oem471.inf", true),
                (IssueKind::Device, "Old & slow", false),
                (IssueKind::Hardware, "Setup_InsufficientDisk", true),
            ]
        );
        assert_eq!(issues[0].message, "Uninstall this app.");
        let wide: Vec<u8> = [0xFF, 0xFE].into_iter().chain(REPORT.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        assert_eq!(read_compat_report(&wide), issues);
    }

    #[test]
    fn a_broken_report_counts_as_far_as_it_goes() {
        let (start, _) = REPORT.split_once("<Action").unwrap();
        assert_eq!(read_compat_report(start.as_bytes()).len(), 4);
        for bytes in [&b""[..], b"\xFF\xFE\x3C", b"not xml", b"<Program Name=\"x", b"\xFF\xFF\x00"] {
            assert_eq!(read_compat_report(bytes), []);
        }
    }
}
