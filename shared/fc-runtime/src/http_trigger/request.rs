//! Reading a client's request.

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::Request;
use super::event::decode;
use crate::Context;
use crate::streaming::BodyError;

/// What a handler often asks of a request.
pub trait RequestExt {
    /// The circumstances of the invocation; none for a request that did not come from FC.
    fn context(&self) -> Option<&Context>;

    /// The path, percent-decoded.
    fn path(&self) -> String;

    /// The query's parameters in their order, decoded as forms are.
    fn query_parameters(&self) -> Vec<(String, String)>;

    /// The first query parameter of this name.
    fn query_parameter(&self, name: &str) -> Option<String>;

    /// The cookies in their order, as sent.
    fn cookies(&self) -> Vec<(&str, &str)>;

    /// The first cookie of this name.
    fn cookie(&self, name: &str) -> Option<&str>;

    /// Reads the body into memory; it has 32 MB at most.
    ///
    /// # Errors
    ///
    /// When the body breaks off or is too large.
    fn into_bytes(self) -> impl Future<Output = Result<Bytes, BodyError>> + Send;

    /// Reads the body as JSON.
    ///
    /// # Errors
    ///
    /// When the body breaks off, is too large or does not fit.
    fn into_json<T: DeserializeOwned>(self) -> impl Future<Output = Result<T, BodyError>> + Send;
}

impl RequestExt for Request {
    fn context(&self) -> Option<&Context> {
        self.extensions().get()
    }

    fn path(&self) -> String {
        decode(self.uri().path())
    }

    fn query_parameters(&self) -> Vec<(String, String)> {
        query(self.uri().query().unwrap_or_default()).collect()
    }

    fn query_parameter(&self, name: &str) -> Option<String> {
        query(self.uri().query().unwrap_or_default()).find(|(key, _)| key == name).map(|(_, value)| value)
    }

    fn cookies(&self) -> Vec<(&str, &str)> {
        let lines = self.headers().get_all(http::header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('=')).collect()
    }

    fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies().into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    async fn into_bytes(self) -> Result<Bytes, BodyError> {
        Ok(self.into_body().collect().await?.to_bytes())
    }

    async fn into_json<T: DeserializeOwned>(self) -> Result<T, BodyError> {
        serde_json::from_slice(&self.into_bytes().await?).map_err(BodyError::new)
    }
}

/// The parameters of a query string, decoded as forms are.
pub(super) fn query(text: &str) -> impl Iterator<Item = (String, String)> {
    text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(&name.replace('+', " ")), decode(&value.replace('+', " ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_is_read() {
        let request = http::Request::post("/a%20b?x=1%2B1&y=a+b&x=2&z")
            .header("cookie", "session=s=1; theme=dark")
            .header("cookie", "more=1")
            .body(r#"{"n":7}"#.into());
        let request: Request = request.unwrap();
        assert_eq!(request.path(), "/a b");
        let pairs = request.query_parameters();
        assert_eq!(pairs, [("x", "1+1"), ("y", "a b"), ("x", "2"), ("z", "")].map(|(k, v)| (k.into(), v.into())));
        assert_eq!((request.query_parameter("x").as_deref(), request.query_parameter("q")), (Some("1+1"), None));
        assert_eq!(request.cookies(), [("session", "s=1"), ("theme", "dark"), ("more", "1")]);
        assert_eq!((request.cookie("theme"), request.cookie("none")), (Some("dark"), None));
        assert!(request.context().is_none());
        let body: serde_json::Value = request.into_json().await.unwrap();
        assert_eq!(body["n"], 7);
        let empty: Request = http::Request::new("".into());
        assert!(empty.into_json::<u8>().await.is_err());
    }
}
