//! What follows from what was seen: the state machine.

use crate::check::Finding;
use crate::code::Code;
use crate::record::{Cause, DiskSnapshot, Evidence, Memo, Millis, Outcome, Record, Stage, State, Step};

/// What a stage saw, or what a person wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// What the stage waits for is under way.
    Waiting {
        /// When to look again if no event comes first.
        look_at: Millis,
        /// Percent of the stage, where it can be told.
        progress: Option<u8>,
        /// What it waits for.
        note: String,
    },
    /// The cloud-side checks are done.
    Prechecked(Vec<Finding>),
    /// The guest-side checks are done.
    Assessed(Vec<Finding>),
    /// Every disk of the instance, with its snapshot as far as it is.
    Snapshots(Vec<DiskSnapshot>),
    /// The tool says it succeeded, and the guest has booted since.
    Migrated,
    /// The new system was looked at.
    Verified {
        /// What was found.
        findings: Vec<Finding>,
        /// What the guest says it runs.
        os: String,
    },
    /// The old system runs again.
    Restored {
        /// What the guest says it runs.
        os: String,
        /// The tool had never been started: no disk was reset.
        untouched: bool,
    },
    /// Nothing is left to release.
    Cleaned,
    /// The stage could not do its work.
    Faulted(Cause),
    /// A person wants it to stop.
    Cancel {
        /// Who.
        by: String,
    },
}

/// What must be published once the decision is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Wake this stage's function.
    Request(Stage),
    /// A line of history.
    Note(Step),
    /// Let go of the instance: another migration of it may begin.
    Release,
    /// Tell whoever listens.
    Announce(Notice),
}

/// News for people and other systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A stage was entered.
    Entered(Stage),
    /// It is over.
    Ended(Outcome),
}

/// What follows from an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The record to remember.
    pub record: Record,
    /// What to publish afterwards, in order.
    pub effects: Vec<Effect>,
}

/// Total: every state answers every event. An event that does not belong to the record's stage (late,
/// duplicated, reordered) changes nothing, and neither does any event once the migration is over.
pub fn decide(record: &Record, event: Event, now: Millis) -> Decision {
    let mut next = Next { record: record.clone(), effects: Vec::new(), now };
    let Some(stage) = record.stage() else {
        return next.decision();
    };
    let late = record.deadline().is_some_and(|deadline| now >= deadline);
    match (stage, event) {
        (Stage::Precheck, Event::Prechecked(findings)) => next.checked(findings, Stage::Assess),
        (Stage::Assess, Event::Assessed(findings)) => next.checked(findings, Stage::Snapshot),
        (Stage::Snapshot, Event::Snapshots(disks)) => next.snapshots(disks, late),
        (Stage::Migrate, Event::Migrated) => next.enter(Stage::Verify, "the tool succeeded and the guest has rebooted"),
        (Stage::Verify, Event::Verified { findings, os }) => next.verified(findings, os),
        (Stage::Rollback, Event::Restored { os, untouched }) => next.restored(os, untouched),
        (Stage::Cleanup, Event::Cleaned) => next.end("cleaned up"),
        (_, Event::Cancel { by }) => next.cancel(stage, &by),
        (_, Event::Faulted(cause)) if !cause.transient => next.fail(stage, cause),
        (_, _) if late => next.fail(stage, overdue(stage, &record.note)),
        (_, Event::Faulted(cause)) => next.retry(cause),
        (_, Event::Waiting { look_at, progress, note }) => next.wait(look_at, progress, note),
        // A result of another stage: late or reordered.
        (_, _) => {}
    }
    next.decision()
}

/// `last` is what it waited for, or met, last.
fn overdue(stage: Stage, last: &str) -> Cause {
    let limit = stage.deadline() / 60_000;
    let mut text = format!("{} took longer than {limit} min", stage.name());
    if !last.is_empty() {
        text.push_str("; last: ");
        text.push_str(last);
    }
    Cause::permanent(Code::Deadline, text)
}

