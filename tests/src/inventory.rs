//! Everything that a cloud holds, to see what was left behind.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use openapi::ecs::DescribeInstances;

use crate::{Error, Rig, wait_for};

/// What there is, by id. Disks and snapshots (copies that images keep included) are those on the machine, whatever
/// the API says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Instances, as the API lists them.
    pub instances: BTreeSet<String>,
    /// Disks.
    pub disks: BTreeSet<String>,
    /// Snapshots.
    pub snapshots: BTreeSet<String>,
}

impl Rig {
    /// Looks at everything.
    pub async fn inventory(&self) -> Result<Inventory, Error> {
        let all = self.operator.ecs.describe_all_instances(&DescribeInstances::default()).await?;
        Ok(Inventory {
            instances: all.into_iter().map(|instance| instance.instance_id).collect(),
            disks: names(&self.state_dir().join("disks"))?,
            snapshots: names(&self.state_dir().join("snapshots"))?,
        })
    }

    /// Waits until there are these instances, disks and snapshots and no others: files are deleted after the API has
    /// forgotten them. The error says what differs.
    pub async fn holds_only(&self, expected: &Inventory) -> Result<(), Error> {
        let same = wait_for("the cloud to hold only what it should", Duration::from_secs(60), async || {
            (self.inventory().await.ok()? == *expected).then_some(())
        });
        if let Err(error) = same.await {
            let now = self.inventory().await?;
            let differ = |one: &BTreeSet<String>, other: &BTreeSet<String>| -> Vec<String> {
                one.symmetric_difference(other).cloned().collect()
            };
            let (instances, disks) = (differ(&now.instances, &expected.instances), differ(&now.disks, &expected.disks));
            let snapshots = differ(&now.snapshots, &expected.snapshots);
            return Err(format!("{error}: instances {instances:?}, disks {disks:?}, snapshots {snapshots:?}").into());
        }
        Ok(())
    }
}

/// Names in a directory, without work in progress.
fn names(dir: &Path) -> io::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            names.insert(name);
        }
    }
    Ok(names)
}
