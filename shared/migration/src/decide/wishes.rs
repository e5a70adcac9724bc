//! What becomes of what a person wants.

use super::Next;
use crate::code::Code;
use crate::event::{Effect, Wish};
use crate::plan::Acknowledgement;
use crate::policy::Mode;
use crate::record::{Cause, Outcome, Stage, State};

impl Next {
    pub(super) fn wished(&mut self, wish: Wish) {
        self.actor = Some(wish.by().to_owned());
        match (wish, self.record.state) {
            (Wish::Cancel { by }, State::In(stage)) => self.cancel(stage, &by),
            (Wish::Retry { .. }, State::In(stage)) => {
                self.note_step("to be tried again at once".into(), Vec::new());
                self.record.attempt = 0;
                self.wait(self.now, self.record.progress, self.record.note.clone());
                self.effects.push(Effect::Request(stage));
            }
            (Wish::Acknowledge { by, digest }, State::In(Stage::Assess)) => self.acknowledge(by, digest),
            (Wish::GoBack { by }, State::In(stage @ (Stage::Migrate | Stage::Verify))) => {
                self.fail(stage, Cause::permanent(Code::WantedBack, format!("{by} wants the old system back")));
            }
            (Wish::GoBack { by }, State::Ended(Outcome::Succeeded)) if self.record.touched => {
                self.record.cause = Some(Cause::permanent(Code::WantedBack, format!("{by} wants the old system back")));
                self.record.disks_back = false;
                self.record.restored = false;
                self.revive(Stage::Rollback, "back to the snapshots");
            }
            (Wish::Retry { .. }, State::Ended(Outcome::Stuck)) if self.record.touched && !self.record.restored => {
                self.revive(Stage::Rollback, "the rollback is tried again");
            }
            (Wish::Retry { .. }, State::Ended(outcome)) if self.record.unclean => {
                self.revive(Stage::Cleanup, "cleaning up is tried again");
                // An undo that had left something is what made it stuck: it ends as it would have without.
                let undo = outcome == Outcome::Stuck && (self.record.prepared || self.record.restored);
                self.record.ending = Some(if undo { self.back() } else { outcome });
            }
            (Wish::Retry { .. }, State::Ended(outcome)) if outcome != Outcome::Succeeded => {
                let drilled = self.record.drill.as_ref().is_some_and(|drill| !drill.passed);
                if drilled || self.record.clone.is_some() || self.record.policy.mode == Mode::Drill {
                    self.record.drill = None;
                    self.record.hop = 0;
                }
                self.begin_run();
                self.revive(Stage::Precheck, "tried again");
            }
            (wish, _) => {
                let what = format!("{} changes nothing now", wish.name());
                self.note_step(what, Vec::new());
            }
        }
    }

    /// A person goes on with this one whatever became of its batch, where it counts as under way again.
    fn revive(&mut self, stage: Stage, what: &str) {
        self.record.tries += 1;
        self.record.ending = None;
        if let Some(batch) = &mut self.record.batch {
            batch.stop_after_failures = 0;
            self.effects.push(Effect::Rejoin);
        }
        self.enter(stage, what);
    }

    fn acknowledge(&mut self, by: String, digest: String) {
        if self.record.awaiting.as_ref() != Some(&digest) {
            return self.note_step("acknowledged another plan than this one; it waits on".into(), Vec::new());
        }
        self.record.awaiting = None;
        self.record.acknowledged.push(Acknowledgement { by, at: self.now, digest });
        self.ordinary = false;
        // Days may have passed: cloud and guest are asked again, and the same plan goes on.
        self.enter(Stage::Precheck, "the risks were acknowledged");
    }

    fn cancel(&mut self, stage: Stage, by: &str) {
        let cause = Cause::permanent(Code::Cancelled, format!("cancelled by {by}"));
        match stage {
            Stage::Precheck | Stage::Assess | Stage::Prepare | Stage::Snapshot | Stage::Clone => {
                self.give_up(cause, Outcome::Cancelled)
            }
            Stage::Migrate | Stage::Verify if self.record.clone.is_some() => self.give_up(cause, Outcome::Cancelled),
            Stage::Migrate | Stage::Verify => self.fail(stage, cause),
            // Already on the way to an end.
            Stage::Rollback | Stage::Cleanup => {
                self.note_step("cancelling changes nothing now: it is already going back or over".into(), Vec::new())
            }
        }
    }
}
