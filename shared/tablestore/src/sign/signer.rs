//! Signing requests one after the other with the same key.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use md5::{Digest, Md5};
use openapi::Credentials;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use sha1::Sha1;
use sha2::Sha256;

use super::{API_VERSION, SIGNATURE, SIGNATURE_V4, date, is_authorization, keyed, response_string_to_sign, v4_key};

const KEY_ID: HeaderName = HeaderName::from_static("x-ots-accesskeyid");
const VERSION: HeaderName = HeaderName::from_static("x-ots-apiversion");
const MD5: HeaderName = HeaderName::from_static("x-ots-contentmd5");
const DATE: HeaderName = HeaderName::from_static("x-ots-date");
const INSTANCE: HeaderName = HeaderName::from_static("x-ots-instancename");
const SIGN_DATE: HeaderName = HeaderName::from_static("x-ots-signdate");
const SIGN_REGION: HeaderName = HeaderName::from_static("x-ots-signregion");
const TOKEN: HeaderName = HeaderName::from_static("x-ots-ststoken");

/// Something that every request must say, and no header can.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0} cannot stand in a header")]
pub struct BadHeader(&'static str);

/// Signs requests to one instance with one key, and knows their answers. What does not change from one
/// request to the next (header values, keyed HMAC states, the key of a day) is made once, with the first.
#[derive(Debug)]
pub struct Signer {
    credentials: Credentials,
    instance: String,
    region: Option<String>,
    fixed: OnceLock<Result<Fixed, BadHeader>>,
    day: Mutex<Option<Arc<Day>>>,
}

/// What all requests have in common.
#[derive(Clone, Debug)]
struct Fixed {
    key_id: HeaderValue,
    instance: HeaderValue,
    region: Option<HeaderValue>,
    token: Option<HeaderValue>,
    /// With the access key secret: signs requests of version 2, and answers to them.
    mac: Hmac<Sha1>,
}

/// What all requests of a day have in common under version 4.
#[derive(Debug)]
struct Day {
    /// `YYYYMMDD`
    date: [u8; 8],
    request_mac: Hmac<Sha256>,
    answer_mac: Hmac<Sha1>,
}

impl Clone for Signer {
    fn clone(&self) -> Self {
        Self {
            credentials: self.credentials.clone(),
            instance: self.instance.clone(),
            region: self.region.clone(),
            fixed: self.fixed.clone(),
            day: Mutex::new(None),
        }
    }
}

impl Signer {
    /// Signs with version 2.
    pub fn new(credentials: Credentials, instance: &str) -> Self {
        let instance = instance.to_owned();
        Self { credentials, instance, region: None, fixed: OnceLock::new(), day: Mutex::new(None) }
    }

    /// Signs with version 4, whose key is derived for a day and a region (`cn-hangzhou`).
    pub fn with_region(mut self, region: &str) -> Self {
        self.region = Some(region.to_owned());
        self.fixed = OnceLock::new();
        self
    }

    /// The headers of a request with this body, sent now.
    ///
    /// # Errors
    /// When the key, the token, the instance or the region cannot stand in a header.
    pub fn sign(&self, operation: &str, body: &[u8], now: Timestamp) -> Result<Signed<'_>, BadHeader> {
        let fixed = self.fixed.get_or_init(|| self.fix()).as_ref().map_err(Clone::clone)?;
        let mut md5 = [0; 24];
        encode(&Md5::digest(body), &mut md5);
        let date = date::millis(now);
        let mut headers = HeaderMap::with_capacity(12);
        let mut text = Vec::with_capacity(512);
        text.extend_from_slice(b"/");
        text.extend_from_slice(operation.as_bytes());
        text.extend_from_slice(b"\nPOST\n\n");
        // In the order in which they are signed, which is that of their names.
        let mut add = |name: HeaderName, value: HeaderValue| {
            for part in [name.as_str().as_bytes(), b":", value.as_bytes(), b"\n"] {
                text.extend_from_slice(part);
            }
            headers.append(name, value);
        };
        add(KEY_ID, fixed.key_id.clone());
        add(VERSION, HeaderValue::from_static(API_VERSION));
        add(MD5, ascii(&md5));
        add(DATE, ascii(&date));
        add(INSTANCE, fixed.instance.clone());
        let day = fixed.region.as_ref().map(|_| self.day(now));
        if let (Some(region), Some(day)) = (&fixed.region, &day) {
            add(SIGN_DATE, ascii(&day.date));
            add(SIGN_REGION, region.clone());
        }
        if let Some(token) = &fixed.token {
            add(TOKEN, token.clone());
        }
        let answer_mac = match &day {
            None => {
                let mut signature = [0; 28];
                encode(&fixed.mac.clone().chain_update(&text).finalize().into_bytes(), &mut signature);
                headers.append(SIGNATURE, ascii(&signature));
                fixed.mac.clone()
            }
            Some(day) => {
                let mut signature = [0; 44];
                let mac = day.request_mac.clone().chain_update(&text).chain_update("ots");
                encode(&mac.finalize().into_bytes(), &mut signature);
                headers.append(SIGNATURE_V4, ascii(&signature));
                day.answer_mac.clone()
            }
        };
        Ok(Signed { headers, answer_mac, key_id: &self.credentials.access_key_id })
    }

    fn fix(&self) -> Result<Fixed, BadHeader> {
        let Credentials { access_key_id, access_key_secret, security_token } = &self.credentials;
        let header = |text: &str, what| HeaderValue::from_str(text).map_err(|_| BadHeader(what));
        let mut token = security_token.as_deref().map(|token| header(token, "the security token")).transpose()?;
        token.iter_mut().for_each(|token| token.set_sensitive(true));
        Ok(Fixed {
            key_id: header(access_key_id, "the access key id")?,
            instance: header(&self.instance, "the instance")?,
            region: self.region.as_deref().map(|region| header(region, "the region")).transpose()?,
            token,
            mac: keyed(access_key_secret.as_bytes()),
        })
    }

    /// What is derived for the day of `now`.
    fn day(&self, now: Timestamp) -> Arc<Day> {
        let date = date::day(now);
        let mut known = self.day.lock().unwrap_or_else(PoisonError::into_inner);
        match known.as_ref() {
            Some(day) if day.date == date => day.clone(),
            _ => {
                let region = self.region.as_deref().unwrap_or_default();
                let key = v4_key(&self.credentials.access_key_secret, &String::from_utf8_lossy(&date), region);
                let (request_mac, answer_mac) = (keyed(key.as_bytes()), keyed(key.as_bytes()));
                known.insert(Arc::new(Day { date, request_mac, answer_mac })).clone()
            }
        }
    }
}

/// A signed request, as far as its headers go.
#[derive(Debug)]
pub struct Signed<'a> {
    /// All `x-ots-…` headers.
    pub headers: HeaderMap,
    /// An answer is signed with the key of its request, also when a day has ended in between.
    answer_mac: Hmac<Sha1>,
    key_id: &'a str,
}

impl Signed<'_> {
    /// Whether `authorization`, from an answer with these headers, is the service's signature of it.
    pub fn is_answer(&self, operation: &str, headers: &HeaderMap, authorization: &str) -> bool {
        let pairs = headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let text = response_string_to_sign(operation, pairs);
        is_authorization(self.key_id, self.answer_mac.clone().chain_update(text), authorization)
    }
}

/// Base64 of `bytes` into `room`, which is as long as that.
fn encode(bytes: &[u8], room: &mut [u8]) {
    // Cannot fail, as the lengths of digests are known.
    STANDARD.encode_slice(bytes, room).expect("room for the base64 of a digest");
}

/// Digits and base64 as a header value.
fn ascii(text: &[u8]) -> HeaderValue {
    HeaderValue::from_bytes(text).expect("digits and base64 can stand in a header")
}
