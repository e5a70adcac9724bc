//! Finds systems at the end of their life and opens the migrations that are asked for.
//!
//! Looks at the instances that carry the tag `osferry`, page by page. What it opens is the operator's wish:
//! the policy of the function, overridden by the instance's own tags.

use std::io::Read;

use fc_runtime::LambdaEvent;
use jiff::{Timestamp, tz::TimeZone};
use migration::eol::{self, Phase};
use migration::os::Os;
use migration::path::route;
use migration::policy::{Policy, TAG};
use migration::{Code, MigrationId, Millis, Record};
use openapi::ecs::Instance;
use serde_json::{Value, json};
use stage::bus::Bus;
use stage::cloud::Cloud;
use stage::open::{Opened, open};
use stage::records::Records;
use stage::settings::Settings;
use stage::{Env, Fault, StageError, connect};

/// Runs the function; what woke it does not matter: it always looks at everything.
pub async fn run() -> Result<(), fc_runtime::Error> {
    stage::serve(async |event: LambdaEvent<Value>| {
        let coded = |code: Code, error: &dyn std::fmt::Display| {
            tracing::error!(request_id = event.context.request_id, %code, %error, "no scan, or half of one");
            fc_runtime::Error::from(format!("{code}: {error}"))
        };
        if !event.payload.is_object() && !event.payload.is_array() {
            return Err(coded(Code::MalformedEvent, &"the event is neither an object nor an array"));
        }
        let env = connect(&event.context)?;
        let policy = Settings::from_env().map_err(|error| coded(Code::Configuration, &error))?.policy;
        let scan =
            scan(&env, &policy, Timestamp::now(), random_id).await.map_err(|error| coded(error.code(), &error))?;
        Ok(json!({ "seen": scan.seen, "opened": scan.opened, "alreadyOpen": scan.already, "problems": scan.problems }))
    })
    .await
}

/// An id that nobody can guess or get twice.
fn random_id() -> std::io::Result<MigrationId> {
    let mut bytes = [0; 10];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(MigrationId::from_bytes(bytes))
}

/// What a scan found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Tagged instances.
    pub seen: usize,
    /// Migrations opened now.
    pub opened: Vec<MigrationId>,
    /// Instances whose migration is under way.
    pub already: usize,
    /// Instances that could not be judged, and why.
    pub problems: Vec<String>,
}

/// Why a scan broke off. What was opened stays open; the next scan goes on.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// ECS.
    #[error(transparent)]
    Cloud(#[from] Fault),
    /// Records or events.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// No randomness for an id.
    #[error("no random bytes: {0}")]
    Random(#[from] std::io::Error),
}

impl ScanError {
    fn code(&self) -> Code {
        match self {
            Self::Cloud(fault) => fault.cause().code,
            Self::Stage(error) => error.code(),
            Self::Random(_) => Code::Configuration,
        }
    }
}

/// Looks at every tagged instance, and opens what is asked for.
pub async fn scan<C: Cloud, R: Records, B: Bus>(
    env: &Env<C, R, B>,
    policy: &Policy,
    now: Timestamp,
    new_id: impl Fn() -> std::io::Result<MigrationId>,
) -> Result<Scan, ScanError> {
    let today = now.to_zoned(TimeZone::UTC).date().to_string();
    let mut scan = Scan::default();
    let mut token = None;
    loop {
        let (instances, next) = env.cloud.instances(TAG, token).await.map_err(Fault::from)?;
        for instance in instances {
            scan.seen += 1;
            match wish(&instance, policy, &today) {
                Wish::Nothing => {}
                Wish::Problem(problem) => {
                    tracing::warn!(instance_id = instance.instance_id, problem, "cannot be judged");
                    scan.problems.push(format!("{}: {problem}", instance.instance_id));
                }
                Wish::Migrate(os, policy) => {
                    // Without a route the precheck refuses, and says what is offered.
                    let hops = route(&os, policy.target.as_ref()).unwrap_or_default();
                    let now: Millis = now.as_millisecond();
                    let record = Record::new(new_id()?, instance.instance_id.clone(), policy, hops, now);
                    match open(env, record, now).await? {
                        Opened::New(id) => {
                            tracing::info!(migration_id = %id, instance_id = instance.instance_id, os = %os, "opened");
                            scan.opened.push(id);
                        }
                        Opened::Already(_) => scan.already += 1,
                    }
                }
            }
        }
        token = next;
        if token.is_none() {
            return Ok(scan);
        }
    }
}

enum Wish {
    Nothing,
    Problem(String),
    Migrate(Os, Policy),
}

fn wish(instance: &Instance, base: &Policy, today: &str) -> Wish {
    let tags = instance.tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str()));
    let policy = match Policy::from_tags(base, tags) {
        Ok(Some(policy)) => policy,
        Ok(None) => return Wish::Nothing,
        Err(error) => return Wish::Problem(error.to_string()),
    };
    let Some(os) = operating_system(instance) else {
        let name = if instance.os_name_en.is_empty() { &instance.os_name } else { &instance.os_name_en };
        return Wish::Problem(format!("the operating system {name:?} is unknown; tag it osferry:os=<name version>"));
    };
    match eol::life(&os).map(|life| life.phase(today)) {
        Some(Phase::Mainstream) => {
            Wish::Problem(format!("{os} is in standard support, there is no need to migrate it"))
        }
        // What the calendar does not know is migrated when a person asks for it.
        Some(Phase::Extended | Phase::Ended) | None => Wish::Migrate(os, policy),
    }
}

