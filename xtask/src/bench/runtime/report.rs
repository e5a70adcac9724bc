//! Medians, ranges, ratios and goals.

use crate::package::MOST_BYTES;

/// One figure of one peer, a value for each round.
pub struct Series {
    name: String,
    values: Vec<f64>,
}

/// What a ratio should be.
#[derive(Clone, Copy)]
pub enum Goal {
    /// Not more than this.
    AtMost(f64),
    /// Not less than this.
    AtLeast(f64),
}

impl Series {
    /// Without values yet.
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), values: Vec::new() }
    }

    /// The next round's value.
    pub fn push(&mut self, value: f64) {
        self.values.push(value);
    }

    /// The same, with every value changed.
    pub fn map(&self, change: impl Fn(f64) -> f64) -> Self {
        Self { name: self.name.clone(), values: self.values.iter().map(|value| change(*value)).collect() }
    }

    /// Prints the median and the range, with so many decimals.
    pub fn print(&self, decimals: usize) {
        let (low, median, high) = spread(&self.values);
        println!("  {:<44} {median:>9.decimals$} ({low:.decimals$} to {high:.decimals$})", self.name);
    }
}

/// Lowest, median and highest.
fn spread(values: &[f64]) -> (f64, f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    (at(0), at(sorted.len() / 2), at(sorted.len().saturating_sub(1)))
}

/// Prints what follows.
pub fn heading(what: &str, rounds: usize) {
    println!("\n{what}: median (lowest to highest) of {rounds} rounds");
}

/// Prints the median of the rounds' ratios, and whether it is as it should be.
pub fn goal(of: &Series, to: &Series, goal: Goal) {
    let ratios: Vec<f64> = of.values.iter().zip(&to.values).map(|(of, to)| of / to).collect();
    let (low, median, high) = spread(&ratios);
    let (word, limit, miss) = match goal {
        Goal::AtMost(limit) => ("at most", limit, median - limit),
        Goal::AtLeast(limit) => ("at least", limit, limit - median),
    };
    let verdict = if miss <= 0.0 { "met".to_owned() } else { format!("missed by {miss:.2}x") };
    // Where others use the machine too, the best rounds were disturbed least.
    let best = match goal {
        Goal::AtMost(_) => spread(&of.values).0 / spread(&to.values).0,
        Goal::AtLeast(_) => spread(&of.values).2 / spread(&to.values).2,
    };
    println!(
        "  => {} is {median:.2}x ({low:.2} to {high:.2}; best to best {best:.2}) of {}; goal {word} {limit}x: {verdict}",
        of.name, to.name
    );
}

/// Prints by how much the median grew, and whether that is little enough.
pub fn growth(later: &Series, first: &Series, limit: f64) {
    let grown = spread(&later.values).1 - spread(&first.values).1;
    let verdict = if grown <= limit { "met".to_owned() } else { format!("missed by {:.0}", grown - limit) };
    println!("  => {} grew by {grown:.0}; goal at most {limit:.0}: {verdict}", first.name);
}

/// Prints whether the median is low enough.
pub fn limit(of: &Series, limit: f64) {
    let median = spread(&of.values).1;
    let verdict = if median <= limit { "met".to_owned() } else { format!("missed by {:.0}", median - limit) };
    println!("  => {}: {median:.0}; goal at most {limit:.0}: {verdict}", of.name);
}

/// Prints a size in bytes, and whether it is small enough.
pub fn size(what: &str, bytes: u64) {
    let verdict = match bytes.checked_sub(MOST_BYTES) {
        None | Some(0) => "met".to_owned(),
        Some(more) => format!("missed by {more}"),
    };
    println!("\n{what}: {bytes} bytes; goal at most {MOST_BYTES}: {verdict}");
}
