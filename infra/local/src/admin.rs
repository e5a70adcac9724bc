//! The operator's own commands: what stands outside the emulated services (making instances, reading disks
//! byte for byte, breaking things on purpose). `POST /local/<command>` with a JSON body, signed with the
//! operator's key.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::chaos::{Chaos, FaultRule};
use crate::credentials::{Identity, Who};
use crate::ecs::{Ecs, NewHistoryEvent, NewInstance};
use crate::eventbridge::EventBridge;
use crate::fc::FunctionCompute;
use crate::guest::{BootRule, Machine};
use crate::images;
use crate::seams::{Hypervisor, ServiceError};

/// A new instance.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct CreateInstance {
    /// Display name.
    pub name: String,
    /// Image of the system disk.
    pub image_id: String,
    /// One empty data disk each.
    pub data_disks: u32,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Network interfaces beside the primary one, as DescribeInstances tells; the guest has none of them.
    pub secondary_interfaces: u32,
}

/// Kills processes of a guest at a chosen moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct KillWhen {
    /// `i-…`
    pub instance_id: String,
    /// Part of the command line of what is killed.
    pub needle: String,
    /// Path on the system disk: killed as soon as it exists; at once when None.
    pub exists: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct OfImage {
    image_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct OfInstance {
    instance_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Maintenance {
    instance_id: String,
    event_type: String,
    cycle_status: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BreakBoots {
    instance_id: String,
    #[serde(flatten)]
    rule: BootRule,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Network {
    instance_id: String,
    up: bool,
    /// Cut off only as soon as there is such a path in the guest.
    once: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct FillDisk {
    instance_id: String,
    path: PathBuf,
    /// Bytes that still fit.
    spare: u64,
}

/// The commands.
pub struct Admin {
    machine: Arc<Machine>,
    ecs: Arc<Ecs>,
    functions: Arc<FunctionCompute>,
    eventbridge: Arc<EventBridge>,
    chaos: Arc<Chaos>,
}

impl Admin {
    /// Commands on these services.
    pub fn new(
        machine: Arc<Machine>,
        ecs: Arc<Ecs>,
        functions: Arc<FunctionCompute>,
        eventbridge: Arc<EventBridge>,
        chaos: Arc<Chaos>,
    ) -> Arc<Self> {
        Arc::new(Self { machine, ecs, functions, eventbridge, chaos })
    }

    /// Answers one authenticated request.
    pub async fn handle(self: Arc<Self>, request: Request<Bytes>) -> Response<Bytes> {
        let operator = request.extensions().get::<Identity>().is_some_and(|identity| identity.who == Who::Operator);
        let outcome = if !operator {
            Err(ServiceError::new(403, "Forbidden", "only the operator may do this"))
        } else {
            let command = request.uri().path().trim_start_matches("/local/").to_owned();
            let body = request.into_body();
            // Disks are copied and read: not on the threads that serve.
            tokio::task::spawn_blocking(move || self.run(&command, &body))
                .await
                .unwrap_or_else(|error| Err(ServiceError::internal(error)))
        };
        let (status, body) = match outcome {
            Ok(value) => (200, value),
            Err(error) => (error.status, json!({ "Code": error.code, "Message": error.message })),
        };
        let mut response = Response::new(Bytes::from(body.to_string()));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response
    }

    fn run(&self, command: &str, body: &[u8]) -> Result<Value, ServiceError> {
        match command {
            "create-instance" => self.create_instance(read(body)?),
            "create-media" => {
                let snapshot_id = self.ecs.create_media(&read::<OfImage>(body)?.image_id)?;
                Ok(json!({ "snapshotId": snapshot_id }))
            }
            "delete-instance" => {
                self.ecs.delete_instance(&read::<OfInstance>(body)?.instance_id)?;
                Ok(json!({}))
            }
            "manifest" => self.manifest(&read::<OfInstance>(body)?.instance_id),
            "console" => {
                let id = read::<OfInstance>(body)?.instance_id;
                Ok(json!({ "console": self.machine.console(&id), "boots": self.machine.boots(&id) }))
            }
            "break-boots" => {
                let BreakBoots { instance_id, rule } = read(body)?;
                self.machine.break_boots(&instance_id, rule).map(done).map_err(ServiceError::internal)
            }
            "network" => {
                let Network { instance_id, up, once } = read(body)?;
                self.machine.connect_network(&instance_id, up, once).map(done).map_err(ServiceError::internal)
            }
            "fill-disk" => {
                let FillDisk { instance_id, path, spare } = read(body)?;
                self.machine.fill_disk(&instance_id, &path, spare).map(done).map_err(ServiceError::internal)
            }
            "mend" => {
                let id = read::<OfInstance>(body)?.instance_id;
                self.machine.mend(&id).map(done).map_err(ServiceError::internal)
            }
            "kill-when" => self.kill_when(read(body)?),
            "restart-agent" => {
                let id = read::<OfInstance>(body)?.instance_id;
                self.machine.restart_agent(&id).map_err(ServiceError::internal)?;
                Ok(json!({}))
            }
            "announce-maintenance" => {
                let event: Maintenance = read(body)?;
                let event_id = self.ecs.add_history_event(NewHistoryEvent {
                    instance_id: event.instance_id,
                    event_type: event.event_type,
                    cycle_status: event.cycle_status,
                    reason: String::new(),
                    not_before: jiff::Timestamp::now().as_millisecond(),
                })?;
                Ok(json!({ "eventId": event_id }))
            }
            "add-fault" => {
                self.chaos.add(read::<FaultRule>(body)?);
                Ok(json!({}))
            }
            "faults" => Ok(json!({ "pending": self.chaos.pending(), "fired": self.chaos.fired() })),
            "processes" => Ok(json!({ "processes": self.processes() })),
            "kill-process" => {
                #[derive(Deserialize)]
                struct Process {
                    instance: String,
                }
                Ok(json!({ "killed": self.functions.kill(&read::<Process>(body)?.instance) }))
            }
            "dead-letters" => Ok(
                json!({ "fc": self.functions.dead_letters()?, "eventbridge": self.eventbridge.dead_letters()?.len() }),
            ),
            other => Err(ServiceError::new(404, "NoSuchCommand", format!("there is no command {other:?}"))),
        }
    }

    fn create_instance(&self, new: CreateInstance) -> Result<Value, ServiceError> {
        let image = images::find(&new.image_id).ok_or_else(|| {
            ServiceError::new(404, "InvalidImageId.NotFound", format!("there is no image {:?}", new.image_id))
        })?;
        let id = self.ecs.create_instance(NewInstance {
            name: new.name,
            image_id: new.image_id,
            os_name: image.os_name.into(),
            os_name_en: image.os_name_en.into(),
            os_type: image.os_type().into(),
            tags: new.tags.into_iter().collect(),
            data_disks: (0..new.data_disks).map(|_| None).collect(),
            secondary_interfaces: new.secondary_interfaces,
            ..NewInstance::default()
        })?;
        Ok(json!({ "instanceId": id }))
    }

    fn manifest(&self, instance_id: &str) -> Result<Value, ServiceError> {
        let mut disks = BTreeMap::new();
        for disk in self.ecs.instance_disks(instance_id)? {
            let lines = self.machine.manifest(&disk.disk_id).map_err(ServiceError::internal)?;
            disks.insert(disk.disk_id, lines);
        }
        Ok(json!({ "disks": disks }))
    }

    fn system_disk(&self, instance_id: &str) -> Result<PathBuf, ServiceError> {
        let disks = self.ecs.instance_disks(instance_id)?;
        let system = disks.first().ok_or_else(|| ServiceError::new(404, "InvalidInstanceId.NotFound", instance_id))?;
        Ok(self.machine.disk_root(&system.disk_id))
    }

    /// Watches in a thread of its own; gives up after ten minutes.
    fn kill_when(&self, order: KillWhen) -> Result<Value, ServiceError> {
        const PACE: Duration = Duration::from_millis(5);
        const LIMIT: u32 = 120_000;
        let machine = self.machine.clone();
        let path = match &order.exists {
            Some(path) => Some(self.system_disk(&order.instance_id)?.join(path.trim_start_matches('/'))),
            None => None,
        };
        std::thread::spawn(move || {
            for _ in 0..LIMIT {
                if path.as_ref().is_none_or(|path| path.exists()) {
                    let killed = machine.kill_processes(&order.instance_id, &order.needle);
                    tracing::info!(
                        instance_id = order.instance_id,
                        needle = order.needle,
                        ?killed,
                        "killed on purpose"
                    );
                    if killed.is_ok_and(|count| count > 0) {
                        return;
                    }
                }
                std::thread::sleep(PACE);
            }
        });
        Ok(json!({}))
    }

    fn processes(&self) -> Vec<Value> {
        let processes = self.functions.processes();
        let form = |process: crate::fc::ProcessInfo| json!({ "function": process.function, "pid": process.pid, "instance": process.instance, "request": process.busy_request });
        processes.into_iter().map(form).collect()
    }
}

fn done((): ()) -> Value {
    json!({})
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ServiceError> {
    serde_json::from_slice(body).map_err(|error| ServiceError::new(400, "InvalidArgument", error.to_string()))
}
