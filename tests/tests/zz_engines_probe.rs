//! Scratch.
#![allow(missing_docs, clippy::all, clippy::pedantic)]
mod common;
use common::*;
use rig::Error;
use std::time::Duration;

#[tokio::test]
async fn paths() -> Result<(), Error> {
    let mut world = World::start(&[]).await?;
    let rig = &mut world.rig;
    let only = std::env::var("ONLY").unwrap_or_default();
    let all = [
        ("centos_7_9_x64_20G_alibase_20220824.vhd", "AlmaLinux 8"),
        ("centos_7_9_x64_20G_alibase_20220824.vhd", "Anolis OS 8"),
        ("centos_7_9_x64_20G_alibase_20220824.vhd", "Anolis OS 7"),
        ("centos_7_9_x64_20G_alibase_20220824.vhd", "Alibaba Cloud Linux 2"),
        ("centos_7_9_x64_20G_alibase_20220824.vhd", "Alibaba Cloud Linux 3"),
        (CENTOS, "AlmaLinux 8"),
        (CENTOS, "Rocky Linux 8"),
        (CENTOS, "Anolis OS 8"),
        ("aliyun_2_1903_x64_20G_alibase_20240101.vhd", "Alibaba Cloud Linux 3"),
        ("m-local-rhel79", "Red Hat Enterprise Linux 8"),
        ("m-local-rhel79", "Alibaba Cloud Linux 3"),
    ];
    for (n, (image, target)) in all.iter().enumerate() {
        if !only.is_empty() && !only.split(',').any(|o| o == n.to_string()) { continue; }
        let begin = std::time::Instant::now();
        let id = match rig.create_instance(&format!("p-{n}"), image, 0).await { Ok(id) => id, Err(e) => { println!("## {n} {image} create: {e}"); continue } };
        rig.tag(&id, &[OPT_IN, ("osferry:target", target), ("osferry:remediate", "answer-leapp unload-drivers permit-root-login")]).await?;
        let seen = rig.detect().await;
        let record = match rig.outcome(&id, Duration::from_secs(120)).await { Ok(r) => r, Err(e) => { println!("## {n} {image} -> {target}: {e} {seen:?}"); 
            if let Ok(records) = rig.records().await { for r in records { if r.instance_id == id { println!("{:?} {} {:?}", r.state, r.note, r.cause); for step in rig.history(&r.id).await? { println!("   {} {:?}", step.what, step.cause); } } } }
            continue } };
        println!("## {n} {image} -> {target}: {:?} {:?} in {:?}", record.state, record.cause, begin.elapsed());
        for step in rig.history(&record.id).await? { println!("   {} {:?}", step.what, step.cause.map(|c| c.text));
            for f in step.findings.iter().filter(|f| f.severity != migration::Severity::Info) { println!("        {} {:?} {}", f.id, f.severity, f.found.chars().take(300).collect::<String>()); } }
        println!("   os {:?}", rig.os(&id).await);
    }
    world.end()
}
