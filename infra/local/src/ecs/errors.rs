//! The documented errors (ECS API reference, error tables of the operations), by name.

use crate::seams::ServiceError;

fn error(status: u16, code: impl Into<String>, message: impl Into<String>) -> ServiceError {
    ServiceError::new(status, code, message)
}

pub fn missing(parameter: &str) -> ServiceError {
    let message =
        format!("The input parameter \"{parameter}\" that is mandatory for processing this request is not supplied.");
    error(400, format!("MissingParameter.{parameter}"), message)
}

pub fn invalid(parameter: &str) -> ServiceError {
    error(
        400,
        format!("InvalidParameter.{parameter}"),
        format!("The specified parameter \"{parameter}\" is not valid."),
    )
}

pub fn unsupported(parameter: &str) -> ServiceError {
    error(400, "UnsupportedParameter", format!("The specified parameter \"{parameter}\" is not supported."))
}

pub fn malformed(what: &str) -> ServiceError {
    error(400, format!("Invalid{what}.Malformed"), format!("The specified {what} is wrongly formed."))
}

pub fn no_action(action: &str) -> ServiceError {
    error(
        404,
        "InvalidAction.NotFound",
        format!("Specified api is not found, please check your url and method: {action}."),
    )
}

pub fn no_region() -> ServiceError {
    error(404, "InvalidRegionId.NotFound", "The RegionId provided does not exist in our records.")
}

pub fn no_instance(id: &str) -> ServiceError {
    error(404, "InvalidInstanceId.NotFound", format!("The specified InstanceId {id} does not exist."))
}

pub fn no_disk(id: &str) -> ServiceError {
    error(404, "InvalidDiskId.NotFound", format!("The specified DiskId {id} does not exist."))
}

pub fn no_snapshot(id: &str) -> ServiceError {
    error(404, "InvalidSnapshotId.NotFound", format!("The specified SnapshotId {id} does not exist."))
}

pub fn no_auto_snapshot_policy() -> ServiceError {
    let message = "The specified AutoSnapshotPolicyId does not exist.";
    error(404, "InvalidAutoSnapshotPolicyId.NotFound", message)
}

pub fn dry_run() -> ServiceError {
    error(400, "DryRunOperation", "Request validation has been passed with DryRun flag set.")
}

/// 403 everywhere but in CreateSnapshot, which says 400.
pub fn instance_status(status: u16) -> ServiceError {
    error(status, "IncorrectInstanceStatus", "The current status of the resource does not support this operation.")
}

pub fn disk_status() -> ServiceError {
    error(403, "IncorrectDiskStatus", "The current disk status does not support this operation.")
}

pub fn creating_snapshot() -> ServiceError {
    error(403, "IncorrectDiskStatus.CreatingSnapshot", "A previous snapshot creation is in process.")
}

pub fn disk_creating_snapshot() -> ServiceError {
    error(403, "DiskCreatingSnapshot", "The operation is denied due to a snapshot of the disk is not completed.")
}

pub fn never_attached() -> ServiceError {
    error(403, "IncorrectDiskStatus.NeverAttached", "The specified disk has never been attached to any instance.")
}

pub fn snapshot_quota() -> ServiceError {
    error(403, "QuotaExceed.Snapshot", "The snapshot quota exceeds.")
}

pub fn snapshot_not_ready() -> ServiceError {
    error(403, "InvalidSnapshotId.NotReady", "The specified snapshot has not completed yet.")
}

pub fn snapshot_of_another_disk() -> ServiceError {
    error(403, "InvalidParameter.Mismatch", "Specified snapshot is not created from the specified disk.")
}

pub fn snapshot_created_disk() -> ServiceError {
    error(403, "SnapshotCreatedDisk", "The snapshot has been used to create a disk.")
}

pub fn snapshot_created_image() -> ServiceError {
    error(403, "SnapshotCreatedImage", "The snapshot has been used to create an image.")
}

