//! What one sees: a line per instance, moving on a terminal, plain when not.

use std::io::IsTerminal;
use std::time::{SystemTime, UNIX_EPOCH};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use migration::{Record, Stage, State, Step};

/// The lines of a fleet.
pub struct Board {
    lines: Vec<Line>,
    plain: bool,
}

struct Line {
    name: &'static str,
    bar: ProgressBar,
    last: String,
}

impl Board {
    /// A line for each name.
    pub fn new(names: impl IntoIterator<Item = &'static str>) -> Self {
        let plain = !std::io::stderr().is_terminal();
        let bars = MultiProgress::new();
        let style = ProgressStyle::with_template("{prefix:10} [{bar:24}] {percent:>3} % {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> ");
        let line = |name| {
            let bar = if plain { ProgressBar::hidden() } else { bars.add(ProgressBar::new(100)) };
            bar.set_style(style.clone());
            bar.set_prefix(name);
            Line { name, bar, last: String::new() }
        };
        Self { lines: names.into_iter().map(line).collect(), plain }
    }

    /// Shows how a migration stands.
    pub fn show(&mut self, index: usize, record: &Record) {
        let line = &mut self.lines[index];
        let (percent, text) = position(record);
        let seconds = elapsed(record);
        line.bar.set_position(percent);
        line.bar.set_message(format!("{seconds:>3} s  {text}"));
        if text == line.last {
            return;
        }
        if self.plain {
            println!("{:10} {percent:>3} % {seconds:>3} s  {text}", line.name);
        }
        line.last = text;
        if record.stage().is_none() {
            line.bar.abandon();
        }
    }
}

/// Seconds since the migration was opened, or that it took.
fn elapsed(record: &Record) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let until = match record.state {
        State::Ended(_) => record.entered_at,
        State::In(_) => i64::try_from(now).unwrap_or(i64::MAX),
    };
    (until - record.created_at) / 1000
}

/// Percent of the whole way, and where it stands.
fn position(record: &Record) -> (u64, String) {
    match record.state {
        State::Ended(outcome) => (100, format!("{outcome:?}")),
        State::In(stage) => {
            let (from, to) = share(stage);
            let within = u64::from(record.progress.unwrap_or(0).min(100));
            let note = if record.note.is_empty() { String::new() } else { format!(": {}", record.note) };
            (from + (to - from) * within / 100, format!("{}{note}", stage.name()))
        }
    }
}

/// The part of the whole way that a stage is, by the time it usually takes.
fn share(stage: Stage) -> (u64, u64) {
    match stage {
        Stage::Precheck => (0, 5),
        Stage::Assess | Stage::Prepare => (5, 20),
        Stage::Snapshot | Stage::Clone => (20, 30),
        Stage::Migrate => (30, 85),
        Stage::Verify | Stage::Rollback => (85, 98),
        Stage::Cleanup => (98, 100),
    }
}

/// Seconds that each stage took, by its name, from a history.
pub fn durations(history: &[Step]) -> Vec<(&'static str, f64)> {
    let mut stages: Vec<(&'static str, f64)> = Vec::new();
    for (step, next) in history.iter().zip(&history[1.min(history.len())..]) {
        // A step carries the state that it was taken in: the time until it is that state's.
        let State::In(stage) = next.state else { continue };
        let seconds = (next.at - step.at) as f64 / 1000.0;
        match stages.iter_mut().find(|(name, _)| *name == stage.name()) {
            Some((_, sum)) => *sum += seconds,
            None => stages.push((stage.name(), seconds)),
        }
    }
    stages
}
