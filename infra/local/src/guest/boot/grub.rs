//! GRUB's menu as it stands on a guest's disk: `menuentry` blocks of grub.cfg and the entries of the Boot Loader
//! Specification, and which of them boots by default (GNU GRUB manual, "Simple configuration"; grub2 of Fedora,
//! blscfg).

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::vercmp::vercmp;

/// Where distributions keep GRUB's own files, in `/boot`.
const DIRS: [&str; 2] = ["boot/grub2", "boot/grub"];
/// Entries of the Boot Loader Specification, in the root file system or with `/boot` as one.
const ENTRIES: &str = "boot/loader/entries";

/// One entry of the menu.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub title: String,
    /// `uname -r` of its kernel.
    pub version: String,
    /// As GRUB names the files: from the root of the file system that `/boot` is in.
    pub linux: String,
    pub initrd: Vec<String>,
    pub options: String,
    /// Position, id and title of the entry and before it of the submenus it is in: its default may be named by any.
    trail: Vec<[String; 3]>,
}

/// What the firmware finds on the disk.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Loader {
    /// No boot loader: an image that boots as containers do.
    Absent,
    /// GRUB has nothing to boot and waits for commands.
    Prompt,
    /// The menu, and the position of what boots.
    Menu { entries: Vec<Entry>, default: usize },
}

/// Reads the menu. An entry that was to boot once is forgotten, as GRUB does by `save_env`.
pub(super) fn load(root: &Path) -> Loader {
    let dir = DIRS.iter().map(|dir| root.join(dir)).find(|dir| dir.is_dir());
    let environment = dir.as_deref().map(environment).unwrap_or_default();
    let config = dir.as_deref().and_then(|dir| fs::read_to_string(dir.join("grub.cfg")).ok());
    let loaded = dir.is_some() || root.join(ENTRIES).is_dir();
    if !loaded {
        return Loader::Absent;
    }
    let (mut entries, configured) = config.as_deref().map(menu_entries).unwrap_or_default();
    // A configuration that names its own entries has BLS ones only where it asks for them.
    if config.as_deref().is_none_or(|text| entries.is_empty() || text.lines().any(|line| line.trim() == "blscfg")) {
        let before = entries.iter().filter(|entry| entry.trail.len() == 1).count();
        entries.extend(bls_entries(root, &environment, before));
    }
    if entries.is_empty() {
        return Loader::Prompt;
    }
    let saved = || environment.get("saved_entry").cloned();
    let wanted = match environment.get("next_entry").filter(|entry| !entry.is_empty()) {
        Some(once) => {
            if let Some(dir) = &dir {
                forget_once(dir);
            }
            Some(once.clone())
        }
        None => match configured.or_else(|| default_setting(root)).as_deref() {
            None | Some("saved" | "${saved_entry}") => saved(),
            Some(fixed) => Some(fixed.to_owned()),
        },
    };
    // GRUB takes the first when there is none of that name.
    let default = wanted.and_then(|wanted| entries.iter().position(|entry| entry.is(&wanted))).unwrap_or(0);
    Loader::Menu { entries, default }
}

impl Entry {
    /// Whether `wanted` names it, as `default` does: submenus and entry by position, id or title, with `>` between.
    fn is(&self, wanted: &str) -> bool {
        let parts: Vec<&str> = wanted.split('>').map(str::trim).collect();
        parts.len() == self.trail.len()
            && self.trail.iter().zip(&parts).all(|(names, part)| names.iter().any(|name| name == part))
    }

    /// A parameter of the kernel's command line: the value behind `name=`, empty for a bare name.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.options.split_whitespace().find_map(|word| match word.strip_prefix(name)? {
            "" => Some(""),
            rest => rest.strip_prefix('='),
        })
    }
}

/// Where a file that GRUB names is below `root`: `/boot` may be a file system of its own.
pub(super) fn locate(root: &Path, named: &str) -> PathBuf {
    let relative = named.trim_start_matches('/');
    let whole = root.join(relative);
    if whole.exists() { whole } else { root.join("boot").join(relative) }
}

/// The environment block: `key=value` lines, padded with `#`.
fn environment(dir: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(dir.join("grubenv")).unwrap_or_default();
    let pair = |line: &str| line.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    text.lines().filter(|line| !line.starts_with('#')).filter_map(pair).collect()
}

