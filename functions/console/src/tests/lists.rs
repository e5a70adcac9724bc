use migration::BatchRef;
use stage::records::Member;

use super::*;

#[tokio::test]
async fn the_history_can_be_kept() {
    let world = world(&[]);
    let (_, body) = ann(&world, "POST", "/migrations", json!({ "instances": ["i-1"] })).await;
    let id = body["opened"][0]["migrationId"].as_str().unwrap().to_owned();
    let answer = ask(&world, "GET", &format!("/migrations/{id}/history"), "", "secret").await;
    assert!(answer.headers["content-disposition"].contains(&format!("osferry-{id}.json")));
    let history: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(history["steps"][0]["what"], "opened");
    assert_eq!(history["steps"][0]["actor"], "ann");
    assert_eq!(history["steps"][0]["time"], "2026-11-23T00:00:00Z");
}

/// Puts a migration of `i-<number>` into the world, changed a little.
fn put(world: &World, number: u8, change: impl FnOnce(&mut Record)) -> Record {
    let mut record = record_in(Stage::Assess);
    (record.id, record.instance_id) = (MigrationId::from_bytes([number; 10]), format!("i-{number}"));
    change(&mut record);
    world.records.put(&record);
    record
}

#[tokio::test]
async fn a_list_holds_what_was_asked_for() {
    let world = world(&[]);
    let batch = |id: &str| {
        let batch = BatchRef { id: id.into(), stop_after_failures: 0, max_concurrent: 0, place: 0 };
        Some(batch)
    };
    let ours = "b-00000000000000000001";
    let records = [
        put(&world, 1, |record| record.batch = batch(ours)),
        put(&world, 2, |record| (record.batch, record.awaiting) = (batch(ours), Some("abc".into()))),
        put(&world, 3, |record| record.state = State::Ended(Outcome::Failed)),
        put(&world, 4, |record| {
            (record.batch, record.state, record.unclean) = (batch(ours), State::Ended(Outcome::Failed), true);
        }),
        put(&world, 5, |record| record.state = State::In(Stage::Migrate)),
    ];
    for record in &records {
        if let Some(member) = Member::of(record, None) {
            world.records.put_member(&member).await.unwrap();
        }
    }
    let unopened = MigrationId::from_bytes([9; 10]);
    let member = Member { migration_id: unopened, ..Member::of(&records[0], None).unwrap() };
    world.records.put_member(&member).await.unwrap();
    for (query, held) in [
        ("stage=assess", vec!["i-1", "i-2"]),
        ("stage=migrate", vec!["i-5"]),
        ("stage=verify", vec![]),
        ("outcome=failed", vec!["i-3", "i-4"]),
        ("awaiting=true", vec!["i-2"]),
        ("stage=assess&awaiting=false", vec!["i-1"]),
        ("unclean=true", vec!["i-4"]),
        ("outcome=failed&unclean=false", vec!["i-3"]),
        ("outcome=failed&instance=i-3", vec!["i-3"]),
        ("outcome=failed&stage=assess", vec![]),
        ("batch=b-00000000000000000001&outcome=failed", vec!["i-4"]),
        ("batch=b-00000000000000000001&awaiting=false", vec!["i-1", "i-4"]),
        ("batch=b-00000000000000000001", vec!["i-1", "i-2", "i-4", "i-1"]),
    ] {
        let (status, body) = ann(&world, "GET", &format!("/migrations?{query}"), json!(null)).await;
        let lines = body["migrations"].as_array().unwrap();
        let found: Vec<&str> = lines.iter().filter_map(|line| line["instanceId"].as_str()).collect();
        assert_eq!((status, &found), (200, &held), "{query}: {body}");
        if query.starts_with("batch") {
            let counts = json!({ "assess": 2, "failed": 1, "unopened": 1 });
            assert_eq!(body["counts"], counts, "{query}: of the whole batch");
        }
    }
    let (_, body) = ann(&world, "GET", "/migrations?unclean=true", json!(null)).await;
    assert_eq!((&body["migrations"][0]["unclean"], &body["next"]), (&json!(true), &json!(null)));
}

#[tokio::test]
async fn a_probes_secrets_are_not_shown() {
    let world = world(&[]);
    let probes = vec![
        Probe::Command("mysqladmin -ps3cret ping".into()),
        Probe::Http("https://me:s3cret@shop/health?token=s3cret".into()),
    ];
    let record = put(&world, 1, |record| record.policy.probes = probes);
    for path in ["", "/history"] {
        let answer = ask(&world, "GET", &format!("/migrations/{}{path}", record.id), "", "secret").await;
        assert_eq!(answer.status_code, 200);
        assert!(!answer.body.contains("s3cret"), "{}", answer.body);
    }
    let (_, body) = ann(&world, "GET", &format!("/migrations/{}", record.id), json!(null)).await;
    assert_eq!(body["record"]["policy"]["probes"], json!(["run mysqladmin …", "GET https://shop/health?…"]));
    assert_eq!(body["record"]["policy"]["retention_days"], 7, "the rest is as it is");
}
