//! Faults on request, for tests: one call of one function goes wrong in one chosen way. Rules live
//! in memory and fire once.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::credentials::{Identity, Who};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The calling process is killed, and nothing is done.
    KillCallerBefore,
    /// It is done, and the calling process is killed before it hears of it.
    KillCallerAfter,
    /// This cloud is killed (SIGKILL), and nothing is done.
    KillCloudBefore,
    /// It is done, and this cloud is killed (SIGKILL) before it answers.
    KillCloudAfter,
    /// Nothing is done; the service says that it was called too often.
    Throttle,
    /// Nothing is done; the service says that it failed.
    Error500,
    /// It is done, and the connection closes without an answer: what a timeout leaves behind,
    /// without the wait.
    LoseAnswer,
}

/// Which call goes wrong, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultRule {
    /// Function that calls; None is anyone.
    #[serde(default)]
    pub caller: Option<String>,
    /// `ecs`, `sts`, `ots`, `eventbridge` or `fc`.
    pub service: String,
    /// Operation: `ResetDisk`, `UpdateRow`, `PutEvents`.
    pub action: String,
    /// Lets that many calls pass first.
    #[serde(default)]
    pub skip: u32,
    /// What goes wrong then.
    pub fault: Fault,
}

/// A rule that fired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fired {
    /// The rule, as it was added.
    pub rule: FaultRule,
    /// Who called.
    pub who: Who,
}

/// Kills the process of a function, by its instance id.
pub type KillCaller = Box<dyn Fn(&str) + Send + Sync>;
/// Kills this process.
pub type KillCloud = Box<dyn Fn() + Send + Sync>;

/// The rules.
pub struct Chaos {
    rules: Mutex<Rules>,
    kill_caller: KillCaller,
    kill_cloud: KillCloud,
}

#[derive(Default)]
struct Rules {
    /// With how many calls it has let pass.
    pending: Vec<(FaultRule, u32)>,
    fired: Vec<Fired>,
}

impl Chaos {
    /// No rules yet. `kill_caller` is Function Compute's.
    pub fn new(kill_caller: KillCaller) -> Self {
        Self::with_killers(kill_caller, Box::new(kill_this_process))
    }

    /// As [`new`](Self::new), killing the cloud in another way: for tests.
    pub fn with_killers(kill_caller: KillCaller, kill_cloud: KillCloud) -> Self {
        Self { rules: Mutex::default(), kill_caller, kill_cloud }
    }

    /// Adds a rule.
    pub fn add(&self, rule: FaultRule) {
        self.rules().pending.push((rule, 0));
    }

    /// Forgets every rule, those that fired included.
    pub fn clear(&self) {
        *self.rules() = Rules::default();
    }

    /// Rules that have not fired.
    pub fn pending(&self) -> Vec<FaultRule> {
        self.rules().pending.iter().map(|(rule, _)| rule.clone()).collect()
    }

    /// Rules that fired, in that order.
    pub fn fired(&self) -> Vec<Fired> {
        self.rules().fired.clone()
    }

    /// Whether any rule waits for calls of `service`.
    pub fn watches(&self, service: &str) -> bool {
        self.rules().pending.iter().any(|(rule, _)| rule.service == service)
    }

    /// Notes a call, and answers what must go wrong with it. Every rule for such calls counts it; of
    /// those whose turn it is, the oldest fires.
    pub fn strike(&self, who: &Who, service: &str, action: &str) -> Option<Fault> {
        let mut rules = self.rules();
        let mut firing = None;
        for (position, (rule, passed)) in rules.pending.iter_mut().enumerate() {
            if !is_for(rule, who, service, action) {
                continue;
            }
            if *passed < rule.skip {
                *passed += 1;
            } else if firing.is_none() {
                firing = Some(position);
            }
        }
        let (rule, _) = rules.pending.remove(firing?);
        tracing::warn!(fault = ?rule.fault, service, action, ?who, "fault injected");
        let fault = rule.fault;
        rules.fired.push(Fired { rule, who: who.clone() });
        Some(fault)
    }

