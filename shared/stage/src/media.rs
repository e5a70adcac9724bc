//! The disk with the installation media of a hop of Windows Setup: made from the operator's snapshot, attached to
//! the instance, released after the migration.

use migration::findings::media_version;
use migration::os::{Language, Os};
use migration::{MigrationId, Record};
use openapi::ecs::Disk;

use crate::settings::Options;

/// How every media disk's name ends.
const SUFFIX: &str = "-media";

/// What the media disk of the hop under way is called.
pub fn name(record: &Record) -> String {
    record.id.name(&format!("{}{SUFFIX}", record.leg()))
}

/// The snapshot that holds the media of `os` in `language`, as the operator has configured it.
pub fn snapshot<'a>(options: &'a Options, os: &Os, language: Language) -> Option<&'a str> {
    Some(options.windows_media.get(&media_version(os))?.get(language.tag())?.as_str())
}

/// Whether a disk is a media disk of this migration, of any hop and run: by its name, and by what it was made from.
/// No other disk is ever attached, detached or released as one.
pub fn is_media(disk: &Disk, id: &MigrationId, options: &Options) -> bool {
    let named = MigrationId::in_name(&disk.disk_name).as_ref() == Some(id) && disk.disk_name.ends_with(SUFFIX);
    let mut media = options.windows_media.values().flat_map(|languages| languages.values());
    named && !disk.source_snapshot_id.is_empty() && media.any(|snapshot| *snapshot == disk.source_snapshot_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::record_in;

    fn options() -> Options {
        let windows_media =
            serde_json::from_str(r#"{"2019": {"zh-cn": "s-m1"}, "2012R2": {"en-us": "s-m2"}}"#).unwrap();
        Options { windows_media, ..Options::default() }
    }

    #[test]
    fn media_are_found_by_release_and_language() {
        let of = |name, language| snapshot(&options(), &Os::from_ecs_name(name).unwrap(), language).map(str::to_owned);
        assert_eq!(of("Windows Server 2019", Language::Chinese).as_deref(), Some("s-m1"));
        assert_eq!(of("Windows Server 2012 R2", Language::English).as_deref(), Some("s-m2"));
        assert_eq!(of("Windows Server 2019", Language::English), None);
        assert_eq!(of("Windows Server 2022", Language::Chinese), None);
        assert_eq!(of("Windows Server 2019", Language::Other), None);
    }

    #[test]
    fn only_what_has_the_name_and_the_origin_is_media() {
        let record = record_in(migration::Stage::Prepare);
        let other = MigrationId::from_bytes([1; 10]);
        let disk = |name: &str, from: &str| Disk {
            disk_name: name.into(),
            source_snapshot_id: from.into(),
            ..Disk::default()
        };
        let ours = |disk: &Disk| is_media(disk, &record.id, &options());
        assert!(ours(&disk(&name(&record), "s-m1")));
        assert!(ours(&disk(&record.id.name("1.2-media"), "s-m2")), "of another run and hop");
        for (name, from) in [
            (name(&record), "s-other"),
            (name(&record), ""),
            (other.name("0-media"), "s-m1"),
            (record.id.name("0-data"), "s-m1"),
            ("media".to_owned(), "s-m1"),
            (String::new(), "s-m1"),
        ] {
            assert!(!ours(&disk(&name, from)), "{name} {from}");
        }
    }
}
