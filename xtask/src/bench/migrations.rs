//! Overhead per migration: the same guests taken the same way by the functions and by a tight loop of API
//! calls, in turns, on the same cloud. What the loop takes is the guest's and the emulated cloud's own time.

use std::time::{Duration, Instant};

use guest::{Job, Settings, Tool};
use migration::os::{Family, Os, System};
use migration::path::{Grants, route};
use migration::{MigrationId, Outcome, State};
use openapi::ecs::{CreateSnapshot, DescribeInstances, RunCommand};
use rig::{Error, Options, Rig, wait_for};

use super::summary;
use crate::build::{cargo, image_dir, images, root, run as command, tools};

const IMAGE: &str = "centos_8_5_x64_20G_alibase_20220127.vhd";
const ROUNDS: usize = 7;
/// A migration of this guest takes seconds; more is an error.
const LIMIT: Duration = Duration::from_secs(120);

/// Measures and prints; asserts nothing about time.
pub fn run() -> Result<(), Error> {
    tools()?;
    println!("building for release");
    command(&cargo(), &["build", "--quiet", "--release", "--workspace", "--bins"])?;
    images(&[IMAGE])?;
    let state_dir = root().join("target/bench");
    let options = Options {
        state_dir: state_dir.clone(),
        image_dir: image_dir()?,
        bin_dir: Some(root().join("target/release")),
        extra: Vec::new(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut ours, mut direct) = (Vec::new(), Vec::new());
    runtime.block_on(async {
        let mut rig = Rig::start(options).await?;
        // The first of each warms caches and is not counted.
        for round in 0..=ROUNDS {
            let (a, b) = (by_functions(&mut rig).await?, by_hand(&rig, round).await?);
            println!(
                "round {round}: functions {:.3} s, loop {:.3} s{}",
                a,
                b,
                if round == 0 { " (warm-up)" } else { "" }
            );
            if round > 0 {
                ours.push(a);
                direct.push(b);
            }
        }
        rig.stop()
    })?;
    std::fs::remove_dir_all(state_dir)?;
    let (ours, direct) = (summary(&mut ours), summary(&mut direct));
    println!("\nper migration, median (lowest to highest) of {ROUNDS} rounds:");
    println!("  by the functions   {:.3} s ({:.3} to {:.3})", ours.1, ours.0, ours.2);
    println!("  by a tight loop    {:.3} s ({:.3} to {:.3})", direct.1, direct.0, direct.2);
    println!("  overhead           {:+.3} s, {:+.1} %", ours.1 - direct.1, 100.0 * (ours.1 / direct.1 - 1.0));
    Ok(())
}

async fn by_functions(rig: &mut Rig) -> Result<f64, Error> {
    let id = rig.create_instance("bench-functions", IMAGE, 1).await?;
    rig.tag(&id, &[("osferry", "migrate"), ("osferry:probe", "http 127.0.0.1:8080/health")]).await?;
    rig.detect().await?;
    let record = rig.outcome(&id, LIMIT).await?;
    if record.state != State::Ended(Outcome::Succeeded) {
        return Err(format!("a migration ended as {:?}: {:?}", record.state, record.cause).into());
    }
    Ok((record.entered_at - record.created_at) as f64 / 1000.0)
}

/// The same calls and scripts, without events, records or functions.
async fn by_hand(rig: &Rig, round: usize) -> Result<f64, Error> {
    let instance_id = rig.create_instance("bench-loop", IMAGE, 1).await?;
    let id = MigrationId::from_bytes([u8::try_from(round)?; 10]);
    let hops = route(&System::of(Os::new(Family::CentOs, 8)), None, &Grants::default())?;
    let settings = Settings {
        mirror: "http://mirrors.cloud.aliyuncs.com".into(),
        tools: String::new(),
        checksums: Default::default(),
        gpgcheck: false,
    };
    let job = Job { id: &id, run: 0, hop_index: 0, hop: &hops[0], settings: &settings };
    let probe = migration::policy::Probe::Http("http://127.0.0.1:8080/health".into());
    let begin = Instant::now();

    let ecs = &rig.operator.ecs;
    let request = DescribeInstances { instance_ids: vec![instance_id.clone()], ..DescribeInstances::default() };
    ecs.describe_instances(&request).await?;
    ecs.describe_instance_history_events(std::slice::from_ref(&instance_id), &["Scheduled"]).await?;
    guest::read_assessment(&in_guest(rig, &instance_id, job.assess()).await?)?;
    let disks = ecs.describe_disks(&instance_id).await?;
    for disk in &disks {
        let snapshot =
            CreateSnapshot { disk_id: disk.disk_id.clone(), name: id.name(&disk.disk_id), ..CreateSnapshot::default() };
        ecs.create_snapshot(&snapshot).await?;
    }
    wait_for("snapshots", LIMIT, async || {
        let snapshots = rig.snapshots(&instance_id).await.ok()?;
        let done = snapshots.len() == disks.len() && snapshots.iter().all(|snapshot| snapshot.status == "accomplished");
        done.then_some(())
    })
    .await?;
    guest::read_done(&in_guest(rig, &instance_id, job.start()).await?)?;
    match guest::read_watch(&in_guest(rig, &instance_id, job.watch(50)).await?)? {
        Tool::Succeeded => {}
        other => return Err(format!("the tool: {other:?}").into()),
    }
    in_guest(rig, &instance_id, job.reboot()).await?;
    wait_for("the reboot", LIMIT, async || {
        let page = ecs.describe_instances(&request).await.ok()?;
        if page.items.first()?.status != "Running" {
            return None;
        }
        let output = in_guest(rig, &instance_id, job.booted()).await.ok()?;
        let booted = guest::read_booted(&output).ok()?;
        (booted.boot_id != booted.boot_id_before && booted.finishing.is_none()).then_some(())
    })
    .await?;
    in_guest(rig, &instance_id, job.finish()).await?;
    let after = guest::read_after(&in_guest(rig, &instance_id, job.verify(&[probe], 60)).await?)?;
    if !after.tool_succeeded {
        return Err("the loop's migration was not verified".into());
    }
    Ok(begin.elapsed().as_secs_f64())
}

/// Runs a script and asks in a tight loop what became of it.
async fn in_guest(rig: &Rig, instance_id: &str, script: String) -> Result<String, Error> {
    let request = RunCommand {
        content: script,
        name: "bench".into(),
        timeout: Some(120),
        instance_ids: vec![instance_id.into()],
        ..RunCommand::default()
    };
    let invoked = rig.operator.ecs.run_command(&request).await?;
    let until = Instant::now() + LIMIT;
    loop {
        let result = rig.operator.ecs.describe_invocation_results(&invoked.invoke_id, instance_id).await?;
        match result {
            Some(result) if matches!(result.invocation_status.as_str(), "Success" | "Failed") => {
                return Ok(result.output);
            }
            Some(result) if !matches!(result.invocation_status.as_str(), "Pending" | "Running") => {
                return Err(format!("{} {}", result.invocation_status, result.error_info).into());
            }
            _ => {}
        }
        if Instant::now() > until {
            return Err("a command did not end".into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
