//! Every script is one that the oldest PowerShell in question would read, and fits into a command. No script is run
//! here: the grammar is what can be checked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use migration::MigrationId;
use migration::os::Os;
use migration::path::{Engine, Hop};
use migration::policy::Probe;
use proptest::prelude::*;
use tree_sitter::{Node, Parser};

use super::*;
use crate::Settings;

/// RunCommand's limit on the Base64 of a command's content, bytes. Source: ECS API reference.
const CONTENT_LIMIT: usize = 24 * 1024;

/// What Windows PowerShell 4 does not know, and what needs a newer Windows than 2008 R2 has. Where a newer command is
/// used, it is inside `Attempt`.
const TOO_NEW: [&str; 22] = [
    "??",
    "}?.",
    "}?[",
    " && ",
    " || ",
    "-AsHashtable",
    "using namespace",
    "using module",
    "-Parallel",
    "[ordered]",
    "::new(",
    "-Raw",
    "Get-CimInstance",
    "ConvertFrom-Json",
    "ConvertTo-Json",
    "IsNullOrWhiteSpace",
    "$PSItem",
    " -in ",
    " -notin ",
    "-File -",
    "Get-ScheduledTask",
    "Get-ItemPropertyValue",
];

fn hostile() -> [Probe; 4] {
    [
        Probe::Http("http://127.0.0.1/'; Remove-Item C:\\ -Recurse; '".into()),
        Probe::Tcp { host: "$(Restart-Computer)".into(), port: 1 },
        Probe::Command("echo \u{2018}; shutdown /s; \u{2019}\u{201b}\n'@\n\"@ `$x".into()),
        Probe::Command("中文 'quoted' `tick` $var".into()),
    ]
}

fn with_scripts(from: &str, to: &str, check: impl Fn(&str, &str)) {
    let os = |name| Os::from_ecs_name(name).unwrap();
    let hop = Hop { from: os(from), to: os(to), engine: Engine::WindowsSetup };
    let id = MigrationId::from_bytes([1; 10]);
    let settings = Settings::default();
    let job = Job { id: &id, run: 12, hop_index: 3, hop: &hop, settings: &settings };
    let probes = hostile();
    let hour = 3600;
    for (name, script) in [
        ("identify", identify_script()),
        ("assess", job.assess()),
        ("prepare", job.prepare(&[])),
        ("prepare", job.prepare_media("d-bp1'; exit; '")),
        ("undo", job.undo()),
        ("start", job.start()),
        ("watch", job.watch(50)),
        ("reboot", job.reboot()),
        ("booted", job.booted()),
        ("finish", job.finish()),
        ("verify", job.verify(&probes, hour)),
        ("observe", job.observe(&probes, hour)),
        ("look", job.look(Some(1_700_000_000))),
        ("evidence", job.evidence()),
        ("file", job.file("C:\\$WINDOWS.~BT\\it's\\日志.xml", 7)),
        ("tool", [&Head::of("tool", &job).end(), include_str!("scripts/tool.ps1")].concat()),
    ] {
        check(name, &script);
    }
}

fn every_script(check: impl Fn(&str, &str)) {
    with_scripts("Windows Server 2016", "Windows Server 2019", &check);
    with_scripts("Windows Server 2008 R2", "Windows Server 2012 R2", &check);
}

#[test]
fn every_script_says_its_name_and_fits_into_a_command() {
    every_script(|name, script| {
        assert_eq!(script.lines().next(), Some(format!("# osferry {name}").as_str()));
        assert!(script.is_ascii(), "{name}: code pages would change it");
        assert!(!script.contains('\t'), "{name}");
        let size = STANDARD.encode(script).len();
        assert!(size <= CONTENT_LIMIT, "{name} has {size} bytes");
    });
}

#[test]
fn every_script_parses() {
    every_script(|name, script| {
        let faults = faults(script);
        assert!(faults.is_empty(), "{name}: {faults:#?}");
    });
}

