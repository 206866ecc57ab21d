//! TLS with rustls and ring.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::config::{Protocol, TlsFiles};
use crate::error::ServeError;

/// Makes ring the provider of every rustls configuration that names none, such as those of HTTP clients. Calling it
/// again, or after somebody else chose, changes nothing.
pub fn install_crypto() {
    let _ = ring::default_provider().install_default();
}

/// The TLS identity of a server, which can be read again while it runs.
#[derive(Debug)]
pub(crate) struct Tls {
    files: TlsFiles,
    /// What is negotiated (RFC 7301).
    alpn: &'static [u8],
    current: RwLock<Arc<rustls::ServerConfig>>,
}

impl Tls {
    pub(crate) fn load(files: &TlsFiles, protocol: &Protocol) -> Result<Arc<Self>, ServeError> {
        let alpn: &[u8] = match protocol {
            Protocol::Http1 => b"http/1.1",
            Protocol::Http2(_) => b"h2",
        };
        Ok(Arc::new(Self {
            current: RwLock::new(read(files, alpn)?),
            files: files.clone(),
            alpn,
        }))
    }

    /// For the next handshake.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(Arc::clone(&current))
    }

    /// Reads both files again; when that fails the old identity stays.
    pub(crate) fn reload(&self) -> Result<(), ServeError> {
        let fresh = read(&self.files, self.alpn)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// Reloads at each SIGHUP until `stop`.
    pub(crate) fn reload_on_hangup(self: &Arc<Self>, stop: CancellationToken) -> Result<(), ServeError> {
        let mut hangup = signal(SignalKind::hangup()).map_err(ServeError::Signals)?;
        let tls = Arc::clone(self);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = hangup.recv() => {}
                    () = stop.cancelled() => return,
                }
                match tls.reload() {
                    Ok(()) => tracing::info!("TLS certificate and key read again"),
                    Err(error) => tracing::error!(%error, "TLS files are not usable; the old certificate stays"),
                }
            }
        });
        Ok(())
    }
}

fn read(files: &TlsFiles, alpn: &[u8]) -> Result<Arc<rustls::ServerConfig>, ServeError> {
    let content = "certificate chain";
    let chain = CertificateDer::pem_file_iter(&files.cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(&files.cert, content, error))?;
    if chain.is_empty() {
        return Err(unusable(&files.cert, content, pem::Error::NoItemsFound));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| unusable(&files.key, "private key", error))?;
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(ServeError::Tls)?;
    config.alpn_protocols = vec![alpn.to_vec()];
    Ok(Arc::new(config))
}

fn unusable(path: &Path, expected: &'static str, error: pem::Error) -> ServeError {
    let path = path.to_owned();
    match error {
        pem::Error::Io(source) => ServeError::TlsFile { path, source },
        // the parser's message may quote the file, so it goes nowhere
        _ => ServeError::TlsContent { path, expected },
    }
}
