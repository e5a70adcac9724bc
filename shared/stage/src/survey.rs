//! What the cloud tells of instances: a few are looked at one by one, many by the lists of their region.

use std::collections::BTreeMap;

use jiff::Timestamp;
use migration::findings::{AutoSnapshots, CloudFacts, DiskFacts};
use migration::os::{Os, System};
use migration::{MigrationId, Millis};
use openapi::ApiError;
use openapi::ecs::{
    AutoSnapshotPolicy, CloudAssistantStatus, Disk, DiskKind, HistoryEvent, Instance, Snapshot, can_be_grouped,
};

use crate::cloud::Cloud;
use crate::fault::{Fault, SNAPSHOTS_CLOSED};
use crate::lanes::side_by_side;
use crate::release::{OS_TAG, OWNER_TAG};
use crate::settings::Options;

/// What is known of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// As DescribeInstances tells it.
    pub instance: Instance,
    /// For [`migration::findings::judge_cloud`].
    pub facts: CloudFacts,
}

/// An instance, or why nothing can be told of it.
pub type Survey = BTreeMap<String, Result<Seen, String>>;

/// Up to so many instances are looked at one by one; for more, the lists of their region take fewer calls.
const FEW: usize = 20;

/// Looks at every instance of `ids`. What concerns all of them (permissions, throttling of the calls for many) is an
/// error; what concerns one is its own answer.
pub async fn survey<C: Cloud>(cloud: &C, ids: &[String], options: &Options) -> Result<Survey, Fault> {
    let (instances, assistants) = tokio::try_join!(cloud.instances_by_id(ids), cloud.assistants(ids))?;
    let assistants: BTreeMap<&str, &CloudAssistantStatus> =
        assistants.iter().map(|assistant| (assistant.instance_id.as_str(), assistant)).collect();
    let listed = if instances.len() > FEW { around_many(cloud, &instances).await? } else { None };
    let look = async |instance: &Instance| {
        let id = instance.instance_id.as_str();
        let around = match &listed {
            Some(listed) => Ok(listed.get(id).cloned().unwrap_or_default()),
            None => around(cloud, id).await,
        };
        let seen = around.map(|around| Seen {
            instance: instance.clone(),
            facts: told(instance, assistants.get(id).copied(), around, options),
        });
        (id.to_owned(), seen.map_err(|error| error.to_string()))
    };
    let seen = side_by_side(instances.len(), async |index| look(&instances[index]).await).await;
    let mut survey: Survey = seen.into_iter().collect();
    for id in ids {
        survey.entry(id.clone()).or_insert_with(|| {
            Err(format!("instance {id} is not listed in this region: it does not exist, or ecs:DescribeInstances is not permitted on it"))
        });
    }
    Ok(survey)
}

/// Whether a migration has attached the disk: it goes without a trace.
fn brought_in(disk: &Disk) -> bool {
    let owner = disk.tags.iter().find(|tag| tag.key == OWNER_TAG);
    owner.is_some_and(|tag| MigrationId::in_name(&disk.disk_name).is_some_and(|id| id.as_str() == tag.value))
}

/// What belongs to an instance.
#[derive(Clone, Debug, Default)]
struct Around {
    disks: Vec<Disk>,
    snapshots_in_progress: Vec<Snapshot>,
    snapshots_closed: bool,
    maintenance: Vec<HistoryEvent>,
    auto_snapshots: Vec<AutoSnapshots>,
}

/// Of one instance, by itself.
async fn around<C: Cloud>(cloud: &C, id: &str) -> Result<Around, ApiError> {
    let ids = [id.to_owned()];
    let (mut disks, (snapshots_in_progress, snapshots_closed), maintenance) =
        tokio::try_join!(cloud.disks(id), in_progress(cloud, Some(id)), cloud.maintenance(&ids))?;
    disks.retain(|disk| !brought_in(disk));
    let auto_snapshots = auto_snapshots(&disks, &policies(cloud, &disks).await?);
    Ok(Around { disks, snapshots_in_progress, snapshots_closed, maintenance, auto_snapshots })
}

