use migration::policy::{Mode, TAG};
use migration::{Outcome, Record, State};
use stage::testing::{FakeCloud, drive, record_in, survives_everything, with_snapshots};

use super::*;

fn start() -> Record {
    let mut record = record_in(Stage::Clone);
    record.policy.mode = Mode::Drill;
    record
}

/// An account with the snapshots and an isolated network.
fn account() -> FakeCloud {
    let cloud = with_snapshots(FakeCloud::new(), &start());
    cloud.snapshots.borrow_mut()[0].source_disk_type = "system".into();
    {
        let mut options = cloud.options.borrow_mut();
        options.drill_vswitch = Some("vsw-drill".into());
        options.drill_security_group = Some("sg-drill".into());
    }
    cloud
}

#[tokio::test]
async fn one_clone_is_made_of_one_image_and_comes_up() {
    let record = survives_everything(&Clone, &start(), account).await;
    assert_eq!(record.state, State::In(Stage::Assess));
    let clone = record.clone.unwrap().instance_id;

    let cloud = account();
    drive(&Clone, &cloud, start(), true).await;
    let name = start().id.name("0-clone");
    assert_eq!(*cloud.done.borrow(), [format!("create-image {name}"), format!("run-instance {name}")]);
    let made = cloud.made_instances.borrow();
    assert_eq!(made[0].instance_id, clone);
    assert_eq!(made[0].vpc_attributes.v_switch_id, "vsw-drill");
    assert_eq!(
        (made[0].security_group_ids.as_slice(), &*made[0].instance_type),
        (&["sg-drill".into()][..], "ecs.g7.large")
    );
    assert_eq!(made[0].tags, [release::owner(&start()), Tag::new(OF_TAG, "i-1")]);
    assert!(made[0].tags.iter().all(|tag| tag.key != TAG), "or it would be migrated, and cloned, itself");
    let snapshots: Vec<_> = cloud.made_disks.borrow().iter().map(|disk| disk.source_snapshot_id.clone()).collect();
    assert_eq!(snapshots, ["s-1", "s-2"]);
}

/// What is taken away, and what the refusal names.
type Case = (fn(&FakeCloud), &'static str);

#[tokio::test]
async fn without_isolation_there_is_no_drill() {
    let cases: [Case; 3] = [
        (|cloud| cloud.options.borrow_mut().drill_vswitch = None, "DRILL_VSWITCH"),
        (|cloud| cloud.options.borrow_mut().drill_security_group = None, "DRILL_SECURITY_GROUP"),
        (|cloud| cloud.options.borrow_mut().drill_security_group = Some("sg-1".into()), "sg-1"),
    ];
    for (change, named) in cases {
        let cloud = account();
        change(&cloud);
        let record = drive(&Clone, &cloud, start(), false).await;
        let cause = record.cause.unwrap();
        assert_eq!((cause.code, record.ending), (Code::DrillNetwork, Some(Outcome::Failed)));
        assert!(cause.text.contains(named), "{cause:?}");
        assert!(cloud.done.borrow().is_empty());
    }
}

#[tokio::test]
async fn what_only_has_the_name_is_not_taken() {
    let cloud = account();
    let somebodys = Image {
        image_id: "m-other".into(),
        image_name: release::clone_name(&start()),
        status: "Available".into(),
        ..Image::default()
    };
    cloud.images.borrow_mut().push(somebodys);
    let record = drive(&Clone, &cloud, start(), false).await;
    assert!(cloud.made_instances.borrow().is_empty());
    assert_eq!(record.ending, Some(Outcome::Failed), "ECS takes a name once");
}

#[tokio::test]
async fn a_clone_that_does_not_stay_up_ends_the_drill() {
    let cloud = account();
    cloud.made_instances.borrow_mut().push(Instance {
        instance_id: "i-made-1".into(),
        instance_name: release::clone_name(&start()),
        status: "Stopped".into(),
        tags: vec![release::owner(&start())],
        ..Instance::default()
    });
    let record = drive(&Clone, &cloud, start(), false).await;
    assert_eq!(record.cause.unwrap().code, Code::CloneFailed);
}

#[tokio::test]
async fn an_image_that_cannot_be_made_ends_the_drill() {
    let cloud = account();
    cloud.images.borrow_mut().push(Image {
        image_name: release::clone_name(&start()),
        status: "CreateFailed".into(),
        tags: vec![release::owner(&start())],
        ..Image::default()
    });
    let record = drive(&Clone, &cloud, start(), false).await;
    assert_eq!(record.cause.unwrap().code, Code::CloneFailed);
}

#[tokio::test]
async fn what_was_made_is_let_go() {
    let cloud = account();
    let record = drive(&Clone, &cloud, start(), false).await;
    cloud.done.borrow_mut().clear();
    let settings = stage::testing::guest_settings();
    let options = cloud.options.borrow().clone();
    let mut looks = 0;
    loop {
        let mut job = Job::new(&cloud, &record, 0, &settings, &options, std::time::Duration::ZERO);
        if !release::clone(&mut job).await.unwrap() {
            break;
        }
        cloud.settle();
        looks += 1;
        assert!(looks < 10, "it does not come to an end");
    }
    assert_eq!(*cloud.done.borrow(), ["delete-instance i-made-1", "delete-image m-made-1"]);
    assert!(cloud.made_disks.borrow().is_empty());
    assert!(cloud.instance.borrow().is_some());
}
