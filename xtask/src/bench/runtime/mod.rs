//! What an invocation costs with fc_runtime: beside bare hyper and lambda_runtime, each in turn, in interleaved
//! rounds of one run. Every process under measurement has core 0, whoever calls it core 1.

mod build;
mod cold;
mod lambda_api;
mod load;
mod process;
mod report;
mod warm;

use rig::Error;

/// The event that is sent: 433 bytes of CloudEvents, about a snapshot that is nobody's, so that a stage answers it
/// without a call to the cloud.
pub const EVENT: &str = concat!(
    r#"{"id":"45ef4dew-dwe1-4c3a-9b1f-0a1b2c3d4e5f","source":"acs.ecs","specversion":"1.0","#,
    r#""type":"ecs:Snapshot:CreateSnapshotCompleted","datacontenttype":"application/json;charset=utf-8","#,
    r#""subject":"acs:ecs:cn-hangzhou:1234567890:snapshot/s-bp1abc","time":"2026-03-01T12:04:41+08:00","#,
    r#""aliyunaccountid":"1234567890","aliyuneventbusname":"default","aliyunregionid":"cn-hangzhou","#,
    r#""data":{"snapshotName":"auto2.0_2026","snapshotId":"s-bp1abc"}}"#
);

/// Measures and prints; asserts nothing about time.
pub fn run() -> Result<(), Error> {
    if std::thread::available_parallelism()?.get() < 2 {
        return Err("this needs two cores: one for the process under measurement, one for the load".into());
    }
    let programs = build::all()?;
    process::pin(process::OWN_CORE)?;
    println!("the event has {} bytes; stdout of the processes goes to /dev/null", EVENT.len());
    warm::run(&programs)?;
    cold::run(&programs)?;
    report::size("size of osferry-precheck, stripped", std::fs::metadata(&programs.function)?.len());
    Ok(())
}
