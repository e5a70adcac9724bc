//! What the stories share: a cloud with its own directory, and questions about what became of guests.

#![allow(dead_code, reason = "each story uses a part")]

pub mod cases;

use std::path::{Path, PathBuf};
use std::time::Duration;

use migration::{MigrationId, Outcome, Record, Stage, State};
use openapi::ecs::{DescribeInstances, DescribeInvocations, DiskKind, Instance, Invocation, Paging};
use openapi::fc;
use rig::{Error, Options, Rig, target_dir, wait_for};
use serde_json::{Value, json};
use stage::records::LOCKS;
use tablestore::{GetRow, PrimaryKey};
use tempfile::TempDir;

/// A healthy guest.
pub const CENTOS: &str = "centos_8_5_x64_20G_alibase_20220127.vhd";
/// One whose transaction stands still for three seconds, while [`REBUILDING`] exists.
pub const VENDOR_AGENT: &str = "m-local-centos85-vendor-agent";
/// One whose shop does not answer on the target.
pub const SHOP_PLUGIN: &str = "m-local-centos85-shop-plugin";
/// One that a check refuses.
pub const FULL_BOOT: &str = "m-local-centos85-i686-full-boot";
/// A real Debian 11.
pub const DEBIAN_11: &str = "debian_11_11_x64_20G_alibase_20240926.vhd";
/// There while the vendor's agent is in the middle of its upgrade.
pub const REBUILDING: &str = "/var/lib/acme/rebuilding";

/// Opts an instance in.
pub const OPT_IN: (&str, &str) = ("osferry", "migrate");
/// The web shop's sign of life.
pub const PROBE: (&str, &str) = ("osferry:probe", "http 127.0.0.1:8080/health");

/// No migration here takes longer; a hang ends the test instead of the whole run.
pub const LIMIT: Duration = Duration::from_secs(180);

/// A cloud with a directory of its own. Deleted by [`World::end`]; a test that fails leaves it, and says where.
pub struct World {
    /// The cloud.
    pub rig: Rig,
    dir: Option<TempDir>,
}

impl World {
    /// Starts a cloud. `extra` are more arguments of `local-cloud serve`.
    pub async fn start(extra: &[&str]) -> Result<Self, Error> {
        let dir = state_dir()?;
        let rig = Rig::start(options(dir.path(), extra)?).await?;
        Ok(Self { rig, dir: Some(dir) })
    }

    /// Stops the cloud and deletes what it had. Every function could do what it wanted with its own role.
    pub fn end(mut self) -> Result<(), Error> {
        self.rig.stop()?;
        assert_eq!(self.rig.refusals()?, [""; 0], "policies in infra/ram are too narrow");
        self.dir.take().map_or(Ok(()), TempDir::close)?;
        Ok(())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(dir) = self.dir.take() {
            eprintln!("state and logs are left in {}", dir.keep().display());
        }
    }
}

/// A new directory for a cloud, in the target directory.
pub fn state_dir() -> Result<TempDir, Error> {
    let parent = target()?.join("system-tests");
    std::fs::create_dir_all(&parent)?;
    Ok(TempDir::new_in(parent)?)
}

/// How the stories' clouds run.
pub fn options(state_dir: &Path, extra: &[&str]) -> Result<Options, Error> {
    Ok(Options {
        state_dir: state_dir.to_owned(),
        image_dir: image_dir()?,
        bin_dir: None,
        extra: extra.iter().map(|argument| (*argument).to_owned()).collect(),
    })
}

/// Where built images are kept, for every test and demo.
pub fn image_dir() -> Result<PathBuf, Error> {
    Ok(target()?.join("images"))
}

fn target() -> Result<PathBuf, Error> {
    Ok(target_dir()?.parent().ok_or("no target directory")?.to_owned())
}

/// Migrations that are under way by what `detect` answers: the guest's first heartbeat may have been faster.
pub fn under_way(seen: &Value) -> u64 {
    let opened = seen["opened"].as_array().map_or(0, Vec::len) as u64;
    opened + seen["alreadyOpen"].as_u64().unwrap_or_default()
}

/// Exactly one snapshot of every disk.
pub async fn one_snapshot_per_disk(rig: &Rig, record: &Record) -> Result<(), Error> {
    let disks = rig.operator.ecs.describe_disks(&record.instance_id).await?;
    let mut disks: Vec<String> = disks.into_iter().map(|disk| disk.disk_id).collect();
    let mut taken: Vec<String> =
        rig.snapshots_of(record).await?.into_iter().map(|snapshot| snapshot.source_disk_id).collect();
    disks.sort();
    taken.sort();
    assert_eq!(taken, disks, "{}: one snapshot per disk", record.id);
    Ok(())
}