/// Longest pause between two tries after transient failures, milliseconds: the sweep's pace is a minute,
/// and five of them are nothing beside a stage's deadline.
const LONGEST_PAUSE: Millis = 300_000;

struct Next {
    record: Record,
    effects: Vec<Effect>,
    now: Millis,
}

impl Next {
    fn decision(self) -> Decision {
        Decision { record: self.record, effects: self.effects }
    }

    /// Checks either let pass or end the migration before anything was changed.
    fn checked(&mut self, findings: Vec<Finding>, then: Stage) {
        let blocking: Vec<&str> = findings.iter().filter(|f| f.blocks()).map(|f| f.id.as_str()).collect();
        let text = blocking.join(", ");
        let blocked = !blocking.is_empty();
        // Only this stage's: an earlier hop's findings no longer hold.
        let checks = findings.len();
        self.record.findings = findings.clone();
        if blocked {
            self.note_checks(format!("refused: {text}"), findings);
            self.record.cause.get_or_insert(Cause::permanent(Code::Blocked, text));
            self.clean_up(Outcome::Refused, "a check found something that blocks");
        } else {
            self.note_checks(format!("{checks} findings, none blocks"), findings);
            self.enter(then, "checks passed");
        }
    }

    fn snapshots(&mut self, disks: Vec<DiskSnapshot>, late: bool) {
        let failed = disks.iter().find(|disk| disk.status == Evidence::Failed).map(|disk| disk.disk_id.clone());
        let complete = !disks.is_empty()
            && disks.iter().all(|disk| disk.status == Evidence::Accomplished && disk.snapshot_id.is_some());
        let total: u32 = disks.iter().map(|disk| u32::from(disk.progress.min(100))).sum();
        let percent = total / u32::try_from(disks.len().max(1)).unwrap_or(u32::MAX);
        let count = disks.len();
        self.record.disks = disks;
        match failed {
            Some(disk) => {
                let cause = Cause::permanent(Code::SnapshotFailed, format!("the snapshot of disk {disk} failed"));
                self.fail(Stage::Snapshot, cause);
            }
            None if complete => {
                self.record.touched = true;
                self.enter(Stage::Migrate, &format!("snapshots of {count} disks are accomplished"));
            }
            None if late => self.fail(Stage::Snapshot, overdue(Stage::Snapshot, &self.record.note.clone())),
            // Snapshots announce their completion; this is for a lost announcement.
            None => self.wait(self.now + 60_000, u8::try_from(percent).ok(), format!("snapshots of {count} disks")),
        }
    }

    fn verified(&mut self, findings: Vec<Finding>, os: String) {
        let blocking: Vec<String> = findings.iter().filter(|f| f.blocks()).map(|f| f.found.clone()).collect();
        self.record.findings = findings.clone();
        self.note_checks(format!("verified {os}: {} findings, {} block", findings.len(), blocking.len()), findings);
        if !blocking.is_empty() {
            self.fail(Stage::Verify, Cause::permanent(Code::VerifyFailed, blocking.join("; ")));
        } else if self.record.hop + 1 < self.record.hops.len() {
            self.record.os_after = Some(os);
            self.record.hop += 1;
            self.record.disks.clear();
            self.enter(Stage::Assess, "this hop is verified, on to the next");
        } else {
            self.record.os_after = Some(os);
            self.clean_up(Outcome::Succeeded, "the new system is verified");
        }
    }

    fn restored(&mut self, os: String, untouched: bool) {
        self.record.os_after = Some(os);
        let cancelled = self.record.cause.as_ref().is_some_and(|cause| cause.code == Code::Cancelled);
        match (cancelled, untouched) {
            (true, _) => self.clean_up(Outcome::Cancelled, "cancelled, the old system runs"),
            (false, true) if self.record.hop == 0 => {
                self.clean_up(Outcome::Failed, "the tool had not been started, nothing was changed")
            }
            (false, _) => self.clean_up(Outcome::RolledBack, "the old system runs again"),
        }
    }