/// Of many instances, from the lists of their region; None when it has so many disks that looking at each instance
/// by itself takes fewer calls.
async fn around_many<C: Cloud>(
    cloud: &C,
    instances: &[Instance],
) -> Result<Option<BTreeMap<String, Around>>, ApiError> {
    let ids: Vec<String> = instances.iter().map(|instance| instance.instance_id.clone()).collect();
    let mut many: BTreeMap<String, Around> = ids.iter().map(|id| (id.clone(), Around::default())).collect();
    let mut token = None;
    for page in 0.. {
        if page > ids.len() / 2 {
            return Ok(None);
        }
        let (disks, next) = cloud.all_disks(token).await?;
        for disk in disks.into_iter().filter(|disk| !brought_in(disk)) {
            if let Some(around) = many.get_mut(&disk.instance_id) {
                around.disks.push(disk);
            }
        }
        token = next;
        if token.is_none() {
            break;
        }
    }
    let owners: BTreeMap<String, String> = many
        .iter()
        .flat_map(|(id, around)| around.disks.iter().map(move |disk| (disk.disk_id.clone(), id.clone())))
        .collect();
    let ((snapshots, closed), events) = tokio::try_join!(in_progress(cloud, None), cloud.maintenance(&ids))?;
    for snapshot in snapshots {
        if let Some(around) = owners.get(&snapshot.source_disk_id).and_then(|id| many.get_mut(id)) {
            around.snapshots_in_progress.push(snapshot);
        }
    }
    for event in events {
        if let Some(around) = many.get_mut(&event.instance_id) {
            around.maintenance.push(event);
        }
    }
    let policies = policies(cloud, many.values().flat_map(|around| &around.disks)).await?;
    for around in many.values_mut() {
        around.snapshots_closed = closed;
        around.auto_snapshots = auto_snapshots(&around.disks, &policies);
    }
    Ok(Some(many))
}

/// The snapshots that are being taken, and whether ECS says that the account has not opened the service.
async fn in_progress<C: Cloud>(cloud: &C, instance_id: Option<&str>) -> Result<(Vec<Snapshot>, bool), ApiError> {
    match cloud.snapshots_in_progress(instance_id).await {
        Err(error) if error.code() == SNAPSHOTS_CLOSED => Ok((Vec::new(), true)),
        answer => Ok((answer?, false)),
    }
}

/// The region's automatic snapshot policies, if one of the disks has one.
async fn policies<C: Cloud>(
    cloud: &C,
    disks: impl IntoIterator<Item = &Disk>,
) -> Result<Vec<AutoSnapshotPolicy>, ApiError> {
    if disks.into_iter().all(|disk| disk.auto_snapshot_policy_id.is_empty()) {
        return Ok(Vec::new());
    }
    match cloud.auto_snapshot_policies().await {
        // That there is one is known without; the finding says what is missing.
        Err(error) if error.code().starts_with("Forbidden") => Ok(Vec::new()),
        answer => answer,
    }
}

fn auto_snapshots(disks: &[Disk], policies: &[AutoSnapshotPolicy]) -> Vec<AutoSnapshots> {
    let mut by_policy: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for disk in disks.iter().filter(|disk| !disk.auto_snapshot_policy_id.is_empty()) {
        by_policy.entry(&disk.auto_snapshot_policy_id).or_default().push(disk.disk_id.clone());
    }
    let told = |(id, disks): (&str, Vec<String>)| {
        let known = policies.iter().find(|policy| policy.auto_snapshot_policy_id == id);
        match known {
            // It takes none as long as the account owes money.
            Some(policy) if policy.status == "Expire" => None,
            Some(policy) => Some(AutoSnapshots {
                policy: match policy.auto_snapshot_policy_name.as_str() {
                    "" => id.to_owned(),
                    name => format!("{id} ({name})"),
                },
                disks,
                weekdays: policy.repeat_weekdays.clone(),
                hours: policy.time_points.clone(),
            }),
            None => Some(AutoSnapshots { policy: id.to_owned(), disks, ..AutoSnapshots::default() }),
        }
    };
    by_policy.into_iter().filter_map(told).collect()
}

/// What the cloud tells of one instance that is listed.
pub async fn facts<C: Cloud>(
    cloud: &C,
    instance: &Instance,
    assistant: Option<&CloudAssistantStatus>,
    options: &Options,
) -> Result<CloudFacts, ApiError> {
    Ok(told(instance, assistant, around(cloud, &instance.instance_id).await?, options))
}

