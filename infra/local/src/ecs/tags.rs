//! Tags of instances, disks, snapshots and images.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Ecs;
use super::db::Txn;
use super::errors;
use super::list::{Limits, Rows, page};
use super::model::{Disk, Image, Instance, Snapshot, Tags};
use super::params::{MAX_TAGS, Params, has_tags};
use crate::seams::ServiceError;

/// Resources of one call.
const MAX_RESOURCES: usize = 50;
/// ListTagResources has no MaxResults.
const LIMITS: Limits = Limits { least: 50, most: 50, usual: 50 };

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Instance,
    Disk,
    Snapshot,
    Image,
}

impl Kind {
    fn of(params: Params<'_>) -> Result<Self, ServiceError> {
        match params.required("ResourceType")? {
            "instance" => Ok(Self::Instance),
            "disk" => Ok(Self::Disk),
            "snapshot" => Ok(Self::Snapshot),
            "image" => Ok(Self::Image),
            _ => Err(errors::no_resource_type()),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Disk => "disk",
            Self::Snapshot => "snapshot",
            Self::Image => "image",
        }
    }

    fn change(self, txn: &mut Txn<'_>, id: &str, change: impl FnOnce(&mut Tags)) -> Result<Tags, ServiceError> {
        let missing = || errors::no_resource(id);
        match self {
            Self::Instance => {
                let mut row = txn.get::<Instance>(id)?.ok_or_else(missing)?;
                change(&mut row.tags);
                txn.put(&row)?;
                Ok(row.tags)
            }
            Self::Disk => {
                let mut row = txn.get::<Disk>(id)?.ok_or_else(missing)?;
                change(&mut row.tags);
                txn.put(&row)?;
                Ok(row.tags)
            }
            Self::Snapshot => {
                let mut row = txn.get::<Snapshot>(id)?.ok_or_else(missing)?;
                change(&mut row.tags);
                txn.put(&row)?;
                Ok(row.tags)
            }
            Self::Image => {
                let mut row = txn.get::<Image>(id)?.ok_or_else(missing)?;
                change(&mut row.tags);
                txn.put(&row)?;
                Ok(row.tags)
            }
        }
    }
}

/// One tag of one resource, as ListTagResources lists them.
#[derive(serde::Serialize, serde::Deserialize)]
struct Tagged {
    id: String,
    key: String,
    value: String,
}

impl super::db::Row for Tagged {
    // Never stored: read out of the resources' own rows.
    const TABLE: super::db::Table = super::db::Table::Instances;
    fn key(&self) -> String {
        format!("{}\n{}", self.id, self.key)
    }
}

impl Ecs {
    /// TagResources: adds tags, replaces those with the same key.
    pub(super) fn tag_resources(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        params.region(&self.config.region, true)?;
        let kind = Kind::of(params)?;
        let ids = resource_ids(params)?;
        let tags = params.tags()?;
        if tags.is_empty() {
            return Err(errors::missing("Tags"));
        }
        let mut txn = self.db.begin();
        for id in ids {
            let now = kind.change(&mut txn, id, |old| old.extend(tags.clone()))?;
            if now.len() > MAX_TAGS {
                return Err(errors::too_many("Tags"));
            }
        }
        self.commit(txn)?;
        Ok(json!({}))
    }

    /// UntagResources: removes the named tags, or all.
    pub(super) fn untag_resources(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        params.region(&self.config.region, true)?;
        let kind = Kind::of(params)?;
        let ids = resource_ids(params)?;
        let keys = params.repeated("TagKey");
        let all = keys.is_empty() && params.flag("All")?;
        if keys.is_empty() && !all {
            return Err(errors::missing("TagKey"));
        }
        let mut txn = self.db.begin();
        for id in ids {
            kind.change(&mut txn, id, |tags| tags.retain(|key, _| !all && !keys.contains(&key.as_str())))?;
        }
        self.commit(txn)?;
        Ok(json!({}))
    }

    /// ListTagResources: by resource, by tag, or both.
    pub(super) fn list_tag_resources(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        params.region(&self.config.region, true)?;
        let kind = Kind::of(params)?;
        let ids: BTreeSet<&str> = params.repeated("ResourceId").into_iter().collect();
        let wanted = params.pairs("Tag");
        if ids.is_empty() && wanted.is_empty() {
            return Err(errors::missing("ResourceIds"));
        }
        let resources: Vec<(String, Tags)> = match kind {
            Kind::Instance => {
                self.db.scan::<Instance>("")?.into_iter().map(|row| (row.instance_id, row.tags)).collect()
            }
            Kind::Image => self.db.scan::<Image>("")?.into_iter().map(|row| (row.image_id, row.tags)).collect(),
            Kind::Disk => self.db.scan::<Disk>("")?.into_iter().map(|row| (row.disk_id, row.tags)).collect(),
            Kind::Snapshot => {
                self.db.scan::<Snapshot>("")?.into_iter().map(|row| (row.snapshot_id, row.tags)).collect()
            }
        };
        let read = |after: &str| -> Rows<'_, Tagged> {
            let after = after.to_owned();
            let chosen = resources
                .into_iter()
                .filter(|(id, tags)| (ids.is_empty() || ids.contains(id.as_str())) && has_tags(tags, &wanted));
            let tagged = chosen
                .flat_map(|(id, tags)| tags.into_iter().map(move |(key, value)| Tagged { id: id.clone(), key, value }));
            Box::new(tagged.filter(move |tagged| super::db::Row::key(tagged) > after).map(Ok))
        };
        // Always by token: the operation knows no page numbers.
        let mut by_token = params.0.clone();
        by_token.entry("MaxResults".into()).or_insert_with(|| LIMITS.usual.to_string());
        let page = page(Params(&by_token), LIMITS, read, |_: &Tagged| true)?;
        Ok(page.answer("TagResources", "TagResource", |tagged| {
            json!({
                "ResourceId": tagged.id,
                "ResourceType": kind.as_str(),
                "TagKey": tagged.key,
                "TagValue": tagged.value,
            })
        }))
    }
}

fn resource_ids(params: Params<'_>) -> Result<Vec<&str>, ServiceError> {
    let ids = params.repeated("ResourceId");
    match ids.len() {
        0 => Err(errors::missing("ResourceIds")),
        n if n > MAX_RESOURCES => Err(errors::too_many("ResourceIds")),
        _ => Ok(ids),
    }
}
