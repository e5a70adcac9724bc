use super::*;
use crate::fc::s_yaml::SYaml;

fn place() -> Place {
    Place { region: "cn-hangzhou".into(), account_id: "1234".into(), ots_instance: "ferry".into() }
}

fn policy(statements: &str) -> Result<Policy, String> {
    Policy::parse("r", &format!(r#"{{ "Version": "1", "Statement": [{statements}] }}"#), &place())
}

/// The project's own.
fn policies() -> Policies {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ram");
    Policies::load(&dir, &place()).unwrap()
}

#[test]
fn what_is_allowed_and_what_is_not() {
    let policy = policy(
        r#"{ "Effect": "Allow", "Action": ["ots:Get*", "ots:PutRow"],
             "Resource": "acs:ots:${REGION}:${ACCOUNT}:instance/${OTS_INSTANCE}/table/a*" },
           { "Effect": "Allow", "Action": "ecs:Describe*", "Resource": "*" },
           { "Effect": "Allow", "Action": "ecs:StopInstance", "Resource": ["acs:ecs:*:1234:instance/*"] },
           { "Effect": "Deny", "Action": "*", "Resource": "*/table/ab" },
           { "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "acs:ram::1234:role/other" }"#,
    )
    .unwrap();
    for (action, resource, allowed) in [
        ("ots:GetRow", "instance/ferry/table/a", true),
        ("ots:GetRange", "instance/ferry/table/ac", true),
        ("ots:PutRow", "instance/ferry/table/ac", true),
        ("ots:UpdateRow", "instance/ferry/table/ac", false),
        ("ots:GetRow", "instance/ferry/table/b", false),
        ("ots:GetRow", "instance/other/table/a", false),
        ("ots:GetRow", "instance/ferry/table/ab", false),
        ("ecs:DescribeDisks", "*", true),
        ("ecs:StopInstance", "instance/i-1", true),
        ("ecs:StopInstance", "*", false),
        ("ecs:StopInstance", "disk/d-1", false),
        ("sts:AssumeRole", "role/other", true),
        ("sts:AssumeRole", "role/another", false),
        ("eventbridge:PutEvents", "eventbus/osferry", false),
    ] {
        assert_eq!(policy.allows(action, resource), allowed, "{action} {resource}");
    }
}

#[test]
fn what_is_not_understood_is_an_error() {
    for (statement, problem) in [
        (r#"{ "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {} }"#, "Condition"),
        (r#"{ "Effect": "Allow", "NotAction": "*", "Resource": "*" }"#, "NotAction"),
        (r#"{ "Effect": "Maybe", "Action": "*", "Resource": "*" }"#, "Maybe"),
        (r#"{ "Effect": "Allow", "Action": "*", "Resource": "acs:ecs:${region}:*" }"#, "${region}"),
    ] {
        let error = policy(statement).unwrap_err();
        assert!(error.contains(problem), "{statement}: {error}");
    }
    assert!(Policy::parse("r", r#"{ "Version": "2", "Statement": [] }"#, &place()).unwrap_err().contains('2'));
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("r.json"), "{").unwrap();
    assert!(Policies::load(dir.path(), &place()).unwrap_err().to_string().contains("r.json"));
}

#[test]
fn every_role_of_s_yaml_has_a_policy_and_every_policy_a_role() {
    let s_yaml = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../s.yaml");
    let s_yaml = SYaml::load(&s_yaml, "1234").unwrap();
    let mut roles: Vec<&str> = s_yaml.functions.iter().map(|function| function.role.as_deref().unwrap()).collect();
    roles.sort_unstable();
    assert_eq!(policies().roles().collect::<Vec<_>>(), roles);
}

/// Who holds what cannot be taken back.
#[test]
fn few_may_do_what_destroys() {
    let policies = policies();
    for (action, resource, may) in [
        ("ecs:StopInstance", "instance/i-1", &["osferry-rollback"][..]),
        ("ecs:ResetDisk", "disk/d-1", &["osferry-rollback"]),
        ("ecs:DeleteInstance", "instance/i-1", &["osferry-cleanup"]),
        ("ecs:DeleteDisk", "disk/d-1", &["osferry-cleanup"]),
        ("ecs:DeleteImage", "image/m-1", &["osferry-cleanup"]),
        ("ecs:DeleteSnapshot", "snapshot/s-1", &["osferry-cleanup", "osferry-detect", "osferry-rollback"]),
        ("ots:DeleteRow", "instance/ferry/table/migrations", &[]),
        ("ots:DeleteRow", "instance/ferry/table/history", &[]),
        ("ots:DeleteTable", "instance/ferry/table/migrations", &[]),
        ("sts:AssumeRole", "role/osferry-rollback", &[]),
        ("fc:InvokeFunction", "functions/osferry-rollback", &[]),
    ] {
        let allowed = |role: &&str| policies.of(role).unwrap().allows(action, resource);
        assert_eq!(policies.roles().filter(allowed).collect::<Vec<_>>(), may, "{action}");
    }
}

#[test]
fn function_compute_may_be_every_role_and_nobody_else() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ram/trust.json");
    let trust: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let statements = serde_json::json!([
        { "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": ["fc.aliyuncs.com"] } }
    ]);
    assert_eq!(trust["Statement"], statements);
}

#[test]
fn wildcards() {
    for (pattern, text, expected) in [
        ("web", "web", true),
        ("web", "web1", false),
        ("web*", "web1", true),
        ("*1", "web1", true),
        ("w*b*1", "web-b-1", true),
        ("w*x*1", "web-b-1", false),
        ("*", "", true),
        ("a*a", "a", false),
    ] {
        assert_eq!(matches_wildcard(pattern, text), expected, "{pattern} {text}");
    }
}
