//! The local cloud as a process, driven as an operator would: for whole-system tests and the demo.

mod inventory;
mod machine;
mod person;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use local_cloud::admin::CreateInstance;
use local_cloud::cloud::Endpoint;
use local_cloud::operator::Operator;
use local_cloud::ram::REFUSED;
use migration::{MigrationId, Record, Step};
use openapi::ecs::{DescribeInstances, DescribeSnapshots, RunCommand, Snapshot, Tag};
use serde_json::{Value, json};
use stage::records::{HISTORY, MIGRATIONS, tables};
use tablestore::{GetRange, GetRow, Key, PrimaryKey};

pub use inventory::Inventory;
pub use machine::{missing_sdk_tools, missing_tools, target_dir};
pub use person::OPERATORS;

/// Something that did not go as it should, for a person.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// How a cloud is to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Everything it remembers.
    pub state_dir: PathBuf,
    /// Images, shared with others.
    pub image_dir: PathBuf,
    /// Where `local-cloud` and the functions are; beside this program when None.
    pub bin_dir: Option<PathBuf>,
    /// More arguments of `local-cloud serve`.
    pub extra: Vec<String>,
}

/// A running cloud. Dropping it ends it, its functions and its guests.
pub struct Rig {
    options: Options,
    child: Child,
    /// The way in.
    pub operator: Operator,
}

/// How long a cloud may take to serve.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long it may take to end by itself: guests get some seconds.
const STOP_LIMIT: Duration = Duration::from_secs(20);

impl Rig {
    /// Starts a cloud and makes the tables.
    pub async fn start(options: Options) -> Result<Self, Error> {
        std::fs::create_dir_all(&options.state_dir)?;
        let (child, operator) = launch(&options).await?;
        let rig = Self { options, child, operator };
        create_tables(&rig.operator.tablestore).await?;
        Ok(rig)
    }

    /// Pulls the plug of the cloud (SIGKILL). Guests go on running.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// Starts the cloud again if it has ended; whether it had.
    pub async fn revive(&mut self) -> Result<bool, Error> {
        if self.child.try_wait()?.is_none() {
            return Ok(false);
        }
        (self.child, self.operator) = launch(&self.options).await?;
        Ok(true)
    }

    /// Ends the cloud and starts it with more arguments; guests do not survive that.
    pub async fn restart(&mut self, more: &[String]) -> Result<(), Error> {
        self.stop()?;
        self.options.extra.extend_from_slice(more);
        (self.child, self.operator) = launch(&self.options).await?;
        Ok(())
    }

    /// Ends the cloud, its functions and its guests, and waits for that.
    pub fn stop(&mut self) -> Result<(), Error> {
        terminate(&mut self.child)
    }

    /// Makes an instance of an image and waits until Cloud Assistant is there.
    pub async fn create_instance(&self, name: &str, image_id: &str, data_disks: u32) -> Result<String, Error> {
        let (name, image_id) = (name.to_owned(), image_id.to_owned());
        self.create(&CreateInstance { name, image_id, data_disks, ..CreateInstance::default() }).await
    }

    /// Makes any instance and waits for its Cloud Assistant; its id.
    pub async fn create(&self, new: &CreateInstance) -> Result<String, Error> {
        let answer = self.operator.command("create-instance", &serde_json::to_value(new)?).await?;
        let id = answer["instanceId"].as_str().ok_or("no instance id")?.to_owned();
        let what = format!("Cloud Assistant of {}", new.name);
        wait_for(&what, Duration::from_secs(60), async || {
            let status = self.operator.ecs.describe_cloud_assistant_status(std::slice::from_ref(&id)).await.ok()?;
            let request = DescribeInstances { instance_ids: vec![id.clone()], ..DescribeInstances::default() };
            let page = self.operator.ecs.describe_instances(&request).await.ok()?;
            let up = page.items.first()?.status == "Running" && status.first()?.running;
            up.then_some(())
        })
        .await?;
        Ok(id)
    }

    /// Puts tags on an instance.
    pub async fn tag(&self, instance_id: &str, tags: &[(&str, &str)]) -> Result<(), Error> {
        let tags: Vec<Tag> = tags.iter().map(|(key, value)| Tag::new(*key, *value)).collect();
        Ok(self.operator.ecs.tag_resources("instance", &[instance_id.to_owned()], &tags).await?)
    }