    /// Kills the process that called, if it is one.
    pub fn kill_caller(&self, caller: &Identity) {
        if let Who::Function { instance, .. } = &caller.who {
            (self.kill_caller)(instance);
        }
    }

    /// Kills this cloud.
    pub fn kill_cloud(&self) {
        (self.kill_cloud)();
    }

    fn rules(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_for(rule: &FaultRule, who: &Who, service: &str, action: &str) -> bool {
    let by_caller = match (&rule.caller, who) {
        (None, _) => true,
        (Some(caller), Who::Function { name, .. }) => caller == name,
        (Some(_), Who::Operator) => false,
    };
    by_caller && rule.service == service && rule.action == action
}

/// As abruptly as a power cut: nothing is flushed, nothing is said.
fn kill_this_process() {
    let killed = nix::sys::signal::kill(nix::unistd::Pid::this(), nix::sys::signal::Signal::SIGKILL);
    // Only if the system forbade a process to kill itself.
    killed.expect("SIGKILL to this process");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(caller: Option<&str>, skip: u32, fault: Fault) -> FaultRule {
        FaultRule { caller: caller.map(Into::into), service: "ecs".into(), action: "ResetDisk".into(), skip, fault }
    }

    fn function(name: &str) -> Who {
        Who::Function { name: name.into(), instance: format!("c-{name}") }
    }

    fn chaos() -> Chaos {
        Chaos::with_killers(Box::new(|_| {}), Box::new(|| {}))
    }

    #[test]
    fn a_rule_fires_once_and_only_for_its_calls() {
        let chaos = chaos();
        chaos.add(rule(Some("rollback"), 0, Fault::Throttle));
        assert_eq!(chaos.strike(&function("rollback"), "ecs", "StopInstance"), None);
        assert_eq!(chaos.strike(&function("rollback"), "ots", "ResetDisk"), None);
        assert_eq!(chaos.strike(&function("migrate"), "ecs", "ResetDisk"), None);
        assert_eq!(chaos.strike(&Who::Operator, "ecs", "ResetDisk"), None);
        assert_eq!(chaos.strike(&function("rollback"), "ecs", "ResetDisk"), Some(Fault::Throttle));
        assert_eq!(chaos.strike(&function("rollback"), "ecs", "ResetDisk"), None);
        assert_eq!(chaos.pending(), []);
        assert_eq!(chaos.fired()[0].who, function("rollback"));
        chaos.clear();
        assert_eq!(chaos.fired(), []);
    }

    #[test]
    fn calls_pass_first_and_rules_take_turns() {
        let chaos = chaos();
        chaos.add(rule(None, 1, Fault::Error500));
        chaos.add(rule(None, 0, Fault::LoseAnswer));
        chaos.add(rule(None, 0, Fault::Throttle));
        let strikes: Vec<_> = (0..4).map(|_| chaos.strike(&Who::Operator, "ecs", "ResetDisk")).collect();
        assert_eq!(strikes, [Some(Fault::LoseAnswer), Some(Fault::Error500), Some(Fault::Throttle), None]);
    }

    #[test]
    fn only_processes_are_killed() {
        let (sent, killed) = std::sync::mpsc::channel();
        let chaos = Chaos::with_killers(Box::new(move |id| sent.send(id.to_owned()).unwrap()), Box::new(|| {}));
        let identity = |who| Identity {
            access_key_id: "ak".into(),
            access_key_secret: "sk".into(),
            security_token: None,
            who,
            policy: None,
        };
        chaos.kill_caller(&identity(Who::Operator));
        chaos.kill_caller(&identity(function("migrate")));
        assert_eq!(killed.try_iter().collect::<Vec<_>>(), ["c-migrate"]);
    }

    #[test]
    fn a_rule_is_read_from_what_an_operator_writes() {
        let rule: FaultRule =
            serde_json::from_str(r#"{"service":"ecs","action":"ResetDisk","fault":"kill_caller_after"}"#).unwrap();
        assert_eq!(rule, FaultRule { fault: Fault::KillCallerAfter, ..self::rule(None, 0, Fault::Throttle) });
    }
}