pub fn conflicting(one: &str, other: &str) -> ServiceError {
    error(400, "InvalidParameter.Conflict", format!("The parameters {one} and {other} cannot be used together."))
}

pub fn group_description() -> ServiceError {
    error(404, "InvalidDescription.Malformed", "The specified description is wrongly formed.")
}

pub fn group_status() -> ServiceError {
    error(403, "InvalidStatus.ValueNotSupported", "The specified status is not supported.")
}

pub fn disk_category() -> ServiceError {
    let message = "The operation is not supported to the specified disk due to its disk category";
    error(400, "DiskCategory.OperationNotSupported", message)
}

pub fn disks_not_supported() -> ServiceError {
    error(403, "DiskId.ValueNotSupported", "The specified parameter diskid is not supported.")
}

pub fn conflict() -> ServiceError {
    error(403, "Operation.Conflict", "The operation may conflicts with others.")
}

pub fn retention_decreased() -> ServiceError {
    let message = "The requested operation to decrease retention days for the snapshot is not supported.";
    error(400, "InvalidOperation.DecreaseRetentionDaysUnsupported", message)
}

pub fn nothing_to_modify() -> ServiceError {
    error(400, "NoAttributeToModify", "No attribute to be modified in this request.")
}

pub fn locked(reason: &str) -> ServiceError {
    match reason {
        "security" => error(
            403,
            "InstanceLockedForSecurity",
            "The specified operation is denied as your instance is locked for security reasons.",
        ),
        _ => error(
            403,
            "InstanceExpiredOrInArrears",
            "The specified operation is denied as your prepay instance is expired or in arrears.",
        ),
    }
}

pub fn disk_error() -> ServiceError {
    error(403, "DiskError", "IncorrectDiskStatus.")
}

pub fn disk_not_portable() -> ServiceError {
    error(403, "DiskNotPortable", "The specified disk is not a portable disk.")
}

pub fn disk_still_attached() -> ServiceError {
    error(403, "DiskStillAttached", "The specified disk is still attached to an instance.")
}

pub fn disk_not_attached() -> ServiceError {
    error(403, "DependencyViolation", "The specified disk is not attached to the specified instance.")
}

pub fn too_many_disks() -> ServiceError {
    error(403, "InstanceDiskLimitExceeded", "The amount of the disk on instance in question reach its limits.")
}

/// ECS API reference, error tables: Cloud Assistant and groups say 403, images have a code of their own.
pub fn token_mismatch(action: &str) -> ServiceError {
    let message = "The specified parameter has changed while using an already used clientToken.";
    match action {
        "CreateImage" => error(403, "InvalidParamter.Conflict", message),
        "RunCommand" | "CreateSnapshotGroup" => error(403, "IdempotentParameterMismatch", message),
        _ => error(400, "IdempotentParameterMismatch", message),
    }
}

pub fn no_zone() -> ServiceError {
    error(404, "InvalidZoneId.NotFound", "The specified zone does not exist.")
}

pub fn not_one_zone() -> ServiceError {
    error(403, "ResourcesNotInSameZone", "The specified instance and disk are not in the same zone.")
}

pub fn no_v_switch() -> ServiceError {
    error(404, "InvalidVSwitchId.NotFound", "Specified virtual switch does not exist.")
}

pub fn no_security_group() -> ServiceError {
    error(400, "InvalidSecurityGroupId.NotFound", "The SecurityGroupId provided does not exist in our records.")
}

pub fn not_one_vpc() -> ServiceError {
    error(400, "InvalidParameter.Mismatch", "Specified security group and virtual switch are not in the same VPC.")
}

pub fn not_its_zone() -> ServiceError {
    error(400, "InvalidParameter.Mismatch", "Specified virtual switch is not in the specified zone.")
}

pub fn instance_type() -> ServiceError {
    let message = "The specified InstanceType beyond the permitted range.";
    error(400, "InvalidInstanceType.ValueNotSupported", message)
}

pub fn no_image() -> ServiceError {
    error(404, "InvalidImageId.NotFound", "The specified ImageId does not exist.")
}