/// PowerShell's own parser, where this machine has one; it is newer than those in question, so it may let through what
/// they do not know, but nothing that it refuses is a script.
#[test]
fn powershell_itself_parses_every_script_where_there_is_one() {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let Some(pwsh) = std::env::split_paths(&path).map(|dir| dir.join("pwsh")).find(|file| file.is_file()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let count = std::cell::Cell::new(0);
    every_script(|name, script| {
        count.set(count.get() + 1);
        std::fs::write(dir.path().join(format!("{:02}-{name}.ps1", count.get())), script).unwrap();
    });
    std::fs::write(dir.path().join("99-broken.ps1"), "if ($x) { Say 'a' 'b'").unwrap();
    let check = "Get-ChildItem -Filter *.ps1 | Sort-Object Name | ForEach-Object { $file = $_.Name; $faults = $null; \
                 [void][Management.Automation.Language.Parser]::ParseFile($_.FullName, [ref]$null, [ref]$faults); \
                 foreach ($fault in $faults) { '{0}: {1}' -f $file, $fault.Message } }";
    let output = std::process::Command::new(pwsh)
        .args(["-NoLogo", "-NoProfile", "-NonInteractive", "-Command", check])
        .current_dir(dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let faults: Vec<&str> = said.lines().filter(|line| !line.is_empty()).collect();
    // Only what is broken on purpose.
    assert!(!faults.is_empty() && faults.iter().all(|line| line.starts_with("99-")), "{said}");
}

#[test]
fn no_script_needs_a_newer_powershell() {
    every_script(|name, script| {
        for line in script.lines().filter(|line| !line.trim_start().starts_with('#') && !line.starts_with('$')) {
            for token in TOO_NEW {
                // cmd's own operators stand in strings for it.
                let for_cmd = line.contains("cmd.exe");
                assert!(for_cmd || !line.contains(token), "{name} has {token:?}: {line}");
            }
        }
        assert!(!script.lines().any(|line| line.trim_start().starts_with("class ")), "{name}");
    });
}

/// Names of variables are the same in either case: one that is assigned must not be a parameter in disguise.
#[test]
fn no_script_overwrites_its_parameters() {
    every_script(|name, script| {
        let all = assignments(script);
        let parameters: Vec<&String> =
            all.iter().map(|(name, _)| name).filter(|name| script.contains(&format!("\n${name} = "))).collect();
        for (assigned, _) in &all {
            let disguised = parameters.iter().find(|known| known.eq_ignore_ascii_case(assigned) && **known != assigned);
            assert!(disguised.is_none(), "{name} assigns ${assigned}, which is ${}", disguised.unwrap());
        }
    });
}

#[test]
fn the_grammar_finds_faults() {
    for broken in ["if ($x) { Say 'a' 'b'", "$x = 'a", "foreach ($x in @(1, 2) { $x }", "function F( { }"] {
        assert!(!faults(broken).is_empty(), "{broken}");
    }
}

/// Lines that the grammar does not accept.
fn faults(script: &str) -> Vec<String> {
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_powershell::LANGUAGE.into()).unwrap();
    let tree = parser.parse(script, None).unwrap();
    let mut faults = Vec::new();
    let mut nodes = vec![tree.root_node()];
    while let Some(node) = nodes.pop() {
        if node.is_error() || node.is_missing() {
            let line = node.start_position().row;
            faults.push(format!("line {}: {}", line + 1, script.lines().nth(line).unwrap_or_default()));
        }
        nodes.extend((0..node.child_count()).filter_map(|index| node.child(index as u32)));
    }
    faults
}

/// The values of the assignments `$NAME = '...'` at the top of a script, as the grammar sees them.
fn assignments(script: &str) -> Vec<(String, String)> {
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_powershell::LANGUAGE.into()).unwrap();
    let tree = parser.parse(script, None).unwrap();
    fn texts(node: Node<'_>, kind: &str, source: &str, found: &mut Vec<String>) {
        if node.kind() == kind {
            found.push(source[node.byte_range()].to_owned());
        }
        for index in 0..node.child_count() {
            if let Some(child) = node.child(index as u32) {
                texts(child, kind, source, found);
            }
        }
    }
    let mut all = Vec::new();
    texts(tree.root_node(), "assignment_expression", script, &mut all);
    all.iter()
        .map(|text| {
            let (name, value) = text.split_once('=').unwrap();
            (name.trim().trim_start_matches('$').to_owned(), value.trim().to_owned())
        })
        .collect()
}

/// What PowerShell would make of a quoted value: a single-quoted string, or our one call that decodes Base64.
fn value_of(quoted: &str) -> String {
    let string = |text: &str| {
        let inner = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')).unwrap();
        assert!(!inner.replace("''", "").contains('\''), "a quote ends the string: {text}");
        inner.replace("''", "'")
    };
    match quoted.strip_prefix("[Text.Encoding]::UTF8.GetString([Convert]::FromBase64String(") {
        Some(rest) => String::from_utf8(STANDARD.decode(string(rest.strip_suffix("))").unwrap())).unwrap()).unwrap(),
        None => string(quoted),
    }
}

