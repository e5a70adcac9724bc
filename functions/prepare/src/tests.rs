use migration::os::{Os, System};
use migration::path::{Grants, route};
use migration::{Finding, Outcome, State};
use openapi::ecs::Disk;
use stage::release;
use stage::settings::Options;
use stage::testing::{FakeCloud, answer, drive, record_in, survives_everything};

use super::*;

/// The only hop between two systems, in a record whose guest is being prepared.
fn preparing(from: System, to: &str) -> Record {
    let mut record = record_in(Stage::Prepare);
    record.hops = route(&from, Some(&Os::from_ecs_name(to).unwrap()), &Grants::default()).unwrap();
    assert_eq!(record.hops.len(), 1);
    (record.system, record.prepared) = (Some(from), true);
    record
}

fn leapp() -> Record {
    preparing(System::of(Os::from_ecs_name("CentOS 7.9").unwrap()), "AlmaLinux 8")
}

fn windows(name: &str) -> Record {
    preparing(System::from_ecs(name, "", "", None).unwrap(), "Windows Server 2019")
}

const CHINESE: &str = "Windows Server  2016 数据中心版 64位中文版";

fn guest(lines: &'static [(&'static str, &'static str)]) -> FakeCloud {
    let cloud = FakeCloud::new();
    cloud.answers(|key| {
        assert_eq!(key, "prepare");
        answer(lines)
    });
    cloud
}

#[tokio::test]
async fn the_tool_is_installed_and_the_guest_assessed_again() {
    let record = survives_everything(&Prepare, &leapp(), || guest(&[])).await;
    assert_eq!(record.state, State::In(Stage::Assess));
    let cloud = guest(&[]);
    drive(&Prepare, &cloud, leapp(), true).await;
    assert_eq!(*cloud.done.borrow(), ["run prepare-1"]);
}

#[tokio::test]
async fn only_what_is_asked_for_and_allowed_is_mended_and_only_once() {
    use Remediation::{AnswerLeapp, CleanBoot, RemoveI686, UnloadDrivers};
    let mut record = leapp();
    let blocked = |remediation| Finding::block("x", "y", "z").mended_by(remediation);
    record.findings = [RemoveI686, CleanBoot, AnswerLeapp].map(blocked).into();
    record.policy.remediate = vec![UnloadDrivers, RemoveI686, AnswerLeapp];
    record.remediated = vec![AnswerLeapp];
    assert_eq!(wanted(&record), [RemoveI686]);
    // The guest names nothing, because there was nothing to do; it counts as tried all the same.
    let after = drive(&Prepare, &guest(&[]), record, false).await;
    assert_eq!(after.remediated, [AnswerLeapp, RemoveI686]);
}

#[tokio::test]
async fn a_guest_that_is_prepared_again_is_asked_again() {
    let cloud = guest(&[]);
    let mut record = drive(&Prepare, &cloud, leapp(), false).await;
    // The tool's own check has found something that may be mended.
    record.state = State::In(Stage::Prepare);
    drive(&Prepare, &cloud, record, true).await;
    assert_eq!(*cloud.done.borrow(), ["run prepare-1", "run prepare-1+1"], "not the first one's answer once more");
}

#[tokio::test]
async fn the_script_is_told_what_to_mend() {
    let mut record = leapp();
    record.findings = vec![Finding::block("x", "y", "z").mended_by(Remediation::CleanBoot)];
    let cloud = guest(&[]);
    let (options, settings) = (Options::default(), stage::testing::guest_settings());
    record.policy.remediate = vec![Remediation::CleanBoot];
    let job = Job::new(&cloud, &record, 0, &settings, &options, std::time::Duration::ZERO);
    let script = job.scripts().unwrap().prepare(&wanted(&record));
    assert!(script.contains("'clean-boot'"));
}

#[tokio::test]
async fn what_does_not_work_ends_it_and_says_why() {
    for (lines, text) in [
        (&[("problem", "remove-i686: zlib is needed by oracle")][..], "needed by oracle"),
        (&[("applied", "clean-boot"), ("problem", "leapp cannot be installed")][..], "leapp cannot"),
    ] {
        let lines: &'static [(&'static str, &'static str)] = lines;
        let record = drive(&Prepare, &guest(lines), leapp(), false).await;
        let cause = record.cause.unwrap();
        assert_eq!((record.ending, cause.code), (Some(Outcome::Failed), Code::NotPrepared));
        assert!(cause.text.contains(text) && record.prepared, "cleanup takes back what was done: {cause:?}");
    }
    let cloud = FakeCloud::new();
    cloud.answers(|_| (3, "no room".into()));
    let cause = drive(&Prepare, &cloud, leapp(), false).await.cause.unwrap();
    assert!(cause.code == Code::NotPrepared && cause.text.contains("no room"), "{cause:?}");
}

