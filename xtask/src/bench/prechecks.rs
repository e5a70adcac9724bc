//! How long a person waits for what the cloud tells: POST /prechecks of the console, for one instance and for a
//! hundred, in turns; over HTTP, through a function that is warm. The vendor's console takes about 10 s for one.
//!
//! The emulated cloud answers at once: what stands here is the work of function and cloud together, without a real
//! network's way and ECS's own time. The number of calls goes with it, so that both can be added.

use std::time::{Duration, Instant};

use openapi::ecs::DescribeInstances;
use rig::{Error, OPERATORS, Options, Rig, wait_for};
use serde_json::json;

use super::summary;
use crate::build::{cargo, image_dir, images, root, run as command, tools};

const IMAGE: &str = "centos_8_5_x64_20G_alibase_20220127.vhd";
const MANY: usize = 100;
const ROUNDS: usize = 15;
/// For the guests to be there; they start side by side.
const START_LIMIT: Duration = Duration::from_secs(600);

/// Measures and prints; asserts nothing about time.
pub fn run() -> Result<(), Error> {
    tools()?;
    println!("building for release");
    command(&cargo(), &["build", "--quiet", "--release", "--package", "local-cloud", "--package", "console"])?;
    images(&[IMAGE])?;
    let state_dir = root().join("target/bench");
    let options = Options {
        state_dir: state_dir.clone(),
        image_dir: image_dir()?,
        bin_dir: Some(root().join("target/release")),
        extra: ["--env", OPERATORS].map(str::to_owned).to_vec(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut one, mut many) = (Vec::new(), Vec::new());
    runtime.block_on(async {
        let mut rig = Rig::start(options).await?;
        println!("making {MANY} instances");
        let ids = crowd(&rig).await?;
        // The first of each wakes the function and is told apart.
        for round in 0..=ROUNDS {
            let (a, b) = (ask(&rig, &ids[..1]).await?, ask(&rig, &ids).await?);
            if round == 0 {
                println!("first, with the function's start: one {a:.3} s; then {MANY}: {b:.3} s");
            } else {
                one.push(a);
                many.push(b);
            }
        }
        rig.stop()
    })?;
    std::fs::remove_dir_all(state_dir)?;
    println!("\nprecheck, median (lowest to highest) of {ROUNDS} rounds:");
    for (name, times) in [("1 instance", &mut one), ("100 instances", &mut many)] {
        let (lowest, median, highest) = summary(times);
        println!("  {name:14} {median:.3} s ({lowest:.3} to {highest:.3})");
    }
    println!(
        "ECS is asked 5 times for one instance; for {MANY}: instances 1, agents 2, disks 1, snapshots 1, events 1"
    );
    Ok(())
}

/// Instances that are listed as running.
async fn crowd(rig: &Rig) -> Result<Vec<String>, Error> {
    let mut ids = Vec::new();
    for n in 1..=MANY {
        let body = json!({ "name": format!("bench-{n}"), "imageId": IMAGE, "dataDisks": 0 });
        let answer = rig.operator.command("create-instance", &body).await?;
        ids.push(answer["instanceId"].as_str().ok_or("no instance id")?.to_owned());
    }
    let request = DescribeInstances { status: Some("Running".into()), ..DescribeInstances::default() };
    wait_for("the instances", START_LIMIT, async || {
        let running = rig.operator.ecs.describe_all_instances(&request).await.ok()?;
        (running.len() >= MANY).then_some(())
    })
    .await?;
    Ok(ids)
}

/// Seconds until the answer is there; an error when one of the instances was not judged.
async fn ask(rig: &Rig, ids: &[String]) -> Result<f64, Error> {
    let begin = Instant::now();
    let (status, answer) = rig.ask("/prechecks", Some(&json!({ "instances": ids }))).await?;
    let took = begin.elapsed().as_secs_f64();
    let judged = answer["prechecks"].as_array().ok_or("no prechecks")?;
    if status != 200 || judged.len() != ids.len() || judged.iter().any(|one| one["findings"].is_null()) {
        return Err(format!("the precheck of {} instances: {status} {answer}", ids.len()).into());
    }
    Ok(took)
}
