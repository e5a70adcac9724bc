//! Shapes of the wire that no value should show: lists wrapped twice, booleans and bytes in strings.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Makes a module for `#[serde(with = "…")]` that reads and writes a list as `{"Name": […]}`. Null is
/// an empty list.
macro_rules! wrapped_list {
    ($($module:ident = $name:literal;)*) => {$(
        pub(super) mod $module {
            use serde::{Deserialize, Deserializer, Serialize, Serializer};

            #[derive(Serialize)]
            struct Writing<'a, T> {
                #[serde(rename = $name)]
                list: &'a [T],
            }

            #[derive(Deserialize)]
            struct Reading<T> {
                #[serde(rename = $name, default = "Vec::new")]
                list: Vec<T>,
            }

            pub fn serialize<T: Serialize, S: Serializer>(list: &[T], serializer: S) -> Result<S::Ok, S::Error> {
                Writing { list }.serialize(serializer)
            }

            pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<Vec<T>, D::Error> {
                Ok(Option::<Reading<T>>::deserialize(d)?.map(|wrapper| wrapper.list).unwrap_or_default())
            }
        }
    )*};
}

wrapped_list! {
    tags = "Tag";
    instances = "Instance";
    disks = "Disk";
    snapshots = "Snapshot";
    snapshot_groups = "SnapshotGroup";
    images = "Image";
    device_mappings = "DiskDeviceMapping";
    instance_ids = "InstanceIdSet";
    security_group_ids = "SecurityGroupId";
    network_interfaces = "NetworkInterface";
    invocations = "Invocation";
    invoke_instances = "InvokeInstance";
    invocation_results = "InvocationResult";
    assistant_statuses = "InstanceCloudAssistantStatus";
    system_events = "InstanceSystemEventType";
    auto_snapshot_policies = "AutoSnapshotPolicy";
    tag_resources = "TagResource";
    ip_addresses = "IpAddress";
}

/// `"[\"1\", \"22\"]"` as `[1, 22]`. What is no number is left out.
pub(super) mod numbers_in_string {
    use super::*;

    pub fn serialize<S: Serializer>(numbers: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        let texts: Vec<String> = numbers.iter().map(u8::to_string).collect();
        serializer.serialize_str(&serde_json::Value::from(texts).to_string())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        let text = Option::<String>::deserialize(d)?.unwrap_or_default();
        // Texts by the examples, numbers by the description.
        let list: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap_or_default();
        let number = |value: &serde_json::Value| match value {
            serde_json::Value::String(text) => text.trim().parse().ok(),
            value => value.as_u64().and_then(|number| u8::try_from(number).ok()),
        };
        Ok(list.iter().filter_map(number).collect())
    }
}

/// `{"LockReason": [{"LockReason": "financial"}]}` as `["financial"]`.
pub(super) mod lock_reasons {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Lock {
        #[serde(rename = "LockReason", default)]
        reason: String,
    }

    #[derive(Default, Serialize, Deserialize)]
    struct Locks {
        #[serde(rename = "LockReason", default)]
        list: Vec<Lock>,
    }

    pub fn serialize<S: Serializer>(reasons: &[String], serializer: S) -> Result<S::Ok, S::Error> {
        let list = reasons.iter().map(|reason| Lock { reason: reason.clone() }).collect();
        Locks { list }.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<String>, D::Error> {
        let locks = Option::<Locks>::deserialize(d)?.unwrap_or_default();
        Ok(locks.list.into_iter().map(|lock| lock.reason).collect())
    }
}

/// `"true"` and `"false"`.
pub(super) mod bool_in_string {
    use super::*;

    pub fn serialize<S: Serializer>(value: &bool, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if *value { "true" } else { "false" })
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<bool, D::Error> {
        Ok(String::deserialize(d)?.eq_ignore_ascii_case("true"))
    }
}

/// Base64 of output that is mostly, but not always, UTF-8.
pub(super) mod base64_text {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    pub fn serialize<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(text))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<String, D::Error> {
        let encoded = Option::<String>::deserialize(d)?.unwrap_or_default();
        let bytes = STANDARD.decode(encoded.trim()).map_err(serde::de::Error::custom)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Empty text is no text.
pub(super) fn non_empty<'de, D: Deserializer<'de>>(d: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(d)?.filter(|text| !text.is_empty()))
}
