//! Events that make no sense, rows of another version, tags with nonsense, an instance that is gone: each is
//! told by its code, in the function's answer, in its log and, where there is one, in the record; and
//! nothing else changes.

mod common;

use std::time::Duration;

use common::*;
use migration::{Code, MigrationId, Outcome, Record, Stage};
use openapi::ecs::DescribeInstances;
use openapi::fc;
use rig::{Error, Rig, wait_for};
use serde_json::{Value, json};
use stage::records::{HISTORY, LOCKS, MIGRATIONS};
use tablestore::{GetRange, GetRow, Key, PrimaryKey, PutRow, Row};

/// A migration that is over: what bad input must not touch.
async fn a_refused_migration(rig: &mut Rig) -> Result<Record, Error> {
    let id = rig.create_instance("legacy-1", FULL_BOOT, 0).await?;
    rig.tag(&id, &[OPT_IN]).await?;
    rig.detect().await?;
    let record = rig.outcome(&id, LIMIT).await?;
    ended(rig, &record, Outcome::Refused).await?;
    // What follows from the end has left too: from now on nothing moves by itself.
    let quiet = async || rows(rig).await.ok()?.iter().all(|row| row.get_str("outbox").is_none()).then_some(());
    wait_for("the last outbox to leave", LIMIT, quiet).await?;
    Ok(record)
}

/// Every row of every table.
async fn rows(rig: &Rig) -> Result<Vec<Row>, Error> {
    let tablestore = &rig.operator.tablestore;
    let all = |table: &'static str, keys: &[&'static str]| {
        let end = |key: Key| {
            let rest = keys[1..].iter();
            rest.fold(PrimaryKey::new(keys[0], key.clone()), |end, name| end.and(*name, key.clone()))
        };
        GetRange::forward(table, end(Key::Min), end(Key::Max))
    };
    let mut rows = tablestore.get_range_all(all(MIGRATIONS, &["migration_id"])).await?;
    rows.extend(tablestore.get_range_all(all(HISTORY, &["migration_id", "seq"])).await?);
    rows.extend(tablestore.get_range_all(all(LOCKS, &["instance_id"])).await?);
    Ok(rows)
}

/// The function says `code`, in its answer and in its log.
fn refused(rig: &Rig, function: &str, answer: &fc::Invocation, code: Code) -> Result<(), Error> {
    let told = String::from_utf8_lossy(&answer.payload);
    assert!(answer.error_type.is_some(), "{function} answered well: {told}");
    let body: Value = serde_json::from_slice(&answer.payload)?;
    let message = body["errorMessage"].as_str().ok_or("no errorMessage")?;
    assert!(message.starts_with(code.as_str()), "{function}: {message}");
    let log = function_log(rig, function)?;
    let logged = |line: &&Value| {
        line["level"] == "ERROR" && line["code"] == code.as_str() && line["span"]["requestId"] == answer.request_id
    };
    assert_eq!(log.iter().filter(logged).count(), 1, "{function} logged {code} once: {log:?}");
    Ok(())
}

#[tokio::test]
async fn events_that_make_no_sense_are_refused_with_a_code() -> Result<(), Error> {
    let mut world = World::start(&[]).await?;
    let rig = &mut world.rig;
    let record = a_refused_migration(rig).await?;
    let before = (rows(rig).await?, rig.tags(&record.instance_id).await?);

    let event = |kind: &str, data: Value| {
        let source = if kind.starts_with("osferry") { "osferry" } else { "acs.ecs" };
        json!({ "id": "e-1", "source": source, "type": kind, "specversion": "1.0", "data": data }).to_string()
    };
    let requested = "osferry:Stage:Requested";
    let unknown = MigrationId::from_bytes([7; 10]);
    let events = [
        ("{".to_owned(), Code::MalformedEvent),
        (String::new(), Code::MalformedEvent),
        ("7".to_owned(), Code::MalformedEvent),
        (json!({ "hello": "world" }).to_string(), Code::MalformedEvent),
        (event("ecs:Instance:Sang", json!({ "resourceId": record.instance_id })), Code::MalformedEvent),
        (event("ecs:Snapshot:CreateSnapshotCompleted", json!({})), Code::MalformedEvent),
        (event(requested, json!({ "migrationId": "m-1; reboot" })), Code::MalformedEvent),
        (event(requested, json!({ "migrationId": unknown, "stage": "rollback" })), Code::UnknownMigration),
    ];
    for stage in Stage::ALL {
        let function = format!("osferry-{}", stage.name());
        for (event, code) in &events {
            refused(rig, &function, &invoke(rig, &function, event.as_bytes()).await?, *code)?;
        }
    }
    for payload in [&b"\"what?\""[..], b"what?"] {
        let answer = invoke(rig, "osferry-detect", payload).await?;
        refused(rig, "osferry-detect", &answer, Code::MalformedEvent)?;
    }

    assert_eq!((rows(rig).await?, rig.tags(&record.instance_id).await?), before);
    assert_eq!(rig.snapshots(&record.instance_id).await?.len(), 0);
    no_dead_letters(rig).await?;
    world.end()
}

