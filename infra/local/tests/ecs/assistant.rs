//! Cloud Assistant: commands, what becomes of them, and what is said of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use local_cloud::ecs::NewInstance;
use local_cloud::seams::CommandState;
use serde_json::{Value, json};

use crate::world::{World, refusal, text};

fn fields<const N: usize>(value: &Value, names: [&str; N]) -> [Value; N] {
    names.map(|name| value[name].clone())
}

/// Parameters, status and code of the answer.
type Case<'a> = (&'a [(&'a str, &'a str)], u16, &'a str);

#[test]
fn a_command_runs_and_its_result_is_kept() {
    let world = World::new();
    let id = world.instance();
    let script = STANDARD.encode("exit 0");
    let answer = world.ok(
        "RunCommand",
        &[
            ("Type", "RunShellScript"),
            ("CommandContent", &script),
            ("ContentEncoding", "Base64"),
            ("InstanceId.1", &id),
            ("Name", "assess m-1"),
            ("Timeout", "600"),
            ("WorkingDir", "/tmp"),
        ],
    );
    let (invoke, command) = (text(&answer["InvokeId"]), text(&answer["CommandId"]));
    assert!(invoke.starts_with("t-") && command.starts_with("c-"));
    assert_eq!(world.result(&invoke)["InvocationStatus"], "Pending");
    world.settle();

    let result = world.result(&invoke);
    let names = ["InvocationStatus", "InvokeRecordStatus", "ExitCode", "Output", "Dropped", "ErrorCode", "InstanceId"];
    let output = STANDARD.encode("done\n");
    let expected = [json!("Success"), json!("Finished"), json!(0), json!(output), json!(7), json!(""), json!(id)];
    assert_eq!(fields(&result, names), expected);
    assert!(!text(&result["StartTime"]).is_empty() && !text(&result["FinishedTime"]).is_empty());

    let machine = world.fake.lock();
    let (sent, _) = &machine.commands[&(id.clone(), invoke.clone())];
    assert_eq!((sent.script.as_str(), sent.timeout_secs, sent.working_dir.as_str()), ("exit 0", 600, "/tmp"));
    drop(machine);

    let events = world.bus.events("ecs:CloudAssistant:TaskCompleted");
    assert_eq!(events.len(), 1);
    let data = events[0]["data"].as_object().unwrap();
    assert!(data.values().all(Value::is_string), "{data:?}");
    for (field, expected) in [
        ("commandId", command.as_str()),
        ("commandName", "assess m-1"),
        ("exitCode", "0"),
        ("instanceId", &id),
        ("invocationStatus", "Success"),
        ("invokeId", &invoke),
        ("repeatMode", "Once"),
        ("repeats", "1"),
        ("errorCode", "0"),
        ("errorDesc", ""),
    ] {
        assert_eq!(data[field], expected, "{field}");
    }
    assert!(!data.contains_key("output"));
}

#[test]
fn results_can_be_asked_for_in_plain_text() {
    let world = World::new();
    let id = world.instance();
    let invoke = world.run(&id, "exit 3");
    world.settle();
    let plain = world.ok("DescribeInvocationResults", &[("InvokeId", &invoke), ("ContentEncoding", "PlainText")]);
    assert_eq!(plain["Invocation"]["InvocationResults"]["InvocationResult"][0]["Output"], "done\n");
    assert_eq!((&plain["Invocation"]["TotalCount"], &plain["Invocation"]["PageSize"]), (&json!(1), &json!(10)));

    let answer = world.ok("DescribeInvocations", &[("InvokeId", &invoke), ("IncludeOutput", "true")]);
    let invocation = &answer["Invocations"]["Invocation"][0];
    assert_eq!(
        fields(invocation, ["InvocationStatus", "CommandName", "CommandContent", "Timeout"]),
        [json!("Failed"), json!("hello"), json!(STANDARD.encode("exit 3")), json!(60)]
    );
    let instance = &invocation["InvokeInstances"]["InvokeInstance"][0];
    assert_eq!(
        fields(instance, ["InstanceId", "InvocationStatus", "ExitCode", "ErrorCode", "Output"]),
        [json!(id), json!("Failed"), json!(3), json!("ExitCodeNonzero"), json!(STANDARD.encode("done\n"))]
    );
    let without = world.ok("DescribeInvocations", &[("InvokeId", &invoke)]);
    assert_eq!(without["Invocations"]["Invocation"][0]["InvokeInstances"]["InvokeInstance"][0]["Output"], "");
}

