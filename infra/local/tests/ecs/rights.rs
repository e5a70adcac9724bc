//! What a function's role may do, by the project's own policies.

use std::path::Path;
use std::sync::Arc;

use local_cloud::credentials::{Identity, Who};
use local_cloud::ram::{Place, Policies};
use local_cloud::seams::ServiceError;
use serde_json::{Value, json};

use crate::world::{World, operator, refusal};

fn call(world: &World, role: &str, action: &str, params: &[(&str, &str)]) -> Result<Value, ServiceError> {
    let place = Place { region: "cn-hangzhou".into(), account_id: "1234".into(), ots_instance: "osferry".into() };
    let policies = Policies::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../ram"), &place).unwrap();
    let who = Who::Function { name: role.into(), instance: "c-1".into() };
    let identity = Identity { who, policy: policies.of(role), ..operator() };
    let mut all: std::collections::BTreeMap<String, String> =
        params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    all.insert("RegionId".into(), "cn-hangzhou".into());
    Arc::clone(&world.ecs).call(&identity, action, &all)
}

#[test]
fn a_role_may_do_what_its_policy_says_and_nothing_else() {
    let world = World::new();
    let instance = world.instance();
    let id = [("InstanceId", instance.as_str())];
    let refused = |role: &str, action: &str, params: &[(&str, &str)]| {
        let error = call(&world, role, action, params).expect_err(action);
        assert_eq!((error.status, error.code), refusal(403, "Forbidden.RAM"), "{role} {action}");
    };
    for role in ["osferry-verify", "osferry-cleanup", "nobody"] {
        refused(role, "StopInstance", &id);
    }
    assert_eq!(world.status(&instance), "Running");
    call(&world, "osferry-rollback", "StopInstance", &id).unwrap();
    world.settle();
    assert_eq!(world.status(&instance), "Stopped");
    // Permitted, on another kind of resource.
    let tags = |kind, id| [("ResourceType", kind), ("ResourceId.1", id), ("Tag.1.Key", "k"), ("Tag.1.Value", "v")];
    let disk = world.disk(&instance, 0);
    refused("osferry-cleanup", "TagResources", &tags("disk", &disk));
    call(&world, "osferry-cleanup", "TagResources", &tags("instance", &instance)).unwrap();
    call(&world, "osferry-prepare", "TagResources", &tags("disk", &disk)).unwrap();
}

#[test]
fn who_may_not_see_instances_sees_none() {
    let world = World::new();
    let instance = world.instance();
    let ids = json!([instance]).to_string();
    let listed = |role: &str| {
        let answer = call(&world, role, "DescribeInstances", &[("InstanceIds", &ids)]).unwrap();
        answer["Instances"]["Instance"].as_array().unwrap().len()
    };
    assert_eq!((listed("osferry-detect"), listed("osferry-verify")), (1, 0));
}
