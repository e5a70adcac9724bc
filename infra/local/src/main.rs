//! The local cloud's program. Before anything else it looks whether it was started as a part of itself: a
//! guest's init, or the worker that handles disks inside a user namespace.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use local_cloud::cloud::{LocalCloud, until_told};
use local_cloud::config::Config;
use local_cloud::guest::{Machine, MachineConfig};
use local_cloud::images;
use local_cloud::seams::Hypervisor;
use local_cloud::tablestore;

/// A small cloud on one machine, on loopback only.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves until SIGTERM; what it is told is kept in the state directory.
    Serve(Serve),
    /// Serves Tablestore alone until SIGTERM.
    Tablestore(Alone),
    /// Deletes every disk and snapshot of a cloud that does not run.
    Forget {
        /// Its state directory.
        #[arg(long)]
        state_dir: PathBuf,
    },
    /// Builds images ahead of their first use.
    BuildImages {
        /// Where images are kept.
        #[arg(long)]
        image_dir: PathBuf,
        /// Image ids; all when none is named.
        images: Vec<String>,
    },
}

#[derive(Args)]
struct Alone {
    /// Its tables, its access key, and where it serves (`endpoint.json`); held by one process.
    #[arg(long)]
    state_dir: PathBuf,
    /// Port on 127.0.0.1; 0 takes the one of before, or a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Name of the instance.
    #[arg(long, default_value = "osferry")]
    instance: String,
    /// Process whose end is this one's end.
    #[arg(long)]
    owner_pid: Option<i32>,
}

#[derive(Args)]
struct Serve {
    /// Everything it remembers; held by one process.
    #[arg(long)]
    state_dir: PathBuf,
    /// Where images are kept.
    #[arg(long)]
    image_dir: PathBuf,
    /// Functions and triggers.
    #[arg(long, default_value = "s.yaml")]
    s_yaml: PathBuf,
    /// Directory of the policies, one file per role.
    #[arg(long, default_value = "infra/ram")]
    policy_dir: PathBuf,
    /// Directory of the function binaries, one file per function name.
    #[arg(long)]
    function_dir: PathBuf,
    /// Port on 127.0.0.1; 0 takes the one of before, or a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Process whose end is this cloud's and its guests' end.
    #[arg(long)]
    owner_pid: Option<i32>,
    /// How long a state that takes time lasts at least, milliseconds.
    #[arg(long, default_value_t = 100)]
    latency_ms: u64,
    /// Fires timers at least this often, milliseconds.
    #[arg(long)]
    timer_cap_ms: Option<u64>,
    /// Cuts the timeout of every function to this, seconds.
    #[arg(long)]
    timeout_cap_secs: Option<u64>,
    /// One more environment variable of every function, `NAME=VALUE`; may be given several times.
    #[arg(long, value_parser = variable)]
    env: Vec<(String, String)>,
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is not like NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

fn main() -> ExitCode {
    // Namespaces are entered by single-threaded processes only: no runtime may run yet.
    if let Some(code) = local_cloud::guest::dispatch(std::env::args_os().skip(1)) {
        return code;
    }
    tracing_subscriber::fmt().json().with_writer(std::io::stderr).init();
    let outcome = match Cli::parse().command {
        Command::Serve(args) => serve(args),
        Command::Tablestore(args) => serve_tablestore(&args),
        Command::Forget { state_dir } => forget(&state_dir),
        Command::BuildImages { image_dir, images } => build_images(&image_dir, images),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("local-cloud: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(args: Serve) -> Result<(), Box<dyn std::error::Error>> {
    let ots_instance = "osferry".to_owned();
    let owner = args.owner_pid;
    let config = Config {
        state_dir: args.state_dir,
        image_dir: args.image_dir,
        s_yaml: args.s_yaml,
        policy_dir: args.policy_dir,
        function_dir: args.function_dir,
        port: args.port,
        owner_pid: args.owner_pid,
        region: "cn-hangzhou".into(),
        account_id: "1234567890123456".into(),
        latency: Duration::from_millis(args.latency_ms),
        timer_cap: args.timer_cap_ms.map(Duration::from_millis),
        timeout_cap: args.timeout_cap_secs.map(Duration::from_secs),
        // The services' addresses are here; the synthetic packages are not signed.
        function_env: [
            ("ECS_ENDPOINT", "{endpoint}"),
            ("OTS_ENDPOINT", "{endpoint}"),
            ("OTS_INSTANCE", ots_instance.as_str()),
            ("EVENTBRIDGE_ENDPOINT", "{endpoint}"),
            ("GPGCHECK", "0"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into_iter()
        .chain(args.env)
        .collect(),
        ots_instance,
    };
    let cloud = LocalCloud::open(config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        cloud
            .run(async move {
                if let Err(error) = until_told(owner).await {
                    tracing::error!(%error, "cannot listen for signals, shutting down");
                }
            })
            .await
    })?;
    Ok(())
}

fn serve_tablestore(args: &Alone) -> Result<(), Box<dyn std::error::Error>> {
    let owner = args.owner_pid;
    let told = async move {
        if let Err(error) = until_told(owner).await {
            tracing::error!(%error, "cannot listen for signals, shutting down");
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(tablestore::run_alone(&args.state_dir, args.port, &args.instance, told))?;
    Ok(())
}

fn forget(state_dir: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let _lock = local_cloud::cloud::lock(state_dir)?;
    // Disks belong to the guests' ids: only a machine may delete them. It needs no images for that.
    let machine = Machine::open(MachineConfig {
        state_dir: state_dir.to_owned(),
        image_dir: state_dir.join("no-images"),
        exe: std::env::current_exe()?,
        owner_pid: None,
    })?;
    let names = |dir: &str| -> std::io::Result<Vec<String>> {
        let entries = std::fs::read_dir(state_dir.join(dir))?;
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    };
    for id in names("disks")? {
        machine.delete_disk(&id)?;
    }
    for id in names("snapshots")? {
        machine.delete_snapshot(&id)?;
    }
    Ok(())
}

fn build_images(image_dir: &Path, wanted: Vec<String>) -> Result<(), Box<dyn std::error::Error>> {
    std::fs::create_dir_all(image_dir)?;
    // Debian is installed from the mirror, which is part of a machine.
    let state = tempfile::tempdir_in(image_dir)?;
    let machine = Machine::open(MachineConfig {
        state_dir: state.path().to_owned(),
        image_dir: image_dir.to_owned(),
        exe: std::env::current_exe()?,
        owner_pid: None,
    })?;
    let all = images::catalogue().map(|image| image.id.to_owned());
    let wanted: Vec<String> = if wanted.is_empty() { all.collect() } else { wanted };
    for id in wanted {
        machine.images().prepare(&id, &|what| println!("{what}"))?;
    }
    Ok(())
}
