//! A machine with one guest, and what tests ask of it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use local_cloud::guest::{Machine, MachineConfig};
use local_cloud::seams::{
    AttachedDisk, CommandState, GuestCommand, GuestShell, GuestSpec, Hypervisor, HypervisorError,
};

pub const CENTOS: &str = "centos_8_5_x64_20G_alibase_20220127.vhd";
pub const INSTANCE: &str = "i-test";
pub const DISK: &str = "d-system";

/// Shared by all tests and runs: images are built once.
fn image_dir() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("images")
}

pub fn config(state: &Path) -> MachineConfig {
    MachineConfig {
        state_dir: state.to_owned(),
        image_dir: image_dir(),
        exe: PathBuf::from(env!("CARGO_BIN_EXE_local-cloud")),
        owner_pid: Some(std::process::id() as i32),
    }
}

/// A machine with one guest of an image.
pub struct World {
    pub machine: Machine,
    pub state: tempfile::TempDir,
}

impl World {
    pub fn new() -> Self {
        let state = tempfile::tempdir().unwrap();
        let machine = Machine::open(config(state.path())).unwrap();
        Self { machine, state }
    }

    pub fn booted(image: &str) -> Self {
        let world = Self::new();
        world.machine.create_disk(DISK, Some(image)).unwrap();
        world.boot();
        world
    }

    pub fn boot(&self) {
        self.machine.start(&spec(&[DISK])).unwrap();
    }

    /// Runs a script to its end; its exit code and output.
    pub fn sh(&self, script: &str) -> (i32, String) {
        match self.wait(&self.run(script, 300)) {
            CommandState::Exited { code, output, dropped: 0 } => (code, String::from_utf8(output).unwrap()),
            other => panic!("{script}: {other:?}"),
        }
    }

    /// The same for scripts that must succeed.
    pub fn ok(&self, script: &str) -> String {
        let (code, output) = self.sh(script);
        assert_eq!(code, 0, "{script}: {output}");
        output.trim_end().to_owned()
    }

    pub fn run(&self, script: &str, timeout_secs: u64) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let invoke_id = format!("t-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let command = GuestCommand {
            invoke_id: invoke_id.clone(),
            shell: GuestShell::Posix,
            script: script.to_owned(),
            timeout_secs,
            working_dir: String::new(),
        };
        self.machine.run_command(INSTANCE, &command).unwrap();
        invoke_id
    }

    pub fn wait(&self, invoke_id: &str) -> CommandState {
        eventually(invoke_id, || match self.machine.command_state(INSTANCE, invoke_id).unwrap() {
            CommandState::Running => None,
            state => Some(state),
        })
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.machine.stop(INSTANCE, true);
        // What mapped users own only the machine can delete.
        for (store, delete) in
            [("disks", Machine::delete_disk as fn(&Machine, &str) -> _), ("snapshots", Machine::delete_snapshot)]
        {
            for entry in std::fs::read_dir(self.state.path().join(store)).into_iter().flatten().flatten() {
                let _: Result<(), HypervisorError> = delete(&self.machine, &entry.file_name().to_string_lossy());
            }
        }
    }
}

pub fn spec(disks: &[&str]) -> GuestSpec {
    let device = |index: usize| format!("/dev/xvd{}", char::from(b'a' + index as u8));
    let disks =
        disks.iter().enumerate().map(|(index, id)| AttachedDisk { disk_id: (*id).to_owned(), device: device(index) });
    GuestSpec { instance_id: INSTANCE.to_owned(), host_name: "web-1".to_owned(), disks: disks.collect() }
}

/// Polls until there is an answer; the limit is only there to end a test that would hang (a Debian
/// upgrade takes minutes on a busy machine).
pub fn eventually<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = poll() {
            return answer;
        }
        assert!(start.elapsed() < Duration::from_secs(600), "{what} does not happen");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What the console said since the machine was last switched on.
pub fn this_boot(world: &World) -> String {
    let console = world.machine.console(INSTANCE);
    console[console.rfind("SeaBIOS").unwrap_or_default()..].to_owned()
}
