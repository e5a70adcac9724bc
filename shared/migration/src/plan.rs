//! The plan of a migration: what a person acknowledges, and how long it will take.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::check::{Finding, Remediation, Severity};
use crate::path::Hop;
use crate::record::{Millis, Record};

/// Somebody knows the risks of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Who.
    pub by: String,
    /// When.
    pub at: Millis,
    /// Digest of the plan.
    pub digest: String,
}

/// What of these findings is a risk: the warnings.
pub fn warnings(findings: &[Finding]) -> impl Iterator<Item = &Finding> {
    findings.iter().filter(|finding| finding.severity == Severity::Warn)
}

/// The risks that a plan has: the warnings of the cloud-side checks and of the last others.
pub fn risks(record: &Record) -> impl Iterator<Item = &Finding> {
    record.cloud_risks.iter().chain(warnings(&record.findings))
}

/// What is to be mended by the last check's findings: what the policy allows, and was not tried before. Packages are
/// only removed where they block.
pub fn wanted(record: &Record) -> Vec<Remediation> {
    let asks = |finding: &Finding, one| {
        finding.remediation == Some(one) && (finding.blocks() || one != Remediation::RemoveI686)
    };
    let wanted = |one: &Remediation| {
        record.policy.remediate.contains(one)
            && !record.remediated.contains(one)
            && record.findings.iter().any(|finding| asks(finding, *one))
    };
    Remediation::ALL.iter().copied().filter(wanted).collect()
}