/// Every line of history is there, once and in order, and tells the end.
pub async fn history_is_complete(rig: &Rig, record: &Record) -> Result<(), Error> {
    let State::Ended(outcome) = record.state else { return Err(format!("{} is not over", record.id).into()) };
    // The end is stored before it is told.
    let what = format!("the history of {}", record.id);
    let history = wait_for(&what, Duration::from_secs(60), async || {
        rig.history(&record.id).await.ok().filter(|steps| steps.len() as u64 == record.steps)
    })
    .await?;
    let numbers: Vec<u64> = history.iter().map(|step| step.seq).collect();
    assert_eq!(numbers, (0..record.steps).collect::<Vec<_>>());
    assert!(history.is_sorted_by_key(|step| step.at), "{history:?}");
    assert_eq!(history[0].what, "opened");
    let stages = stages(&history);
    assert_eq!(stages.last(), Some(&Stage::Cleanup), "{outcome:?} after {stages:?}");
    Ok(())
}

/// The stages that a history goes through.
pub fn stages(history: &[migration::Step]) -> Vec<Stage> {
    let mut stages: Vec<Stage> = history
        .iter()
        .filter_map(|step| match step.state {
            State::In(stage) => Some(stage),
            State::Ended(_) => None,
        })
        .collect();
    stages.dedup();
    stages
}

/// The instance's lock goes with the end of its migration.
pub async fn no_lock_is_left(rig: &Rig, instance_id: &str) -> Result<(), Error> {
    let request = GetRow::new(LOCKS, PrimaryKey::new("instance_id", instance_id));
    wait_for(&format!("the lock of {instance_id} to go"), Duration::from_secs(60), async || {
        rig.operator.tablestore.get_row(&request).await.is_ok_and(|row| row.is_none()).then_some(())
    })
    .await
}

/// No event and no invocation was given up.
pub async fn no_dead_letters(rig: &Rig) -> Result<(), Error> {
    let letters = rig.operator.command("dead-letters", &json!({})).await?;
    assert_eq!(letters, json!({ "fc": [], "eventbridge": 0 }));
    Ok(())
}

/// It ended as told, and nothing that must go is left.
pub async fn ended(rig: &Rig, record: &Record, outcome: Outcome) -> Result<(), Error> {
    assert_eq!(record.state, State::Ended(outcome), "{}: {:?}", record.id, record.cause);
    history_is_complete(rig, record).await?;
    no_lock_is_left(rig, &record.instance_id).await
}

/// Commands that were run on an instance and whose name has `part`.
pub async fn commands(rig: &Rig, instance_id: &str, part: &str) -> Result<Vec<Invocation>, Error> {
    let mut request = DescribeInvocations {
        instance_id: Some(instance_id.into()),
        paging: Paging { next_token: None, max_results: Some(50) },
        ..DescribeInvocations::default()
    };
    let mut found = Vec::new();
    loop {
        let page = rig.operator.ecs.describe_invocations(&request).await?;
        found.extend(page.items.into_iter().filter(|invocation| invocation.command_name.contains(part)));
        request.paging.next_token = page.next_token;
        if request.paging.next_token.is_none() {
            return Ok(found);
        }
    }
}

/// Where a file of a guest's system disk is on this machine.
pub async fn on_system_disk(rig: &Rig, instance_id: &str, path: &str) -> Result<PathBuf, Error> {
    let disks = rig.operator.ecs.describe_disks(instance_id).await?;
    let system = disks.iter().find(|disk| disk.kind == DiskKind::System).ok_or("no system disk")?;
    Ok(rig.state_dir().join("disks").join(&system.disk_id).join("fs").join(path.trim_start_matches('/')))
}

/// The local cloud's own log.
pub fn cloud_log(rig: &Rig) -> Result<Vec<Value>, Error> {
    json_lines(&rig.state_dir().join("cloud.log"))
}

/// The JSON lines in a function's log.
pub fn function_log(rig: &Rig, function: &str) -> Result<Vec<Value>, Error> {
    json_lines(&rig.state_dir().join("logs").join(format!("{function}.log")))
}

fn json_lines(path: &Path) -> Result<Vec<Value>, Error> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// How often the local cloud booted a guest, by its log.
pub fn boots(rig: &Rig, instance_id: &str) -> Result<usize, Error> {
    let booted = |line: &Value| {
        let fields = &line["fields"];
        fields["message"] == "guest booted" && fields["instance.id"] == instance_id
    };
    Ok(cloud_log(rig)?.iter().filter(|line| booted(line)).count())
}

/// Wakes a stage for a migration, as the sweep does; what the function answers.
pub async fn wake(rig: &Rig, stage: Stage, id: &MigrationId) -> Result<fc::Invocation, Error> {
    let event = json!({
        "id": "by-hand", "source": "osferry", "specversion": "1.0", "type": "osferry:Stage:Requested",
        "data": { "migrationId": id, "stage": stage },
    });
    invoke(rig, &format!("osferry-{}", stage.name()), event.to_string().as_bytes()).await
}

/// Invokes a function and waits for its answer.
pub async fn invoke(rig: &Rig, function: &str, event: &[u8]) -> Result<fc::Invocation, Error> {
    Ok(rig.operator.fc.invoke_function(function, event, false).await?)
}

/// An instance as ECS describes it.
pub async fn described(rig: &Rig, id: &str) -> Result<Instance, Error> {
    let request = DescribeInstances { instance_ids: vec![id.into()], ..DescribeInstances::default() };
    Ok(rig.operator.ecs.describe_instances(&request).await?.items.into_iter().next().ok_or("it is not listed")?)
}
