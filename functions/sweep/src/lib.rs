//! Wakes what is due: lost events, passed deadlines, leases of invocations that died, unsent outboxes. The
//! net under everything that is announced; it decides nothing by itself.

use fc_runtime::LambdaEvent;
use jiff::Timestamp;
use migration::{Code, Millis};
use serde_json::{Value, json};
use stage::bus::{Bus, stage_requested};
use stage::records::{Due, Records};
use stage::{Env, StageError, connect, log_error, publish};

/// Runs the function; the timer's event carries nothing that it needs.
pub async fn run() -> Result<(), fc_runtime::Error> {
    stage::serve(async |event: LambdaEvent<Value>| {
        let env = connect(&event.context)?;
        let now = Timestamp::now().as_millisecond();
        let swept = sweep(&env, now).await.map_err(|error| log_error(&event.context.request_id, &error))?;
        Ok(json!({ "woken": swept.woken, "resent": swept.resent, "failed": swept.failed }))
    })
    .await
}

/// What one sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Stages that were woken.
    pub woken: usize,
    /// Outboxes that were sent.
    pub resent: usize,
    /// Rows that could not be handled; each is in the log with its code.
    pub failed: usize,
}

/// Looks at every row that is due. A row that cannot be handled does not stop the others.
pub async fn sweep<C, R: Records, B: Bus>(env: &Env<C, R, B>, now: Millis) -> Result<Swept, StageError> {
    let mut swept = Swept::default();
    for due in env.records.due(now).await? {
        if let Err(error) = wake(env, &due, now, &mut swept).await {
            tracing::error!(migration_id = %due.id, code = %error.code(), error = %error, "cannot be swept");
            swept.failed += 1;
        }
    }
    Ok(swept)
}

async fn wake<C, R: Records, B: Bus>(
    env: &Env<C, R, B>,
    due: &Due,
    now: Millis,
    swept: &mut Swept,
) -> Result<(), StageError> {
    let Some(stored) = env.records.load(&due.id).await? else { return Ok(()) };
    if due.outbox && !stored.outbox.is_empty() {
        publish(env, &due.id, stored.outbox_seq, &stored.outbox).await?;
        swept.resent += 1;
    }
    if let Some(stage) = stored.record.stage() {
        let event = stage_requested(&env.event_bus, format!("{}-sweep-{now}", due.id), &due.id, stage, now);
        let unsent = |source| StageError::Bus { id: due.id.clone(), source };
        env.bus.publish(&[event]).await.map_err(unsent)?;
        tracing::info!(migration_id = %due.id, stage = stage.name(), code = ?None::<Code>, "woken");
        swept.woken += 1;
    }
    Ok(())
}