/// What the instance runs: by the tag that a migration left, by its name, by its image.
fn operating_system(instance: &Instance) -> Option<Os> {
    let tagged = instance.tags.iter().find(|tag| tag.key == "osferry:os").map(|tag| tag.value.as_str());
    tagged
        .and_then(Os::from_ecs_name)
        .or_else(|| Os::from_ecs_name(&instance.os_name_en))
        .or_else(|| Os::from_ecs_name(&instance.os_name))
        .or_else(|| Os::from_image_id(&instance.image_id))
}

#[cfg(test)]
mod tests {
    use openapi::ecs::Tag;
    use stage::testing::{FakeCloud, MemoryBus, MemoryRecords};

    use super::*;

    fn judged(name: &str, tags: &[(&str, &str)]) -> Wish {
        let instance = Instance {
            os_name_en: name.into(),
            tags: tags.iter().map(|(key, value)| Tag::new(*key, *value)).collect(),
            ..Instance::default()
        };
        wish(&instance, &Policy::default(), "2026-11-23")
    }

    #[test]
    fn only_what_is_asked_for_and_needed_is_migrated() {
        let asked = (TAG, "migrate");
        assert!(
            matches!(judged("CentOS  8.5 64 bit", &[asked]), Wish::Migrate(os, _) if os.to_string() == "CentOS 8.5")
        );
        assert!(matches!(judged("CentOS  8.5 64 bit", &[]), Wish::Nothing));
        assert!(matches!(judged("CentOS  8.5 64 bit", &[(TAG, "migrated")]), Wish::Nothing));
        assert!(matches!(judged("Debian 13.1 64 bit", &[asked]), Wish::Problem(_)));
        assert!(matches!(judged("Customized Linux", &[asked]), Wish::Problem(_)));
        assert!(matches!(judged("CentOS  8.5", &[asked, ("osferry:target", "x")]), Wish::Problem(_)));
    }

    #[test]
    fn the_tag_is_believed_before_the_image_name() {
        let tags = [(TAG, "migrate"), ("osferry:os", "Debian 12")];
        assert!(matches!(judged("Debian 11.11 64 bit", &tags), Wish::Migrate(os, _) if os.major == 12));
    }

    #[tokio::test]
    async fn a_scan_opens_one_migration_of_an_instance() {
        let env = Env {
            cloud: FakeCloud::new(),
            records: MemoryRecords::default(),
            bus: MemoryBus::default(),
            clock: || 0,
            guest: guest::Settings { mirror: String::new(), gpgcheck: true },
            event_bus: "osferry".into(),
        };
        let now: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
        let ids = std::cell::Cell::new(0);
        let new_id = || {
            ids.set(ids.get() + 1);
            Ok(MigrationId::from_bytes([ids.get(); 10]))
        };
        let scan = async || scan(&env, &Policy::default(), now, new_id).await.unwrap();
        assert_eq!(scan().await, Scan { seen: 1, ..Scan::default() }, "nobody asked");
        if let Some(instance) = env.cloud.instance.borrow_mut().as_mut() {
            instance.tags.push(Tag::new(TAG, "migrate"));
        }
        let first = MigrationId::from_bytes([1; 10]);
        assert_eq!(scan().await, Scan { seen: 1, opened: vec![first.clone()], ..Scan::default() });
        assert_eq!(scan().await, Scan { seen: 1, already: 1, ..Scan::default() });
        let record = env.records.load(&first).await.unwrap().unwrap().record;
        assert_eq!((record.instance_id.as_str(), record.hops.len()), ("i-1", 1));
        assert_eq!(env.bus.events().iter().filter(|event| event.kind == "osferry:Stage:Requested").count(), 1);
    }
}
