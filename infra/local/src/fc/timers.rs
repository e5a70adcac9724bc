//! Timer triggers.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::FunctionCompute;
use super::triggers::TimerTrigger;

impl FunctionCompute {
    /// One task for every timer that is enabled.
    pub(super) fn start_timers(self: &Arc<Self>) {
        for function in &self.s_yaml.functions {
            for timer in function.timers() {
                let (function, timer) = (function.name.clone(), timer.clone());
                tokio::spawn(self.clone().until_stopped(async move |this| this.run_timer(&function, &timer).await));
            }
        }
    }

    /// Fires until there is no next time. A firing that was missed, because the cloud or the whole
    /// machine stood still, is not made up for.
    async fn run_timer(self: &Arc<Self>, function: &str, timer: &TimerTrigger) {
        let mut last = (self.clock)();
        while let Some(at) = timer.schedule.next(last, self.config.timer_cap) {
            let wait = at - (self.clock)();
            tokio::time::sleep(Duration::from_millis(wait.max(0).unsigned_abs())).await;
            let event = timer_event(timer, at);
            if let Err(error) = self.submit_after(function, event.as_bytes(), Duration::ZERO) {
                tracing::error!(function, timer = timer.name, %error, "timer did not fire");
            }
            last = at.max((self.clock)());
        }
    }
}

/// The event of a timer trigger (FC docs, timer triggers): the time is UTC, in whole seconds.
fn timer_event(timer: &TimerTrigger, at_ms: i64) -> String {
    let at = jiff::Timestamp::from_second(at_ms.div_euclid(1000)).unwrap_or_default();
    json!({ "triggerTime": at.to_string(), "triggerName": timer.name, "payload": timer.payload }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fc::triggers::Schedule;

    #[test]
    fn the_event_is_the_documented_one() {
        let schedule = Schedule::parse("@every 5m").unwrap();
        let timer = TimerTrigger { name: "t".into(), schedule, payload: "p".into(), enabled: true };
        let event: serde_json::Value = serde_json::from_str(&timer_event(&timer, 1_659_060_178_999)).unwrap();
        assert_eq!(event, json!({ "triggerTime": "2022-07-29T02:02:58Z", "triggerName": "t", "payload": "p" }));
    }
}