fn told(
    instance: &Instance,
    assistant: Option<&CloudAssistantStatus>,
    around: Around,
    options: &Options,
) -> CloudFacts {
    CloudFacts {
        status: instance.status.clone(),
        network_type: instance.instance_network_type.clone(),
        region: instance.region_id.clone(),
        os_name: name(instance).to_owned(),
        system: system(instance),
        cpu: instance.cpu,
        memory_mib: instance.memory,
        network_interfaces: instance.network_interfaces.len(),
        locks: instance.operation_locks.clone(),
        expires_at: (instance.instance_charge_type == "PrePaid").then(|| millis(&instance.expired_time)).flatten(),
        assistant_installed: assistant.is_some_and(|assistant| !assistant.version.is_empty()),
        heartbeat: assistant.and_then(|assistant| millis(&assistant.last_heartbeat_time)),
        snapshots_in_progress: around.snapshots_in_progress.into_iter().map(|snapshot| snapshot.snapshot_id).collect(),
        snapshots_closed: around.snapshots_closed,
        auto_snapshots: around.auto_snapshots,
        maintenance: around
            .maintenance
            .into_iter()
            .map(|event| {
                format!("{} ({}) from {}", event.event_type.name, event.event_cycle_status.name, event.not_before)
            })
            .collect(),
        disks: around.disks.into_iter().map(disk_facts).collect(),
        media: options
            .windows_media
            .iter()
            .flat_map(|(version, languages)| languages.keys().map(move |language| format!("{version} {language}")))
            .collect(),
        snapshot_price: options.snapshot_price.clone(),
        tags_without_room: tags_without_room(instance),
        drill_network: options.drill_vswitch.is_some() && options.drill_security_group.is_some(),
    }
}

/// So many of the tags that a migration leaves do not fit in beside the instance's own.
fn tags_without_room(instance: &Instance) -> usize {
    // Source: ECS user guide, limits of tags.
    const MOST: usize = 20;
    let ours = [migration::policy::TAG, OWNER_TAG, OS_TAG];
    let new = ours.iter().filter(|key| instance.tags.iter().all(|tag| tag.key != **key)).count();
    (instance.tags.len() + new).saturating_sub(MOST)
}

fn disk_facts(disk: Disk) -> DiskFacts {
    DiskFacts {
        size_gib: disk.size,
        system: disk.kind == DiskKind::System,
        delete_auto_snapshot: disk.delete_auto_snapshot,
        multi_attach: disk.multi_attach == "Enabled",
        groupable: can_be_grouped(&disk.category),
        id: disk.disk_id,
        category: disk.category,
    }
}

/// A time as ECS writes it, with and without seconds: `2017-12-10T04:04Z`; None when it is none.
pub fn millis(time: &str) -> Option<Millis> {
    time.parse().ok().map(Timestamp::as_millisecond)
}

/// The name of an instance's operating system, for people.
pub fn name(instance: &Instance) -> &str {
    if instance.os_name_en.is_empty() { &instance.os_name } else { &instance.os_name_en }
}

/// The release that the tag `osferry:os` tells: what a migration left, or what a person knows better than the image.
pub fn tagged_os(instance: &Instance) -> Option<Os> {
    os_tag(instance).and_then(Os::from_ecs_name)
}

/// The tag `osferry:os` as it is written.
fn os_tag(instance: &Instance) -> Option<&str> {
    let tag = instance.tags.iter().find(|tag| tag.key == OS_TAG)?;
    Some(tag.value.trim()).filter(|value| !value.is_empty())
}

/// What an instance runs by all that the cloud tells: the tag `osferry:os` before the name of the image, the name before
/// the image's id. None when it is no system that is known, or the tag names none: then only the guest can say.
pub fn system(instance: &Instance) -> Option<System> {
    let by_image = System::from_ecs(&instance.os_name, &instance.os_name_en, &instance.image_id, None);
    let Some(tag) = os_tag(instance) else { return by_image };
    let os = Os::from_ecs_name(tag)?;
    Some(match by_image {
        Some(mut system) if system.os.is_windows() == os.is_windows() => {
            // What became another release became Datacenter, or was upgraded by hand.
            if !system.os.same_release(&os)
                && let Some(windows) = &mut system.windows
            {
                windows.edition = None;
            }
            System { os, ..system }
        }
        _ => System::of(os),
    })
}

#[cfg(test)]
mod tests {
    use openapi::ecs::Tag;

    use super::*;
    use crate::testing::FakeCloud;

    fn instance(name: &str, image_id: &str, tag: &str) -> Instance {
        let tags = (!tag.is_empty()).then(|| Tag::new("osferry:os", tag)).into_iter().collect();
        Instance { os_name: name.into(), image_id: image_id.into(), tags, ..Instance::default() }
    }