#[tokio::test]
async fn a_mirror_that_is_away_is_asked_again() {
    let cloud = FakeCloud::new();
    let mut times = 0;
    cloud.answers(move |_| {
        times += 1;
        if times < 3 { answer(&[("unreachable", "Curl error (28)")]) } else { answer(&[]) }
    });
    let record = drive(&Prepare, &cloud, leapp(), false).await;
    assert_eq!(record.state, State::In(Stage::Assess));
    assert_eq!(*cloud.done.borrow(), ["run prepare-1", "run prepare-2", "run prepare-3"]);
}

/// A Windows instance whose operator has media in two languages.
fn with_media() -> FakeCloud {
    let cloud = FakeCloud::new();
    cloud.disks.borrow_mut()[0].category = "cloud_essd".into();
    let windows_media = [("2019", [("zh-cn", "s-zh"), ("en-us", "s-en")])];
    cloud.options.borrow_mut().windows_media = windows_media
        .map(|(version, media)| (version.to_owned(), media.map(|(l, s)| (l.to_owned(), s.to_owned())).into()))
        .into();
    cloud.answers(|key| match key {
        "prepare" => answer(&[("media", "E:\\")]),
        "identify" => {
            answer(&[("os_id", "windows"), ("os_version", "14393"), ("arch", "x86_64"), ("language", "en-US")])
        }
        other => panic!("{other}"),
    });
    cloud
}

fn media_disk(record: &Record, snapshot: &str) -> Disk {
    Disk {
        disk_id: "d-media".into(),
        disk_name: release::media_name(record, 0),
        zone_id: "z-1".into(),
        status: "Available".into(),
        source_snapshot_id: snapshot.into(),
        tags: vec![release::owner(record)],
        ..Disk::default()
    }
}

#[tokio::test]
async fn one_media_disk_is_made_and_attached_before_the_guest_looks_for_it() {
    let record = survives_everything(&Prepare, &windows(CHINESE), with_media).await;
    assert_eq!(record.state, State::In(Stage::Assess));
    let cloud = with_media();
    drive(&Prepare, &cloud, windows(CHINESE), true).await;
    let name = release::media_name(&windows(CHINESE), 0);
    let done = [format!("create-disk {name}"), "attach-disk i-1 d-made-1".into(), "run prepare-1".into()];
    assert_eq!(*cloud.done.borrow(), done);
    let disks = cloud.made_disks.borrow();
    let disk = &disks[0];
    assert_eq!((disk.source_snapshot_id.as_str(), disk.category.as_str()), ("s-zh", "cloud_essd"));
    assert!(disk.delete_with_instance && release::is_ours(&record, &disk.tags));
}

#[tokio::test]
async fn a_guest_whose_language_is_not_known_is_asked() {
    let start = windows("Windows Server 2016");
    survives_everything(&Prepare, &start, with_media).await;
    let cloud = with_media();
    drive(&Prepare, &cloud, start, false).await;
    assert_eq!(cloud.made_disks.borrow()[0].source_snapshot_id, "s-en");
}

#[tokio::test]
async fn the_media_disk_of_an_invocation_that_died_is_found_again() {
    let start = windows(CHINESE);
    let cloud = with_media();
    cloud.made_disks.borrow_mut().push(media_disk(&start, "s-zh"));
    drive(&Prepare, &cloud, start, false).await;
    assert_eq!(*cloud.done.borrow(), ["attach-disk i-1 d-media", "run prepare-1"]);
}

#[tokio::test]
async fn a_disk_that_is_not_ours_is_not_touched() {
    let start = windows(CHINESE);
    let other_source = media_disk(&start, "s-of-somebody");
    let elsewhere = Disk { status: "In_use".into(), instance_id: "i-2".into(), ..media_disk(&start, "s-zh") };
    let untagged = Disk { tags: Vec::new(), ..media_disk(&start, "s-zh") };
    for disk in [other_source, elsewhere, untagged] {
        let cloud = with_media();
        cloud.made_disks.borrow_mut().push(disk);
        let record = drive(&Prepare, &cloud, start.clone(), false).await;
        let cause = record.cause.unwrap();
        assert!(cause.code == Code::NotPrepared && cause.text.contains("d-media"), "{cause:?}");
        assert_eq!(*cloud.done.borrow(), [""; 0]);
    }
}

#[tokio::test]
async fn without_media_in_the_guests_language_it_ends() {
    let cloud = with_media();
    cloud.options.borrow_mut().windows_media.clear();
    let cause = drive(&Prepare, &cloud, windows(CHINESE), false).await.cause.unwrap();
    assert!(cause.text.contains("WINDOWS_MEDIA") && cause.text.contains("zh-cn"), "{cause:?}");
    let silent = with_media();
    silent.answers(|_| answer(&[("os_id", "windows"), ("os_version", "14393"), ("arch", "x86_64")]));
    let cause = drive(&Prepare, &silent, windows("Windows Server 2016"), false).await.cause.unwrap();
    assert!(cause.text.contains("language"), "{cause:?}");
}
