//! From facts to findings: what was seen of an instance, judged.

mod after;
mod boot;
mod cloud;
mod guest;
mod windows;

#[cfg(test)]
use crate::check::Finding;

pub use after::{AfterFacts, Finished, Observation, judge_after, judge_finished, judge_observation};
pub use boot::{BootFacts, BootOutcome, Booted, judge_boot, os_told};
pub use cloud::{AutoSnapshots, CloudFacts, DiskFacts, judge_cloud, media_version};
pub use guest::{GuestFacts, Preview, judge_guest, system_facts};
pub use windows::{
    Media, MediaImage, Scan, WindowsAfter, WindowsFacts, image_index, judge_windows, judge_windows_after,
};

#[cfg(test)]
mod testing {
    use super::*;
    use crate::os::{Os, System};
    use crate::path::{Grants, Hop, route};

    /// Ids of the findings that block.
    pub fn ids(findings: &[Finding]) -> Vec<&str> {
        findings.iter().filter(|finding| finding.blocks()).map(|finding| finding.id.as_str()).collect()
    }

    pub fn hop() -> Hop {
        route(&System::of(Os::from_ecs_name("CentOS 8.5").unwrap()), None, &Grants::default()).unwrap().remove(0)
    }
}