/// What is mended, and what will be: part of the plan before it is done as well as after.
pub fn mends(record: &Record) -> Vec<Remediation> {
    let mut all: Vec<Remediation> = record.remediated.iter().copied().chain(wanted(record)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Digest of the plan: instance, way, policy, what is or will be mended, and the risks. Whatever of it changes needs a
/// new acknowledgement; figures in the findings' texts may change from day to day and do not count. 64 hex digits.
pub fn digest(record: &Record) -> String {
    let mended: Vec<&str> = mends(record).into_iter().map(Remediation::name).collect();
    let mut told: Vec<String> =
        risks(record).map(|finding| format!("{}: {}", finding.id, without_figures(&finding.found))).collect();
    told.sort_unstable();
    told.dedup();
    let plan = json!({
        "instance": record.instance_id,
        "hops": record.hops.get(record.hop..).unwrap_or_default(),
        "policy": record.policy,
        "mended": mended,
        "risks": told,
    });
    Sha256::digest(plan.to_string()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Hops as people read them: `from`, `to` and `engine` of each.
pub fn way(hops: &[Hop]) -> Vec<Value> {
    let hop = |hop: &Hop| json!({ "from": hop.from.to_string(), "to": hop.to.to_string(), "engine": hop.engine });
    hops.iter().map(hop).collect()
}

/// The plan that waits for an acknowledgement, as people are told it: `digest`, the `hops` to come, what it `mends`,
/// its `risks`. None when none waits.
pub fn awaited(record: &Record) -> Option<Value> {
    let digest = record.awaiting.as_ref()?;
    let risks: Vec<&Finding> = risks(record).collect();
    let hops = way(record.hops.get(record.hop..).unwrap_or_default());
    Some(json!({ "digest": digest, "hops": hops, "mends": mends(record), "risks": risks }))
}

/// A text with `#` in place of each number.
fn without_figures(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter.is_ascii_digit() {
            true if plain.ends_with('#') => {}
            true => plain.push('#'),
            false => plain.push(letter),
        }
    }
    plain
}

/// How long something will still take, and how sure that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Eta {
    /// Milliseconds still to go by the median of past runs; 0 when it is overdue by them.
    pub remaining: Millis,
    /// By the fastest past run.
    pub earliest: Millis,
    /// By the slowest past run.
    pub latest: Millis,
    /// Number of past runs that this rests on: below three it is a guess.
    pub runs: usize,
}

impl Eta {
    /// From how long the same took in the past; None without any past run.
    pub fn from_past(past: &[Millis], elapsed: Millis) -> Option<Self> {
        let mut past = past.to_vec();
        past.sort_unstable();
        let left = |total: Millis| (total - elapsed).max(0);
        let (first, last) = (*past.first()?, *past.last()?);
        Some(Self {
            remaining: left(past[past.len() / 2]),
            earliest: left(first),
            latest: left(last),
            runs: past.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::MigrationId;
    use crate::policy::Policy;

    #[test]
    fn the_digest_follows_the_plan_and_not_the_figures() {
        let record = Record::new(MigrationId::from_bytes([1; 10]), "i-1".into(), Policy::default(), vec![], 0);
        let warn = |id: &str, found: &str| Finding::warn(id, found, "r");
        let found = |findings: Vec<Finding>| digest(&Record { findings, ..record.clone() });
        let before = found(vec![warn("a", "12 MiB of 9"), warn("b", "x")]);
        assert_eq!(before, found(vec![warn("b", "x"), warn("a", "3 MiB of 10"), Finding::info("c", "z")]));
        assert_eq!(before.len(), 64);
        assert_ne!(before, found(vec![warn("a", "12 MiB of 9")]));
        assert_ne!(before, found(vec![warn("a", "12 MiB of 9"), warn("b", "y")]), "another risk of the same kind");
        let mut other = Record { findings: vec![warn("a", "0 MiB of 0"), warn("b", "x")], ..record.clone() };
        assert_eq!(before, digest(&other));
        other.policy.observe_minutes = 1;
        assert_ne!(before, digest(&other));
        // What the cloud has told before is as much a risk as what the guest tells now.
        let cloud = Record { findings: vec![warn("a", "1 MiB of 1")], cloud_risks: vec![warn("b", "x")], ..record };
        assert_eq!(before, digest(&cloud));
    }

    #[test]
    fn what_blocks_and_will_be_mended_is_in_the_plan_before_and_after() {
        let record = Record::new(MigrationId::from_bytes([1; 10]), "i-1".into(), Policy::default(), vec![], 0);
        let i686 = |severity| Finding { severity, ..Finding::block("a", "f", "r").mended_by(Remediation::RemoveI686) };
        let resolv = || Finding::warn("b", "f", "r").mended_by(Remediation::RegularResolvConf);
        let allowed =
            Policy { remediate: vec![Remediation::RemoveI686, Remediation::RegularResolvConf], ..Policy::default() };
        let found = |policy: &Policy, severity| Record {
            policy: policy.clone(),
            findings: vec![i686(severity), resolv()],
            ..record.clone()
        };
        let both = [Remediation::RemoveI686, Remediation::RegularResolvConf];
        assert_eq!(wanted(&found(&allowed, Severity::Block)), both);
        assert_eq!(wanted(&found(&allowed, Severity::Warn)), both[1..], "no package goes that does not have to");
        assert_eq!(wanted(&found(&Policy::default(), Severity::Block)), [], "not allowed");
        let done = Record { remediated: both.to_vec(), ..found(&allowed, Severity::Block) };
        assert_eq!((wanted(&done), mends(&done)), (vec![], both.to_vec()));
    }

    #[test]
    fn a_plan_is_told_with_its_way_from_here_on() {
        use crate::os::{Family, Os, System};
        let debian = |major| Os::new(Family::Debian, major);
        let hops =
            crate::path::route(&System::of(debian(11)), Some(&debian(13)), &crate::path::Grants::default()).unwrap();
        let mut record = Record::new(MigrationId::from_bytes([1; 10]), "i-1".into(), Policy::default(), hops, 0);
        record.findings = vec![Finding::block("a", "f", "r").mended_by(Remediation::RemoveI686)];
        record.policy.remediate = vec![Remediation::RemoveI686];
        assert_eq!(awaited(&record), None);
        (record.awaiting, record.hop) = (Some("abc".into()), 1);
        let hop = json!({ "from": "Debian 12", "to": "Debian 13", "engine": "apt-full-upgrade" });
        let told = json!({ "digest": "abc", "hops": [hop], "mends": ["remove-i686"], "risks": [] });
        assert_eq!(awaited(&record), Some(told));
    }

    #[test]
    fn an_eta_says_on_how_many_runs_it_rests() {
        assert_eq!(Eta::from_past(&[], 5), None);
        let eta = Eta::from_past(&[30, 10, 20], 15).unwrap();
        assert_eq!(eta, Eta { remaining: 5, earliest: 0, latest: 15, runs: 3 });
    }
}
