//! TLS, and reading its files again.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use chancery_base::ErrorCode as _;
use chancery_serve::{Bound, ServerConfig, TlsFiles, install_crypto};
use common::{Server, config, start_with};
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Writes a fresh identity for `localhost` and returns its certificate.
fn write_identity(files: &TlsFiles) -> CertificateDer<'static> {
    let identity = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(&files.cert, identity.cert.pem()).unwrap();
    std::fs::write(&files.key, identity.signing_key.serialize_pem()).unwrap();
    identity.cert.der().clone()
}

fn files(dir: &Path) -> TlsFiles {
    TlsFiles {
        cert: dir.join("cert.pem"),
        key: dir.join("key.pem"),
    }
}

fn with_tls(files: &TlsFiles) -> ServerConfig {
    ServerConfig {
        tls: Some(files.clone()),
        ..config()
    }
}

/// `GET /ok` by a client that trusts `root` only.
async fn get_ok(server: &Server, root: &CertificateDer<'static>) -> std::io::Result<String> {
    install_crypto();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let client = rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(server.address).await?;
    let name = "localhost".try_into().unwrap();
    let mut stream = tokio_rustls::TlsConnector::from(Arc::new(client))
        .connect(name, stream)
        .await?;
    stream
        .write_all(b"GET /ok HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn https_is_served_and_a_new_certificate_taken_at_sighup() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path());
    let first = write_identity(&files);
    let server = start_with(Router::new().route("/ok", get(|| async { "ok" })), &with_tls(&files)).await;
    assert!(get_ok(&server, &first).await.unwrap().ends_with("\r\n\r\nok"));

    let hang_up = || {
        let us = rustix::process::getpid();
        rustix::process::kill_process(us, rustix::process::Signal::HUP).unwrap();
    };
    // files that are not usable change nothing
    std::fs::write(&files.cert, "nothing").unwrap();
    hang_up();
    tokio::time::sleep(Duration::from_millis(100)).await;
    get_ok(&server, &first).await.unwrap();

    let second = write_identity(&files);
    hang_up();
    let mut taken = false;
    for _ in 0..100 {
        taken = get_ok(&server, &second).await.is_ok();
        if taken {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(taken);
    assert!(get_ok(&server, &first).await.is_err());
}

#[tokio::test]
async fn plain_http_to_a_tls_port_harms_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path());
    let root = write_identity(&files);
    let server = start_with(Router::new().route("/ok", get(|| async { "ok" })), &with_tls(&files)).await;
    assert_ne!(server.get("/ok").await.status, 200);
    get_ok(&server, &root).await.unwrap();
}

#[tokio::test]
async fn files_that_are_no_identity_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path());
    let code = async || Bound::bind(&with_tls(&files)).await.unwrap_err().code();
    assert_eq!(code().await, "SERVE_TLS_FILE_UNREADABLE");
    write_identity(&files);
    std::fs::copy(&files.cert, &files.key).unwrap();
    assert_eq!(code().await, "SERVE_TLS_FILE_INVALID");
    std::fs::write(&files.cert, "").unwrap();
    assert_eq!(code().await, "SERVE_TLS_FILE_INVALID");
    // the key of another certificate
    write_identity(&files);
    let cert = std::fs::read(&files.cert).unwrap();
    write_identity(&files);
    std::fs::write(&files.cert, cert).unwrap();
    assert_eq!(code().await, "SERVE_TLS_INVALID");
}
