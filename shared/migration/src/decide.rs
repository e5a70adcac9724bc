//! What follows from what was seen: the state machine.

mod wishes;

use crate::check::{Finding, Remediation};
use crate::code::Code;
use crate::event::{Decision, Effect, Event, Notice};
use crate::plan;
use crate::policy::Mode;
use crate::record::{
    Cause, CommandRef, DISKS_BACK, DiskSnapshot, DrillClone, DrillReport, Evidence, Exhibit, Memo, Millis, Outcome,
    RESET_BEGUN, Record, Stage, State, Step, TOOL_STARTED, Timing, UNDONE,
};

/// Total: every state answers every event. An event that does not belong to the record's stage (late,
/// duplicated, reordered) changes nothing, and neither does any event once the migration is over, but for a
/// person's wish to try again or to go back.
pub fn decide(record: &Record, event: Event, now: Millis) -> Decision {
    let mut next = Next { record: record.clone(), effects: Vec::new(), now, actor: None, ordinary: true };
    let stage = match (record.stage(), event) {
        (_, Event::Wished(wish)) => {
            next.wished(wish);
            return next.decision();
        }
        (None, _) => return next.decision(),
        (Some(stage), event) => (stage, event),
    };
    let late = record.deadline().is_some_and(|deadline| now >= deadline);
    match stage {
        (Stage::Precheck, Event::Prechecked(findings)) => next.prechecked(findings),
        (Stage::Assess, Event::Assessed(findings)) if record.awaiting.is_none() => next.assessed(findings),
        (Stage::Prepare, Event::Prepared(applied)) => next.prepared(applied),
        (Stage::Snapshot, Event::Snapshots(disks)) => next.snapshots(disks, late),
        (Stage::Clone, Event::Cloned { instance_id }) => next.cloned(instance_id),
        (Stage::Migrate, Event::Migrated) => next.enter(Stage::Verify, "the tool succeeded and the guest has rebooted"),
        (Stage::Verify, Event::Verified { findings, os }) => next.verified(findings, os),
        (Stage::Rollback, Event::Restored { os, untouched }) => next.restored(os, untouched),
        (Stage::Cleanup, Event::Cleaned) => next.cleaned(),
        (Stage::Precheck | Stage::Assess | Stage::Prepare | Stage::Snapshot, Event::Halted { failures }) => {
            let text = format!("the batch was stopped after {failures} failures");
            next.give_up(Cause::permanent(Code::BatchStopped, text), Outcome::Cancelled);
        }
        (Stage::Precheck, Event::Queued { ahead }) => next.queued(ahead),
        (stage, Event::Faulted(cause)) if !cause.transient => next.fail(stage, cause),
        (stage, _) if late => next.fail(stage, overdue(record, stage)),
        (_, Event::Faulted(cause)) => next.retry(cause),
        (_, Event::Waiting { look_at, progress, note }) => next.wait(look_at, progress, note),
        // A result of another stage: late or reordered.
        (_, _) => {}
    }
    next.decision()
}

/// A line of history that no decision comes from: evidence that was kept. Answers the record that counts it.
pub fn exhibit(record: &Record, what: &str, exhibits: Vec<Exhibit>, now: Millis) -> Decision {
    let mut next = Next { record: record.clone(), effects: Vec::new(), now, actor: None, ordinary: true };
    let step = Step { exhibits, ..next.step(what.to_owned(), None, Vec::new()) };
    next.effects.push(Effect::Note(step));
    next.decision()
}

/// Names what the stage waited for, or met, last.
fn overdue(record: &Record, stage: Stage) -> Cause {
    if record.awaiting.is_some() {
        return Cause::permanent(Code::NotAcknowledged, "nobody acknowledged the risks of the plan in time");
    }
    let limit = record.deadline().unwrap_or(record.entered_at) - record.entered_at - record.memo.unwatched;
    let mut text = format!("{} took longer than {} min", stage.name(), limit / 60_000);
    if record.memo.unwatched > 0 {
        text.push_str(&format!(", and {} min in which it could not be looked at", record.memo.unwatched / 60_000));
    }
    if !record.note.is_empty() {
        text.push_str("; last: ");
        text.push_str(&record.note);
    }
    Cause::permanent(Code::Deadline, text)
}