#[tokio::test]
async fn a_row_of_a_newer_version_is_left_alone() -> Result<(), Error> {
    let mut world = World::start(&[]).await?;
    let rig = &mut world.rig;
    let record = a_refused_migration(rig).await?;
    // As a newer version might have written it, and due.
    let id = MigrationId::from_bytes([9; 10]);
    let mut newer: Value = serde_json::from_str(&record.to_json())?;
    newer["schema"] = json!(99);
    newer["id"] = json!(id);
    newer["state"] = json!({ "In": "migrate" });
    let key = PrimaryKey::new("migration_id", id.as_str());
    let row = PutRow::new(MIGRATIONS, key.clone())
        .column("record", newer.to_string())
        .column("version", 1)
        .column("poke", 0)
        .column("outbox_seq", 1)
        .column("look_at", 1);
    rig.operator.tablestore.put_row(&row).await?;
    let before = rows(rig).await?;
    assert!(rig.operator.tablestore.get_row(&GetRow::new(MIGRATIONS, key)).await?.is_some());

    let answer = wake(rig, Stage::Migrate, &id).await?;
    refused(rig, "osferry-migrate", &answer, Code::NewerSchema)?;
    let swept = invoke(rig, "osferry-sweep", b"{}").await?;
    let answer: Value = serde_json::from_slice(&swept.payload)?;
    assert_eq!(answer, json!({ "woken": 0, "resent": 0, "answered": 0, "failed": 1 }));
    let log = function_log(rig, "osferry-sweep")?;
    let told = |line: &&Value| line["code"] == "OSF-E003" && line["migration_id"] == id.as_str();
    assert!(log.iter().any(|line| told(&line)), "{log:?}");
    assert_eq!(rows(rig).await?, before);
    world.end()
}

#[tokio::test]
async fn an_instance_deleted_in_the_middle_needs_a_person() -> Result<(), Error> {
    let mut world = World::start(&[]).await?;
    let rig = &mut world.rig;
    let id = rig.create_instance("web-1", VENDOR_AGENT, 1).await?;
    rig.tag(&id, &[OPT_IN]).await?;
    rig.detect().await?;
    let rebuilding = on_system_disk(rig, &id, REBUILDING).await?;
    wait_for("the middle of the transaction", LIMIT, async || rebuilding.exists().then_some(())).await?;
    rig.operator.command("delete-instance", &json!({ "instanceId": id })).await?;
    let request = DescribeInstances { instance_ids: vec![id.clone()], ..DescribeInstances::default() };
    wait_for("the instance to go", Duration::from_secs(30), async || {
        rig.operator.ecs.describe_instances(&request).await.is_ok_and(|page| page.items.is_empty()).then_some(())
    })
    .await?;
    // The sweep would look within a minute or so.
    let migration = rig.records().await?.remove(0).id;
    wake(rig, Stage::Migrate, &migration).await?;
    let record = rig.outcome(&id, LIMIT).await?;

    ended(rig, &record, Outcome::Stuck).await?;
    let cause = record.cause.clone().unwrap();
    assert_eq!(cause.code, Code::InstanceGone);
    assert!(cause.text.contains(&id), "it says which: {cause:?}");
    let history = rig.history(&record.id).await?;
    assert_eq!(history.iter().filter(|step| step.cause.as_ref() == Some(&cause)).count(), 1);
    let log = function_log(rig, "osferry-migrate")?;
    let told = |line: &&Value| line["code"] == "OSF-C002" && line["migration_id"] == record.id.as_str();
    assert!(log.iter().any(|line| told(&line)), "{log:?}");
    for disk in &record.disks {
        let snapshot = disk.snapshot_id.as_ref().ok_or("no snapshot")?;
        assert!(rig.state_dir().join("snapshots").join(snapshot).is_dir(), "the only way back is kept");
    }
    no_dead_letters(rig).await?;
    world.end()
}

#[tokio::test]
async fn a_tag_with_nonsense_opens_nothing_and_is_told() -> Result<(), Error> {
    let world = World::start(&[]).await?;
    let rig = &world.rig;
    let id = rig.create_instance("web-1", CENTOS, 0).await?;
    rig.tag(&id, &[OPT_IN, ("osferry:retention-days", "often")]).await?;
    let before = rig.tags(&id).await?;

    let seen = rig.detect().await?;
    assert_eq!((&seen["seen"], &seen["opened"]), (&json!(1), &json!([])), "{seen}");
    let problem = seen["problems"][0].as_str().ok_or("no problem is told")?;
    for part in [id.as_str(), "osferry:retention-days", "often"] {
        assert!(problem.contains(part), "{problem}");
    }
    let log = function_log(rig, "osferry-detect")?;
    assert!(log.iter().any(|line| line["level"] == "WARN" && line["instance_id"] == id.as_str()), "{log:?}");
    assert_eq!(rows(rig).await?, []);
    assert_eq!(rig.tags(&id).await?, before);
    world.end()
}
