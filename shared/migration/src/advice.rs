//! What a person should do about a migration, or keep from doing meanwhile.

use crate::policy::Mode;
use crate::record::{Outcome, Record, Stage, State};

/// One or two sentences; true of the record as it stands.
pub fn advice(record: &Record) -> String {
    if record.awaiting.is_some() {
        return "read the risks of the plan and acknowledge them, or cancel".into();
    }
    match record.state {
        State::In(stage) => under_way(record, stage),
        State::Ended(outcome) => over(record, outcome),
    }
}

fn under_way(record: &Record, stage: Stage) -> String {
    if let Some(clone) = &record.clone {
        return format!(
            "leave the clone {} alone; the instance itself is not touched and may be used as always",
            clone.instance_id
        );
    }
    let text = match stage {
        Stage::Precheck | Stage::Assess if record.prepared => {
            "do not install or remove packages: what the migration needs was brought in"
        }
        Stage::Precheck | Stage::Assess if record.hop > 0 => {
            "the instance may be used; it runs a release on the way, more is to come"
        }
        Stage::Precheck | Stage::Assess => "nothing is changed yet; the instance may be used as always",
        Stage::Prepare => "do not install or remove packages, and do not touch disks that osferry attached",
        Stage::Snapshot => "do not attach or detach disks, and create no snapshots; the instance may be used",
        Stage::Clone => "the instance itself is not touched and may be used as always",
        Stage::Migrate => {
            "do not reboot, stop or reset the instance, also when it does not answer for a long time: the upgrade may \
             run without network"
        }
        Stage::Verify => "do not change anything on the instance: what is different now counts as damage",
        Stage::Rollback => "leave the instance alone: its disks are going back, what is written now is lost",
        Stage::Cleanup if record.must_undo() => {
            "do not install or remove packages: what was prepared is being taken back"
        }
        Stage::Cleanup => "nothing to keep from",
    };
    text.into()
}

/// Findings about what the instance runs and where it is to go.
const REOPENED: [&str; 4] = ["cloud.path", "cloud.os", "guest.os", "guest.minor-release"];