    fn cancel(&mut self, stage: Stage, by: &str) {
        let cause = Cause::permanent(Code::Cancelled, format!("cancelled by {by}"));
        match stage {
            Stage::Precheck | Stage::Assess | Stage::Snapshot => {
                self.record.cause.get_or_insert(cause);
                self.clean_up(Outcome::Cancelled, &format!("cancelled by {by}"));
            }
            Stage::Migrate | Stage::Verify => self.fail(stage, cause),
            // Already on the way to an end.
            Stage::Rollback | Stage::Cleanup => {}
        }
    }

    /// The stage is given up.
    fn fail(&mut self, stage: Stage, cause: Cause) {
        let gone = cause.code == Code::InstanceGone;
        let step = self.step(format!("{} failed", stage.name()), Some(cause.clone()), Vec::new());
        self.effects.push(Effect::Note(step));
        self.record.cause.get_or_insert(cause);
        match stage {
            Stage::Precheck | Stage::Assess | Stage::Snapshot if !gone => {
                self.clean_up(Outcome::Failed, "nothing was changed")
            }
            Stage::Migrate | Stage::Verify if !gone => self.enter(Stage::Rollback, "going back to the snapshots"),
            Stage::Cleanup => self.end("cleaning up was given up"),
            _ => self.clean_up(Outcome::Stuck, "a person must look at the instance"),
        }
    }

    fn retry(&mut self, cause: Cause) {
        self.record.attempt = self.record.attempt.saturating_add(1);
        let pause = (5_000 << self.record.attempt.min(10)).min(LONGEST_PAUSE);
        let note = format!("{}: {}; trying again", cause.code, cause.text);
        let step = self.step("failed, will be tried again".into(), Some(cause), Vec::new());
        self.effects.push(Effect::Note(step));
        self.wait(self.now + pause, self.record.progress, note);
    }

    fn wait(&mut self, look_at: Millis, progress: Option<u8>, note: String) {
        let latest = self.record.deadline().unwrap_or(look_at);
        self.record.look_at = Some(look_at.clamp(self.now, latest.max(self.now)));
        self.record.progress = progress;
        self.record.note = note;
    }

    fn clean_up(&mut self, outcome: Outcome, what: &str) {
        self.record.ending = Some(outcome);
        self.enter(Stage::Cleanup, what);
    }

    fn enter(&mut self, stage: Stage, what: &str) {
        let step = self.step(format!("{what}; {} begins", stage.name()), None, Vec::new());
        self.effects.push(Effect::Note(step));
        self.record.state = State::In(stage);
        self.record.entered_at = self.now;
        self.record.look_at = Some(self.now);
        self.record.attempt = 0;
        self.record.progress = None;
        self.record.note.clear();
        self.record.memo = Memo::default();
        self.effects.push(Effect::Request(stage));
        self.effects.push(Effect::Announce(Notice::Entered(stage)));
    }

    fn end(&mut self, what: &str) {
        // Cleanup is only ever entered with an ending; a record without one was tampered with.
        let outcome = self.record.ending.unwrap_or(Outcome::Stuck);
        let step = self.step(what.to_owned(), None, Vec::new());
        self.effects.push(Effect::Note(step));
        self.record.state = State::Ended(outcome);
        self.record.entered_at = self.now;
        self.record.look_at = None;
        self.record.progress = None;
        self.record.note.clear();
        self.record.memo = Memo::default();
        self.effects.push(Effect::Release);
        self.effects.push(Effect::Announce(Notice::Ended(outcome)));
    }

    fn note_checks(&mut self, what: String, findings: Vec<Finding>) {
        let step = self.step(what, None, findings);
        self.effects.push(Effect::Note(step));
    }

    fn step(&mut self, what: String, cause: Option<Cause>, findings: Vec<Finding>) -> Step {
        let step = Step { seq: self.record.steps, at: self.now, state: self.record.state, what, cause, findings };
        self.record.steps += 1;
        step
    }
}
