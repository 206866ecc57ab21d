//! Whom we believe to be a server: the roots of the machine and those that browsers ship.
//!
//! The machine's roots let an owner run servers under a private authority; the shipped ones keep a bare container
//! working. HTTP and WebSocket clients share this configuration, so that neither trusts what the other would refuse.

use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, RootCertStore, crypto::ring};

use crate::error::HttpError;

/// The TLS configuration of every client. Roots are read once; restart to pick up changed ones.
///
/// # Errors
/// [`HttpError::Request`] when the configuration cannot be made.
pub fn client_config() -> Result<Arc<ClientConfig>, HttpError> {
    static CONFIG: OnceLock<Result<Arc<ClientConfig>, String>> = OnceLock::new();
    CONFIG
        .get_or_init(|| make().map_err(|error| error.to_string()))
        .clone()
        .map_err(HttpError::Request)
}

fn make() -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    // a root that cannot be read or parsed is left out: one odd file must not cut every connection
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    // the provider is named here and not installed for the process, so a library user's choice is not overruled
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
