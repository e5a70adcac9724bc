//! ECS as [`FakeCloud`] plays it.

use super::made::kind_name;
use super::*;

impl Cloud for FakeCloud {
    async fn instances(
        &self,
        tag: Option<&str>,
        token: Option<String>,
    ) -> Result<(Vec<Instance>, Option<String>), ApiError> {
        const PAGE: usize = 100;
        self.call("DescribeInstances", || {
            let made = self.made_instances.borrow();
            let all = self.instance.borrow().clone().into_iter().chain(made.iter().cloned());
            let has = |instance: &Instance| tag.is_none_or(|key| instance.tags.iter().any(|tag| tag.key == key));
            let all: Vec<Instance> = all.filter(has).collect();
            let from = token.and_then(|token| token.parse().ok()).unwrap_or(0);
            let next = (from + PAGE < all.len()).then(|| (from + PAGE).to_string());
            Ok((all.into_iter().skip(from).take(PAGE).collect(), next))
        })
    }

    async fn instance(&self, instance_id: &str) -> Result<Option<Instance>, ApiError> {
        self.call("DescribeInstances", || Ok(self.find(instance_id)))
    }

    async fn instances_by_id(&self, ids: &[String]) -> Result<Vec<Instance>, ApiError> {
        let page = |ids: &[String]| {
            self.call("DescribeInstances", || Ok(ids.iter().filter_map(|id| self.find(id)).collect::<Vec<_>>()))
        };
        flat(ids.chunks(100).map(page))
    }

    async fn instances_named(&self, name: &str) -> Result<Vec<Instance>, ApiError> {
        self.call("DescribeInstances", || {
            let made = self.made_instances.borrow();
            let all = self.instance.borrow().clone().into_iter().chain(made.iter().cloned());
            Ok(all.filter(|instance| instance.instance_name == name).collect())
        })
    }

    async fn run_instance(&self, request: &RunInstance) -> Result<String, ApiError> {
        self.call("RunInstances", || self.once("RunInstances", &request.client_token, || self.make_instance(request)))
    }

    async fn delete_instance(&self, instance_id: &str) -> Result<(), ApiError> {
        self.call("DeleteInstance", || {
            match self.status(instance_id).as_str() {
                "" => return Ok(()),
                "Pending" => return Err(refused("DeleteInstance", 403, "IncorrectInstanceStatus.Initializing")),
                _ => {}
            }
            self.note(format!("delete-instance {instance_id}"));
            self.made_instances.borrow_mut().retain(|instance| instance.instance_id != instance_id);
            if self.is_first(instance_id) {
                self.instance.take();
            }
            Ok(())
        })
    }

    async fn confirm_instance(&self, instance_id: &str) -> Result<(), ApiError> {
        self.call("DescribeInstanceAttribute", || match self.find(instance_id) {
            Some(_) => Ok(()),
            None => Err(refused("DescribeInstanceAttribute", 404, "InvalidInstanceId.NotFound")),
        })
    }

    async fn disks(&self, instance_id: &str) -> Result<Vec<Disk>, ApiError> {
        self.call("DescribeDisks", || {
            let made = self.made_disks.borrow();
            let attached = made.iter().filter(|disk| disk.instance_id == instance_id).cloned();
            let own = if self.is_first(instance_id) { self.disks.borrow().clone() } else { Vec::new() };
            Ok(own.into_iter().chain(attached).collect())
        })
    }

    async fn all_disks(&self, token: Option<String>) -> Result<(Vec<Disk>, Option<String>), ApiError> {
        const PAGE: usize = 500;
        self.call("DescribeDisks", || {
            let own = self.disks.borrow();
            let made = self.made_disks.borrow();
            let from = token.and_then(|token| token.parse().ok()).unwrap_or(0);
            let page: Vec<Disk> = own.iter().chain(made.iter()).skip(from).take(PAGE).cloned().collect();
            let next = (from + PAGE < own.len() + made.len()).then(|| (from + PAGE).to_string());
            Ok((page, next))
        })
    }