    #[test]
    fn the_tag_is_believed_before_the_name_and_the_name_before_the_image() {
        let read = |name, image, tag| system(&instance(name, image, tag)).map(|system| system.to_string());
        assert_eq!(read("CentOS  7.9 64位 ARM版", "m-1", "").as_deref(), Some("CentOS 7.9 (arm64)"));
        assert_eq!(
            read("CentOS  7.9 64位 ARM版", "m-1", "Alibaba Cloud Linux 3").as_deref(),
            Some("Alibaba Cloud Linux 3 (arm64)"),
            "a migration changes no processor"
        );
        assert_eq!(read("", "debian_11_11_x64_20G_alibase_20240819.vhd", "").as_deref(), Some("Debian 11.11"));
        assert_eq!(read("Customized Linux", "m-1", "CentOS 7.9").as_deref(), Some("CentOS 7.9"));
        assert_eq!(read("Customized Linux", "m-1", "something"), None);
        assert_eq!(read("CentOS  7.9 64位", "m-1", "something"), None, "a person meant something else");
        assert_eq!(read("CentOS  7.9 64位", "m-1", " ").as_deref(), Some("CentOS 7.9"));
        let windows = "Windows Server  2012 R2 标准版 64位中文版";
        assert_eq!(
            read(windows, "m-1", "Windows Server 2019").as_deref(),
            Some("Windows Server 2019 (Chinese)"),
            "its edition is another by now"
        );
        assert_eq!(
            read(windows, "m-1", "Windows Server 2012 R2").as_deref(),
            Some("Windows Server 2012 R2 Standard (Chinese)")
        );
    }

    /// The fake's own instance and 999 more, each with two disks; every tenth is different.
    fn crowd() -> (FakeCloud, Vec<String>) {
        let cloud = FakeCloud::with_essds();
        let (mut instances, mut disks) = (Vec::new(), Vec::new());
        for n in 2..=1000 {
            let id = format!("i-{n}");
            instances.push(Instance {
                instance_id: id.clone(),
                os_name_en: "CentOS  7.9 64 bit".into(),
                status: if n % 10 == 3 { "Stopped" } else { "Running" }.into(),
                instance_network_type: "vpc".into(),
                ..Instance::default()
            });
            for kind in [DiskKind::System, DiskKind::Data] {
                disks.push(Disk {
                    disk_id: format!("d-{n}-{kind:?}"),
                    instance_id: id.clone(),
                    kind,
                    size: 40,
                    auto_snapshot_policy_id: if n % 10 == 4 { "sp-1" } else { "" }.into(),
                    ..Disk::default()
                });
            }
            if n % 10 == 5 {
                cloud.snapshots.borrow_mut().push(Snapshot {
                    snapshot_id: format!("s-{n}"),
                    source_disk_id: format!("d-{n}-Data"),
                    status: "progressing".into(),
                    ..Snapshot::default()
                });
            }
            if n % 10 == 6 {
                cloud.maintenance.borrow_mut().push(HistoryEvent { instance_id: id, ..HistoryEvent::default() });
            }
        }
        // What belongs to nobody that was asked for.
        disks.push(Disk { disk_id: "d-free".into(), ..Disk::default() });
        cloud.made_instances.replace(instances);
        cloud.made_disks.replace(disks);
        cloud.auto_snapshot_policies.borrow_mut().push(AutoSnapshotPolicy {
            auto_snapshot_policy_id: "sp-1".into(),
            auto_snapshot_policy_name: "nightly".into(),
            time_points: vec![1],
            repeat_weekdays: vec![1, 7],
            ..AutoSnapshotPolicy::default()
        });
        (cloud, (1..=1000).map(|n| format!("i-{n}")).collect())
    }

    #[test]
    fn tags_that_find_no_room_are_counted() {
        let with = |own: usize, keys: &[&str]| {
            let own = (0..own).map(|n| Tag::new(format!("team-{n}"), ""));
            let tags = own.chain(keys.iter().map(|key| Tag::new(*key, ""))).collect();
            tags_without_room(&Instance { tags, ..Instance::default() })
        };
        assert_eq!((with(17, &[]), with(18, &[]), with(20, &[])), (0, 1, 3));
        assert_eq!((with(18, &["osferry"]), with(17, &["osferry", OWNER_TAG, OS_TAG])), (1, 0));
    }

