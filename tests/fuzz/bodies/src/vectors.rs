//! The requests that the official Python SDK made: good inputs to begin with.

use serde_json::Value;

/// Operation and body of each.
pub fn requests() -> Vec<(String, Vec<u8>)> {
    let vectors: Value = serde_json::from_str(include_str!("../../../../shared/tablestore/testdata/ots.json"))
        .expect("the vectors are JSON");
    let requests = vectors["requests"].as_array().expect("the vectors hold requests");
    let text = |request: &Value, field: &str| request[field].as_str().unwrap_or_default().to_owned();
    requests.iter().map(|request| (text(request, "operation"), bytes(&text(request, "body_hex")))).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("the vectors hold bytes in hex");
    (0..hex.len()).step_by(2).map(byte).collect()
}
