//! What only Windows guests say.

use migration::findings::{Media, MediaImage, Scan, WindowsAfter, WindowsFacts};

use crate::OutputError;
use crate::answer::Answer;

/// The migratability check's answer. While [`Scan::Running`] is in it, it must be asked for again; the reports that
/// it names are still to be read.
pub fn read_windows_assessment(output: &str) -> Result<WindowsFacts, OutputError> {
    let answer = Answer::read(output)?;
    let prepared = answer.has("media");
    Ok(WindowsFacts {
        build: small(&answer, "os_version")?,
        edition_id: answer.text("edition"),
        core: answer.yes("core"),
        language: answer.text("language"),
        x64: answer.text("arch") == "x86_64",
        boot_id: answer.text("boot_id"),
        cpus: answer.number("cpus")?,
        memory_mib: answer.number("memory_mib")?,
        free_mib: answer.number("free_mib")?,
        windows_mib: answer.number("windows_mib")?,
        pending_reboot: answer.all("pending_reboot"),
        leftovers: answer.yes("leftovers"),
        license_status: answer.number("license_status")?,
        license_channel: answer.text("license_channel"),
        nic_teams: answer.all("nic_team"),
        cluster: answer.yes("cluster"),
        domain_controller: answer.yes("domain_controller"),
        bitlocker: answer.all("bitlocker"),
        boots_from_vhd: answer.yes("boots_from_vhd"),
        antivirus: answer.all("antivirus"),
        roles: answer.all("role"),
        media: if prepared { Some(media(&answer)?) } else { None },
        scan: scan(&answer)?,
        reports: answer.all("report"),
        issues: Vec::new(),
    })
}

fn media(answer: &Answer<'_>) -> Result<Media, OutputError> {
    let mut images = Vec::new();
    for value in answer.all("image") {
        let fields: Vec<&str> = value.split(' ').collect();
        let image = match fields.as_slice() {
            [index, build, edition_id, core] => index.parse().ok().zip(build.parse().ok()).map(|(index, build)| {
                MediaImage { index, build, edition_id: (*edition_id).to_owned(), core: *core == "yes" }
            }),
            _ => None,
        };
        images.push(image.ok_or(OutputError::BadValue { key: "image", value })?);
    }
    Ok(Media { path: answer.text("media"), language: answer.text("media_language"), images })
}

fn scan(answer: &Answer<'_>) -> Result<Scan, OutputError> {
    match answer.text("scan").as_str() {
        "" => Ok(Scan::None),
        "running" => Ok(Scan::Running),
        code => code.parse().map(Scan::Done).map_err(|_| OutputError::BadValue { key: "scan", value: code.to_owned() }),
    }
}

fn small(answer: &Answer<'_>, key: &'static str) -> Result<u32, OutputError> {
    let value = answer.text(key);
    value.parse().map_err(|_| OutputError::BadValue { key, value })
}

/// What the new system's answer says besides [`crate::read_after`].
pub fn read_windows_after(output: &str) -> Result<WindowsAfter, OutputError> {
    let answer = Answer::read(output)?;
    Ok(WindowsAfter {
        edition_id: answer.text("edition"),
        core: answer.yes("core"),
        core_before: answer.yes("core_before"),
        language: answer.text("language"),
        language_before: answer.text("language_before"),
        license_status: answer.number("license_status")?,
        activation_error: answer.text("activation_error"),
        shares_lost: answer.all("share_lost"),
        tasks_lost: answer.all("task_lost"),
        drives_lost: answer.all("drive_lost"),
        roles_lost: answer.all("role_lost"),
    })
}