    #[tokio::test]
    async fn a_thousand_take_few_calls_and_are_seen_as_each_by_itself() {
        let (cloud, ids) = crowd();
        let options = Options::default();
        let many = survey(&cloud, &ids, &options).await.unwrap();
        // Instances 10, assistants 20, disks 2001 / 500, snapshots 1, events 10, policies 1.
        assert_eq!(cloud.calls(), 10 + 20 + 5 + 1 + 10 + 1);
        for ids in ids.chunks(FEW) {
            for (id, seen) in survey(&cloud, ids, &options).await.unwrap() {
                assert_eq!(many[&id], seen, "{id}");
            }
        }
        let facts = |id: &str| many[id].as_ref().unwrap().facts.clone();
        assert_eq!(facts("i-15").snapshots_in_progress, ["s-15"]);
        assert_eq!(facts("i-16").maintenance.len(), 1);
        assert_eq!(facts("i-14").auto_snapshots[0].policy, "sp-1 (nightly)");
        assert_eq!((facts("i-17").disks.len(), facts("i-17").auto_snapshots.len()), (2, 0));
    }

    #[tokio::test]
    async fn where_strangers_own_the_disks_each_is_asked_for() {
        let (cloud, ids) = crowd();
        let strangers = (0..20_000).map(|n| Disk { disk_id: format!("d-x{n}"), ..Disk::default() });
        cloud.made_disks.borrow_mut().splice(0..0, strangers);
        let asked = &ids[..FEW + 1];
        let seen = survey(&cloud, asked, &Options::default()).await.unwrap();
        // Instances, assistants, as many pages as half of them, then three calls each, and policies for i-4 and i-14.
        let pages = asked.len() / 2 + 1;
        assert_eq!(cloud.calls() as usize, 1 + 1 + pages + 3 * asked.len() + 2);
        assert_eq!(seen["i-21"].as_ref().unwrap().facts.disks.len(), 2);
    }

    #[tokio::test]
    async fn a_snapshot_service_that_is_closed_is_a_fact_and_a_hidden_policy_too() {
        let (cloud, ids) = crowd();
        let refuse = |operation: &str, code: &str| cloud.refuses.borrow_mut().insert(operation.into(), code.into());
        refuse("DescribeSnapshots", SNAPSHOTS_CLOSED);
        refuse("DescribeAutoSnapshotPolicyEx", "Forbidden.RAM");
        for ids in [&ids[..], &ids[3..4]] {
            let seen = survey(&cloud, ids, &Options::default()).await.unwrap();
            let facts = &seen["i-4"].as_ref().unwrap().facts;
            assert!(facts.snapshots_closed);
            let unseen = AutoSnapshots {
                policy: "sp-1".into(),
                disks: vec!["d-4-System".into(), "d-4-Data".into()],
                ..AutoSnapshots::default()
            };
            assert_eq!(facts.auto_snapshots, [unseen]);
        }
        refuse("DescribeSnapshots", "Forbidden.RAM");
        assert!(survey(&cloud, &ids, &Options::default()).await.is_err());
        cloud.auto_snapshot_policies.borrow_mut()[0].status = "Expire".into();
        cloud.refuses.borrow_mut().clear();
        let seen = survey(&cloud, &ids[3..4], &Options::default()).await.unwrap();
        assert_eq!(seen["i-4"].as_ref().unwrap().facts.auto_snapshots, [], "it takes none");
    }

    #[test]
    fn times_come_with_and_without_seconds() {
        assert_eq!(millis("1970-01-01T00:01Z"), Some(60_000));
        assert_eq!(millis("1970-01-01T00:00:01Z"), Some(1_000));
        assert_eq!(millis(""), None);
    }

    #[tokio::test]
    async fn what_is_not_listed_is_told_and_the_rest_is_looked_at() {
        let cloud = FakeCloud::new();
        if let Some(instance) = cloud.instance.borrow_mut().as_mut() {
            instance.instance_charge_type = "PrePaid".into();
            instance.expired_time = "1970-01-02T00:00Z".into();
        }
        let ids = ["i-1".to_owned(), "i-gone".to_owned()];
        let survey = survey(&cloud, &ids, &Options::default()).await.unwrap();
        let seen = survey["i-1"].as_ref().unwrap();
        assert_eq!((seen.facts.disks.len(), seen.facts.heartbeat), (2, Some(0)));
        assert_eq!(seen.facts.expires_at, Some(86_400_000));
        assert!(survey["i-gone"].as_ref().unwrap_err().contains("i-gone is not listed"));
    }
}
