//! What a person does through the console's API, and what an operator of the local cloud breaks.

use local_cloud::cloud::Endpoint;
use local_cloud::guest::BootFault;
use migration::MigrationId;
use serde_json::{Value, json};

use crate::{Error, Rig};

/// Setting that makes [`TOKEN`] `ann`'s (docs/console.md): an argument of `--env`.
pub const OPERATORS: &str = r#"OPERATORS={"ann": "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"}"#;
/// Her token.
const TOKEN: &str = "secret";

impl Rig {
    /// Asks the console as `ann`; status and body of its answer.
    pub async fn ask(&self, path: &str, body: Option<&Value>) -> Result<(u16, Value), Error> {
        let endpoint = Endpoint::read(self.state_dir()).ok_or("no endpoint")?.endpoint;
        let url = format!("{endpoint}/fcapp/osferry-console{path}");
        let client = openapi::http::build();
        let request = match body {
            None => client.get(url),
            Some(body) => client.post(url).body(body.to_string()),
        };
        let answer = request.header("authorization", format!("Bearer {TOKEN}")).send().await?;
        Ok((answer.status().as_u16(), serde_json::from_str(&answer.text().await?)?))
    }

    /// A wish for a migration: `cancel`, `retry`, `acknowledge`, `rollback`. An error when it is refused.
    pub async fn wish(&self, id: &MigrationId, wish: &str, body: &Value) -> Result<Value, Error> {
        match self.ask(&format!("/migrations/{id}/{wish}"), Some(body)).await? {
            (200 | 202, answer) => Ok(answer),
            (status, answer) => Err(format!("{wish} of {id}: {status} {answer}").into()),
        }
    }

    /// Breaks the next boot of a guest but `skip`.
    pub async fn break_boot(&self, instance_id: &str, fault: BootFault, skip: u32) -> Result<(), Error> {
        let body = json!({ "instanceId": instance_id, "fault": fault, "skip": skip });
        self.operator.command("break-boots", &body).await?;
        Ok(())
    }

    /// Cuts a guest off from the mirror, or connects it again.
    pub async fn network(&self, instance_id: &str, up: bool) -> Result<(), Error> {
        self.operator.command("network", &json!({ "instanceId": instance_id, "up": up })).await?;
        Ok(())
    }

    /// Cuts a guest off from the mirror as soon as it has a path like `once`; `*` stands for any one name.
    pub async fn network_until(&self, instance_id: &str, once: &str) -> Result<(), Error> {
        self.operator.command("network", &json!({ "instanceId": instance_id, "up": false, "once": once })).await?;
        Ok(())
    }

    /// Leaves room for `spare` bytes in a directory of a guest.
    pub async fn fill_disk(&self, instance_id: &str, path: &str, spare: u64) -> Result<(), Error> {
        let body = json!({ "instanceId": instance_id, "path": path, "spare": spare });
        self.operator.command("fill-disk", &body).await?;
        Ok(())
    }

    /// Undoes every fault of a guest that is not over.
    pub async fn mend(&self, instance_id: &str) -> Result<(), Error> {
        self.operator.command("mend", &json!({ "instanceId": instance_id })).await?;
        Ok(())
    }

    /// What a guest's serial console said, and how often it has booted.
    pub async fn console(&self, instance_id: &str) -> Result<(String, u64), Error> {
        let answer = self.operator.command("console", &json!({ "instanceId": instance_id })).await?;
        let text = answer["console"].as_str().ok_or("no console")?.to_owned();
        Ok((text, answer["boots"].as_u64().ok_or("no boots")?))
    }

    /// A snapshot of Windows' installation media; its id.
    pub async fn create_media(&self, image_id: &str) -> Result<String, Error> {
        let answer = self.operator.command("create-media", &json!({ "imageId": image_id })).await?;
        Ok(answer["snapshotId"].as_str().ok_or("no snapshot")?.to_owned())
    }
}