/// Longest pause between two tries after transient failures, milliseconds: the sweep's pace is a minute,
/// and five of them are nothing beside a stage's deadline.
const LONGEST_PAUSE: Millis = 300_000;

/// So long the cloud may refuse to be asked, milliseconds, without its counting as the stage's own time: once packages
/// were exchanged, an outage of the API must not take a healthy machine back.
const OUTAGE: Millis = 6 * 3_600_000;

/// For each so many that are ahead in a batch, one that waits looks a minute later.
const QUEUE_STEP: usize = 20;

/// So many of a stage's last commands may still run when it is left.
const ORPHANS: usize = 5;

struct Next {
    record: Record,
    effects: Vec<Effect>,
    now: Millis,
    /// Whose wish it is, for the history.
    actor: Option<String>,
    /// Whether the stage is left the ordinary way: it did its work, and nobody was waited for.
    ordinary: bool,
}

impl Next {
    fn decision(self) -> Decision {
        Decision { record: self.record, effects: self.effects }
    }

    /// Checks that said no end the migration before anything irreversible.
    fn refuse(&mut self, text: String) {
        self.ordinary = false;
        self.record.cause.get_or_insert(Cause::permanent(Code::Blocked, text));
        let outcome = if self.record.clone.is_some() { Outcome::DrillFailed } else { Outcome::Refused };
        self.clean_up(outcome, "a check found something that blocks");
    }

    /// Waits for its turn. The stage's time begins with it: those ahead have deadlines of their own, so the wait
    /// has an end.
    fn queued(&mut self, ahead: usize) {
        self.record.entered_at = self.now;
        // The nearer, the sooner: a thousand that wait must not ask every minute.
        let pauses = i64::try_from(ahead / QUEUE_STEP + 1).unwrap_or(i64::MAX).min(LONGEST_PAUSE / 60_000);
        self.wait(self.now + pauses * 60_000, None, format!("waits for its turn in the batch, after {ahead} others"));
    }

    fn prechecked(&mut self, findings: Vec<Finding>) {
        let blocking = blocking(&findings);
        self.record.cloud_risks = plan::warnings(&findings).cloned().collect();
        self.note_checks(&blocking, findings);
        if blocking.is_empty() {
            self.enter(Stage::Assess, "checks passed");
        } else {
            self.refuse(blocking);
        }
    }

    /// Before a clone exists a drill changes nothing: what would have to be prepared is prepared on the clone.
    fn assessed(&mut self, findings: Vec<Finding>) {
        let blocking = blocking(&findings);
        let before_clone = self.record.drilling() && self.record.clone.is_none();
        let prepares = self.record.current_hop().is_some_and(|hop| hop.engine.prepares());
        self.note_checks(&blocking, findings);
        let wanted = plan::wanted(&self.record);
        let mut blocks = self.record.findings.iter().filter(|f| f.blocks());
        let mendable = blocks.all(|f| f.remediation.is_some_and(|one| wanted.contains(&one)));
        let digest = plan::digest(&self.record);
        let risky = plan::risks(&self.record).next().is_some() || !plan::mends(&self.record).is_empty();
        let known = self.record.acknowledged.iter().any(|known| known.digest == digest);
        let asks = self.record.policy.acknowledge && self.record.clone.is_none() && risky && !known;
        if !mendable {
            self.refuse(blocking);
        } else if self.record.policy.mode == Mode::Check {
            // The tool looks too, where it has to be brought in for that; what may be mended is only told.
            match prepares && !self.record.prepared {
                true => self.prepare("checks passed so far"),
                false => self.clean_up(Outcome::CheckPassed, "checks passed"),
            }
        } else if before_clone {
            self.enter(Stage::Snapshot, "checks passed");
        } else if asks {
            self.await_acknowledgement(digest);
        } else if !blocking.is_empty() {
            self.prepare("what blocks may be mended");
        } else if prepares && !self.record.prepared {
            self.prepare("checks passed");
        } else if self.record.clone.is_some() {
            self.enter(Stage::Migrate, "checks passed on the clone");
        } else {
            self.enter(Stage::Snapshot, "checks passed");
        }
    }

