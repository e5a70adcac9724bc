//! A machine whose disks are strings, and a bus that remembers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use local_cloud::seams::{
    AttachedDisk, CloudEvent, CommandState, EventSink, GuestCommand, GuestSpec, Hypervisor, HypervisorError,
    ServiceError,
};
use serde_json::Value;

/// Where the process is killed: around the named call.
#[derive(Clone, Debug, PartialEq)]
pub enum Kill {
    Before(&'static str),
    After(&'static str),
}

#[derive(Clone, Debug)]
pub struct Guest {
    pub spec: GuestSpec,
    pub agent: bool,
}

#[derive(Default)]
pub struct Machine {
    pub disks: BTreeMap<String, String>,
    pub snapshots: BTreeMap<String, String>,
    pub guests: BTreeMap<String, Guest>,
    /// How often each instance was really booted.
    pub boots: BTreeMap<String, u32>,
    pub commands: BTreeMap<(String, String), (GuestCommand, CommandState)>,
    /// How often each command was really begun.
    pub begun: BTreeMap<(String, String), u32>,
    /// Guests that stood still for a snapshot.
    pub frozen: Vec<String>,
    /// Calls that fail with an I/O error.
    pub failing: BTreeSet<&'static str>,
    pub kill: Option<Kill>,
}

pub struct Fake {
    pub clock: Arc<AtomicI64>,
    pub machine: Mutex<Machine>,
}

impl Fake {
    pub fn new(clock: Arc<AtomicI64>) -> Arc<Self> {
        Arc::new(Self { clock, machine: Mutex::default() })
    }

    pub fn lock(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does `work` as the call `name`, failing or dying where a test wants it.
    fn call<T>(
        &self,
        name: &'static str,
        work: impl FnOnce(&mut Machine) -> Result<T, HypervisorError>,
    ) -> Result<T, HypervisorError> {
        self.die(Kill::Before(name));
        let result = {
            let mut machine = self.lock();
            if machine.failing.contains(name) {
                let source = std::io::Error::other("made to fail");
                return Err(HypervisorError::Io { what: name.into(), source });
            }
            work(&mut machine)
        };
        self.die(Kill::After(name));
        result
    }

    fn die(&self, here: Kill) {
        let killed = self.lock().kill.take_if(|kill| *kill == here).is_some();
        assert!(!killed, "killed {here:?}");
    }

    /// The guest's init ends.
    pub fn crash(&self, instance: &str) {
        self.lock().guests.remove(instance);
    }

    pub fn agent(&self, instance: &str, up: bool) {
        self.lock().guests.get_mut(instance).unwrap().agent = up;
    }

    /// A command that runs ends.
    pub fn end_command(&self, invoke: &str, state: CommandState) {
        let mut machine = self.lock();
        let (_, command) = machine.commands.iter_mut().find(|((_, id), _)| id == invoke).unwrap();
        command.1 = state;
    }
}

fn missing(what: &str) -> HypervisorError {
    HypervisorError::NotFound(what.to_owned())
}

fn down(instance: &str) -> HypervisorError {
    HypervisorError::NotRunning(instance.to_owned())
}

impl Hypervisor for Fake {
    fn create_disk(&self, disk_id: &str, image_id: Option<&str>) -> Result<(), HypervisorError> {
        self.call("create_disk", |machine| {
            if image_id == Some("nosuch") {
                return Err(missing("nosuch"));
            }
            machine.disks.entry(disk_id.into()).or_insert_with(|| image_id.unwrap_or("empty").into());
            Ok(())
        })
    }

    fn delete_disk(&self, disk_id: &str) -> Result<(), HypervisorError> {
        self.call("delete_disk", |machine| {
            machine.disks.remove(disk_id);
            Ok(())
        })
    }

    fn create_snapshot(&self, snapshot_id: &str, disk_id: &str, frozen: Option<&str>) -> Result<u64, HypervisorError> {
        self.call("create_snapshot", |machine| {
            machine.frozen.extend(frozen.map(str::to_owned));
            if let Some(held) = machine.snapshots.get(snapshot_id) {
                return Ok(held.len() as u64);
            }
            let held = machine.disks.get(disk_id).ok_or_else(|| missing(disk_id))?.clone();
            machine.snapshots.insert(snapshot_id.into(), held.clone());
            Ok(held.len() as u64)
        })
    }

    fn create_snapshots(&self, copies: &[(String, String)], frozen: Option<&str>) -> Result<u64, HypervisorError> {
        self.call("create_snapshots", |machine| {
            machine.frozen.extend(frozen.map(str::to_owned));
            let mut bytes = 0;
            for (snapshot_id, disk_id) in copies {
                let held = machine.disks.get(disk_id).ok_or_else(|| missing(disk_id))?.clone();
                bytes += held.len() as u64;
                machine.snapshots.entry(snapshot_id.clone()).or_insert(held);
            }
            Ok(bytes)
        })
    }

    fn copy_snapshot(&self, snapshot_id: &str, from: &str) -> Result<u64, HypervisorError> {
        self.call("copy_snapshot", |machine| {
            let held = machine.snapshots.get(from).ok_or_else(|| missing(from))?.clone();
            machine.snapshots.insert(snapshot_id.into(), held.clone());
            Ok(held.len() as u64)
        })
    }

    fn delete_snapshot(&self, snapshot_id: &str) -> Result<(), HypervisorError> {
        self.call("delete_snapshot", |machine| {
            machine.snapshots.remove(snapshot_id);
            Ok(())
        })
    }

    fn reset_disk(&self, disk_id: &str, snapshot_id: &str) -> Result<(), HypervisorError> {
        self.call("reset_disk", |machine| {
            let held = machine.snapshots.get(snapshot_id).ok_or_else(|| missing(snapshot_id))?.clone();
            machine.disks.insert(disk_id.into(), held);
            Ok(())
        })
    }

    fn start(&self, spec: &GuestSpec) -> Result<(), HypervisorError> {
        self.call("start", |machine| {
            let id = &spec.instance_id;
            if !machine.guests.contains_key(id) {
                *machine.boots.entry(id.clone()).or_default() += 1;
                machine.guests.insert(id.clone(), Guest { spec: spec.clone(), agent: true });
            }
            Ok(())
        })
    }

    fn stop(&self, instance_id: &str, _force: bool) -> Result<(), HypervisorError> {
        self.call("stop", |machine| {
            machine.guests.remove(instance_id);
            Ok(())
        })
    }

    fn attach_disk(&self, instance_id: &str, disk: &AttachedDisk) -> Result<(), HypervisorError> {
        self.call("attach_disk", |machine| {
            if let Some(guest) = machine.guests.get_mut(instance_id)
                && !guest.spec.disks.contains(disk)
            {
                guest.spec.disks.push(disk.clone());
            }
            Ok(())
        })
    }

    fn detach_disk(&self, instance_id: &str, disk_id: &str) -> Result<(), HypervisorError> {
        self.call("detach_disk", |machine| {
            if let Some(guest) = machine.guests.get_mut(instance_id) {
                guest.spec.disks.retain(|disk| disk.disk_id != disk_id);
            }
            Ok(())
        })
    }

    fn console(&self, instance_id: &str) -> String {
        let boots = self.lock().boots.get(instance_id).copied().unwrap_or_default();
        format!("SeaBIOS\nboot {boots} of {instance_id}\n")
    }

    fn is_running(&self, instance_id: &str) -> bool {
        self.lock().guests.contains_key(instance_id)
    }

    fn last_heartbeat(&self, instance_id: &str) -> Option<i64> {
        let up = self.lock().guests.get(instance_id).is_some_and(|guest| guest.agent);
        up.then(|| self.clock.load(Ordering::SeqCst))
    }

    /// `exit N` ends at once with that code, `sleep` runs until it is stopped, `hang` for ever.
    fn run_command(&self, instance_id: &str, command: &GuestCommand) -> Result<(), HypervisorError> {
        self.call("run_command", |machine| {
            if !machine.guests.get(instance_id).is_some_and(|guest| guest.agent) {
                return Err(down(instance_id));
            }
            let key = (instance_id.to_owned(), command.invoke_id.clone());
            if machine.commands.contains_key(&key) {
                return Ok(());
            }
            let state = match command.script.strip_prefix("exit ") {
                None => CommandState::Running,
                Some(code) => {
                    CommandState::Exited { code: code.parse().unwrap(), output: b"done\n".to_vec(), dropped: 7 }
                }
            };
            *machine.begun.entry(key.clone()).or_default() += 1;
            machine.commands.insert(key, (command.clone(), state));
            Ok(())
        })
    }

    fn command_state(&self, instance_id: &str, invoke_id: &str) -> Result<CommandState, HypervisorError> {
        self.call("command_state", |machine| {
            if !machine.guests.contains_key(instance_id) {
                return Err(down(instance_id));
            }
            let key = (instance_id.to_owned(), invoke_id.to_owned());
            Ok(machine.commands.get(&key).map_or(CommandState::Unknown, |(_, state)| state.clone()))
        })
    }

    fn stop_command(&self, instance_id: &str, invoke_id: &str) -> Result<(), HypervisorError> {
        self.call("stop_command", |machine| {
            let key = (instance_id.to_owned(), invoke_id.to_owned());
            if let Some((command, state)) = machine.commands.get_mut(&key)
                && command.script != "hang"
            {
                *state = CommandState::Interrupted { output: b"so far".to_vec() };
            }
            Ok(())
        })
    }

    fn restart_agent(&self, _: &str) -> Result<(), HypervisorError> {
        Ok(())
    }

    fn kill_processes(&self, _: &str, _: &str) -> Result<u32, HypervisorError> {
        Ok(0)
    }

    fn manifest(&self, _: &str) -> Result<Vec<String>, HypervisorError> {
        Ok(Vec::new())
    }

    fn disk_root(&self, disk_id: &str) -> PathBuf {
        disk_id.into()
    }
}

/// A bus that remembers what was published, and can fail or die.
#[derive(Default)]
pub struct Bus {
    published: Mutex<Vec<Value>>,
    pub failing: Mutex<bool>,
    pub kill: Mutex<Option<Kill>>,
}

impl Bus {
    fn die(&self, here: Kill) {
        let killed = self.kill.lock().unwrap_or_else(PoisonError::into_inner).take_if(|kill| *kill == here).is_some();
        assert!(!killed, "killed {here:?}");
    }

    pub fn published(&self) -> Vec<Value> {
        self.published.lock().unwrap().clone()
    }

    /// The events of a type, each once however often it was delivered, in order.
    pub fn events(&self, kind: &str) -> Vec<Value> {
        let mut seen = BTreeSet::new();
        let all = self.published();
        all.into_iter().filter(|e| e["type"] == kind && seen.insert(e["id"].to_string())).collect()
    }

    /// The states an instance went through, by its events.
    pub fn states(&self, instance: &str) -> Vec<String> {
        let events = self.events("ecs:Instance:StateChange");
        let own = events.iter().filter(|e| e["data"]["resourceId"] == instance);
        own.map(|e| e["data"]["state"].as_str().unwrap().to_owned()).collect()
    }
}

impl EventSink for Bus {
    fn publish(&self, bus: &str, event: CloudEvent) -> Result<(), ServiceError> {
        assert_eq!(bus, "default");
        self.die(Kill::Before("publish"));
        if *self.failing.lock().unwrap() {
            return Err(ServiceError::internal("made to fail"));
        }
        self.published.lock().unwrap().push(event.0);
        self.die(Kill::After("publish"));
        Ok(())
    }
}
