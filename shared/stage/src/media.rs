//! The disk with the installation media of a hop of Windows Setup: made from the operator's snapshot, attached to
//! the instance, let go after the migration ([`crate::release::media`]).

use migration::Record;
use migration::findings::media_version;
use migration::os::{Language, Os};
use openapi::ecs::{Disk, DiskKind};

use crate::release::{is_ours, media_name, media_names};
use crate::settings::Options;

/// The snapshot that holds the media of `os` in `language`, as the operator has configured it.
pub fn snapshot<'a>(options: &'a Options, os: &Os, language: Language) -> Option<&'a str> {
    Some(options.windows_media.get(&media_version(os))?.get(language.tag())?.as_str())
}

/// Whether a disk is the media disk of the hop under way: by its name, its tag, and by what it was made from. No
/// other disk is ever attached as one.
pub fn is_media(disk: &Disk, record: &Record, options: &Options) -> bool {
    disk.disk_name == media_name(record, record.hop) && was_brought_in(disk, record, options)
}

/// Whether a disk is the media disk of any run and hop so far: the only disks of an instance that are no part of it.
/// The tag alone says nothing, where an instance's tags are handed on to its disks.
pub fn was_brought_in(disk: &Disk, record: &Record, options: &Options) -> bool {
    let named = media_names(record).any(|name| name == disk.disk_name) && is_ours(record, &disk.tags);
    let mut media = options.windows_media.values().flat_map(|languages| languages.values());
    let from = &disk.source_snapshot_id;
    named && disk.kind == DiskKind::Data && !from.is_empty() && media.any(|snapshot| snapshot == from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::owner;
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
    fn only_what_has_the_name_the_tag_and_the_origin_is_media() {
        let record = record_in(migration::Stage::Prepare);
        let disk = Disk {
            disk_name: media_name(&record, 0),
            tags: vec![owner(&record)],
            source_snapshot_id: "s-m1".into(),
            ..Disk::default()
        };
        let ours = |disk: &Disk| is_media(disk, &record, &options());
        assert!(ours(&disk));
        for other in [
            Disk { disk_name: media_name(&record, 1), ..disk.clone() },
            Disk { disk_name: String::new(), ..disk.clone() },
            Disk { tags: Vec::new(), ..disk.clone() },
            Disk { source_snapshot_id: "s-other".into(), ..disk.clone() },
            Disk { source_snapshot_id: String::new(), ..disk },
        ] {
            assert!(!ours(&other), "{other:?}");
        }
    }
}
