//! Where to listen.

use std::net::TcpListener;

use crate::Error;

/// Port without any variable (FC docs, custom runtime).
const DEFAULT_PORT: u16 = 9000;

/// The socket that the environment asks for.
pub(super) fn bind(var: impl Fn(&str) -> Option<String>) -> Result<TcpListener, Error> {
    let (host, port) = address(var)?;
    TcpListener::bind((host.as_str(), port)).map_err(|e| format!("listen on {host}:{port}: {e}").into())
}

fn address(var: impl Fn(&str) -> Option<String>) -> Result<(String, u16), Error> {
    let host = var("RUNTIME_LISTEN_HOST").unwrap_or_else(|| "0.0.0.0".into());
    for name in ["FC_CUSTOM_LISTEN_PORT", "FC_SERVER_PORT"] {
        if let Some(port) = var(name) {
            return Ok((host, port.parse().map_err(|e| format!("{name}={port}: {e}"))?));
        }
    }
    Ok((host, DEFAULT_PORT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_looked_for_in_order() {
        let with = |vars: &'static [(&str, &str)]| {
            address(|name| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_string()))
        };
        assert_eq!(with(&[]).unwrap(), ("0.0.0.0".into(), 9000));
        assert_eq!(with(&[("FC_SERVER_PORT", "80")]).unwrap().1, 80);
        assert_eq!(with(&[("FC_SERVER_PORT", "80"), ("FC_CUSTOM_LISTEN_PORT", "81")]).unwrap().1, 81);
        assert_eq!(with(&[("RUNTIME_LISTEN_HOST", "127.0.0.1")]).unwrap().0, "127.0.0.1");
        let error = with(&[("FC_CUSTOM_LISTEN_PORT", "x")]).unwrap_err().to_string();
        assert!(error.starts_with("FC_CUSTOM_LISTEN_PORT=x"), "{error}");
    }
}
