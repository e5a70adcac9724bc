//! The function's process.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), fc_runtime::Error> {
    stage::run(clone::Clone).await
}
