//! Which migrations a list holds.

use std::collections::BTreeMap;

use migration::{Outcome, Record, Stage, State};
use serde::Serialize;
use serde_json::Value;

use crate::answer::Refusal;
use crate::instances::check_ids;

/// What a request for a list says of them; what it does not say may be as it is.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Filter {
    instance: Option<String>,
    stage: Option<Stage>,
    outcome: Option<Outcome>,
    awaiting: Option<bool>,
    unclean: Option<bool>,
}

impl Filter {
    /// The parameters that say something of migrations.
    pub const NAMES: [&str; 5] = ["instance", "stage", "outcome", "awaiting", "unclean"];

    /// Reads them; names are those that the lists themselves hold.
    pub fn read(query: &BTreeMap<String, String>) -> Result<Self, Refusal> {
        let instance = query.get("instance").cloned();
        if let Some(instance) = &instance {
            check_ids([instance.as_str()].into_iter())?;
        }
        Ok(Self {
            instance,
            stage: one_of(query, "stage", &Stage::ALL)?,
            outcome: one_of(query, "outcome", &Outcome::ALL)?,
            awaiting: yes(query, "awaiting")?,
            unclean: yes(query, "unclean")?,
        })
    }

    /// Whether it lets everything through.
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a migration is one of them.
    pub fn holds(&self, record: &Record) -> bool {
        let Self { instance, stage, outcome, awaiting, unclean } = self;
        instance.as_ref().is_none_or(|instance| *instance == record.instance_id)
            && stage.is_none_or(|stage| record.state == State::In(stage))
            && outcome.is_none_or(|outcome| record.state == State::Ended(outcome))
            && awaiting.is_none_or(|awaiting| awaiting == record.awaiting.is_some())
            && unclean.is_none_or(|unclean| unclean == record.unclean)
    }
}

fn one_of<T: Copy + Serialize>(query: &BTreeMap<String, String>, name: &str, all: &[T]) -> Result<Option<T>, Refusal> {
    let Some(text) = query.get(name) else { return Ok(None) };
    let written = |one: &T| match serde_json::to_value(one) {
        Ok(Value::String(written)) => written,
        _ => String::new(),
    };
    match all.iter().find(|one| written(one) == *text) {
        Some(one) => Ok(Some(*one)),
        None => {
            let names: Vec<String> = all.iter().map(written).collect();
            Err(Refusal::Bad(format!("{name} {text:?} is none of {}", names.join(", "))))
        }
    }
}

fn yes(query: &BTreeMap<String, String>, name: &str) -> Result<Option<bool>, Refusal> {
    match query.get(name).map(String::as_str) {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(text) => Err(Refusal::Bad(format!("{name} {text:?} is neither true nor false"))),
    }
}