    /// From here on the guest holds something that must be taken back.
    fn prepare(&mut self, what: &str) {
        self.record.prepared = true;
        self.enter(Stage::Prepare, what);
    }

    fn prepared(&mut self, applied: Vec<Remediation>) {
        let names: Vec<&str> = applied.iter().map(|remediation| remediation.name()).collect();
        let what = match names.as_slice() {
            [] => "prepared".to_owned(),
            some => format!("prepared; mended: {}", some.join(", ")),
        };
        for remediation in applied {
            if !self.record.remediated.contains(&remediation) {
                self.record.remediated.push(remediation);
            }
        }
        self.enter(Stage::Assess, &what);
    }

    fn await_acknowledgement(&mut self, digest: String) {
        let note = format!("waits for a person to acknowledge the risks of plan {digest}");
        let step = self.step(note.clone(), None, Vec::new());
        self.effects.push(Effect::Note(step));
        self.effects.push(Effect::Announce(Notice::Awaiting));
        self.record.awaiting = Some(digest);
        let until = self.record.deadline().unwrap_or(self.now);
        self.wait(until, None, note);
    }

    fn cloned(&mut self, instance_id: String) {
        let what = format!("the clone {instance_id} runs");
        self.effects.push(Effect::Hold(instance_id.clone()));
        self.record.clone = Some(DrillClone { instance_id });
        self.enter(Stage::Assess, &what);
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
            None if complete && self.record.drilling() => {
                self.enter(Stage::Clone, &format!("snapshots of {count} disks are accomplished"));
            }
            None if complete => {
                self.record.touched = true;
                self.enter(Stage::Migrate, &format!("snapshots of {count} disks are accomplished"));
            }
            None if late => self.fail(Stage::Snapshot, overdue(&self.record, Stage::Snapshot)),
            // Snapshots announce their completion; this is for a lost announcement.
            None => self.wait(self.now + 60_000, u8::try_from(percent).ok(), format!("snapshots of {count} disks")),
        }
    }

    fn verified(&mut self, findings: Vec<Finding>, os: String) {
        let bad: Vec<String> = findings.iter().filter(|f| f.blocks()).map(|f| f.found.clone()).collect();
        self.record.findings = findings.clone();
        let what = format!("verified {os}: {} findings, {} block", findings.len(), bad.len());
        self.note_step(what, findings);
        if !bad.is_empty() {
            return self.fail(Stage::Verify, Cause::permanent(Code::VerifyFailed, bad.join("; ")));
        }
        if self.record.clone.is_none() {
            self.record.os_after = Some(os);
        }
        if self.record.hop + 1 < self.record.hops.len() {
            self.enter(Stage::Assess, "this hop is verified, on to the next");
            self.record.hop += 1;
            self.begin_leg();
        } else if self.record.clone.is_some() {
            self.clean_up(Outcome::DrillPassed, "the clone is verified");
        } else {
            self.clean_up(Outcome::Succeeded, "the new system is verified");
        }
    }

    /// Nothing of an earlier hop or run vouches for this one.
    fn begin_leg(&mut self) {
        self.record.prepared = false;
        self.record.remediated.clear();
        self.record.touched = false;
        self.record.disks.clear();
        self.record.disks_back = false;
        self.record.restored = false;
        self.record.tool_started = false;
        self.record.reset_begun = false;
        self.record.awaiting = None;
    }

    fn restored(&mut self, os: String, untouched: bool) {
        if self.record.clone.is_some() {
            return self.clean_up(Outcome::DrillFailed, "the clone could not be migrated");
        }
        self.record.os_after = Some(os);
        // What the tool has left behind short of the point of no return is taken back as what was prepared.
        self.record.prepared |= untouched;
        self.record.restored = true;
        self.record.disks_back |= !untouched;
        let outcome = self.back();
        let what = match outcome {
            Outcome::Cancelled => "cancelled, the old system runs",
            Outcome::Failed => "the point of no return was not reached, no disk was reset",
            _ => "the old system runs again",
        };
        self.clean_up(outcome, what);
    }

    /// How a migration ends whose old system runs.
    fn back(&self) -> Outcome {
        match (self.cancelled(), self.record.disks_back) {
            (true, _) => Outcome::Cancelled,
            (false, false) if self.record.hop == 0 => Outcome::Failed,
            (false, _) => Outcome::RolledBack,
        }
    }

    /// Whether a person's word is why it ends.
    fn cancelled(&self) -> bool {
        self.record.cause.as_ref().is_some_and(|cause| cause.code == Code::Cancelled)
    }

    fn cleaned(&mut self) {
        let passed = self.record.ending == Some(Outcome::DrillPassed);
        if let Some(clone) = self.record.clone.clone() {
            self.effects.push(Effect::Release(clone.instance_id));
            let report = DrillReport {
                passed,
                at: self.now,
                cause: self.record.cause.clone(),
                findings: self.record.findings.clone(),
                timings: self.record.timings.clone(),
            };
            self.record.drill = Some(report);
        }
        self.record.made.clear();
        if passed && self.record.policy.mode == Mode::DrillThenMigrate {
            self.begin_run();
            self.record.hop = 0;
            self.enter(Stage::Precheck, "the drill was clean, now the instance itself");
        } else {
            self.record.unclean = false;
            self.end("cleaned up");
            self.effects.push(Effect::Release(self.record.instance_id.clone()));
        }
    }

    /// Everything from the beginning, under new names.
    fn begin_run(&mut self) {
        self.begin_leg();
        self.record.run += 1;
        self.record.clone = None;
        self.record.acknowledged.clear();
        self.record.cause = None;
        self.record.ending = None;
        self.record.findings.clear();
        self.record.cloud_risks.clear();
        self.record.timings.clear();
    }

    /// Ends it before anything irreversible was done.
    fn give_up(&mut self, cause: Cause, outcome: Outcome) {
        let text = cause.text.clone();
        self.ordinary = false;
        self.record.cause.get_or_insert(cause);
        self.clean_up(outcome, &text);
    }

    /// The stage is given up.
    fn fail(&mut self, stage: Stage, cause: Cause) {
        let gone = cause.code == Code::InstanceGone;
        self.ordinary = false;
        let step = self.step(format!("{} failed", stage.name()), Some(cause.clone()), Vec::new());
        self.effects.push(Effect::Note(step));
        let not_undone =
            stage == Stage::Cleanup && self.record.must_undo() && !gone && !self.record.memo.marks.contains_key(UNDONE);
        self.record.cause.get_or_insert(cause);
        let cloned = self.record.clone.is_some();
        self.record.disks_back |= stage == Stage::Rollback && self.record.memo.marks.contains_key(DISKS_BACK);
        self.record.reset_begun |= stage == Stage::Rollback && self.record.memo.marks.contains_key(RESET_BEGUN);
        let sent = self.record.memo.tool_may_run();
        match stage {
            // No tool can be at work, whatever the guest's silence looks like: nothing has to go back.
            Stage::Migrate if !sent && !cloned && !gone => {
                self.record.touched = false;
                let outcome = if self.cancelled() { Outcome::Cancelled } else { Outcome::Failed };
                self.clean_up(outcome, "the tool was never started");
            }
            // Something of ours is left in the guest, or in the account: a person must look.
            Stage::Cleanup => {
                if not_undone {
                    self.record.ending = Some(Outcome::Stuck);
                }
                self.record.unclean = true;
                self.end("cleaning up was given up; the instance stays locked until it is tried again");
                if gone {
                    self.effects.push(Effect::Release(self.record.instance_id.clone()));
                }
            }
            // The evidence is collected where an instance is taken back.
            Stage::Migrate | Stage::Verify if cloned && !gone => self.enter(Stage::Rollback, "looking at the clone"),
            _ if cloned => self.clean_up(Outcome::DrillFailed, "the drill did not come to its end"),
            Stage::Precheck | Stage::Assess | Stage::Prepare | Stage::Snapshot | Stage::Clone if !gone => {
                self.clean_up(Outcome::Failed, "no package was changed")
            }
            Stage::Migrate | Stage::Verify if !gone => self.enter(Stage::Rollback, "going back"),
            _ => self.clean_up(Outcome::Stuck, "a person must look at the instance"),
        }
    }

    fn retry(&mut self, cause: Cause) {
        self.record.attempt = self.record.attempt.saturating_add(1);
        let pause = (5_000 << self.record.attempt.min(10)).min(LONGEST_PAUSE);
        let exchanged = matches!(self.record.state, State::In(Stage::Migrate | Stage::Verify | Stage::Rollback));
        let away = matches!(cause.code, Code::CloudCall | Code::Forbidden);
        if exchanged && away && self.record.memo.unwatched < OUTAGE {
            self.record.memo.unwatched += pause;
        }
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
        self.time();
        let step = self.step(format!("{what}; {} begins", stage.name()), None, Vec::new());
        self.effects.push(Effect::Note(step));
        self.record.state = State::In(stage);
        self.record.entered_at = self.now;
        self.record.look_at = Some(self.now);
        self.record.attempt = 0;
        self.record.progress = None;
        self.record.note.clear();
        self.record.awaiting = None;
        let memo = std::mem::take(&mut self.record.memo);
        self.record.tool_started |= memo.marks.contains_key(TOOL_STARTED);
        if matches!(stage, Stage::Rollback | Stage::Cleanup) {
            let mut sent: Vec<CommandRef> = memo.commands.into_values().collect();
            sent.sort_by_key(|command| command.sent_at);
            // Earlier ones are over: a stage waits for one before it sends the next.
            let skip = sent.len().saturating_sub(ORPHANS);
            self.record.orphans.extend(sent.into_iter().skip(skip).map(|command| command.invoke_id));
        } else {
            self.record.orphans.clear();
        }
        self.effects.push(Effect::Request(stage));
        self.effects.push(Effect::Announce(Notice::Entered(stage)));
    }

    /// Notes how long the stage took that is left now.
    fn time(&mut self) {
        if let Some(stage) = self.record.stage() {
            let took = self.now - self.record.entered_at;
            let timing = Timing { stage, hop: self.record.hop, took, ordinary: self.ordinary };
            self.record.timings.push(timing);
        }
    }

    fn end(&mut self, what: &str) {
        self.time();
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
        self.effects.push(Effect::Announce(Notice::Ended(outcome)));
    }

    /// What checks found: only this stage's, an earlier one's no longer hold.
    fn note_checks(&mut self, blocking: &str, findings: Vec<Finding>) {
        self.record.findings = findings.clone();
        let what = match blocking {
            "" => format!("{} findings, none blocks", findings.len()),
            some => format!("blocked by {some}"),
        };
        self.note_step(what, findings);
    }

    fn note_step(&mut self, what: String, findings: Vec<Finding>) {
        let step = self.step(what, None, findings);
        self.effects.push(Effect::Note(step));
    }

    fn step(&mut self, what: String, cause: Option<Cause>, findings: Vec<Finding>) -> Step {
        let step = Step {
            seq: self.record.steps,
            at: self.now,
            state: self.record.state,
            what,
            cause,
            findings,
            actor: self.actor.clone(),
            request_id: String::new(),
            exhibits: Vec::new(),
            calls: Vec::new(),
        };
        self.record.steps += 1;
        step
    }
}

/// Ids of what blocks, for a person.
fn blocking(findings: &[Finding]) -> String {
    let ids: Vec<&str> = findings.iter().filter(|f| f.blocks()).map(|f| f.id.as_str()).collect();
    ids.join(", ")
}