#[test]
fn a_command_is_asked_for_often_at_first_and_then_less_so() {
    let world = World::new();
    let id = world.instance();
    let invoke = world.run(&id, "sleep");
    let mut pauses = Vec::new();
    for _ in 0..7 {
        while world.ecs.step().unwrap() {}
        let due = world.ecs.next_due().unwrap();
        pauses.push(due - world.now());
        world.advance(due - world.now());
    }
    assert_eq!(pauses, [10, 20, 40, 80, 100, 100, 100]);
    assert_eq!(world.result(&invoke)["InvocationStatus"], "Running");
    world.fake.end_command(&invoke, CommandState::TimedOut { output: b"half".to_vec() });
    world.settle();
    assert_eq!(
        fields(&world.result(&invoke), ["InvocationStatus", "ErrorCode", "Output"]),
        [json!("Timeout"), json!("ExecutionTimeout"), json!(STANDARD.encode("half"))]
    );
}

#[test]
fn a_command_whose_agent_hangs_ends_after_its_timeout() {
    let world = World::new();
    let id = world.instance();
    let invoke = world.run(&id, "hang");
    while world.ecs.step().unwrap() {}
    world.advance(89_000);
    while world.ecs.step().unwrap() {}
    assert_eq!(world.result(&invoke)["InvocationStatus"], "Running");
    world.advance(2000);
    world.settle();
    assert_eq!(world.result(&invoke)["InvocationStatus"], "Timeout");
}

#[test]
fn a_command_that_reaches_no_agent_is_aborted_after_a_minute() {
    let world = World::new();
    let id = world.instance();
    world.fake.agent(&id, false);
    let invoke = world.run(&id, "exit 0");
    let began = world.now();
    world.settle();
    // `settle` is bounded, and 500 steps of 100 ms are less than a minute.
    assert_eq!(world.result(&invoke)["InvocationStatus"], "Pending");
    world.advance(60_000 - (world.now() - began));
    world.settle();
    let result = world.result(&invoke);
    assert_eq!(
        fields(&result, ["InvocationStatus", "ErrorCode", "InvokeRecordStatus", "Repeats"]),
        [json!("Aborted"), json!("ClientNotRunning"), json!("Failed"), json!(0)]
    );
    let event = world.bus.events("ecs:CloudAssistant:TaskCompleted").remove(0);
    assert_eq!(
        fields(&event["data"], ["invocationStatus", "errorCode"]),
        [json!("Aborted"), json!("ClientNotRunning")]
    );

    let invoke = world.run(&id, "exit 0");
    world.fake.agent(&id, true);
    world.settle();
    assert_eq!(world.result(&invoke)["InvocationStatus"], "Success", "an agent that comes back gets it");
}

#[test]
fn an_instance_that_goes_down_interrupts_its_commands() {
    for crash in [false, true] {
        let world = World::new();
        let id = world.instance();
        let invoke = world.run(&id, "sleep");
        while world.ecs.step().unwrap() {}
        if crash {
            world.fake.crash(&id);
        } else {
            world.ok("StopInstance", &[("InstanceId", &id), ("ForceStop", "true")]);
        }
        world.settle();
        assert_eq!(
            fields(&world.result(&invoke), ["InvocationStatus", "ErrorCode"]),
            [json!("Failed"), json!("ExecutionInterrupted")]
        );
        assert_eq!(world.get(&id).active_tasks, 0);
    }
}

#[test]
fn a_deleted_instance_aborts_what_was_not_delivered() {
    let world = World::new();
    let id = world.instance();
    world.fake.agent(&id, false);
    let invoke = world.run(&id, "exit 0");
    world.ecs.delete_instance(&id).unwrap();
    world.settle();
    assert_eq!(
        fields(&world.result(&invoke), ["InvocationStatus", "ErrorCode"]),
        [json!("Aborted"), json!("InstanceReleased")]
    );
}

#[test]
fn exit_codes_reboot_and_power_off_after_the_report() {
    let world = World::new();
    let id = world.instance();
    let invoke = world.run(&id, "exit 194");
    world.settle();
    assert_eq!(world.result(&invoke)["ExitCode"], 194);
    assert_eq!((world.status(&id), world.fake.lock().boots[&id]), ("Running", 2));
    let kinds: Vec<String> = world.bus.published().iter().map(|event| text(&event["type"])).collect();
    assert_eq!(
        kinds[4..],
        [
            "ecs:CloudAssistant:TaskCompleted",
            "ecs:Instance:StateChange",
            "ecs:Instance:StateChange",
            "ecs:Instance:StateChange"
        ],
        "the result is reported first"
    );
    assert_eq!(world.bus.states(&id)[3..], ["Stopping", "Starting", "Running"]);
    assert_eq!(world.fake.lock().begun.len(), 1, "the script is not run again");

    world.run(&id, "exit 193");
    world.settle();
    assert_eq!((world.status(&id), world.fake.lock().boots[&id]), ("Stopped", 2));
}

