//! What was done to one row and what was answered, and whether one order explains it.
//!
//! The checker is `todc-utils`: Wing and Gong's search with Lowe's memory of what was tried.

use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::{Action, History};
use todc_utils::specifications::Specification;

/// What a row holds; None: there is no row. Every write of a test writes a value of its own.
pub type Value = Option<i64>;

/// An operation on a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Reads it.
    Read,
    /// Puts or deletes it, whatever it is.
    Write(Value),
    /// Puts or deletes it if it is as expected.
    Change {
        /// What is expected.
        expected: Value,
        /// What is written.
        new: Value,
    },
}

/// What became of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was read.
    Found(Value),
    /// It was done.
    Done,
    /// It was refused: the row is not as expected.
    Refused,
    /// Nobody knows whether it was done.
    Unknown,
}

/// One client's view of one operation. The numbers order all beginnings and ends: one clock, one number each.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Before it was sent.
    pub begin: usize,
    /// After it was answered.
    pub end: usize,
    /// What was asked.
    pub operation: Operation,
    /// What was answered.
    pub answer: Answer,
}

/// A row that has no value first.
struct Register;

impl Specification for Register {
    type State = Value;
    type Operation = (Operation, Answer);

    fn init() -> Value {
        None
    }

    fn apply((operation, answer): &Self::Operation, state: &Value) -> (bool, Value) {
        match (operation, answer) {
            (Operation::Read, Answer::Found(found)) => (found == state, *state),
            (Operation::Write(new), Answer::Done | Answer::Unknown) => (true, *new),
            (Operation::Change { expected, new }, Answer::Done) if expected == state => (true, *new),
            (Operation::Change { expected, .. }, Answer::Refused) => (expected != state, *state),
            // Sent, perhaps done, perhaps refused: nobody heard.
            (Operation::Change { expected, new }, Answer::Unknown) => {
                (true, if expected == state { *new } else { *state })
            }
            _ => (false, *state),
        }
    }
}

/// Whether the steps of one row can be put into one order, each between its beginning and its end, in which every
/// answer is right.
pub fn is_linearizable(steps: &[Step]) -> bool {
    // What is unknown may still happen after everything else, which is as good as never.
    let end = |step: &Step| if step.answer == Answer::Unknown { usize::MAX } else { step.end };
    let mut events: Vec<(usize, usize, bool)> = Vec::with_capacity(2 * steps.len());
    for (number, step) in steps.iter().enumerate() {
        events.push((step.begin, number, false));
        events.push((end(step), number, true));
    }
    events.sort_unstable();
    if events.is_empty() {
        return true;
    }
    // Each step is a process of its own: the order is in the events.
    let actions = events.into_iter().map(|(_, number, is_end)| {
        let operation = (steps[number].operation, steps[number].answer);
        (number, if is_end { Action::Response(operation) } else { Action::Call(operation) })
    });
    WGLChecker::<Register>::is_linearizable(History::from_actions(actions.collect()))
}

mod tests {
    use super::Answer::{Done, Found, Refused, Unknown};
    use super::Operation::{Change, Read, Write};
    use super::*;

    /// Steps of `(begin, end, operation, answer)`.
    fn check(steps: &[(usize, usize, Operation, Answer)]) -> bool {
        let step = |&(begin, end, operation, answer): &_| Step { begin, end, operation, answer };
        is_linearizable(&steps.iter().map(step).collect::<Vec<_>>())
    }

    const OPEN: Operation = Change { expected: None, new: Some(1) };

    fn step(expected: i64, new: i64) -> Operation {
        Change { expected: Some(expected), new: Some(new) }
    }

    #[test]
    fn what_one_order_explains_passes() {
        assert!(check(&[]));
        assert!(check(&[(0, 1, Read, Found(None)), (2, 3, OPEN, Done), (4, 5, Read, Found(Some(1)))]));
        // At the same time: either order.
        assert!(check(&[(0, 3, OPEN, Done), (1, 2, Read, Found(None))]));
        assert!(check(&[(0, 3, OPEN, Done), (1, 2, Read, Found(Some(1)))]));
        // Of two at the same time one is refused.
        assert!(check(&[(0, 1, OPEN, Done), (2, 4, step(1, 2), Done), (3, 5, step(1, 3), Refused)]));
        // A deletion, and a beginning anew.
        let delete = Change { expected: Some(1), new: None };
        assert!(check(&[(0, 1, OPEN, Done), (2, 3, delete, Done), (4, 5, OPEN, Done)]));
    }

    #[test]
    fn an_unknown_write_may_have_happened_at_any_later_time_or_never() {
        let unknown = (2, 3, step(1, 2), Unknown);
        let first = (0, 1, OPEN, Done);
        assert!(check(&[first, unknown, (4, 5, Read, Found(Some(1)))]));
        assert!(check(&[first, unknown, (4, 5, Read, Found(Some(2)))]));
        assert!(check(&[first, unknown, (4, 5, Read, Found(Some(1))), (6, 7, Read, Found(Some(2)))]));
        assert!(
            !check(&[first, unknown, (4, 5, Read, Found(Some(2))), (6, 7, Read, Found(Some(1)))]),
            "but not undone"
        );
        assert!(!check(&[first, unknown, (4, 5, Read, Found(Some(3)))]), "and it is no other write");
    }

    #[test]
    fn a_lost_update_is_found() {
        // Both were told that they changed 1.
        assert!(!check(&[(0, 1, OPEN, Done), (2, 4, step(1, 2), Done), (3, 5, step(1, 3), Done)]));
    }

    #[test]
    fn a_lost_acknowledged_write_is_found() {
        assert!(!check(&[(0, 1, OPEN, Done), (2, 3, step(1, 2), Done), (4, 5, Read, Found(Some(1)))]));
        assert!(!check(&[(0, 1, Write(Some(1)), Done), (2, 3, Read, Found(None))]));
    }

    #[test]
    fn a_stale_read_is_found() {
        let change = (2, 7, step(1, 2), Done);
        let (new, old) = ((3, 4, Read, Found(Some(2))), (5, 6, Read, Found(Some(1))));
        assert!(!check(&[(0, 1, OPEN, Done), change, new, old]));
    }

    #[test]
    fn a_refusal_without_a_reason_is_found() {
        assert!(!check(&[(0, 1, OPEN, Done), (2, 3, step(1, 2), Refused)]));
    }
}
