//! From facts to findings: what was seen of an instance, judged.

mod after;
mod cloud;
mod guest;

#[cfg(test)]
use crate::check::Finding;

pub use after::{AfterFacts, judge_after};
pub use cloud::{CloudFacts, judge_cloud};
pub use guest::{GuestFacts, Preview, judge_guest};

#[cfg(test)]
mod testing {
    use super::*;
    use crate::os::Os;
    use crate::path::{Hop, route};

    /// Ids of the findings that block.
    pub fn ids(findings: &[Finding]) -> Vec<&str> {
        findings.iter().filter(|finding| finding.blocks()).map(|finding| finding.id.as_str()).collect()
    }

    pub fn hop() -> Hop {
        route(&Os::from_ecs_name("CentOS 8.5").unwrap(), None).unwrap().remove(0)
    }
}
