//! The cloud on one machine: one per directory, any number side by side, nothing of it left when its owner is
//! gone, and no way out of a guest.

mod common;

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::*;
use local_cloud::admin::CreateInstance;
use local_cloud::cloud::Endpoint;
use migration::Outcome;
use rig::{Error, Rig, wait_for};
use serde_json::json;

#[tokio::test]
async fn a_second_cloud_on_the_same_directory_is_refused() -> Result<(), Error> {
    let world = World::start(&[]).await?;
    let rig = &world.rig;
    let id = rig.create_instance("web-1", CENTOS, 0).await?;
    let endpoint = fs::read(rig.state_dir().join("endpoint.json"))?;

    let second = Rig::start(options(rig.state_dir(), &[])?).await;
    let error = second.err().ok_or("a second cloud started")?.to_string();
    assert!(error.contains("another local cloud runs on this directory"), "{error}");

    assert_eq!(fs::read(rig.state_dir().join("endpoint.json"))?, endpoint, "the first is still where it was");
    assert_eq!(rig.os(&id).await?, "centos 8", "its guest lives");
    assert_eq!(boots(rig, &id)?, 1);
    world.end()
}

#[tokio::test]
async fn two_clouds_side_by_side_know_nothing_of_each_other() -> Result<(), Error> {
    let (mut one, mut other) = tokio::try_join!(World::start(&[]), World::start(&[]))?;
    // One is tagged by whoever creates it: its first heartbeat has it opened. The other is tagged later.
    let tags = [(OPT_IN.0.to_owned(), OPT_IN.1.to_owned())].into();
    let tagged =
        CreateInstance { name: "legacy-1".into(), image_id: FULL_BOOT.into(), tags, ..CreateInstance::default() };
    let mine = one.rig.create(&tagged).await?;
    let theirs = other.rig.create_instance("legacy-1", FULL_BOOT, 0).await?;
    other.rig.tag(&theirs, &[OPT_IN]).await?;
    let seen = other.rig.detect().await?;
    assert_eq!((&seen["seen"], under_way(&seen)), (&json!(1), 1));
    let (mine, theirs) = tokio::try_join!(one.rig.outcome(&mine, LIMIT), other.rig.outcome(&theirs, LIMIT))?;
    for (rig, record) in [(&one.rig, &mine), (&other.rig, &theirs)] {
        ended(rig, record, Outcome::Refused).await?;
        let cause = record.cause.clone().ok_or("no cause")?;
        assert!(cause.text.contains("guest.i686"), "the guest was asked: {cause:?}");
        assert_eq!(rig.records().await?.len(), 1);
    }
    // A key of one opens nothing of the other.
    let mut endpoint = Endpoint::read(one.rig.state_dir()).ok_or("no endpoint")?;
    endpoint.endpoint = Endpoint::read(other.rig.state_dir()).ok_or("no endpoint")?.endpoint;
    let stranger = local_cloud::operator::Operator::new(&endpoint, "cn-hangzhou", "osferry")?;
    let refused = stranger.command("processes", &json!({})).await.err().ok_or("a stranger was let in")?;
    assert_eq!(refused.code(), "InvalidAccessKeyId.NotFound");
    one.end()?;
    other.end()
}

/// Stands for the shell, test or editor that a cloud was started for.
fn owner() -> Result<Child, Error> {
    Ok(Command::new("sleep").arg("600").stdin(Stdio::null()).spawn()?)
}

/// Processes of this machine that have to do with `dir`: by a command line that names it, or a mount of it.
fn traces(dir: &Path) -> Result<Vec<String>, Error> {
    let needle = dir.file_name().and_then(|name| name.to_str()).ok_or("no name")?;
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let path = entry?.path();
        let number = path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
        if number.is_none_or(|number| number == std::process::id()) {
            continue;
        }
        for file in ["cmdline", "mountinfo"] {
            // A process that ends meanwhile leaves no trace.
            let text = fs::read(path.join(file)).unwrap_or_default();
            let text = String::from_utf8_lossy(&text).replace('\0', " ");
            found.extend(
                text.lines().filter(|line| line.contains(needle)).map(|line| format!("{}: {line}", path.display())),
            );
        }
    }
    Ok(found)
}