#[test]
fn windows_has_its_own_exit_codes_and_scripts() {
    let world = World::new();
    let id = world.instance_of(NewInstance { os_type: "windows".into(), ..Default::default() });
    let run = |kind: &str, script: &str| {
        world.call("RunCommand", &[("Type", kind), ("CommandContent", script), ("InstanceId.1", &id)])
    };
    assert_eq!(run("RunShellScript", "exit 0").unwrap_err().code, "InvalidInstance.NotMatch");
    run("RunPowerShellScript", "exit 194").unwrap();
    world.settle();
    assert_eq!(world.fake.lock().boots[&id], 1);
    run("RunPowerShellScript", "exit 3010").unwrap();
    world.settle();
    assert_eq!(world.fake.lock().boots[&id], 2);
    run("RunBatScript", "exit 3009").unwrap();
    world.settle();
    assert_eq!(world.status(&id), "Stopped");
}

#[test]
fn stopping_cancels_what_waits_and_kills_what_runs() {
    let world = World::new();
    let (one, two) = (world.instance(), world.instance());
    world.fake.agent(&two, false);
    let params = [
        ("Type", "RunShellScript"),
        ("CommandContent", "sleep"),
        ("InstanceId.1", one.as_str()),
        ("InstanceId.2", &two),
    ];
    let invoke = text(&world.ok("RunCommand", &params)["InvokeId"]);
    while world.ecs.step().unwrap() {}
    let status_of = |instance: &str| {
        let answer = world.ok("DescribeInvocationResults", &[("InvokeId", &invoke), ("InstanceId", instance)]);
        text(&answer["Invocation"]["InvocationResults"]["InvocationResult"][0]["InvocationStatus"])
    };
    let overall = || {
        let answer = world.ok("DescribeInvocations", &[("InvokeId", &invoke)]);
        text(&answer["Invocations"]["Invocation"][0]["InvocationStatus"])
    };
    assert_eq!((status_of(&one), status_of(&two), overall()), ("Running".into(), "Pending".into(), "Running".into()));
    world.ok("StopInvocation", &[("InvokeId", &invoke), ("InstanceId.1", &two)]);
    assert_eq!((status_of(&one), status_of(&two)), ("Running".into(), "Cancelled".into()));
    world.ok("StopInvocation", &[("InvokeId", &invoke)]);
    assert_eq!((status_of(&one), overall()), ("Stopping".into(), "Stopping".into()));
    world.settle();
    assert_eq!(
        (status_of(&one), status_of(&two), overall()),
        ("Terminated".into(), "Cancelled".into(), "Stopped".into())
    );
    let mut ends: Vec<String> = world
        .bus
        .events("ecs:CloudAssistant:TaskCompleted")
        .iter()
        .map(|event| text(&event["data"]["invocationStatus"]))
        .collect();
    ends.sort();
    assert_eq!(ends, ["Cancelled", "Terminated"]);
    world.ok("StopInvocation", &[("InvokeId", &invoke)]);
    assert_eq!(world.refused("StopInvocation", &[("InvokeId", "t-x")]), refusal(404, "InvalidInvokeId.NotFound"));
}

