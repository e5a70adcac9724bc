//! Request parameters as RPC-style ECS sends them: `Name`, `Name.1`, `Tag.1.Key`, JSON in strings,
//! booleans in any case (SDKs differ).

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::errors;
use super::model::Tags;
use crate::seams::ServiceError;

/// At most this many tags on a resource and in a request (ECS API reference, TagResources).
pub const MAX_TAGS: usize = 20;

/// What is said with every request and differs when one is sent again.
const COMMON: [&str; 13] = [
    "AccessKeyId",
    "Action",
    "ClientToken",
    "Format",
    "RequestId",
    "SecurityToken",
    "Signature",
    "SignatureMethod",
    "SignatureNonce",
    "SignatureType",
    "SignatureVersion",
    "Timestamp",
    "Version",
];

/// The parameters of one request.
#[derive(Clone, Copy)]
pub struct Params<'a>(pub &'a BTreeMap<String, String>);

impl<'a> Params<'a> {
    /// A parameter; an empty one counts as absent.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A mandatory parameter.
    pub fn required(&self, name: &str) -> Result<&'a str, ServiceError> {
        self.get(name).ok_or_else(|| errors::missing(name))
    }

    /// A boolean, false when absent.
    pub fn flag(&self, name: &str) -> Result<bool, ServiceError> {
        Ok(self.optional_flag(name)?.unwrap_or(false))
    }

    /// A boolean.
    pub fn optional_flag(&self, name: &str) -> Result<Option<bool>, ServiceError> {
        match self.get(name) {
            None => Ok(None),
            Some(value) if value.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(value) if value.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err(errors::invalid(name)),
        }
    }

    /// A whole number of at least 1.
    pub fn number(&self, name: &str) -> Result<Option<u64>, ServiceError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.parse().ok().filter(|n| *n >= 1).map(Some).ok_or_else(|| errors::invalid(name))
    }

    /// A JSON list of at most 100 strings, such as `InstanceIds`.
    pub fn json_list(&self, name: &str) -> Result<Option<Vec<String>>, ServiceError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let list: Vec<String> = serde_json::from_str(value).map_err(|_| errors::invalid(name))?;
        if list.len() > 100 { Err(errors::invalid(name)) } else { Ok(Some(list)) }
    }

    /// `Name.1`, `Name.2`… in the order of their numbers.
    pub fn repeated(&self, name: &str) -> Vec<&'a str> {
        let mut found: Vec<(u32, &str)> = Vec::new();
        for (key, value) in self.0 {
            let number = key.strip_prefix(name).and_then(|rest| rest.strip_prefix('.'));
            if let Some(number) = number.and_then(|n| n.parse().ok()) {
                found.push((number, value));
            }
        }
        found.sort_unstable();
        found.into_iter().map(|(_, value)| value).collect()
    }

    /// `Tag.1.Key` with `Tag.1.Value`, a missing value being None: "any" in a filter.
    pub fn pairs(&self, name: &str) -> Vec<(&'a str, Option<&'a str>)> {
        let mut found: Vec<(u32, &str, Option<&str>)> = Vec::new();
        for (key, value) in self.0 {
            let number = key.strip_prefix(name).and_then(|rest| rest.strip_prefix('.')?.strip_suffix(".Key"));
            if let Some(number) = number.and_then(|n| n.parse::<u32>().ok()) {
                let value_of = self.0.get(&format!("{name}.{number}.Value")).map(String::as_str);
                found.push((number, value, value_of));
            }
        }
        found.sort_unstable();
        found.into_iter().map(|(_, key, value)| (key, value)).collect()
    }

    /// Tags to set, checked (ECS API reference, TagResources).
    pub fn tags(&self) -> Result<Tags, ServiceError> {
        let pairs = self.pairs("Tag");
        if pairs.len() > MAX_TAGS {
            return Err(errors::too_many("Tags"));
        }
        let mut tags = Tags::new();
        for (key, value) in pairs {
            let value = value.unwrap_or_default();
            let reserved = ["aliyun", "acs:"].iter().any(|p| key.starts_with(p));
            if key.is_empty() || key.chars().count() > 128 || reserved || is_url(key) {
                return Err(errors::malformed("TagKey"));
            }
            if value.chars().count() > 128 || is_url(value) {
                return Err(errors::malformed("TagValue"));
            }
            if tags.insert(key.to_owned(), value.to_owned()).is_some() {
                return Err(errors::duplicate("TagKey"));
            }
        }
        Ok(tags)
    }

    /// Checks `RegionId`, which must be `region` when it is given.
    pub fn region(&self, region: &str, mandatory: bool) -> Result<(), ServiceError> {
        match self.get("RegionId") {
            None if mandatory => Err(errors::missing("RegionId")),
            Some(named) if named != region => Err(errors::no_region()),
            _ => Ok(()),
        }
    }

    /// SHA-256 over what was asked for, hex: the same for a request that is sent again.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for (key, value) in self.0.iter().filter(|(key, _)| !COMMON.contains(&key.as_str())) {
            hash.update((key.len() as u64).to_be_bytes());
            hash.update(key);
            hash.update((value.len() as u64).to_be_bytes());
            hash.update(value);
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A resource name or description of 2 to `longest` characters that is no URL.
pub fn is_text(value: &str, longest: usize) -> bool {
    (2..=longest).contains(&value.chars().count()) && !is_url(value)
}