    /// An instance's tags.
    pub async fn tags(&self, instance_id: &str) -> Result<BTreeMap<String, String>, Error> {
        let request = DescribeInstances { instance_ids: vec![instance_id.into()], ..DescribeInstances::default() };
        let page = self.operator.ecs.describe_instances(&request).await?;
        let instance = page.items.into_iter().next().ok_or("the instance is not listed")?;
        Ok(instance.tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
    }

    /// Lets `detect` look at the instances now; what it answers.
    pub async fn detect(&self) -> Result<Value, Error> {
        let answer = self.operator.fc.invoke_function("osferry-detect", b"{}", false).await?;
        let text = String::from_utf8_lossy(&answer.payload).into_owned();
        match answer.error_type {
            Some(kind) => Err(format!("detect failed ({kind}): {text}").into()),
            None => Ok(serde_json::from_str(&text)?),
        }
    }

    /// Every disk's files, byte for byte, by disk id.
    pub async fn manifest(&self, instance_id: &str) -> Result<Manifest, Error> {
        let answer = self.operator.command("manifest", &json!({ "instanceId": instance_id })).await?;
        Ok(serde_json::from_value(answer["disks"].clone())?)
    }

    /// What the guest itself says it runs: `ID VERSION_ID` of its os-release.
    pub async fn os(&self, instance_id: &str) -> Result<String, Error> {
        Ok(self.run_in_guest(instance_id, ". /etc/os-release; echo \"$ID $VERSION_ID\"").await?.trim().to_owned())
    }

    /// The snapshots that a migration took.
    pub async fn snapshots_of(&self, record: &Record) -> Result<Vec<Snapshot>, Error> {
        let all = self.snapshots(&record.instance_id).await?;
        Ok(all.into_iter().filter(|taken| MigrationId::in_name(&taken.name).as_ref() == Some(&record.id)).collect())
    }

    /// A migration's record.
    pub async fn record(&self, id: &MigrationId) -> Result<Record, Error> {
        let key = PrimaryKey::new("migration_id", id.as_str());
        let row = self.operator.tablestore.get_row(&GetRow::new(MIGRATIONS, key)).await?.ok_or("no such migration")?;
        Ok(Record::from_json(row.get_str("record").ok_or("a row without record")?)?)
    }

    /// Every record.
    pub async fn records(&self) -> Result<Vec<Record>, Error> {
        let end = |key: Key| PrimaryKey::new("migration_id", key);
        let range = GetRange::forward(MIGRATIONS, end(Key::Min), end(Key::Max));
        let rows = self.operator.tablestore.get_range_all(range).await?;
        rows.iter().map(|row| Ok(Record::from_json(row.get_str("record").ok_or("a row without record")?)?)).collect()
    }

    /// A migration's history, in order.
    pub async fn history(&self, id: &MigrationId) -> Result<Vec<Step>, Error> {
        let end = |key: Key| PrimaryKey::new("migration_id", id.as_str()).and("seq", key);
        let rows =
            self.operator.tablestore.get_range_all(GetRange::forward(HISTORY, end(Key::Min), end(Key::Max))).await?;
        rows.iter().map(|row| Ok(serde_json::from_str(row.get_str("step").ok_or("a row without step")?)?)).collect()
    }

    /// Runs a script in a guest by Cloud Assistant; what it prints.
    pub async fn run_in_guest(&self, instance_id: &str, script: &str) -> Result<String, Error> {
        let request = RunCommand {
            content: script.into(),
            name: "operator".into(),
            timeout: Some(60),
            instance_ids: vec![instance_id.into()],
            ..RunCommand::default()
        };
        let invoked = self.operator.ecs.run_command(&request).await?;
        let result = wait_for("a command in the guest", Duration::from_secs(90), async || {
            let result =
                self.operator.ecs.describe_invocation_results(&invoked.invoke_id, instance_id).await.ok()??;
            (!matches!(result.invocation_status.as_str(), "Pending" | "Running")).then_some(result)
        })
        .await?;
        match result.invocation_status.as_str() {
            "Success" => Ok(result.output),
            status => Err(format!("{status} {}: {}", result.error_code, result.output).into()),
        }
    }

    /// An instance's snapshots.
    pub async fn snapshots(&self, instance_id: &str) -> Result<Vec<Snapshot>, Error> {
        let mut request = DescribeSnapshots { instance_id: Some(instance_id.into()), ..DescribeSnapshots::default() };
        request.paging.max_results = Some(100);
        Ok(self.operator.ecs.describe_snapshots(&request).await?.items)
    }

    /// Waits until the migration of an instance is over, starting the cloud again whenever it is found dead;
    /// its record.
    pub async fn outcome(&mut self, instance_id: &str, limit: Duration) -> Result<Record, Error> {
        let until = Instant::now() + limit;
        loop {
            self.revive().await?;
            if let Ok(records) = self.records().await {
                let mine = records.into_iter().find(|record| record.instance_id == instance_id);
                match mine {
                    Some(record) if record.stage().is_none() => return Ok(record),
                    mine if Instant::now() > until => {
                        return Err(format!("the migration of {instance_id} is not over in time: {mine:?}").into());
                    }
                    _ => {}
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What functions tried that their roles may not do, as the cloud has logged it.
    pub fn refusals(&self) -> Result<Vec<String>, Error> {
        let log = std::fs::read_to_string(self.options.state_dir.join("cloud.log"))?;
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let fields = lines.map(|mut line| line["fields"].take()).filter(|fields| fields["message"] == REFUSED);
        Ok(fields.map(|fields| fields.to_string()).collect())
    }

    /// Where the cloud keeps everything.
    pub fn state_dir(&self) -> &Path {
        &self.options.state_dir
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        // The last resort is the cloud's own watch over this process.
        let _ = terminate(&mut self.child);
    }
}

/// Makes the tables that are not there yet; their names.
pub async fn create_tables(client: &tablestore::Client) -> Result<Vec<String>, Error> {
    let existing = client.list_table().await?;
    let mut created = Vec::new();
    for table in tables().into_iter().filter(|table| !existing.contains(&table.name)) {
        client.create_table(&table, &tablestore::TableOptions::default()).await?;
        created.push(table.name);
    }
    Ok(created)
}

fn terminate(child: &mut Child) -> Result<(), Error> {
    if child.try_wait()?.is_some() {
        return Ok(());
    }
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id())?);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM)?;
    let until = Instant::now() + STOP_LIMIT;
    while child.try_wait()?.is_none() {
        if Instant::now() > until {
            child.kill()?;
            child.wait()?;
            return Err("the local cloud did not end by itself and was killed".into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Whose end is the cloud's; this process when [`Options::extra`] names no other.
const OWNER: &str = "--owner-pid";

async fn launch(options: &Options) -> Result<(Child, Operator), Error> {
    let bin = match &options.bin_dir {
        Some(dir) => dir.clone(),
        None => target_dir()?,
    };
    let log = File::options().create(true).append(true).open(options.state_dir.join("cloud.log"))?;
    let mut arguments: Vec<OsString> = vec![
        "serve".into(),
        "--state-dir".into(),
        options.state_dir.clone().into(),
        "--image-dir".into(),
        options.image_dir.clone().into(),
        "--function-dir".into(),
        bin.clone().into(),
        "--s-yaml".into(),
        machine::root().join("s.yaml").into(),
        "--policy-dir".into(),
        machine::root().join("infra/ram").into(),
    ];
    if !options.extra.iter().any(|argument| argument == OWNER) {
        arguments.extend([OWNER.into(), std::process::id().to_string().into()]);
    }
    let mut command = Command::new(bin.join("local-cloud"));
    command.args(arguments).args(&options.extra).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    // Ctrl-C at the terminal is for whoever started this; the cloud is told afterwards.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn()?;
    let until = Instant::now() + START_LIMIT;
    loop {
        if let Some(status) = child.try_wait()? {
            let log = std::fs::read_to_string(options.state_dir.join("cloud.log")).unwrap_or_default();
            return Err(format!("the local cloud ended at once ({status}): {}", tail(&log, 1)).into());
        }
        if let Some(endpoint) = Endpoint::read(&options.state_dir).filter(|endpoint| endpoint.pid == child.id()) {
            let operator = Operator::new(&endpoint, "cn-hangzhou", "osferry")?;
            if operator.tablestore.list_table().await.is_ok() {
                return Ok((child, operator));
            }
        }
        if Instant::now() > until {
            child.kill()?;
            return Err("the local cloud does not serve".into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// What a guest's disks hold: lines by disk id.
pub type Manifest = BTreeMap<String, Vec<String>>;

/// Lines that only one of the two has, but for those of the paths in `but`.
pub fn differences(before: &Manifest, after: &Manifest, but: &[&str]) -> Vec<String> {
    let counts = |line: &&String| !but.iter().any(|path| line.starts_with(&format!("{path} ")));
    let lines = |manifest: &Manifest| -> BTreeSet<String> {
        let disk = |(disk, lines): (&String, &Vec<String>)| -> Vec<String> {
            lines.iter().filter(counts).map(|line| format!("{disk} {line}")).collect()
        };
        manifest.iter().flat_map(disk).collect()
    };
    let (before, after) = (lines(before), lines(after));
    let lost = before.difference(&after).map(|line| format!("- {line}"));
    lost.chain(after.difference(&before).map(|line| format!("+ {line}"))).collect()
}

/// Asks until there is an answer.
pub async fn wait_for<T>(what: &str, limit: Duration, ask: impl AsyncFn() -> Option<T>) -> Result<T, Error> {
    let until = Instant::now() + limit;
    loop {
        if let Some(answer) = ask().await {
            return Ok(answer);
        }
        if Instant::now() > until {
            return Err(format!("{what}: not within {} s", limit.as_secs()).into());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
