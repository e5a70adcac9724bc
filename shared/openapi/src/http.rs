//! The HTTP client that every request goes through.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// As the official SDKs have it: a gateway that does not answer the handshake in 5 s is not there.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// As the official SDKs have it: the slowest documented calls answer within 10 s.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Gateways drop idle connections after a minute or less; a frozen function instance that thaws
/// must not write into one that is long gone.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// The process's HTTP client: TLS 1.2 and 1.3 with Mozilla's roots, no proxy from the environment,
/// [`CONNECT_TIMEOUT`], [`REQUEST_TIMEOUT`]. Built at the first call; clones share its connections.
pub fn client() -> reqwest::Client {
    static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(build);
    CLIENT.clone()
}

/// A client that shares no connections with others. Tests need it: connections of [`client`] end
/// with the async runtime of the test that opened them.
pub fn build() -> reqwest::Client {
    let roots = rustls::RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        // The provider above is fixed and supports both versions.
        .expect("ring supports TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .user_agent(concat!("os-ferry/", env!("CARGO_PKG_VERSION")))
        .build()
        // Fails only on an unusable TLS configuration, and this one is fixed.
        .expect("build the HTTP client")
}
