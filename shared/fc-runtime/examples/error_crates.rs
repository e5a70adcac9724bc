//! Errors of anyhow, eyre and miette: features of the same names turn them into a `Diagnostic`.

use fc_runtime::{Diagnostic, Error, LambdaEvent, service_fn};

fn by_anyhow() -> anyhow::Result<()> {
    anyhow::bail!("said by anyhow")
}

fn by_eyre() -> eyre::Result<()> {
    eyre::bail!("said by eyre")
}

fn by_miette() -> miette::Result<()> {
    miette::bail!("said by miette")
}

async fn fail(event: LambdaEvent<String>) -> Result<(), Diagnostic> {
    match event.payload.as_str() {
        "anyhow" => Ok(by_anyhow()?),
        "eyre" => Ok(by_eyre()?),
        "miette" => Ok(by_miette()?),
        other => Err(format!("no crate {other}").into()),
    }
}

/// Starts the function.
#[tokio::main]
pub async fn main() -> Result<(), Error> {
    fc_runtime::run(service_fn(fail)).await
}