fn over(record: &Record, outcome: Outcome) -> String {
    // A chain that ended on its way has left the instance on a release between.
    let now = match (&record.os_after, record.current_hop()) {
        (Some(os), _) if record.hop > 0 => format!("the instance runs {os}; "),
        (None, Some(hop)) if record.hop > 0 => format!("the instance runs {}; ", hop.from),
        _ => String::new(),
    };
    if record.unclean {
        return format!(
            "{now}cleaning up was given up: the instance stays locked, and a media disk, a clone or a setting of ours may \
             be left. Mend what the end of the history names, then retry: only the cleanup is tried again"
        );
    }
    match outcome {
        Outcome::Succeeded => format!(
            "the snapshots are kept for {} days: until then a rollback is possible, at the price of what was written \
             since",
            record.policy.kept_days()
        ),
        // What was read at the opening is not read again by a retry.
        Outcome::Refused if record.findings.iter().any(|f| f.blocks() && REOPENED.contains(&f.id.as_str())) => {
            format!("{now}do what the remedies of the findings say, then ask for a new migration")
        }
        Outcome::Refused => format!("{now}do what the remedies of the findings say, then retry"),
        Outcome::Failed if record.hop > 0 => {
            format!("{now}mend what the cause names, then retry: it goes on from there")
        }
        Outcome::Failed => "no package was exchanged: mend what the cause names, then retry".into(),
        Outcome::RolledBack => format!(
            "{}read cause and evidence, try a drill once it is mended, then retry",
            if now.is_empty() { "the old system runs: " } else { &now }
        ),
        Outcome::Cancelled => {
            format!("{}retry when the time has come", if now.is_empty() { "the old system runs; " } else { &now })
        }
        Outcome::Stuck => {
            "a person must look at the instance; its snapshots are kept. Mend what the cause names, then retry".into()
        }
        Outcome::DrillPassed if record.policy.mode == Mode::Drill => {
            "the drill went well: migrate the instance itself".into()
        }
        Outcome::DrillPassed => "the drill went well".into(),
        Outcome::CheckPassed => {
            "nothing stands against the first hop: migrate the instance, or hold a drill first".into()
        }
        Outcome::DrillFailed => "the instance was not touched: mend what the drill's cause names, then retry".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Finding;
    use crate::id::MigrationId;
    use crate::os::{Family, Os, System};
    use crate::path::{Grants, route};
    use crate::policy::Policy;
    use crate::record::DrillClone;

    fn record(state: State) -> Record {
        let debian = |release| Os::new(Family::Debian, release);
        let hops = route(&System::of(debian(11)), Some(&debian(13)), &Grants::default()).unwrap();
        let id = MigrationId::from_bytes([1; 10]);
        Record { state, ..Record::new(id, "i-1".into(), Policy::default(), hops, 0) }
    }

    #[test]
    fn it_is_true_of_where_the_migration_stands() {
        let stage = |stage| record(State::In(stage));
        let ended = |outcome| record(State::Ended(outcome));
        let drill = |record: Record| Record { clone: Some(DrillClone { instance_id: "i-c".into() }), ..record };
        let prepared = |record: Record| Record { prepared: true, ..record };
        let second = |record: Record| Record { hop: 1, os_after: Some("Debian 12".into()), ..record };
        for (record, says, not) in [
            (stage(Stage::Assess), "nothing is changed", "packages"),
            (prepared(stage(Stage::Assess)), "was brought in", "nothing is changed"),
            (second(stage(Stage::Assess)), "on the way", "nothing is changed"),
            (stage(Stage::Rollback), "what is written now is lost", "clone"),
            (drill(stage(Stage::Rollback)), "not touched", "lost"),
            (drill(stage(Stage::Migrate)), "not touched", "reboot"),
            (drill(stage(Stage::Verify)), "not touched", "damage"),
            (stage(Stage::Cleanup), "nothing to keep from", "packages"),
            (
                Record { ending: Some(Outcome::Failed), ..prepared(stage(Stage::Cleanup)) },
                "being taken back",
                "nothing",
            ),
            (ended(Outcome::Failed), "no package was exchanged", "Debian"),
            (second(ended(Outcome::Failed)), "the instance runs Debian 12", "no package"),
            (second(ended(Outcome::RolledBack)), "the instance runs Debian 12", "old system"),
            (second(ended(Outcome::Cancelled)), "the instance runs Debian 12", "old system"),
            (second(ended(Outcome::Refused)), "the instance runs Debian 12", "old system"),
            (Record { os_after: None, ..second(ended(Outcome::Refused)) }, "the instance runs Debian 12", "old system"),
            (ended(Outcome::RolledBack), "the old system runs", "Debian"),
            (ended(Outcome::Cancelled), "the old system runs", "Debian"),
            (ended(Outcome::Succeeded), "a rollback is possible", "retry"),
            (ended(Outcome::Stuck), "a person must look", "nothing"),
            (ended(Outcome::DrillFailed), "not touched", "lost"),
            (ended(Outcome::CheckPassed), "migrate the instance", "retry"),
            (Record { unclean: true, ..ended(Outcome::Succeeded) }, "stays locked", "a rollback is possible"),
            (
                Record { findings: vec![Finding::block("guest.os", "", "")], ..ended(Outcome::Refused) },
                "ask for a new migration",
                "retry",
            ),
        ] {
            let told = advice(&record);
            assert!(told.contains(says) && !told.contains(not), "{:?}: {told}", record.state);
        }
        for state in Stage::ALL.map(State::In).into_iter().chain(Outcome::ALL.map(State::Ended)) {
            assert!(!advice(&record(state)).is_empty());
        }
    }
}
