//! The path matrix: from which release to which, by which engine.

use serde::{Deserialize, Serialize};

use crate::os::{Family, Os};

/// What does the work inside the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// Swap the release packages, then `dnf distro-sync`: same major version, other distribution.
    DistroSync,
    /// The vendor's own conversion of the same major version to Anolis OS (centos2anolis.py).
    Centos2Anolis,
    /// leapp, in the vendor's fork or as ELevate: next major version, other distribution or the same.
    Leapp,
    /// almalinux-deploy.sh: the same major version of AlmaLinux.
    AlmalinuxDeploy,
    /// migrate2rocky.sh: the same major version of Rocky Linux.
    Migrate2Rocky,
    /// convert2rhel: the same major version of Red Hat Enterprise Linux.
    Convert2Rhel,
    /// Swap the sources, then `apt-get full-upgrade`: next major version, same distribution.
    AptFullUpgrade,
    /// Windows Setup from an attached media disk.
    WindowsSetup,
}

impl Engine {
    /// Its name in commands and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::DistroSync => "distro-sync",
            Self::Centos2Anolis => "centos2anolis",
            Self::Leapp => "leapp",
            Self::AlmalinuxDeploy => "almalinux-deploy",
            Self::Migrate2Rocky => "migrate2rocky",
            Self::Convert2Rhel => "convert2rhel",
            Self::AptFullUpgrade => "apt-full-upgrade",
            Self::WindowsSetup => "windows-setup",
        }
    }
}

/// One migration of one release to another, without a stop in between.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// Release before.
    pub from: Os,
    /// Release after.
    pub to: Os,
    /// What does the work.
    pub engine: Engine,
}

/// The matrix. Sources: ECS "Operating system migration" (CentOS 8 -> Alibaba Cloud Linux 3); Debian
/// release notes, "Upgrades from ...": one major version at a time.
const MATRIX: &[(Os, Os, Engine)] = &[
    (Os::new(Family::CentOs, 8), Os::new(Family::AlibabaCloudLinux, 3), Engine::DistroSync),
    (Os::new(Family::Debian, 11), Os::new(Family::Debian, 12), Engine::AptFullUpgrade),
    (Os::new(Family::Debian, 12), Os::new(Family::Debian, 13), Engine::AptFullUpgrade),
];

/// Why there is no route; the message names what is offered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{from} cannot be migrated to {}; from {from} one can reach: {}",
    to.as_ref().map_or("anything".to_owned(), ToString::to_string), list(offered))]
pub struct NoRoute {
    /// Release before.
    pub from: Os,
    /// What was asked for.
    pub to: Option<Os>,
    /// What can be reached.
    pub offered: Vec<Os>,
}

fn list(offered: &[Os]) -> String {
    match offered {
        [] => "nothing".to_owned(),
        some => some.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}

/// Every release that can be reached from `from`, nearest first.
pub fn destinations(from: &Os) -> Vec<Os> {
    let mut reached = vec![from.clone()];
    let mut next = 0;
    while let Some(os) = reached.get(next).cloned() {
        for (_, to, _) in MATRIX.iter().filter(|(start, ..)| start.same_release(&os)) {
            if !reached.iter().any(|known| known.same_release(to)) {
                reached.push(to.clone());
            }
        }
        next += 1;
    }
    reached.split_off(1)
}

/// The hops from `from` to `to`; to the nearest destination when `to` is None.
pub fn route(from: &Os, to: Option<&Os>) -> Result<Vec<Hop>, NoRoute> {
    let offered = destinations(from);
    let no_route = || NoRoute { from: from.clone(), to: to.cloned(), offered: offered.clone() };
    let goal = match to {
        Some(to) => offered.iter().find(|os| os.same_release(to)),
        None => offered.first(),
    }
    .ok_or_else(no_route)?;
    // The matrix is small and without cycles: walk back from the goal.
    let mut hops: Vec<Hop> = Vec::new();
    loop {
        let end = hops.first().map_or(goal, |hop| &hop.from).clone();
        if end.same_release(from) {
            return Ok(hops);
        }
        let (start, _, engine) = MATRIX
            .iter()
            .find(|(start, to, _)| {
                to.same_release(&end) && (start.same_release(from) || offered.iter().any(|os| os.same_release(start)))
            })
            .ok_or_else(no_route)?;
        hops.insert(0, Hop { from: start.clone(), to: end, engine: *engine });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn os(name: &str) -> Os {
        Os::from_ecs_name(name).unwrap()
    }

    #[test]
    fn centos_8_becomes_alibaba_cloud_linux_3_in_one_hop() {
        let hops = route(&os("CentOS  8.5 64位"), None).unwrap();
        assert_eq!(hops.len(), 1);
        assert_eq!((hops[0].to.to_string().as_str(), hops[0].engine), ("Alibaba Cloud Linux 3", Engine::DistroSync));
    }

    #[test]
    fn debian_11_reaches_13_through_12() {
        let hops = route(&os("Debian 11.11 64位"), Some(&os("Debian 13.1 64位"))).unwrap();
        let ends: Vec<_> = hops.iter().map(|hop| (hop.from.major, hop.to.major)).collect();
        assert_eq!(ends, [(11, 12), (12, 13)]);
        assert_eq!(route(&os("Debian 11.11 64位"), None).unwrap().len(), 1, "the nearest destination");
    }

    #[test]
    fn what_is_not_offered_says_what_is() {
        let error = route(&os("CentOS 8.5 64位"), Some(&os("Debian 13 64位"))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "CentOS 8.5 cannot be migrated to Debian 13; from CentOS 8.5 one can reach: Alibaba Cloud Linux 3"
        );
        let error = route(&os("CentOS  6.10 64位"), None).unwrap_err();
        assert!(error.to_string().ends_with("one can reach: nothing"), "{error}");
        assert!(route(&os("Debian 13 64位"), Some(&os("Debian 12 64位"))).is_err(), "no way back");
    }
}