#[test]
fn hostile_parameters_stay_data() {
    let head = Head::new("x").probes(&hostile()).end();
    assert_eq!(faults(&head), [""; 0]);
    let told = assignments(&head);
    for (index, probe) in hostile().iter().enumerate() {
        let what = told.iter().find(|(name, _)| *name == format!("PROBE_WHAT_{index}")).unwrap();
        let expected = match probe {
            Probe::Http(text) | Probe::Command(text) | Probe::Tcp { host: text, .. } => text,
        };
        assert_eq!(value_of(&what.1), *expected);
    }
    assert_eq!(told.len(), 1 + 3 * 4 + 1, "nothing else became part of the script");
}

proptest! {
    #[test]
    fn any_text_is_one_string_on_one_line(text in any::<String>()) {
        let quoted = quote(&text);
        prop_assert!(quoted.is_ascii() && !quoted.contains(['\n', '\r', '\t']));
        prop_assert_eq!(value_of(&quoted), text);
        let script = format!("$X = {quoted}\n");
        prop_assert_eq!(faults(&script), [""; 0]);
        prop_assert_eq!(assignments(&script), [("X".to_owned(), quoted)]);
    }
}

/// Setup may come to its end while it is being stopped: what it left for the next boot is not deleted then.
#[test]
fn after_setup_was_stopped_undo_looks_again() {
    with_scripts("Windows Server 2016", "Windows Server 2019", |name, script| {
        if name == "undo" {
            let (_, stopped) = script.split_once("taskkill.exe").unwrap();
            let (looked, deleted) = stopped.split_once("= ClearSetup").unwrap();
            assert!(looked.contains("state.json") && looked.contains("bcdedit.exe /enum"), "{looked}");
            assert!(!deleted.contains("TooLate"));
        }
    });
}

/// Commands of a name, with whether they stand in a loop, and their text.
fn commands(script: &str, wanted: &str) -> Vec<(bool, String)> {
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_powershell::LANGUAGE.into()).unwrap();
    let tree = parser.parse(script, None).unwrap();
    let mut found = Vec::new();
    let mut nodes = vec![(tree.root_node(), false)];
    while let Some((node, looped)) = nodes.pop() {
        let text = &script[node.byte_range()];
        if node.kind() == "command" && text.split([' ', '\n']).next() == Some(wanted) {
            found.push((looped, text.to_owned()));
        }
        let each = node.kind() == "command" && text.starts_with("ForEach-Object");
        let looped = looped || each || matches!(node.kind(), "foreach_statement" | "for_statement" | "while_statement");
        nodes.extend((0..node.child_count()).filter_map(|index| node.child(index as u32)).map(|node| (node, looped)));
    }
    found
}

/// Of 24 KB Cloud Assistant keeps the end; what is said most by each command of a script together is less.
#[test]
fn every_answer_has_a_limit_below_what_is_kept() {
    every_script(|name, script| {
        let (_, body) = script.split_once("function Done").unwrap_or(("", script));
        // Two have a limit of another kind.
        let own = |text: &str| text.starts_with("Say 'image'") || name == "evidence" || name == "file";
        let mut most = 30 * 60;
        for (looped, text) in commands(body, "Say").into_iter().chain(commands(body, "Line")) {
            assert!(!looped || own(&text), "{name} says in a loop: {text}");
            let told = text.splitn(3, ' ').nth(2).unwrap_or_default();
            most += if told.starts_with('\'') || told.starts_with('"') { 120 } else { 600 };
        }
        for (looped, text) in commands(body, "SayAll") {
            let room = text.rsplit(' ').next().and_then(|last| last.parse().ok()).unwrap_or(1000);
            // The lists that are compared afterwards.
            most += if looped { 5 * room } else { room };
        }
        most += commands(body, "SayState").len() * 2200;
        assert!(most < 20 * 1024, "{name}: {most}");
    });
    assert!(include_str!("scripts/assess.ps1").contains("Select-Object -First 30)) { Say 'image'"));
    assert!(include_str!("scripts/tool.ps1").contains("-gt 1900"));
    let loops = "foreach ($x in $y) { Say 'a' $x }\n$y | ForEach-Object { Say 'b' $_ }\nSay 'c' 'd'\n";
    let mut found = commands(loops, "Say");
    found.sort();
    let found: Vec<(bool, &str)> = found.iter().map(|(looped, text)| (*looped, text.as_str())).collect();
    assert_eq!(found, [(false, "Say 'c' 'd'"), (true, "Say 'a' $x"), (true, "Say 'b' $_")]);
}

