//! The disk with Windows' installation media.
//!
//! It is found by its name before one is made, and nothing is done with a disk of that name that was not made from
//! the operator's media: it may be somebody else's.

use migration::os::Language;
use migration::{Cause, Code, Event, MadeKind};
use openapi::ecs::{CreateDisk, DiskKind};
use stage::cloud::Cloud;
use stage::{Command, Fault, Job, media, release};

/// How far the disk is.
pub enum Disk {
    /// It is being made or attached.
    Waiting(Event),
    /// It is attached to the instance: its id.
    Attached(String),
}

/// Asking the guest for its language, seconds.
const IDENTIFY_TIMEOUT: u64 = 120;

/// Makes the disk and attaches it, as far as that was not done.
pub async fn attached<C: Cloud>(job: &mut Job<'_, C>) -> Result<Disk, Fault> {
    let instance = job.instance().await?;
    let language = match language(job).await? {
        Ok(language) => language,
        Err(event) => return Ok(Disk::Waiting(event)),
    };
    let to = &job.scripts()?.hop.to;
    let Some(snapshot_id) = media::snapshot(job.options, to, language) else {
        let text = format!("WINDOWS_MEDIA names no media of {to} in {}", language.tag());
        return Err(Cause::permanent(Code::NotPrepared, text).into());
    };
    let name = release::media_name(job.record, job.record.hop);
    let mut named = job.cloud.disks_named(&name).await?;
    named.retain(|disk| disk.zone_id == instance.zone_id);
    let Some(disk) = named.iter().find(|disk| media::is_media(disk, job.record, job.options)) else {
        if let Some(other) = named.first() {
            let text =
                format!("disk {} is called {name}, but was not made here from the media: remove it", other.disk_id);
            return Err(Cause::permanent(Code::NotPrepared, text).into());
        }
        // The category of a disk that the instance has is one that it can have.
        let disks = job.cloud.disks(&instance.instance_id).await?;
        let category = disks.iter().find(|disk| disk.kind == DiskKind::System).map(|disk| disk.category.clone());
        let request = CreateDisk {
            zone_id: instance.zone_id.clone(),
            name,
            category: category.unwrap_or_default(),
            size: None,
            snapshot_id: snapshot_id.to_owned(),
            tags: vec![release::owner(job.record)],
            client_token: job.token("media"),
        };
        let cloud = job.cloud;
        let disk_id = job.make(MadeKind::Disk, cloud.create_disk(&request)).await?;
        return Ok(Disk::Waiting(job.wait(5, format!("disk {disk_id} is being made from the media"))));
    };
    job.seen(MadeKind::Disk, &disk.disk_id);
    match disk.status.as_str() {
        "In_use" if disk.instance_id == instance.instance_id => Ok(Disk::Attached(disk.disk_id.clone())),
        "In_use" => {
            let text = format!("the media disk {} is attached to {}", disk.disk_id, disk.instance_id);
            Err(Cause::permanent(Code::NotPrepared, text).into())
        }
        "Available" => {
            job.cloud.attach_disk(&instance.instance_id, &disk.disk_id).await?;
            Ok(Disk::Waiting(job.wait(5, format!("the media disk {} is being attached", disk.disk_id))))
        }
        status => Ok(Disk::Waiting(job.wait(5, format!("the media disk {} is {status}", disk.disk_id)))),
    }
}

/// The guest's language: what is known of it, else what it says itself; an event while it is being asked.
async fn language<C: Cloud>(job: &mut Job<'_, C>) -> Result<Result<Language, Event>, Fault> {
    if let Some(language) = job.record.system.as_ref().and_then(|system| system.language()) {
        return Ok(Ok(language));
    }
    match job.persistent_command("identify", &guest::windows::identify_script(), IDENTIFY_TIMEOUT).await? {
        Command::Pending => Ok(Err(job.wait(60, "asking the guest for its language"))),
        Command::Lost(why) => Ok(Err(job.wait(30, why))),
        Command::Ran(output) => {
            let identity = output.read(guest::read_identity)?;
            let language = identity.system().and_then(|system| system.language());
            language.map(Ok).ok_or_else(|| {
                Cause::permanent(Code::NotPrepared, format!("the guest does not say its language: {identity:?}")).into()
            })
        }
    }
}