    async fn disks_named(&self, zone_id: &str, name: &str) -> Result<Vec<Disk>, ApiError> {
        self.call("DescribeDisks", || {
            let made = self.made_disks.borrow();
            Ok(made.iter().filter(|disk| disk.zone_id == zone_id && disk.disk_name == name).cloned().collect())
        })
    }

    async fn create_disk(&self, request: &CreateDisk) -> Result<String, ApiError> {
        self.call("CreateDisk", || self.once("CreateDisk", &request.client_token, || self.make_disk(request)))
    }

    async fn attach_disk(&self, instance_id: &str, disk_id: &str) -> Result<(), ApiError> {
        self.call("AttachDisk", || {
            if !matches!(self.status(instance_id).as_str(), "Running" | "Stopped") {
                return Err(refused("AttachDisk", 403, "IncorrectInstanceStatus"));
            }
            if !matches!(self.status_of_made(disk_id).as_str(), "Available" | "") {
                return Err(refused("AttachDisk", 403, "IncorrectDiskStatus"));
            }
            self.made_disk("AttachDisk", disk_id, |disk| {
                disk.status = "Attaching".into();
                disk.instance_id = instance_id.into();
                disk.delete_with_instance = true;
            })?;
            self.note(format!("attach-disk {instance_id} {disk_id}"));
            Ok(())
        })
    }

    async fn detach_disk(&self, instance_id: &str, disk_id: &str) -> Result<(), ApiError> {
        self.call("DetachDisk", || {
            if !matches!(self.status_of_made(disk_id).as_str(), "In_use" | "") {
                return Err(refused("DetachDisk", 403, "IncorrectDiskStatus"));
            }
            self.made_disk("DetachDisk", disk_id, |disk| {
                disk.status = "Detaching".into();
                disk.delete_with_instance = false;
            })?;
            self.note(format!("detach-disk {instance_id} {disk_id}"));
            Ok(())
        })
    }

    async fn delete_disk(&self, disk_id: &str) -> Result<(), ApiError> {
        self.call("DeleteDisk", || {
            match self.status_of_made(disk_id).as_str() {
                "" => return Ok(()),
                "Available" => {}
                "In_use" => return Err(refused("DeleteDisk", 403, "DiskStillAttached")),
                _ => return Err(refused("DeleteDisk", 403, "IncorrectDiskStatus")),
            }
            self.note(format!("delete-disk {disk_id}"));
            self.made_disks.borrow_mut().retain(|disk| disk.disk_id != disk_id);
            Ok(())
        })
    }

    async fn protect_auto_snapshots(&self, disk_id: &str, delete_with_disk: bool) -> Result<(), ApiError> {
        self.call("ModifyDiskAttribute", || {
            let mut disks = self.disks.borrow_mut();
            let disk = disks.iter_mut().find(|disk| disk.disk_id == disk_id);
            let disk = disk.ok_or_else(|| refused("ModifyDiskAttribute", 404, "InvalidDiskId.NotFound"))?;
            disk.delete_auto_snapshot = delete_with_disk;
            self.note_absolute(format!("protect {disk_id} {delete_with_disk}"));
            Ok(())
        })
    }

    async fn snapshots(&self, _instance_id: &str) -> Result<Vec<Snapshot>, ApiError> {
        self.call("DescribeSnapshots", || Ok(self.snapshots.borrow().clone()))
    }

    async fn snapshots_tagged(&self, key: &str) -> Result<Vec<Snapshot>, ApiError> {
        self.call("DescribeSnapshots", || {
            let snapshots = self.snapshots.borrow();
            Ok(snapshots.iter().filter(|snapshot| snapshot.tags.iter().any(|tag| tag.key == key)).cloned().collect())
        })
    }

    async fn snapshots_in_progress(&self, instance_id: Option<&str>) -> Result<Vec<Snapshot>, ApiError> {
        let (own, made) = (self.disks.borrow(), self.made_disks.borrow());
        let of = |disk: &Disk| instance_id.is_none_or(|id| disk.instance_id == id);
        let of: BTreeSet<&str> =
            own.iter().chain(made.iter()).filter(|disk| of(disk)).map(|disk| disk.disk_id.as_str()).collect();
        let snapshots = self.snapshots.borrow();
        let progressing: Vec<&Snapshot> = snapshots
            .iter()
            .filter(|snapshot| snapshot.status == "progressing" && of.contains(snapshot.source_disk_id.as_str()))
            .collect();
        let page = |page: &[&Snapshot]| {
            self.call("DescribeSnapshots", || Ok(page.iter().map(|snapshot| (*snapshot).clone()).collect::<Vec<_>>()))
        };
        if progressing.is_empty() { page(&[]) } else { flat(progressing.chunks(100).map(page)) }
    }

