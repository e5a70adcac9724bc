//! How far the migration is while the guest cannot be asked: by the time that the same took before, and by the phases
//! of leapp that the console tells.

use migration::Millis;
use migration::path::Engine;
use migration::plan::Eta;

use crate::until_reboot;

/// Phases of leapp after the reboot, in order, and where each begins: hundredths of the way from the reboot to the
/// end. RPMUpgrade exchanges the packages and is nearly all of it.
const LEAPP: [(&str, i64); 8] = [
    ("InitRamStart", 2),
    ("LateTests", 4),
    ("Preparation", 6),
    ("RPMUpgrade", 10),
    ("Applications", 80),
    ("ThirdPartyApplications", 86),
    ("Finalization", 90),
    ("FirstBoot", 95),
];

/// What is known of the way through the dark.
pub(crate) struct Dark<'a> {
    /// Who works there.
    pub engine: Engine,
    /// Since the reboot was asked for, milliseconds.
    pub elapsed: Millis,
    /// From the beginning of the stage to the reboot, milliseconds.
    pub before: Millis,
    /// How long the whole stage took in the past.
    pub past: &'a [Millis],
    /// What the console says; empty when it was not read.
    pub console: &'a str,
}

impl Dark<'_> {
    /// Percent of the stage; short of 100.
    pub fn progress(&self) -> u8 {
        let begin = i64::from(until_reboot(self.engine));
        let mut way = self.by_time();
        if let Some(at) = self.phase_index() {
            let next = LEAPP.get(at + 1).map_or(100, |(_, begin)| *begin);
            way = way.clamp(LEAPP[at].1, next - 1);
        }
        u8::try_from(begin + (99 - begin) * way / 99).unwrap_or(99)
    }

    /// The phase that the console told last.
    pub fn phase(&self) -> Option<&'static str> {
        self.phase_index().map(|at| LEAPP[at].0)
    }

    fn phase_index(&self) -> Option<usize> {
        if self.engine != Engine::Leapp {
            return None;
        }
        let told = self.console.lines().rev().find_map(|line| line.split_once("==> Processing phase `"));
        let name = told?.1.split('`').next()?;
        LEAPP.iter().position(|(phase, _)| *phase == name)
    }

    /// Hundredths of the way: against the median of past runs, or against the longest silence that is normal.
    fn by_time(&self) -> i64 {
        let elapsed = self.elapsed.max(0);
        match Eta::from_past(self.past, 0).map(|past| past.remaining - self.before).filter(|left| *left > 0) {
            // Past the median nobody knows: it creeps on, and never arrives.
            Some(left) if elapsed > left => 90 + 9 * (elapsed - left).min(left) / left,
            Some(left) => 90 * elapsed / left,
            None => 99 * elapsed.min(self.engine.dark()) / self.engine.dark(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Millis = 60_000;

    fn dark<'a>(engine: Engine, minutes: Millis, past: &'a [Millis], console: &'a str) -> Dark<'a> {
        Dark { engine, elapsed: minutes * MINUTE, before: 10 * MINUTE, past, console }
    }

    #[test]
    fn progress_never_goes_back_and_never_ends_early() {
        for engine in [Engine::Leapp, Engine::WindowsSetup, Engine::DistroSync] {
            for past in [vec![], vec![30 * MINUTE], vec![5 * MINUTE]] {
                let all: Vec<u8> = (0..=400).map(|minute| dark(engine, minute, &past, "").progress()).collect();
                assert!(all.is_sorted() && all[0] == until_reboot(engine) && *all.last().unwrap() == 99, "{all:?}");
            }
        }
    }

    #[test]
    fn what_took_twenty_minutes_before_is_nearly_over_after_twenty() {
        let past = [30 * MINUTE, 29 * MINUTE, 90 * MINUTE];
        let nearly = |past| dark(Engine::Leapp, 20, past, "").progress();
        assert_eq!((nearly(&past), nearly(&[])), (93, 49));
    }

    #[test]
    fn the_console_tells_the_phase() {
        let console = "boot\n[ 12.3] upgrade[9]: ==> Processing phase `Preparation`\n\
                       [ 14.0] upgrade[9]: ==> Processing phase `RPMUpgrade`\nUpgrading: 12/400\n";
        let at = |minutes, console| dark(Engine::Leapp, minutes, &[], console).progress();
        assert_eq!(dark(Engine::Leapp, 1, &[], console).phase(), Some("RPMUpgrade"));
        assert_eq!((at(1, ""), at(1, console)), (40, 45), "it is further than the time would say");
        assert_eq!((at(400, ""), at(400, console)), (99, 87), "and not further than the phase allows");
        assert_eq!(dark(Engine::Leapp, 1, &[], "==> Processing phase `FactsCollection`").phase(), None);
        assert_eq!(dark(Engine::DistroSync, 1, &[], console).phase(), None);
    }
}
