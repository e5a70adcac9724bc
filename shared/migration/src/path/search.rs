//! Finds the way through the matrix.

use super::matrix::{DEFAULTS, ROWS, Row};
use super::{Grants, Hop, NoRoute, refused};
use crate::os::{Arch, Edition, Language, Os, System};

/// A release that is reached, and how.
struct Reached {
    system: System,
    /// Index of where it was reached from, and the path taken; None at the start.
    by: Option<(usize, &'static Row)>,
}

/// What the system is after a path: the edition is Datacenter, language and Core stay, the minor version is whatever
/// the repositories hold.
fn after(system: &System, row: &Row) -> System {
    let windows = system.windows.map(|mut windows| {
        windows.edition = Some(Edition::Datacenter);
        windows
    });
    System { os: row.to.clone(), arch: system.arch, windows }
}

/// Everything that can be reached, nearest first, the start itself included.
fn reach(from: &System, grants: &Grants) -> Vec<Reached> {
    let mut reached = vec![Reached { system: from.clone(), by: None }];
    if whole(from).is_some() {
        return reached;
    }
    let mut next = 0;
    while let Some(system) = reached.get(next).map(|here| here.system.clone()) {
        for row in ROWS.iter().filter(|row| row.from.same_release(&system.os)) {
            let known = reached.iter().any(|known| known.system.os.same_release(&row.to));
            if !known && row.obstacle(&system, grants).is_none() {
                reached.push(Reached { system: after(&system, row), by: Some((next, row)) });
            }
        }
        next += 1;
    }
    reached
}

/// What stands against any path at all.
fn whole(from: &System) -> Option<String> {
    if from.arch == Arch::X86 {
        return Some("32-bit systems are not migrated: move to a new instance".into());
    }
    if from.language() == Some(Language::Other) {
        return Some("install media exist in Chinese and English only, and the language cannot change".into());
    }
    None
}

/// Every release that can be reached, nearest first.
pub fn destinations(from: &System, grants: &Grants) -> Vec<Os> {
    reach(from, grants).into_iter().skip(1).map(|reached| reached.system.os).collect()
}

/// The releases that every one of `systems` can reach, in the order of the first one's. Nothing for no system.
pub fn common_destinations(systems: &[System], grants: &Grants) -> Vec<Os> {
    let Some((first, others)) = systems.split_first() else { return Vec::new() };
    let mut common = destinations(first, grants);
    for other in others {
        let offered = destinations(other, grants);
        common.retain(|os| offered.iter().any(|other| other.same_release(os)));
    }
    common
}

/// The hops from `from` to `to`, as few as possible; to the preferred destination when `to` is None.
pub fn route(from: &System, to: Option<&Os>, grants: &Grants) -> Result<Vec<Hop>, NoRoute> {
    let reached = reach(from, grants);
    let default = || DEFAULTS.iter().find(|(source, _)| source.same_release(&from.os)).map(|(_, to)| to);
    let index = |os: &Os| reached.iter().skip(1).position(|reached| reached.system.os.same_release(os));
    let goal = match to {
        Some(to) => index(to),
        None => default().and_then(index).or((reached.len() > 1).then_some(0)),
    };
    let Some(goal) = goal else {
        let offered: Vec<Os> = reached.into_iter().skip(1).map(|reached| reached.system.os).collect();
        let why = why_not(from, to, grants, &offered);
        return Err(NoRoute { from: Box::new(from.clone()), to: to.cloned(), why, offered });
    };
    let mut hops = Vec::new();
    let mut here = &reached[goal + 1];
    while let Some((before, row)) = here.by {
        hops.insert(0, Hop { from: row.from.clone(), to: row.to.clone(), engine: row.engine });
        here = &reached[before];
    }
    Ok(hops)
}

/// Why there is no way, from the nearest reason to the most general.
fn why_not(from: &System, to: Option<&Os>, grants: &Grants, offered: &[Os]) -> String {
    if let Some(why) = whole(from) {
        return why;
    }
    let fits = |row: &&Row| row.from.same_release(&from.os) && to.is_none_or(|to| row.to.same_release(to));
    if let Some(why) = ROWS.iter().filter(fits).find_map(|row| row.obstacle(from, grants)) {
        return why;
    }
    match to {
        Some(to) if to.same_release(&from.os) => return "that is what it runs already".into(),
        Some(to) if to.older_than(&from.os) => return "there is no way back to an earlier release".into(),
        Some(to) if to.is_windows() != from.os.is_windows() => {
            return "Linux and Windows do not become one another: move to a new instance".into();
        }
        _ => {}
    }
    if let Some(why) = refused::why(&from.os, to) {
        return why.into();
    }
    // A way whose first hops are open ends where a later one is not.
    let later = |row: &&Row| {
        to.is_some_and(|to| row.to.same_release(to)) && offered.iter().any(|os| os.same_release(&row.from))
    };
    if let Some(why) =
        ROWS.iter().filter(later).find_map(|row| row.obstacle(&System { os: row.from.clone(), ..from.clone() }, grants))
    {
        return why;
    }
    if offered.is_empty() {
        "it is in no list of systems that are migrated".into()
    } else {
        "no path leads there".into()
    }
}
