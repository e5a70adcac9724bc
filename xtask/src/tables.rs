//! Makes the tables of a deployment.

use openapi::Credentials;
use rig::{Error, create_tables};
use tablestore::Client;

/// Makes those that are not there yet. Region and instance are named as for `s deploy`, the key as for every tool of
/// Alibaba Cloud; `OTS_ENDPOINT` stands for another address than the public one.
pub fn run() -> Result<(), Error> {
    let client = client(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let created = runtime.block_on(create_tables(&client))?;
    match created.as_slice() {
        [] => println!("every table is there"),
        names => println!("made {}", names.join(", ")),
    }
    Ok(())
}

fn client(var: impl Fn(&str) -> Option<String>) -> Result<Client, Error> {
    let need = |name: &str| var(name).ok_or_else(|| format!("{name} is not set"));
    let credentials = Credentials {
        access_key_id: need("ALIBABA_CLOUD_ACCESS_KEY_ID")?,
        access_key_secret: need("ALIBABA_CLOUD_ACCESS_KEY_SECRET")?,
        security_token: var("ALIBABA_CLOUD_SECURITY_TOKEN"),
    };
    let region = var("REGION").unwrap_or_else(|| "cn-hangzhou".into());
    let instance = var("OTS_INSTANCE").unwrap_or_else(|| "osferry".into());
    let endpoint = var("OTS_ENDPOINT").unwrap_or_else(|| format!("https://{instance}.{region}.ots.aliyuncs.com"));
    println!("{endpoint}, instance {instance}");
    Ok(Client::new(openapi::http::client(), &endpoint, &instance, credentials))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_key_is_needed() {
        let error = super::client(|_| None).map(drop).unwrap_err();
        assert_eq!(error.to_string(), "ALIBABA_CLOUD_ACCESS_KEY_ID is not set");
        assert!(super::client(|name| Some(name.to_lowercase())).is_ok());
    }
}