fn is_url(value: &str) -> bool {
    value.starts_with("http://") || value.starts_with("https://")
}

/// Whether `tags` has every one of `wanted`.
pub fn has_tags(tags: &Tags, wanted: &[(&str, Option<&str>)]) -> bool {
    wanted.iter().all(|(key, value)| match (tags.get(*key), value) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(has), Some(value)) => has == value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()
    }

    #[test]
    fn numbered_parameters_come_in_numeric_order() {
        let map = map(&[("InstanceId.2", "b"), ("InstanceId.10", "c"), ("InstanceId.1", "a"), ("InstanceIds", "no")]);
        assert_eq!(Params(&map).repeated("InstanceId"), ["a", "b", "c"]);
    }

    #[test]
    fn booleans_are_read_in_any_case() {
        let map = map(&[("A", "True"), ("B", "FALSE"), ("C", "yes")]);
        let params = Params(&map);
        assert_eq!((params.flag("A"), params.flag("B"), params.flag("D")), (Ok(true), Ok(false), Ok(false)));
        assert_eq!(params.flag("C"), Err(errors::invalid("C")));
    }

    #[test]
    fn bad_tags_are_refused() {
        let tag = |key: &str, value: &str| {
            Params(&map(&[("Tag.1.Key", key), ("Tag.1.Value", value)])).tags().map_err(|e| e.code)
        };
        assert_eq!(tag("k", "v"), Ok(Tags::from([("k".into(), "v".into())])));
        assert_eq!(tag("acs:x", "v"), Err("InvalidTagKey.Malformed".into()));
        assert_eq!(tag("aliyun1", "v"), Err("InvalidTagKey.Malformed".into()));
        assert_eq!(tag("http://x", "v"), Err("InvalidTagKey.Malformed".into()));
        assert_eq!(tag(&"x".repeat(129), "v"), Err("InvalidTagKey.Malformed".into()));
        assert_eq!(tag("k", "https://x"), Err("InvalidTagValue.Malformed".into()));
        let twice = map(&[("Tag.1.Key", "k"), ("Tag.2.Key", "k")]);
        assert_eq!(Params(&twice).tags().unwrap_err().code, "Duplicate.TagKey");
        let many: Vec<(String, String)> = (1..=21).map(|n| (format!("Tag.{n}.Key"), n.to_string())).collect();
        assert_eq!(Params(&many.into_iter().collect()).tags().unwrap_err().code, "NumberExceed.Tags");
    }

    #[test]
    fn a_fingerprint_ignores_what_differs_in_a_retry() {
        let first = map(&[("DiskId", "d-1"), ("SignatureNonce", "1"), ("Timestamp", "t1"), ("ClientToken", "x")]);
        let again = map(&[("DiskId", "d-1"), ("SignatureNonce", "2"), ("Timestamp", "t2"), ("ClientToken", "x")]);
        let other = map(&[("DiskId", "d-2"), ("SignatureNonce", "1"), ("Timestamp", "t1"), ("ClientToken", "x")]);
        assert_eq!(Params(&first).fingerprint(), Params(&again).fingerprint());
        assert_ne!(Params(&first).fingerprint(), Params(&other).fingerprint());
    }
}