#[tokio::test]
async fn nothing_outlives_the_owner() -> Result<(), Error> {
    let mut owner = owner()?;
    let dir = state_dir()?;
    let arguments = ["--owner-pid", &owner.id().to_string()];
    let mut rig = Rig::start(options(dir.path(), &arguments)?).await?;
    let id = rig.create_instance("agent-1", VENDOR_AGENT, 1).await?;
    rig.tag(&id, &[OPT_IN]).await?;
    rig.detect().await?;
    // In the middle of everything: a function has run, and the guest's tool is at work.
    let rebuilding = on_system_disk(&rig, &id, REBUILDING).await?;
    wait_for("the middle of the transaction", LIMIT, async || rebuilding.exists().then_some(())).await?;
    let functions = rig.operator.command("processes", &json!({})).await?;
    let pids: Vec<u64> =
        functions["processes"].as_array().into_iter().flatten().filter_map(|p| p["pid"].as_u64()).collect();
    let endpoint = Endpoint::read(dir.path()).ok_or("no endpoint")?;
    assert!(!pids.is_empty(), "{functions}");
    assert!(traces(dir.path())?.len() > 1, "the search finds the cloud and its guest");

    owner.kill()?;
    owner.wait()?;
    // The cloud is this test's child: while nobody waits for it, its number stays taken.
    let cloud = PathBuf::from(format!("/proc/{}", endpoint.pid));
    wait_for("the cloud to end", Duration::from_secs(15), async || {
        fs::read_to_string(cloud.join("stat")).is_ok_and(|stat| stat.contains(") Z ")).then_some(())
    })
    .await?;
    let nothing = async || traces(dir.path()).is_ok_and(|traces| traces.is_empty()).then_some(());
    if let Err(error) = wait_for("everything to end", Duration::from_secs(10), nothing).await {
        return Err(format!("{error}: {:#?}", traces(dir.path())?).into());
    }
    for pid in pids {
        assert!(!Path::new(&format!("/proc/{pid}")).exists(), "function process {pid} is left");
    }
    let address = endpoint.endpoint.trim_start_matches("http://");
    assert!(TcpStream::connect(address).is_err(), "somebody listens on {address}");
    rig.stop()?;
    Ok(dir.close()?)
}

#[tokio::test]
async fn there_is_no_way_out_of_a_guest() -> Result<(), Error> {
    let world = World::start(&[]).await?;
    let rig = &world.rig;
    let id = rig.create_instance("web-1", CENTOS, 1).await?;
    let endpoint = Endpoint::read(rig.state_dir()).ok_or("no endpoint")?.endpoint;
    let port = endpoint.rsplit(':').next().ok_or("no port")?;
    let state_dir = rig.state_dir().display();
    TcpStream::connect(endpoint.trim_start_matches("http://"))?;

    let says = async |script: String| rig.run_in_guest(&id, &format!("({script}) 2>&1 || true")).await;
    // A command that must fail, and why it must.
    let fails = async |script: String| -> Result<(), Error> {
        let said = rig.run_in_guest(&id, &format!("if ({script}) >/dev/null 2>&1; then echo out; fi")).await?;
        assert_eq!(said, "", "{script}");
        Ok(())
    };
    // The tools are there, and work on what is the guest's own.
    let works =
        "ls /root && cat /etc/hosts && nc -w 2 127.0.0.1 80 </dev/null && ls /proc/self/fd/ | grep -q . && echo works";
    assert!(says(works.to_owned()).await?.ends_with("works\n"), "{}", says(works.to_owned()).await?);
    fails(format!("ls {state_dir}")).await?;
    fails(format!("cat {}", std::env::current_exe()?.display())).await?;
    fails(format!("nc -w 2 127.0.0.1 {port} </dev/null")).await?;
    fails(format!("curl -sS -m 2 {endpoint}/")).await?;
    fails("ls /proc/1/fd/ | grep .".to_owned()).await?;
    fails("mknod /root/disk b 8 0".to_owned()).await?;
    // The one address that answers is the mirror, which is the guest's own port 80.
    let interfaces = says("cat /proc/net/dev".to_owned()).await?;
    let others: Vec<&str> =
        interfaces.lines().filter(|line| line.contains(':') && !line.trim_start().starts_with("lo:")).collect();
    assert!(others.is_empty(), "only loopback: {interfaces}");
    assert!(says("curl -fsS -o /dev/null -m 5 http://mirrors.cloud.aliyuncs.com/alinux/3/os/x86_64/repodata/repomd.xml && echo mirror".to_owned()).await?.contains("mirror"));
    // Root of the guest is nobody on this machine.
    let processes = guest_processes(rig)?;
    assert!(!processes.is_empty());
    for (pid, uid) in processes {
        assert_ne!(uid, 0, "process {pid} of the guest is the machine's root");
    }
    world.end()
}

/// Processes of guests as this machine sees them: number and user.
fn guest_processes(rig: &Rig) -> Result<Vec<(u32, u32)>, Error> {
    let mut found = Vec::new();
    for line in traces(rig.state_dir())? {
        let Some(pid) = line.strip_prefix("/proc/").and_then(|rest| rest.split_once(':')?.0.parse::<u32>().ok()) else {
            continue;
        };
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let namespaces = |line: &&str| line.starts_with("NSpid:") && line.split_whitespace().count() > 2;
        if status.lines().any(|line| namespaces(&line)) {
            let uid =
                status.lines().find_map(|line| line.strip_prefix("Uid:")?.split_whitespace().next()?.parse().ok());
            found.push((pid, uid.ok_or("no Uid line")?));
        }
    }
    found.dedup();
    Ok(found)
}
