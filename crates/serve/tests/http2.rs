//! A server that speaks HTTP/2.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Extension;
use axum::routing::get;
use chancery_serve::{Bound, ClientAddr, Connection, Http2, Peer, Protocol, ServerConfig, TlsFiles, install_crypto};
use hyper::Request;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use common::config;

fn http2_config(change: impl FnOnce(&mut Http2)) -> ServerConfig {
    let mut limits = Http2::default();
    change(&mut limits);
    ServerConfig {
        protocol: Protocol::Http2(limits),
        ..config()
    }
}

fn router() -> Router {
    Router::new()
        .route(
            "/who",
            get(|client: ClientAddr, peer: Option<Peer>| async move { format!("{} {}", client.0, peer.is_some()) }),
        )
        .route(
            "/cut",
            get(|Extension(connection): Extension<Connection>| async move {
                connection.cut();
                std::future::pending::<()>().await;
            }),
        )
        .route("/slow", get(std::future::pending::<()>))
}

async fn client(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> http2::SendRequest<Body> {
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (sender, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn text(sender: &mut http2::SendRequest<Body>, path: &str) -> Result<String, hyper::Error> {
    let request = Request::get(format!("http://localhost{path}"))
        .body(Body::empty())
        .unwrap();
    let response = sender.send_request(request).await?;
    let body = axum::body::to_bytes(Body::new(response.into_body()), 1 << 20)
        .await
        .unwrap();
    Ok(String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn requests_share_a_connection_and_know_whose_they_are() {
    let bound = Bound::bind(&http2_config(|_| {})).await.unwrap();
    let address = bound.local_addr();
    let stop = CancellationToken::new();
    let running = tokio::spawn(bound.run(router(), stop.clone()));
    let mut sender = client(TcpStream::connect(address).await.unwrap()).await;
    let mut other = sender.clone();
    let (one, two) = tokio::join!(text(&mut sender, "/who"), text(&mut other, "/who"));
    assert_eq!(
        (one.unwrap().as_str(), two.unwrap().as_str()),
        ("127.0.0.1 true", "127.0.0.1 true")
    );
    stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_handler_can_cut_its_connection() {
    let bound = Bound::bind(&http2_config(|_| {})).await.unwrap();
    let address = bound.local_addr();
    let stop = CancellationToken::new();
    let running = tokio::spawn(bound.run(router(), stop.clone()));
    let mut sender = client(TcpStream::connect(address).await.unwrap()).await;
    let waiting = {
        let mut sender = sender.clone();
        tokio::spawn(async move { text(&mut sender, "/slow").await })
    };
    assert!(text(&mut sender, "/cut").await.is_err());
    assert!(waiting.await.unwrap().is_err());
    // others go on
    let mut again = client(TcpStream::connect(address).await.unwrap()).await;
    assert_eq!(text(&mut again, "/who").await.unwrap(), "127.0.0.1 true");
    stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn tls_negotiates_h2_and_nothing_else() {
    install_crypto();
    let dir = tempfile::tempdir().unwrap();
    let files = TlsFiles {
        cert: dir.path().join("cert.pem"),
        key: dir.path().join("key.pem"),
    };
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&files.cert, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let server = ServerConfig {
        tls: Some(files.clone()),
        ..http2_config(|_| {})
    };
    let bound = Bound::bind(&server).await.unwrap();
    let address = bound.local_addr();
    let stop = CancellationToken::new();
    let running = tokio::spawn(bound.run(router(), stop.clone()));

    let connect = async |alpn: &[u8]| {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&files.cert).unwrap()).unwrap();
        let mut config = rustls::ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.to_vec()];
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let stream = TcpStream::connect(address).await.unwrap();
        connector
            .connect(ServerName::try_from("localhost").unwrap(), stream)
            .await
    };
    assert!(connect(b"http/1.1").await.is_err());
    let stream = connect(b"h2").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    assert_eq!(text(&mut client(stream).await, "/who").await.unwrap(), "127.0.0.1 true");
    stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn silence_and_no_answer_to_a_ping_end_a_connection() {
    let bound = Bound::bind(&http2_config(|limits| {
        limits.ping_interval = Duration::from_millis(100);
        limits.ping_timeout = Duration::from_millis(100);
    }))
    .await
    .unwrap();
    let address = bound.local_addr();
    let stop = CancellationToken::new();
    let running = tokio::spawn(bound.run(router(), stop.clone()));
    // a client that greets and then never answers
    let mut stream = TcpStream::connect(address).await.unwrap();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
    tokio::io::AsyncWriteExt::write_all(&mut stream, preface).await.unwrap();
    let mut heard = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(8), stream.read_to_end(&mut heard)).await;
    assert!(ended.is_ok(), "sooner than for want of a request");
    stop.cancel();
    running.await.unwrap().unwrap();
}