/// Text of an answer in ASCII, with `\uXXXX` for every other UTF-16 unit.
pub(crate) fn unescape(text: &str) -> String {
    let mut units: Vec<u16> = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\u") {
        units.extend(before.encode_utf16());
        // Not from_str_radix alone: it takes a sign.
        let digits = after.get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        match digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()) {
            Some(unit) => {
                units.push(unit);
                rest = &after[4..];
            }
            None => {
                units.extend("\\u".encode_utf16());
                rest = after;
            }
        }
    }
    units.extend(rest.encode_utf16());
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{read_booted, read_look, read_watch};

    /// Lines `key value`, as a script says them.
    fn answer(lines: &str) -> String {
        let said = |line: &str| line.trim().split_once(' ').map(|(key, value)| format!("osf\t{key}\t{value}\n"));
        let lines: String =
            lines.lines().map(|line| said(line).unwrap_or(format!("osf\t{}\t\n", line.trim()))).collect();
        format!("noise\nosf\tescapes\tutf-16\n{lines}osf\tdone\tyes\n")
    }

    const ASSESSMENT: &str = "os_id windows
        os_version 9600
        edition ServerDatacenter
        language zh-CN
        core no
        arch x86_64
        boot_id 20231101
        cpus 2
        memory_mib 2047
        free_mib 22000
        windows_mib 17000
        pending_reboot Windows Update
        license_status 1
        license_channel VOLUME_KMSCLIENT
        antivirus AliYunDun
        role \\u7f51\\u7edc Web";

    #[test]
    fn an_assessment_before_and_after_preparing() {
        let facts = read_windows_assessment(&answer(ASSESSMENT)).unwrap();
        assert_eq!((facts.build, facts.x64, facts.core, facts.media.clone()), (9600, true, false, None));
        assert_eq!(facts.roles, ["网络 Web"]);
        assert_eq!((facts.pending_reboot.len(), facts.scan), (1, Scan::None));

        let prepared = format!(
            "{ASSESSMENT}\nmedia E:\\\nimage 1 14393 ServerStandardCor yes\nimage 4 14393 ServerDatacenter no\n\
             media_language zh-CN\nscan -1047526904\nreport C:\\$WINDOWS.~BT\\Sources\\Panther\\ScanResult.xml"
        );
        let facts = read_windows_assessment(&answer(&prepared)).unwrap();
        let media = facts.media.unwrap();
        assert_eq!((media.path.as_str(), media.images.len(), media.images[1].index), ("E:\\", 2, 4));
        assert_eq!((facts.scan, facts.reports.len()), (Scan::Done(-1047526904), 1));

        let nothing = read_windows_assessment(&answer(&format!("{ASSESSMENT}\nmedia \nscan running"))).unwrap();
        assert_eq!((nothing.media, nothing.scan), (Some(Media::default()), Scan::Running));
    }

    #[test]
    fn what_makes_no_sense_is_an_error() {
        for (from, to) in
            [("cpus 2", "cpus many"), ("os_version 9600", "os_version 6.3"), ("free_mib 22000", "free_mib")]
        {
            assert!(read_windows_assessment(&answer(&ASSESSMENT.replace(from, to))).is_err(), "{to}");
        }
        for line in ["media E:\\\nimage 1 x ServerDatacenter no", "media E:\\\nimage 1 2", "scan soon"] {
            assert!(read_windows_assessment(&answer(&format!("{ASSESSMENT}\n{line}"))).is_err(), "{line}");
        }
        assert!(matches!(read_windows_after("osf\tedition\tx"), Err(OutputError::Incomplete { .. })));
    }

    #[test]
    fn a_verification() {
        let output = answer(
            "edition ServerDatacenter\ncore no\ncore_before no\nlanguage zh-CN\nlanguage_before zh-CN\n\
             license_status 5\nactivation_error 0xC004F074\nshare_lost orders\ntask_lost \\backup\ndrive_lost D:",
        );
        let facts = read_windows_after(&output).unwrap();
        assert_eq!((facts.license_status, facts.tasks_lost), (5, vec!["\\backup".to_owned()]));
    }

    #[test]
    fn the_common_readers_read_a_windows_guest() {
        let state =
            r#"{"Timestamp":1,"ProgressInfo":"failed","Progress":1,"ErrorCode":-1047526904,"ErrorMsg":"C:\\x \u4e2d"}"#;
        assert_eq!(
            read_watch(&answer(&format!("state {state}"))).unwrap(),
            crate::Tool::Failed("C:\\x 中".into()),
            "JSON keeps its own escapes"
        );
        let booted =
            read_booted(&answer("os_id windows\nos_version 9600\nboot_id b\nboot_id_before a\nfailed x")).unwrap();
        assert_eq!(booted.failed.as_deref(), Some("x"));
        let look = read_look(&answer("started yes\nno_return yes\nwritten C: 3 1\nlog \\u4e2d")).unwrap();
        assert_eq!((look.no_return, look.log), (true, vec!["中".to_owned()]));
    }

    #[test]
    fn escapes_are_undone_exactly() {
        for (escaped, text) in [
            ("C:\\users\\u", "C:\\users\\u"),
            ("\\u005cu4e2d", "\\u4e2d"),
            ("\\ud83d\\ude00!", "😀!"),
            ("\\u+123", "\\u+123"),
            ("\\u12", "\\u12"),
        ] {
            assert_eq!(unescape(escaped), text);
        }
    }

    proptest! {
        /// As common.ps1 escapes it.
        #[test]
        fn what_was_escaped_is_read_again(text in "\\PC*") {
            let mut escaped = String::new();
            for (at, c) in text.char_indices() {
                let next = &text.as_bytes()[at + c.len_utf8()..];
                let looks_escaped = c == '\\' && next.first() == Some(&b'u') && next.len() >= 5 && next[1..5].iter().all(u8::is_ascii_hexdigit);
                if (' '..='~').contains(&c) && !looks_escaped {
                    escaped.push(c);
                } else {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        escaped += &format!("\\u{unit:04x}");
                    }
                }
            }
            prop_assert_eq!(unescape(&escaped), text);
        }

        #[test]
        fn no_output_makes_a_reader_panic(output in "(osf\t[a-z_]{0,12}\t[ -~]{0,20}\n|.{0,30}\n){0,12}") {
            let output = output + "osf\tescapes\tx\nosf\tdone\tyes\n";
            let _ = (read_windows_assessment(&output), read_windows_after(&output));
        }
    }
}