    async fn auto_snapshot_policies(&self) -> Result<Vec<AutoSnapshotPolicy>, ApiError> {
        self.call("DescribeAutoSnapshotPolicyEx", || Ok(self.auto_snapshot_policies.borrow().clone()))
    }

    async fn create_snapshot_group(&self, request: &CreateSnapshotGroup) -> Result<String, ApiError> {
        self.call("CreateSnapshotGroup", || {
            self.once("CreateSnapshotGroup", &request.client_token, || self.make_group(request))
        })
    }

    async fn snapshot_groups(&self, instance_id: &str, name: &str) -> Result<Vec<SnapshotGroup>, ApiError> {
        self.call("DescribeSnapshotGroups", || {
            let groups = self.groups.borrow();
            Ok(groups.iter().filter(|group| group.instance_id == instance_id && group.name == name).cloned().collect())
        })
    }

    async fn rename_snapshot(&self, snapshot_id: &str, name: &str) -> Result<(), ApiError> {
        self.call("ModifySnapshotAttribute", || {
            let mut snapshots = self.snapshots.borrow_mut();
            let snapshot = snapshots.iter_mut().find(|snapshot| snapshot.snapshot_id == snapshot_id);
            let snapshot =
                snapshot.ok_or_else(|| refused("ModifySnapshotAttribute", 404, "InvalidSnapshotId.NotFound"))?;
            snapshot.name = name.into();
            Ok(())
        })
    }

    async fn tag_snapshot(&self, snapshot_id: &str, tags: &[Tag]) -> Result<(), ApiError> {
        self.call("TagResources", || {
            let mut snapshots = self.snapshots.borrow_mut();
            let snapshot = snapshots.iter_mut().find(|snapshot| snapshot.snapshot_id == snapshot_id);
            let snapshot = snapshot.ok_or_else(|| refused("TagResources", 404, "InvalidResourceId.NotFound"))?;
            put_tags(&mut snapshot.tags, tags);
            Ok(())
        })
    }

    async fn images_named(&self, name: &str) -> Result<Vec<Image>, ApiError> {
        self.call("DescribeImages", || {
            Ok(self.images.borrow().iter().filter(|image| image.image_name == name).cloned().collect())
        })
    }

    async fn create_image(&self, request: &CreateImage) -> Result<String, ApiError> {
        self.call("CreateImage", || self.once("CreateImage", &request.client_token, || self.make_image(request)))
    }

    async fn delete_image(&self, image_id: &str) -> Result<(), ApiError> {
        self.call("DeleteImage", || {
            if self.images.borrow().iter().any(|image| image.image_id == image_id) {
                self.note(format!("delete-image {image_id}"));
            }
            self.images.borrow_mut().retain(|image| image.image_id != image_id);
            Ok(())
        })
    }

    async fn create_snapshot(&self, request: &CreateSnapshot) -> Result<String, ApiError> {
        self.call("CreateSnapshot", || {
            self.once("CreateSnapshot", &request.client_token, || {
                self.may_snapshot("CreateSnapshot", &request.disk_id)?;
                self.note(format!("create-snapshot {}", request.disk_id));
                let kind =
                    self.disks.borrow().iter().find(|disk| disk.disk_id == request.disk_id).map(|disk| disk.kind);
                Ok(self.new_snapshot(Snapshot {
                    name: request.name.clone(),
                    description: request.description.clone(),
                    source_disk_id: request.disk_id.clone(),
                    source_disk_type: kind_name(kind.unwrap_or_default()).into(),
                    retention_days: request.retention_days,
                    tags: request.tags.clone(),
                    ..Snapshot::default()
                }))
            })
        })
    }

