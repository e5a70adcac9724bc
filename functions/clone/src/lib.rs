//! A drill's own instance: an image of the migration's snapshots, and one instance of it in the isolated network that
//! the operator has configured. It bears the migration's tag and not the one that asks for a migration, and has no
//! public address. Cleanup lets both go (`stage::release`).

use migration::{Cause, Code, Event, MadeKind, Stage};
use openapi::ecs::{CreateImage, DiskKind, Image, Instance, RunInstance, Tag};
use stage::cloud::Cloud;
use stage::{Act, Fault, Job, release};

/// The stage.
pub struct Clone;

/// Tag of a clone with the instance that it is a copy of.
pub const OF_TAG: &str = "osferry:clone-of";

/// ECS announces no end of an image, and the events of a clone name no migration: it is looked at again after so many
/// seconds.
const PACE: i64 = 20;

impl Act for Clone {
    const STAGE: Stage = Stage::Clone;

    async fn act<C: Cloud>(&self, job: &mut Job<'_, C>) -> Result<Event, Fault> {
        let source = job.instance_of(&job.record.instance_id).await?;
        let network = Network::of(job, &source)?;
        // Those of earlier runs, if their cleaning was given up, are of other snapshots.
        let name = release::clone_name(job.record);
        if let Some(clone) = release::clones(job).await?.into_iter().find(|clone| clone.instance_name == name) {
            job.seen(MadeKind::Instance, &clone.instance_id);
            return comes_up(job, clone).await;
        }
        let Some(image) = release::images(job).await?.into_iter().find(|image| image.image_name == name) else {
            return create_image(job).await;
        };
        job.seen(MadeKind::Image, &image.image_id);
        match image.status.as_str() {
            "Available" => run(job, &source, &network, &image).await,
            "Creating" | "Waiting" => Ok(job.wait(PACE, format!("image {}: {}", image.image_id, image.progress))),
            status => Err(failed(format!("image {} of the snapshots is {status}", image.image_id))),
        }
    }
}

/// Where clones run.
struct Network {
    v_switch_id: String,
    security_group_id: String,
}

impl Network {
    fn of<C>(job: &Job<'_, C>, source: &Instance) -> Result<Self, Fault> {
        let refuse = |text: String| Fault::from(Cause::permanent(Code::DrillNetwork, text));
        let (Some(v_switch_id), Some(security_group_id)) =
            (job.options.drill_vswitch.clone(), job.options.drill_security_group.clone())
        else {
            let text = "a drill needs an isolated network: DRILL_VSWITCH and DRILL_SECURITY_GROUP are not both set";
            return Err(refuse(text.into()));
        };
        if source.security_group_ids.contains(&security_group_id) {
            let text = format!(
                "DRILL_SECURITY_GROUP {security_group_id} is one of {} itself: its clone could reach what it reaches",
                source.instance_id
            );
            return Err(refuse(text));
        }
        if source.vpc_attributes.v_switch_id == v_switch_id {
            let text = format!("DRILL_VSWITCH {v_switch_id} is that of {}: a drill runs apart", source.instance_id);
            return Err(refuse(text));
        }
        Ok(Self { v_switch_id, security_group_id })
    }
}

async fn create_image<C: Cloud>(job: &mut Job<'_, C>) -> Result<Event, Fault> {
    let request = CreateImage {
        name: release::clone_name(job.record),
        snapshot_ids: job.record.disks.iter().filter_map(|disk| disk.snapshot_id.clone()).collect(),
        tags: vec![release::owner(job.record)],
        client_token: job.token("image"),
    };
    let cloud = job.cloud;
    let image_id = job.make(MadeKind::Image, cloud.create_image(&request)).await?;
    Ok(job.wait(PACE, format!("image {image_id} is being made of the snapshots")))
}

async fn run<C: Cloud>(
    job: &mut Job<'_, C>,
    source: &Instance,
    network: &Network,
    image: &Image,
) -> Result<Event, Fault> {
    let disks = job.cloud.disks(&source.instance_id).await?;
    let system = disks.into_iter().find(|disk| disk.kind == DiskKind::System).unwrap_or_default();
    let request = RunInstance {
        image_id: image.image_id.clone(),
        instance_type: source.instance_type.clone(),
        // The vSwitch's own.
        zone_id: String::new(),
        v_switch_id: network.v_switch_id.clone(),
        security_group_id: network.security_group_id.clone(),
        name: release::clone_name(job.record),
        system_disk_category: system.category,
        tags: vec![release::owner(job.record), Tag::new(OF_TAG, &source.instance_id)],
        client_token: job.token("instance"),
    };
    let cloud = job.cloud;
    let instance_id = job.make(MadeKind::Instance, cloud.run_instance(&request)).await?;
    Ok(job.wait(PACE, format!("the clone {instance_id} is being made")))
}

async fn comes_up<C: Cloud>(job: &Job<'_, C>, clone: Instance) -> Result<Event, Fault> {
    let id = &clone.instance_id;
    match clone.status.as_str() {
        "Pending" | "Starting" => Ok(job.wait(PACE, format!("the clone {id} is {}", clone.status))),
        "Running" => {
            let agent = job.cloud.assistant(id).await?;
            if agent.is_some_and(|agent| agent.running) {
                return Ok(Event::Cloned { instance_id: clone.instance_id });
            }
            Ok(job.wait(PACE, format!("the clone {id} runs; its Cloud Assistant was not heard yet")))
        }
        status => Err(failed(format!("the clone {id} is {status}: it did not stay up"))),
    }
}

fn failed(text: String) -> Fault {
    Cause::permanent(Code::CloneFailed, text).into()
}

#[cfg(test)]
mod tests;
