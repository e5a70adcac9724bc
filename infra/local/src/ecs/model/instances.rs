//! Instances and what happens to them.

use serde::{Deserialize, Serialize};

use super::Tags;
use crate::ecs::db::{Row, Table};

/// `Status` of an instance (ECS API reference, DescribeInstances). `Deleted` is only ever said in
/// an event.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub enum InstanceStatus {
    /// Its disks are being made.
    Pending,
    /// Booting; a reboot shows this from its beginning.
    Starting,
    /// Its init runs.
    Running,
    /// Going down.
    Stopping,
    /// Down.
    Stopped,
}

impl InstanceStatus {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Starting => "Starting",
            Self::Running => "Running",
            Self::Stopping => "Stopping",
            Self::Stopped => "Stopped",
        }
    }
}

/// An instance. Times are epoch milliseconds.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Instance {
    /// `i-…`
    pub instance_id: String,
    /// Display name.
    pub instance_name: String,
    /// Host name inside the guest.
    pub host_name: String,
    /// Free text.
    pub description: String,
    /// Image it was made from.
    pub image_id: String,
    /// Localised name of the image's system, blanks as given; never changes (ECS keeps saying what
    /// the image was, whatever runs now).
    pub os_name: String,
    /// English name of the image's system, blanks as given.
    pub os_name_en: String,
    /// `linux` or `windows`.
    pub os_type: String,
    /// State.
    pub status: InstanceStatus,
    /// Tags.
    pub tags: Tags,
    /// Attached disks, the system disk first.
    pub disks: Vec<String>,
    /// `ecs.…`
    pub instance_type: String,
    /// Cores.
    pub cpu: u32,
    /// MiB.
    pub memory: u32,
    /// `vpc` or `classic`.
    pub network_type: String,
    /// `vsw-…`; means nothing in the classic network.
    pub v_switch_id: String,
    /// `sg-…`
    pub security_group_id: String,
    /// Network interfaces beside the primary one.
    #[serde(default)]
    pub secondary_interfaces: u32,
    /// Zone.
    pub zone: String,
    /// `PostPaid` or `PrePaid`.
    pub charge_type: String,
    /// `LockReason`s in force: `financial`, `security`, `recycling`…
    pub operation_locks: Vec<String>,
    /// Refuses deletion.
    pub deletion_protection: bool,
    /// `KeepCharging`, `StopCharging` or `Not-applicable`.
    pub stopped_mode: String,
    /// When it was made.
    pub created: i64,
    /// Last start.
    pub started: Option<i64>,
    /// Its FirstHeartbeat event was sent.
    pub heartbeat_seen: bool,
    /// Commands ever sent to it.
    pub invocations: u64,
    /// Commands under way.
    pub active_tasks: u64,
    /// Last command.
    pub last_invoked: Option<i64>,
}

/// A system event of an instance (ECS API reference, DescribeInstanceHistoryEvents).
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct HistoryEvent {
    /// `e-…`
    pub event_id: String,
    /// `i-…`
    pub instance_id: String,
    /// `SystemMaintenance.Reboot`…
    pub event_type: String,
    /// `Scheduled`, `Executing`, `Executed`, `Avoided`, `Canceled`, `Failed`, `Inquiring`.
    pub cycle_status: String,
    /// Free text.
    pub reason: String,
    /// Not carried out before this, epoch milliseconds.
    pub not_before: i64,
    /// When it was announced, epoch milliseconds.
    pub published: i64,
    /// When it was over, epoch milliseconds.
    pub finished: Option<i64>,
}

impl Row for Instance {
    const TABLE: Table = Table::Instances;
    fn key(&self) -> String {
        self.instance_id.clone()
    }
}

impl Row for HistoryEvent {
    const TABLE: Table = Table::History;
    fn key(&self) -> String {
        self.event_id.clone()
    }
}