    async fn delete_snapshot(&self, snapshot_id: &str) -> Result<(), ApiError> {
        self.call("DeleteSnapshot", || {
            self.note(format!("delete-snapshot {snapshot_id}"));
            self.snapshots.borrow_mut().retain(|snapshot| snapshot.snapshot_id != snapshot_id);
            for group in self.groups.borrow_mut().iter_mut() {
                group.snapshots.retain(|snapshot| snapshot.snapshot_id != snapshot_id);
            }
            Ok(())
        })
    }

    async fn keep_snapshot(&self, snapshot_id: &str, days: u32) -> Result<(), ApiError> {
        self.call("ModifySnapshotAttribute", || {
            let groups = self.groups.borrow();
            if groups.iter().flat_map(|group| &group.snapshots).any(|member| member.snapshot_id == snapshot_id) {
                let code = "InvalidOperation.DecreaseRetentionDaysUnsupported";
                return Err(refused("ModifySnapshotAttribute", 400, code));
            }
            self.note(format!("keep-snapshot {snapshot_id} {days}"));
            for snapshot in self.snapshots.borrow_mut().iter_mut().filter(|s| s.snapshot_id == snapshot_id) {
                snapshot.retention_days = Some(days);
            }
            Ok(())
        })
    }

    async fn stop(&self, instance_id: &str, force: bool) -> Result<(), ApiError> {
        self.call("StopInstance", || {
            if self.status(instance_id) != "Running" {
                return Err(refused("StopInstance", 403, "IncorrectInstanceStatus"));
            }
            self.note(format!("stop{}", if force { " force" } else { "" }));
            self.set_status(instance_id, "Stopping");
            Ok(())
        })
    }

    async fn start(&self, instance_id: &str) -> Result<(), ApiError> {
        self.call("StartInstance", || {
            if self.status(instance_id) != "Stopped" {
                return Err(refused("StartInstance", 403, "IncorrectInstanceStatus"));
            }
            self.note("start".into());
            self.set_status(instance_id, "Starting");
            Ok(())
        })
    }

    async fn reset_disk(&self, disk_id: &str, snapshot_id: &str) -> Result<(), ApiError> {
        self.call("ResetDisk", || {
            if self.instance.borrow().as_ref().is_none_or(|instance| instance.status != "Stopped") {
                return Err(refused("ResetDisk", 403, "IncorrectInstanceStatus"));
            }
            self.note(format!("reset {disk_id} {snapshot_id}"));
            Ok(())
        })
    }

    async fn run_command(&self, request: &RunCommand) -> Result<String, ApiError> {
        self.call("RunCommand", || {
            if request.instance_ids.iter().any(|id| self.status(id) != "Running") {
                return Err(refused("RunCommand", 403, "IncorrectInstanceStatus"));
            }
            self.once("RunCommand", &request.client_token, || {
                let mut invocations = self.invocations.borrow_mut();
                let id = format!("t-{:03}", invocations.len() + 1);
                let mut parts = request.name.rsplitn(3, '-').take(2).collect::<Vec<_>>();
                parts.reverse();
                let instances = request.instance_ids.clone();
                let invocation = Invocation { name: parts.join("-"), instances, stopped: false, result: None };
                invocations.insert(id.clone(), invocation);
                Ok(id)
            })
        })
        .inspect(|_| self.tell("RunCommand", &request.instance_ids.join(" "), &request.name))
    }

    async fn invocation(&self, invoke_id: &str, _instance_id: &str) -> Result<Option<InvocationResult>, ApiError> {
        self.call("DescribeInvocationResults", || {
            let invocations = self.invocations.borrow();
            Ok(invocations.get(invoke_id).map(|invocation| invocation.told(invoke_id)))
        })
    }

    async fn invocations(&self, invoke_id: &str) -> Result<Vec<InvocationResult>, ApiError> {
        self.call("DescribeInvocationResults", || {
            let invocations = self.invocations.borrow();
            let Some(invocation) = invocations.get(invoke_id) else { return Ok(Vec::new()) };
            let on = |id: &String| InvocationResult { instance_id: id.clone(), ..invocation.told(invoke_id) };
            Ok(invocation.instances.iter().map(on).collect())
        })
    }

