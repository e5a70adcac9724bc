//! The Tablestore client against the local cloud's Tablestore, over a real socket.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod auth;
mod batches;
mod conditions;
mod filters;
mod indexes;
mod limits;
mod model;
mod parsing;
mod raw;
mod reads;
mod tables;
mod transactions;
mod units;
mod writes;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use jiff::{SignedDuration, Timestamp};
use local_cloud::credentials::{Identity, Keyring, Who};
use local_cloud::ram::{Place, Policies};
use local_cloud::store::Store;
use local_cloud::tablestore::{Clock, Tablestore, serve};
use openapi::Credentials;
use tablestore::request::{Change, Return};
use tablestore::{
    BatchGetRow, BatchWriteRow, Client, Column, Comparator, Condition, DeleteRow, Error, Filter, GetRange, GetRow,
    GetRows, Key, KeyType, PrimaryKey, PutRow, RetryPolicy, RowChange, TableMeta, TableOptions, TimeRange, UpdateRow,
    Value, sign,
};
use tokio::net::TcpListener;

const INSTANCE: &str = "ferry";

/// What the role `reader` may do.
const READER: &str = r#"{ "Version": "1", "Statement": [
    { "Effect": "Allow", "Action": "ots:ListTable", "Resource": "acs:ots:${REGION}:${ACCOUNT}:instance/${OTS_INSTANCE}" },
    { "Effect": "Allow", "Action": ["ots:Get*", "ots:BatchWriteRow"],
      "Resource": "acs:ots:${REGION}:${ACCOUNT}:instance/${OTS_INSTANCE}/table/t" } ] }"#;

/// A Tablestore on a loopback port, gone with the value.
struct Cloud {
    endpoint: String,
    keyring: Keyring,
    tablestore: Arc<Tablestore>,
    clock: Clock,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn credentials(identity: &Identity) -> Credentials {
    Credentials {
        access_key_id: identity.access_key_id.clone(),
        access_key_secret: identity.access_key_secret.clone(),
        security_token: identity.security_token.clone(),
    }
}

impl Cloud {
    async fn start(dir: &Path) -> Self {
        Self::start_at(dir, Arc::new(Timestamp::now)).await
    }

    async fn start_at(dir: &Path, clock: Clock) -> Self {
        let store = Store::open(dir).unwrap();
        std::fs::create_dir_all(dir.join("ram")).unwrap();
        std::fs::write(dir.join("ram/reader.json"), READER).unwrap();
        let place = Place { region: "cn-hangzhou".into(), account_id: "1234".into(), ots_instance: INSTANCE.into() };
        let policies = Policies::load(&dir.join("ram"), &place).unwrap();
        let keyring = Keyring::open(&store, policies).unwrap();
        let tablestore = Arc::new(Tablestore::open_at(store, keyring.clone(), INSTANCE, clock.clone()).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(serve(listener, tablestore.clone(), std::future::pending()));
        Self { endpoint, keyring, tablestore, clock, server }
    }

    fn client(&self) -> Client {
        self.client_as(credentials(self.keyring.operator()))
    }

    fn client_as(&self, credentials: Credentials) -> Client {
        Client::new(openapi::http::build(), &self.endpoint, INSTANCE, credentials)
    }
}

/// A cloud with one table `t`, keyed by the string `id`.
async fn with_table(dir: &Path) -> (Cloud, Client) {
    let cloud = Cloud::start(dir).await;
    let client = cloud.client();
    client.create_table(&TableMeta::new("t", "id", KeyType::String), &TableOptions::default()).await.unwrap();
    (cloud, client)
}

fn id(value: &str) -> PrimaryKey {
    PrimaryKey::new("id", value)
}

fn put(key: &str) -> PutRow {
    PutRow::new("t", id(key))
}

fn update(key: &str) -> UpdateRow {
    UpdateRow::new("t", id(key))
}

fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result.unwrap_err() {
        Error::Service { code, message, status, .. } => format!("{status} {code}: {message}"),
        other => panic!("not a refusal: {other}"),
    }
}