pub fn image_not_valid() -> ServiceError {
    error(403, "OperationDenied.ImageNotValid", "The specified Image is disabled or is deleted.")
}

pub fn image_name_taken() -> ServiceError {
    error(400, "InvalidImageName.Duplicated", "The specified Image name has already bean used.")
}

pub fn image_without_disks() -> ServiceError {
    let message = "The input parameter SnapshotId or InstanceId or DiskDeviceMapping that is mandatory for processing \
                   this request is not supplied.";
    error(400, "MissingParameter", message)
}

pub fn not_one_system_disk() -> ServiceError {
    let message = "The specified parameter DiskDeviceMapping.n.SnapshotId does not contain system disk snapshot, or \
                   contains two or more.";
    error(400, "OperationDenied", message)
}

pub fn image_in_use() -> ServiceError {
    error(403, "ImageUsingByInstance", "The specified image has been used to create instances.")
}

pub fn size(what: &str) -> ServiceError {
    error(400, format!("Invalid{what}.ValueNotSupported"), format!("The specified parameter {what} is not valid."))
}

pub fn initializing() -> ServiceError {
    let message = "The specified instance status does not support this operation.";
    error(403, "IncorrectInstanceStatus.Initializing", message)
}

pub fn charge_type() -> ServiceError {
    let message = "The operation is not permitted due to charge type of the instance.";
    error(403, "ChargeTypeViolation", message)
}

/// GetInstanceConsoleOutput.
pub fn no_console(code: &str) -> ServiceError {
    let status = if code == "InvalidParameter" { 404 } else { 405 };
    error(status, code, "The console output of this instance cannot be queried.")
}

pub fn no_command_instance(id: &str) -> ServiceError {
    error(404, "InvalidInstance.NotFound", format!("The specified instance {id} does not exist."))
}

pub fn command_not_applicable(id: &str) -> ServiceError {
    let message = format!("The specified instance type does not match the command, or instance {id} is not running.");
    error(400, "InvalidInstance.NotMatch", message)
}

pub fn no_command_target() -> ServiceError {
    error(400, "MissingParam.InstanceId", "The parameter instanceId is missing or empty.")
}

pub fn too_many_instances() -> ServiceError {
    error(403, "InstanceIds.ExceedLimit", "The number of instance IDs exceeds the upper limit.")
}

pub fn command_too_long() -> ServiceError {
    error(403, "CmdContent.ExceedLimit", "The maximum length of a command is exceeded.")
}

pub fn command_name_too_long() -> ServiceError {
    error(403, "CmdName.ExceedLimit", "The length of the command name exceeds the upper limit.")
}

pub fn parameters_not_matched() -> ServiceError {
    error(
        403,
        "Parameter.NotMatched",
        "The passed-in parameters do not match the parameters defined when you created the command.",
    )
}

pub fn no_repeat_mode() -> ServiceError {
    error(404, "InvalidRepeatMode.NotFound", "The specified repeat mode does not exist.")
}

pub fn no_invocation() -> ServiceError {
    error(404, "InvalidInvokeId.NotFound", "The specified invoke ID does not exist.")
}

pub fn no_resource(id: &str) -> ServiceError {
    error(404, "InvalidResourceId.NotFound", format!("The specified ResourceId {id} is not found in our records."))
}

pub fn no_resource_type() -> ServiceError {
    error(404, "InvalidResourceType.NotFound", "The ResourceType provided does not exist in our records.")
}

pub fn too_many(what: &str) -> ServiceError {
    error(400, format!("NumberExceed.{what}"), format!("The maximum number of {what} is exceeded."))
}

pub fn duplicate(what: &str) -> ServiceError {
    error(400, format!("Duplicate.{what}"), format!("The request contains duplicate {what}."))
}

pub fn deletion_protected(id: &str) -> ServiceError {
    let message = format!("The operation is not allowed: instance {id} has deletion protection.");
    error(403, "InvalidOperation.DeletionProtection", message)
}