/// What decides is said last: the answer's beginning is what is dropped.
#[test]
fn what_decides_comes_last() {
    with_scripts("Windows Server 2016", "Windows Server 2019", |name, script| {
        if ["verify", "look", "assess"].contains(&name) {
            let (_, body) = script.split_once("function Finishing").unwrap();
            let os = body.find("SayOs\n").unwrap();
            let lists = if name == "assess" { 0 } else { body.rfind("SayAll ").unwrap() };
            assert!(os > lists, "{name}");
        }
        if !["tool", "identify"].contains(&name) {
            assert!(
                script.trim_end().ends_with("Done")
                    || script.contains("\nConclude\n")
                    || script.contains("\nUndone\n")
                    || name == "reboot",
                "{name}"
            );
        }
    });
}

/// A disk's number in Windows is another's after a reboot, or when the media are gone.
#[test]
fn no_script_takes_a_disk_by_a_number_that_was_noted() {
    let mut taken = 0;
    every_script(|_, script| assert!(!script.contains("media_disk")));
    for (name, script) in [("disk", DISK), ("prepare", include_str!("scripts/prepare.ps1"))] {
        for (_, rest) in script.match_indices("select disk ").map(|(at, found)| script.split_at(at + found.len())) {
            assert!(rest.starts_with("$($disk.Index)"), "{name}: {rest}");
            taken += 1;
        }
    }
    assert_eq!(taken, 4);
    with_scripts("Windows Server 2016", "Windows Server 2019", |name, script| {
        if name == "undo" || name == "finish" {
            assert!(script.contains("FindDisk (Read \"$DIR\\media_serial\")") && script.contains("\nPutMediaAway\n"));
            assert_eq!(script.matches("select disk ").count(), 1, "{name}");
        }
    });
}

/// As the POSIX scripts do: commands may be delivered late.
#[test]
fn what_begins_something_asks_whether_the_migration_is_over() {
    with_scripts("Windows Server 2016", "Windows Server 2019", |name, script| {
        let body = script.split_once("function Over").map_or(script, |(_, body)| body);
        let asks = body.matches("if (Over)").count() + body.matches("\"$DIR.over\") { exit 0 }").count();
        assert_eq!(
            asks,
            match name {
                "prepare" => 2,
                "start" => 2,
                "reboot" | "tool" => 1,
                _ => 0,
            },
            "{name}"
        );
    });
    let undo = include_str!("scripts/undo.ps1");
    assert!(undo.find("$DIR.over").unwrap() < undo.find("schtasks").unwrap(), "it says so first");
}

/// `'@` at the start of a line would end a here-string; the tool is passed as Base64 instead.
#[test]
fn the_tool_arrives_whole() {
    let os = |name| Os::from_ecs_name(name).unwrap();
    let hop = Hop { from: os("Windows Server 2016"), to: os("Windows Server 2019"), engine: Engine::WindowsSetup };
    let (id, settings) = (MigrationId::from_bytes([1; 10]), Settings::default());
    let job = Job { id: &id, run: 0, hop_index: 0, hop: &hop, settings: &settings };
    let script = job.start();
    let line = script.lines().find_map(|line| line.strip_prefix("$TOOL = ")).unwrap();
    let tool = value_of(line);
    assert!(tool.starts_with("# osferry tool\n$NAME = 'm-") && tool.ends_with(include_str!("scripts/tool.ps1")));
    assert_eq!(faults(&tool), [""; 0]);
}

/// What waits for a call or starts late is neither expected afterwards nor missed, whichever Windows made it so.
#[test]
fn services_that_start_later_are_not_missed() {
    every_script(|name, script| {
        if matches!(name, "verify" | "observe") {
            assert!(script.contains("function StartsLater(") && script.contains("-not (StartsLater $name)"), "{name}");
        }
    });
}

#[test]
fn the_tool_is_known_by_its_start_too() {
    every_script(|name, script| match name {
        "tool" => assert!(script.contains("StartTime.ToUniversalTime().Ticks)"), "{name}"),
        "watch" | "look" => assert!(script.contains("StartTime.ToUniversalTime().Ticks -eq $start"), "{name}"),
        _ => {}
    });
}