fn forget_once(dir: &Path) {
    let path = dir.join("grubenv");
    let Ok(text) = fs::read_to_string(&path) else { return };
    let kept: String = text
        .lines()
        .filter(|line| !(line.starts_with("next_entry=") || line.starts_with("##") || *line == "#"))
        .map(|line| format!("{line}\n"))
        .collect();
    // The block keeps its size: it is written in place.
    let _ = fs::write(path, format!("{kept:#<width$}", width = text.len()));
}

/// GRUB_DEFAULT, from which grub.cfg would have been made.
fn default_setting(root: &Path) -> Option<String> {
    let text = fs::read_to_string(root.join("etc/default/grub")).ok()?;
    let value = text.lines().rev().find_map(|line| line.trim().strip_prefix("GRUB_DEFAULT="))?;
    Some(value.trim_matches(['"', '\'']).to_owned())
}

/// The entries of a grub.cfg in order, and the default that it sets.
fn menu_entries(text: &str) -> (Vec<Entry>, Option<String>) {
    /// What a brace opened.
    enum Block {
        Entry(Entry),
        Submenu([String; 3], usize),
        Other,
    }
    let (mut entries, mut default) = (Vec::new(), None);
    let mut blocks: Vec<Block> = Vec::new();
    let mut top = 0;
    for line in text.lines() {
        let words = words(line);
        let Some(first) = words.first().map(String::as_str) else { continue };
        let opens = words.last().is_some_and(|word| word == "{");
        match first {
            "menuentry" | "submenu" if opens => {
                let title = words.get(1).cloned().unwrap_or_default();
                let option = |word: &String| word == "$menuentry_id_option" || word == "--id";
                let id = words.iter().position(option).and_then(|at| words.get(at + 1)).unwrap_or(&title).clone();
                let count = blocks.iter_mut().rev().find_map(|block| match block {
                    Block::Submenu(_, count) => Some(count),
                    _ => None,
                });
                let count = count.unwrap_or(&mut top);
                let names = [count.to_string(), id, title.clone()];
                *count += 1;
                if first == "submenu" {
                    blocks.push(Block::Submenu(names, 0));
                } else {
                    let mut trail: Vec<[String; 3]> = blocks
                        .iter()
                        .filter_map(|block| match block {
                            Block::Submenu(names, _) => Some(names.clone()),
                            _ => None,
                        })
                        .collect();
                    trail.push(names);
                    blocks.push(Block::Entry(Entry { title, trail, ..Entry::default() }));
                }
            }
            "}" => {
                if let Some(Block::Entry(entry)) = blocks.pop() {
                    entries.push(entry);
                }
            }
            "set" => {
                let value = words.get(1).and_then(|word| word.strip_prefix("default="));
                if let Some(value) = value.filter(|value| *value != "${next_entry}") {
                    default = Some(value.to_owned());
                }
            }
            "linux" | "linux16" | "linuxefi" | "initrd" | "initrd16" | "initrdefi" => {
                let entry = blocks.iter_mut().rev().find_map(|block| match block {
                    Block::Entry(entry) => Some(entry),
                    _ => None,
                });
                if let (Some(entry), Some(file)) = (entry, words.get(1)) {
                    if first.starts_with("linux") {
                        entry.version = version_of(file);
                        entry.linux.clone_from(file);
                        entry.options = words[2..].join(" ");
                    } else {
                        entry.initrd = words[1..].to_vec();
                    }
                }
            }
            _ if opens => blocks.push(Block::Other),
            _ => {}
        }
    }
    // What loads no Linux (the firmware's own setup) is no way for a server to boot.
    entries.retain(|entry| !entry.linux.is_empty());
    (entries, default)
}

/// Entries of the Boot Loader Specification, the newest first; `before` stand above them in the menu.
fn bls_entries(root: &Path, environment: &BTreeMap<String, String>, before: usize) -> Vec<Entry> {
    let files = fs::read_dir(root.join(ENTRIES)).into_iter().flatten().flatten();
    let mut found: Vec<(String, String)> = files
        .filter_map(|file| {
            let id = file.file_name().to_str()?.strip_suffix(".conf")?.to_owned();
            Some((id, fs::read_to_string(file.path()).ok()?))
        })
        .collect();
    found.sort_by(|(one, _), (other, _)| match vercmp(other, one) {
        Ordering::Equal => other.cmp(one),
        order => order,
    });
    let entry = |(position, (id, text)): (usize, (String, String))| {
        let values = |key: &str| -> Vec<String> {
            let value = |line: &str| Some(line.trim().strip_prefix(key)?.strip_prefix([' ', '\t'])?.trim().to_owned());
            text.lines().filter_map(value).collect()
        };
        let linux = values("linux").pop().unwrap_or_default();
        let expanded = |line: String| -> Vec<String> {
            let variable = |word: &str| match word.strip_prefix('$') {
                Some(name) => environment.get(name).cloned().unwrap_or_default(),
                None => word.to_owned(),
            };
            line.split_whitespace().map(variable).filter(|word| !word.is_empty()).collect()
        };
        let title = values("title").pop().unwrap_or_else(|| id.clone());
        Entry {
            version: values("version").pop().unwrap_or_else(|| version_of(&linux)),
            linux,
            initrd: values("initrd").into_iter().flat_map(expanded).collect(),
            options: values("options").into_iter().flat_map(expanded).collect::<Vec<_>>().join(" "),
            trail: vec![[(before + position).to_string(), id, title.clone()]],
            title,
        }
    };
    found.into_iter().enumerate().map(entry).collect()
}

