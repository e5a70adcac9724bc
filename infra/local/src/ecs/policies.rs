//! Automatic snapshot policies: which there are, and which disks they are for. Nothing takes their snapshots here: who
//! wants one under way asks for it with CreateSnapshot.
//!
//! The parameters that make and apply one begin with a small letter, unlike all others (ECS API reference).

use serde_json::{Value, json};

use super::Ecs;
use super::disks::disk_of;
use super::errors;
use super::event::{new_id, second};
use super::list::{Limits, list};
use super::model::{AutoSnapshotPolicy, Disk};
use super::params::Params;
use crate::seams::ServiceError;

/// Pages are by number only; this is for whoever asks otherwise.
const LIMITS: Limits = Limits { least: 1, most: 100, usual: 10 };
/// Policies of an account in a region.
const MOST: usize = 100;

impl Ecs {
    /// CreateAutoSnapshotPolicy.
    pub(super) fn create_auto_snapshot_policy(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        self.small_region(params)?;
        let time_points = numbers(params, "timePoints", 0..=23)?;
        let repeat_weekdays = numbers(params, "repeatWeekdays", 1..=7)?;
        let days = params.required("retentionDays")?.parse::<i64>();
        let retention_days = days.ok().filter(|days| *days == -1 || (1..=65536).contains(days));
        let mut txn = self.db.begin();
        if self.db.scan::<AutoSnapshotPolicy>("")?.len() >= MOST {
            return Err(ServiceError::new(400, "QuotaExceed.AutoSnapshotPolicy", "The quota is exhausted."));
        }
        let policy = AutoSnapshotPolicy {
            auto_snapshot_policy_id: new_id("sp-", self.now()),
            auto_snapshot_policy_name: params.get("autoSnapshotPolicyName").unwrap_or_default().to_owned(),
            time_points,
            repeat_weekdays,
            retention_days: retention_days.ok_or_else(|| errors::invalid("retentionDays"))?,
            created: self.now(),
        };
        txn.put(&policy)?;
        self.commit(txn)?;
        Ok(json!({ "AutoSnapshotPolicyId": policy.auto_snapshot_policy_id }))
    }

    /// ApplyAutoSnapshotPolicy: a disk has one policy, the last.
    pub(super) fn apply_auto_snapshot_policy(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        let id = params.required("autoSnapshotPolicyId")?;
        if self.db.get::<AutoSnapshotPolicy>(id)?.is_none() {
            return Err(errors::no_auto_snapshot_policy());
        }
        self.set_policy(params, Some(id))
    }

    /// CancelAutoSnapshotPolicy.
    pub(super) fn cancel_auto_snapshot_policy(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        self.set_policy(params, None)
    }

    fn set_policy(&self, params: Params<'_>, policy: Option<&str>) -> Result<Value, ServiceError> {
        self.small_region(params)?;
        let ids = params.json_list("diskIds")?.ok_or_else(|| errors::missing("diskIds"))?;
        let mut txn = self.db.begin();
        for id in &ids {
            let disk = disk_of(&txn, id)?;
            txn.put(&Disk { auto_snapshot_policy_id: policy.map(str::to_owned), ..disk })?;
        }
        self.commit(txn)?;
        Ok(json!({}))
    }

    /// DescribeAutoSnapshotPolicyEx.
    pub(super) fn describe_auto_snapshot_policies(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        params.region(&self.config.region, true)?;
        let page = list(&self.db, params, None, LIMITS, |policy: &AutoSnapshotPolicy| {
            params.get("AutoSnapshotPolicyId").is_none_or(|id| id == policy.auto_snapshot_policy_id)
                && params.get("AutoSnapshotPolicyName").is_none_or(|name| name == policy.auto_snapshot_policy_name)
        })?;
        let disks = self.db.scan::<Disk>("")?;
        Ok(page.answer("AutoSnapshotPolicies", "AutoSnapshotPolicy", |policy| {
            let id = Some(&policy.auto_snapshot_policy_id);
            json!({
                "AutoSnapshotPolicyId": policy.auto_snapshot_policy_id,
                "AutoSnapshotPolicyName": policy.auto_snapshot_policy_name,
                "RegionId": self.config.region,
                "TimePoints": policy.time_points,
                "RepeatWeekdays": policy.repeat_weekdays,
                "RetentionDays": policy.retention_days,
                "DiskNums": disks.iter().filter(|disk| disk.auto_snapshot_policy_id.as_ref() == id).count(),
                "Status": "Normal",
                "Type": "Custom",
                "CreationTime": second(policy.created),
            })
        }))
    }

    fn small_region(&self, params: Params<'_>) -> Result<(), ServiceError> {
        match params.required("regionId")? {
            region if region == self.config.region => Ok(()),
            _ => Err(errors::no_region()),
        }
    }
}

/// A JSON list of numbers as texts, as it was given.
fn numbers(params: Params<'_>, name: &str, allowed: std::ops::RangeInclusive<u8>) -> Result<String, ServiceError> {
    let text = params.required(name)?;
    let list = params.json_list(name)?.unwrap_or_default();
    let fine = |number: &String| number.parse::<u8>().is_ok_and(|number| allowed.contains(&number));
    if list.is_empty() || !list.iter().all(fine) { Err(errors::invalid(name)) } else { Ok(text.to_owned()) }
}
