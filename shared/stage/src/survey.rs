//! What the cloud tells of instances, many at once: one call for 50 or 100 of them where ECS allows it, and for the
//! rest (disks, snapshots, maintenance: one instance a call) several calls at a time.

use std::collections::BTreeMap;

use jiff::Timestamp;
use migration::Millis;
use migration::findings::{CloudFacts, DiskFacts};
use migration::os::{Os, System};
use openapi::ApiError;
use openapi::ecs::{CloudAssistantStatus, Disk, Instance, can_be_grouped};

use crate::cloud::Cloud;
use crate::fault::Fault;
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

/// Looks at every instance of `ids`. What concerns all of them (permissions, throttling of the calls for many) is an
/// error; what concerns one is its own answer.
pub async fn survey<C: Cloud>(cloud: &C, ids: &[String], options: &Options) -> Result<Survey, Fault> {
    let (instances, assistants) = tokio::try_join!(cloud.instances_by_id(ids), cloud.assistants(ids))?;
    let assistants: BTreeMap<&str, &CloudAssistantStatus> =
        assistants.iter().map(|assistant| (assistant.instance_id.as_str(), assistant)).collect();
    let look = async |instance: &Instance| {
        let id = instance.instance_id.as_str();
        let seen = facts(cloud, instance, assistants.get(id).copied(), options).await;
        let seen = seen.map(|facts| Seen { instance: instance.clone(), facts });
        (id.to_owned(), seen.map_err(|error| error.to_string()))
    };
    // Lanes side by side, each of them one instance after the other: no more calls at a time than ECS likes.
    let lane = async |number: usize| {
        let mut lane = Vec::new();
        for instance in instances.iter().skip(number).step_by(LANES) {
            lane.push(look(instance).await);
        }
        lane
    };
    let (a, b, c, d, e, f, g, h) = tokio::join!(lane(0), lane(1), lane(2), lane(3), lane(4), lane(5), lane(6), lane(7));
    let mut survey: Survey = [a, b, c, d, e, f, g, h].into_iter().flatten().collect();
    for id in ids {
        survey.entry(id.clone()).or_insert_with(|| {
            Err(format!("instance {id} is not listed in this region: it does not exist, or ecs:DescribeInstances is not permitted on it"))
        });
    }
    Ok(survey)
}

const LANES: usize = 8;

/// What the cloud tells of one instance that is listed.
pub async fn facts<C: Cloud>(
    cloud: &C,
    instance: &Instance,
    assistant: Option<&CloudAssistantStatus>,
    options: &Options,
) -> Result<CloudFacts, ApiError> {
    let id = &instance.instance_id;
    let (disks, snapshots, maintenance) =
        tokio::try_join!(cloud.disks(id), cloud.snapshots(id), cloud.maintenance(id))?;
    Ok(CloudFacts {
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
        snapshots_in_progress: snapshots
            .into_iter()
            .filter(|snapshot| snapshot.status == "progressing")
            .map(|snapshot| snapshot.snapshot_id)
            .collect(),
        maintenance: maintenance
            .into_iter()
            .map(|event| {
                format!("{} ({}) from {}", event.event_type.name, event.event_cycle_status.name, event.not_before)
            })
            .collect(),
        disks: disks.into_iter().map(disk_facts).collect(),
        media: options
            .windows_media
            .iter()
            .flat_map(|(version, languages)| languages.keys().map(move |language| format!("{version} {language}")))
            .collect(),
        snapshot_price: options.snapshot_price.clone(),
        drill_network: options.drill_vswitch.is_some() && options.drill_security_group.is_some(),
    })
}

fn disk_facts(disk: Disk) -> DiskFacts {
    DiskFacts {
        size_gib: disk.size,
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
    let tag = instance.tags.iter().find(|tag| tag.key == "osferry:os")?;
    Os::from_ecs_name(&tag.value)
}

/// What an instance runs by all that the cloud tells: the tag `osferry:os` before the name of the image, the name before
/// the image's id. None when it is no system that is known.
pub fn system(instance: &Instance) -> Option<System> {
    let by_image = System::from_ecs(&instance.os_name, &instance.os_name_en, &instance.image_id, None);
    let Some(os) = tagged_os(instance) else { return by_image };
    Some(match by_image {
        Some(system) if system.os.is_windows() == os.is_windows() => System { os, ..system },
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
        let windows = "Windows Server  2012 R2 标准版 64位中文版";
        assert_eq!(
            read(windows, "m-1", "Windows Server 2019").as_deref(),
            Some("Windows Server 2019 Standard (Chinese)")
        );
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
