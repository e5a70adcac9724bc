//! What the measurements share: rounds in turns, medians with ranges, and goals beside them. Nothing is asserted.

pub mod cas;

use std::fmt;

/// Something that did not go as it should, for a person.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The middle of some figures, with the lowest and the highest.
pub struct Summary {
    median: f64,
    lowest: f64,
    highest: f64,
}

impl Summary {
    /// Of at least one figure.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut figures: Vec<f64> = figures.into_iter().collect();
        figures.sort_by(f64::total_cmp);
        Self { median: figures[figures.len() / 2], lowest: figures[0], highest: figures[figures.len() - 1] }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A padded cell needs the text as a whole.
        let Self { median, lowest, highest } = self;
        let text = match *median {
            high if high >= 1000.0 => format!("{median:.0} ({lowest:.0} to {highest:.0})"),
            _ => format!("{median:.2} ({lowest:.2} to {highest:.2})"),
        };
        f.pad(&text)
    }
}

/// What is to be reached.
pub enum Goal {
    /// This much or more.
    AtLeast(f64),
    /// This much or less.
    AtMost(f64),
    /// Only shown.
    None,
}

/// Two series of one figure, round by round; prints the ratio of `ours` to `theirs` in each round, and the goal.
/// The two of a round were measured within a second or two of each other, so what the machine does meanwhile
/// touches both.
pub fn compare(what: &str, ours: &[f64], theirs: &[f64], goal: Goal) {
    let ratio = Summary::of(ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs));
    let verdict = |met: bool| if met { "met" } else { "missed" };
    let goal = match goal {
        Goal::AtLeast(goal) => format!("goal >= {goal}x: {}", verdict(ratio.median >= goal)),
        Goal::AtMost(goal) => format!("goal <= {goal}x: {}", verdict(ratio.median <= goal)),
        Goal::None => String::new(),
    };
    println!("  {what:<58} {ratio:>24}x   {goal}");
}
