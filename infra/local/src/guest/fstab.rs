//! What a guest's `/etc/fstab` says of where its disks are.

use std::path::{Path, PathBuf};

use crate::seams::AttachedDisk;

/// Mount option that makes a mount point a small file system of its own: what the directory holds on disk is
/// shown in a tmpfs of this size.
const SIZE_OPTION: &str = "x-local-cloud.size=";

/// One line of fstab(5) that may mean something here.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FstabEntry {
    pub device: String,
    pub at: PathBuf,
    /// A tmpfs size, `32m`.
    pub size: Option<String>,
}

/// The entries of a file system table, without swap, the root and comments.
pub(super) fn fstab(text: &str) -> Vec<FstabEntry> {
    let entry = |line: &str| {
        let mut fields = line.split_whitespace();
        let device = fields.next()?.to_owned();
        let at = PathBuf::from(fields.next()?);
        let options = fields.nth(1).unwrap_or_default();
        let size = options.split(',').find_map(|option| option.strip_prefix(SIZE_OPTION)).map(str::to_owned);
        (!device.starts_with('#') && at.is_absolute() && at != Path::new("/")).then_some(FstabEntry {
            device,
            at,
            size,
        })
    };
    text.lines().filter_map(entry).collect()
}

/// Where a data disk is mounted: where the table says, else where a desktop would show it. The latter is no part of
/// the system disk, which thus stays as it is.
pub(super) fn mount_point(table: &[FstabEntry], disk: &AttachedDisk) -> PathBuf {
    let device = guest_device(&disk.device);
    match table.iter().find(|entry| entry.device == device) {
        Some(entry) => entry.at.clone(),
        None => Path::new("/run/media").join(device.trim_start_matches("/dev/")),
    }
}

/// The guest's name of a device: `/dev/vdb` for the API's `/dev/xvdb` (ECS API, AttachDisk).
fn guest_device(device: &str) -> String {
    device.replace("/dev/xvd", "/dev/vd")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_system_table_names_disks_and_small_mounts() {
        let text = "# static\nUUID=1 / ext4 defaults 1 1\n/dev/vdb /data ext4 defaults,nofail 0 2\n\
                    LABEL=boot /boot xfs defaults,x-local-cloud.size=32m 0 0\n/dev/vdc none swap sw 0 0\n";
        let entry = |device: &str, at: &str, size: Option<&str>| FstabEntry {
            device: device.into(),
            at: at.into(),
            size: size.map(Into::into),
        };
        let table = fstab(text);
        assert_eq!(table, [entry("/dev/vdb", "/data", None), entry("LABEL=boot", "/boot", Some("32m"))]);
        let at = |device: &str| mount_point(&table, &AttachedDisk { disk_id: "d-1".into(), device: device.into() });
        assert_eq!(at("/dev/xvdb"), Path::new("/data"));
        assert_eq!(at("/dev/xvdd"), Path::new("/run/media/vdd"));
    }
}