#[test]
fn the_parameters_of_run_command_are_checked() {
    let world = World::new();
    let id = world.instance();
    let long = "x".repeat(18 * 1024 + 1);
    let (kind, content, on) = (("Type", "RunShellScript"), ("CommandContent", "exit 0"), ("InstanceId.1", id.as_str()));
    let cases: &[Case<'_>] = &[
        (&[content, on], 400, "MissingParameter.Type"),
        (&[("Type", "RunPython"), content, on], 400, "InvalidParameter.Type"),
        (&[kind, on], 400, "MissingParameter.CommandContent"),
        (&[kind, content], 400, "MissingParam.InstanceId"),
        (&[kind, content, ("InstanceId.1", "i-x")], 404, "InvalidInstance.NotFound"),
        (&[kind, content, on, ("InstanceId.2", "i-x")], 404, "InvalidInstance.NotFound"),
        (&[kind, ("CommandContent", &long), on], 403, "CmdContent.ExceedLimit"),
        (&[kind, ("CommandContent", "?"), ("ContentEncoding", "Base64"), on], 400, "InvalidParameter.CommandContent"),
        (&[kind, content, ("ContentEncoding", "Hex"), on], 400, "InvalidParameter.ContentEncoding"),
        (&[kind, content, on, ("Timeout", "0")], 400, "InvalidParameter.Timeout"),
        (&[kind, content, on, ("RepeatMode", "Period")], 400, "UnsupportedParameter"),
        (&[kind, content, on, ("RepeatMode", "Never")], 404, "InvalidRepeatMode.NotFound"),
        (&[kind, content, on, ("RegionId", "cn-beijing")], 404, "InvalidRegionId.NotFound"),
        (&[("Type", "RunBatScript"), content, on], 400, "InvalidInstance.NotMatch"),
        (&[kind, ("CommandContent", "echo {{x}}"), on, ("EnableParameter", "true")], 403, "Parameter.NotMatched"),
    ];
    for (params, status, code) in cases {
        assert_eq!(world.refused("RunCommand", params), refusal(*status, code), "{params:?}");
    }
    assert_eq!(world.ok("RunCommand", &[kind, content, on, ("RepeatMode", "DryRun")]), json!({}));
    let whole = "x".repeat(18 * 1024);
    world.ok("RunCommand", &[kind, ("CommandContent", &whole), on]);

    world.ok("StopInstance", &[("InstanceId", &id)]);
    world.settle();
    assert_eq!(world.refused("RunCommand", &[kind, content, on]), refusal(400, "InvalidInstance.NotMatch"));
    assert_eq!(world.ok("DescribeInvocations", &[])["TotalCount"], 1, "what was refused has left nothing");

    let many: Vec<(String, String)> = (1..=101).map(|n| (format!("InstanceId.{n}"), format!("i-{n}"))).collect();
    let mut params: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    params.extend([kind, content]);
    assert_eq!(world.refused("RunCommand", &params), refusal(403, "InstanceIds.ExceedLimit"));
}

#[test]
fn a_client_token_runs_a_command_once() {
    let world = World::new();
    let id = world.instance();
    let params =
        [("Type", "RunShellScript"), ("CommandContent", "exit 0"), ("InstanceId.1", id.as_str()), ("ClientToken", "t")];
    let answer = world.ok("RunCommand", &params);
    world.settle();
    assert_eq!(world.ok("RunCommand", &params), answer);
    let mut other = params;
    other[1].1 = "exit 1";
    assert_eq!(world.refused("RunCommand", &other), refusal(403, "IdempotentParameterMismatch"));
    world.settle();
    assert_eq!(world.fake.lock().begun.len(), 1);
}

#[test]
fn parameters_are_filled_in_when_asked_for() {
    let world = World::new();
    let id = world.instance();
    let content = "echo {{ACS::InstanceId}} {{ACS::RegionId}} {{ target }} {{";
    let params = [
        ("Type", "RunShellScript"),
        ("CommandContent", content),
        ("InstanceId.1", &id),
        ("Parameters", r#"{"target":"alinux3"}"#),
    ];
    let as_is = text(&world.ok("RunCommand", &params)["InvokeId"]);
    let mut enabled = params.to_vec();
    enabled.push(("EnableParameter", "True"));
    let filled = text(&world.ok("RunCommand", &enabled)["InvokeId"]);
    while world.ecs.step().unwrap() {}
    let machine = world.fake.lock();
    let script = |invoke: String| machine.commands[&(id.clone(), invoke)].0.script.clone();
    assert_eq!(script(as_is), content);
    assert_eq!(script(filled), format!("echo {id} cn-hangzhou alinux3 {{{{"));
}

#[test]
fn the_assistants_status_is_that_of_its_heartbeat() {
    let world = World::new();
    let id = world.instance();
    let status = || {
        let answer = world.ok("DescribeCloudAssistantStatus", &[("InstanceId.1", &id)]);
        answer["InstanceCloudAssistantStatusSet"]["InstanceCloudAssistantStatus"][0].clone()
    };
    let invoke = world.run(&id, "sleep");
    while world.ecs.step().unwrap() {}
    let seen = status();
    assert_eq!(
        fields(&seen, ["CloudAssistantStatus", "InvocationCount", "ActiveTaskCount", "OSType"]),
        [json!("true"), json!(1), json!(1), json!("Linux")]
    );
    assert_eq!(seen["LastHeartbeatTime"], "2023-11-14T22:13:20Z");
    assert!(!text(&seen["CloudAssistantVersion"]).is_empty());
    world.fake.end_command(&invoke, CommandState::Exited { code: 0, output: Vec::new(), dropped: 0 });
    world.settle();
    assert_eq!(status()["ActiveTaskCount"], 0);
    world.fake.agent(&id, false);
    assert_eq!(fields(&status(), ["CloudAssistantStatus", "LastHeartbeatTime"]), [json!("false"), json!("")]);
}