    async fn stop_invocation(&self, invoke_id: &str, _instance_id: &str) -> Result<(), ApiError> {
        self.call("StopInvocation", || {
            if let Some(invocation) = self.invocations.borrow_mut().get_mut(invoke_id)
                && invocation.result.is_none()
                && !invocation.stopped
            {
                self.note(format!("stop-invocation {}", invocation.name));
                invocation.stopped = true;
            }
            Ok(())
        })
    }

    async fn console_output(&self, _instance_id: &str) -> Result<String, ApiError> {
        self.call("GetInstanceConsoleOutput", || Ok(self.console.borrow().clone()))
    }

    async fn assistants(&self, ids: &[String]) -> Result<Vec<CloudAssistantStatus>, ApiError> {
        let page = |ids: &[String]| {
            let agents = || Ok(ids.iter().filter_map(|id| self.agent(id)).collect::<Vec<_>>());
            self.call("DescribeCloudAssistantStatus", agents)
        };
        flat(ids.chunks(50).map(page))
    }

    async fn assistant(&self, instance_id: &str) -> Result<Option<CloudAssistantStatus>, ApiError> {
        self.call("DescribeCloudAssistantStatus", || Ok(self.agent(instance_id)))
    }

    async fn maintenance(&self, ids: &[String]) -> Result<Vec<HistoryEvent>, ApiError> {
        let page = |ids: &[String]| {
            self.call("DescribeInstanceHistoryEvents", || {
                let events = self.maintenance.borrow();
                Ok(events.iter().filter(|event| ids.contains(&event.instance_id)).cloned().collect::<Vec<_>>())
            })
        };
        flat(ids.chunks(100).map(page))
    }

    fn take_calls(&self) -> Vec<Call> {
        self.told.take()
    }

    async fn tag(&self, instance_id: &str, tags: &[Tag]) -> Result<(), ApiError> {
        self.call("TagResources", || {
            self.change(instance_id, |instance| put_tags(&mut instance.tags, tags));
            self.note_absolute(format!(
                "tag {}",
                tags.iter().map(|tag| format!("{}={}", tag.key, tag.value)).collect::<Vec<_>>().join(" ")
            ));
            Ok(())
        })
    }
}

impl FakeCloud {
    fn agent(&self, instance_id: &str) -> Option<CloudAssistantStatus> {
        if self.is_first(instance_id) {
            return self.assistant.borrow().clone();
        }
        self.find(instance_id).map(|instance| CloudAssistantStatus {
            running: instance.status == "Running" && self.heard.borrow().contains(instance_id),
            instance_id: instance.instance_id,
            os_type: "Linux".into(),
            ..CloudAssistantStatus::default()
        })
    }
}

impl Invocation {
    fn told(&self, invoke_id: &str) -> InvocationResult {
        let known = InvocationResult { invoke_id: invoke_id.into(), ..InvocationResult::default() };
        match &self.result {
            _ if self.stopped => {
                InvocationResult { invocation_status: "Terminated".into(), exit_code: Some(-1), ..known }
            }
            None => InvocationResult { invocation_status: "Running".into(), ..known },
            // The guest can say that a command never ran.
            Some((-1, why)) => InvocationResult {
                invocation_status: "Aborted".into(),
                error_code: "ClientNotResponse".into(),
                error_info: why.clone(),
                ..known
            },
            Some((code, output)) => InvocationResult {
                invocation_status: if *code == 0 { "Success" } else { "Failed" }.into(),
                exit_code: Some(*code),
                output: output.clone(),
                ..known
            },
        }
    }
}

/// The pages of a list, one call each, as one.
fn flat<T>(pages: impl Iterator<Item = Result<Vec<T>, ApiError>>) -> Result<Vec<T>, ApiError> {
    let pages: Vec<Vec<T>> = pages.collect::<Result<_, _>>()?;
    Ok(pages.into_iter().flatten().collect())
}

fn put_tags(has: &mut Vec<Tag>, tags: &[Tag]) {
    for tag in tags {
        has.retain(|known| known.key != tag.key);
        has.push(tag.clone());
    }
}