/// A kernel's version by its file's name: `vmlinuz-5.10.134-16.3.al8.x86_64`.
fn version_of(linux: &str) -> String {
    let name = linux.rsplit('/').next().unwrap_or_default();
    name.strip_prefix("vmlinuz-").unwrap_or(name).to_owned()
}

/// The words of a line of GRUB's script, without quotes and comments.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in line.chars() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, letter) if letter.is_whitespace() => words.extend(word.take()),
            (None, '#') if word.is_none() => break,
            (_, letter) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn booted(root: &Path) -> Entry {
        match load(root) {
            Loader::Menu { entries, default } => entries[default].clone(),
            other => panic!("{other:?}"),
        }
    }

    fn bls(version: &str) -> (String, String) {
        let text = format!(
            "title X ({version})\nversion {version}\nlinux /vmlinuz-{version}\ninitrd /initramfs-{version}.img $tuned_initrd\noptions $kernelopts quiet\n"
        );
        (format!("boot/loader/entries/0a1b-{version}.conf"), text)
    }

    /// Cut from what update-grub writes on Debian 11.
    const DEBIAN: &str = r#"
if [ -s $prefix/grubenv ]; then
  set have_grubenv=true
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="0"
fi
function load_video {
  insmod all_video
}
menuentry 'Debian GNU/Linux' --class debian --class gnu-linux $menuentry_id_option 'gnulinux-simple-1' {
	load_video
	if [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi
	echo	'Loading Linux 5.10.0-32-amd64 ...'
	linux	/boot/vmlinuz-5.10.0-32-amd64 root=UUID=1 ro  quiet
	initrd	/boot/initrd.img-5.10.0-32-amd64
}
submenu 'Advanced options for Debian GNU/Linux' $menuentry_id_option 'gnulinux-advanced-1' {
	menuentry 'Debian GNU/Linux, with Linux 5.10.0-32-amd64' --class debian $menuentry_id_option 'gnulinux-5.10.0-32-amd64-advanced-1' {
		linux	/boot/vmlinuz-5.10.0-32-amd64 root=UUID=1 ro  quiet
		initrd	/boot/initrd.img-5.10.0-32-amd64
	}
	menuentry 'Debian GNU/Linux, with Linux 4.19.0-27-amd64' --class debian $menuentry_id_option 'gnulinux-4.19.0-27-amd64-advanced-1' {
		linux	/boot/vmlinuz-4.19.0-27-amd64 root=UUID=1 ro  quiet
		initrd	/boot/initrd.img-4.19.0-27-amd64
	}
}
menuentry 'UEFI Firmware Settings' $menuentry_id_option 'uefi-firmware' {
	fwsetup
}
"#;

    #[test]
    fn debian_boots_the_first_entry_of_its_configuration() {
        let root = disk(&[("boot/grub/grub.cfg", DEBIAN)]);
        let entry = booted(root.path());
        assert_eq!((entry.title.as_str(), entry.version.as_str()), ("Debian GNU/Linux", "5.10.0-32-amd64"));
        assert_eq!(
            (entry.linux.as_str(), entry.options.as_str()),
            ("/boot/vmlinuz-5.10.0-32-amd64", "root=UUID=1 ro quiet")
        );
        assert_eq!(entry.initrd, ["/boot/initrd.img-5.10.0-32-amd64"]);
        assert!(matches!(load(root.path()), Loader::Menu { entries, .. } if entries.len() == 3));
    }

    #[test]
    fn an_entry_in_a_submenu_is_named_by_its_way_there() {
        for name in [
            "1>1",
            "gnulinux-advanced-1>gnulinux-4.19.0-27-amd64-advanced-1",
            "Advanced options for Debian GNU/Linux>Debian GNU/Linux, with Linux 4.19.0-27-amd64",
        ] {
            let root =
                disk(&[("boot/grub/grub.cfg", &DEBIAN.replace("default=\"0\"", &format!("default=\"{name}\"")))]);
            assert_eq!(booted(root.path()).version, "4.19.0-27-amd64", "{name}");
        }
        let root = disk(&[(
            "boot/grub/grub.cfg",
            &DEBIAN.replace("default=\"0\"", "default=\"gnulinux-4.19.0-27-amd64-advanced-1\""),
        )]);
        assert_eq!(booted(root.path()).version, "5.10.0-32-amd64", "not without its submenu: then the first");
    }

    #[test]
    fn what_was_to_boot_once_boots_once() {
        let environment = format!("{:#<1024}", "# GRUB Environment Block\nsaved_entry=0\nnext_entry=1>1\n");
        let root = disk(&[("boot/grub/grub.cfg", DEBIAN), ("boot/grub/grubenv", &environment)]);
        assert_eq!(booted(root.path()).version, "4.19.0-27-amd64");
        assert_eq!(booted(root.path()).version, "5.10.0-32-amd64");
        let text = fs::read_to_string(root.path().join("boot/grub/grubenv")).unwrap();
        assert_eq!(text.len(), 1024);
        assert!(text.starts_with("# GRUB Environment Block\nsaved_entry=0\n#"), "{text}");
    }

    #[test]
    fn of_the_specifications_entries_the_newest_boots_unless_another_is_saved() {
        let (old, new) = (bls("4.18.0-348.el8.x86_64"), bls("5.10.134-16.3.al8.x86_64"));
        let rescue = ("boot/loader/entries/0a1b-0-rescue.conf", "title Rescue\nlinux /vmlinuz-0-rescue\n");
        let environment =
            "# GRUB Environment Block\nkernelopts=root=/dev/vda1 ro\nsaved_entry=0a1b-4.18.0-348.el8.x86_64\n";
        let root = disk(&[(&old.0, &old.1), (&new.0, &new.1), rescue]);
        assert_eq!(booted(root.path()).version, "5.10.134-16.3.al8.x86_64");
        fs::create_dir_all(root.path().join("boot/grub2")).unwrap();
        fs::write(root.path().join("boot/grub2/grubenv"), environment).unwrap();
        let entry = booted(root.path());
        assert_eq!(entry.version, "4.18.0-348.el8.x86_64");
        assert_eq!(entry.options, "root=/dev/vda1 ro quiet");
        assert_eq!(entry.initrd, ["/initramfs-4.18.0-348.el8.x86_64.img"], "an unset variable is nothing");
        assert_eq!(
            (entry.parameter("root"), entry.parameter("quiet"), entry.parameter("r")),
            (Some("/dev/vda1"), Some(""), None)
        );
        // The distribution's own setting wins over what was saved.
        fs::create_dir_all(root.path().join("etc/default")).unwrap();
        fs::write(root.path().join("etc/default/grub"), "GRUB_TIMEOUT=1\nGRUB_DEFAULT=0\n").unwrap();
        assert_eq!(booted(root.path()).version, "5.10.134-16.3.al8.x86_64");
    }

    #[test]
    fn enterprise_linux_7_names_its_default_by_title() {
        let text = "set default=\"${saved_entry}\"\nmenuentry 'CentOS Linux (5.10) 7 (Core)' --class os {\n\
                    linux16 /boot/vmlinuz-5.10 ro\ninitrd16 /boot/initramfs-5.10.img\n}\n\
                    menuentry 'CentOS Linux (3.10) 7 (Core)' --class os {\nlinux16 /boot/vmlinuz-3.10 ro\n\
                    initrd16 /boot/initramfs-3.10.img\n}\n";
        let root = disk(&[
            ("boot/grub2/grub.cfg", text),
            ("boot/grub2/grubenv", "saved_entry=CentOS Linux (3.10) 7 (Core)\n"),
        ]);
        assert_eq!(booted(root.path()).version, "3.10");
    }

    #[test]
    fn without_entries_grub_waits_and_without_grub_nothing_is_asked() {
        let root = disk(&[("boot/vmlinuz-5", "kernel")]);
        assert_eq!(load(root.path()), Loader::Absent, "a container's image may hold a kernel");
        fs::create_dir_all(root.path().join("boot/loader/entries")).unwrap();
        assert_eq!(load(root.path()), Loader::Prompt);
    }
}
