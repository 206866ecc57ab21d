//! Our XMTP client finds its networks by name, and believes nobody who cannot show that the name is theirs. The public
//! networks are stood for by our node, whose certificate has their names.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect stops"
)]

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use chancery_base::{Clock, Millis, Rng};
use chancery_serve::{Bound, Protocol, ServerConfig, TlsFiles};
use chancery_tests::Port;
use chancery_xmtp_client::{
    client::{Client, Parts},
    crypto::Crypto,
    network::{Endpoint, Grpc, NodeApi, NodeError},
    storage::InboxDb,
};
use chancery_xmtp_node::{Node, Running, Settings, Store};
use chancery_xmtp_wire::identity::{Nonce, WalletKey};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

struct Still;

impl Clock for Still {
    fn now(&self) -> Millis {
        Millis(1_790_000_000_000)
    }
}

struct Seeded(Mutex<ChaCha20Rng>);

impl Rng for Seeded {
    fn fill(&self, out: &mut [u8]) {
        self.0.lock().unwrap().fill_bytes(out);
    }
}

/// Our node, on `listen`, with this certificate, if any.
async fn node(listen: SocketAddr, tls: Option<TlsFiles>) -> Running {
    let settings = Settings::default();
    let server = ServerConfig {
        protocol: Protocol::Http2(settings.http2.clone()),
        tls,
        ..ServerConfig::new(listen)
    };
    let bound = Bound::bind(&server).await.unwrap();
    Running::start(bound, Node::new(settings, Store::memory(), Arc::new(Still)))
}

/// A certificate for `name` in files in `dir`, and the authority that vouches for it.
fn identity(dir: &std::path::Path, name: &str) -> (TlsFiles, String) {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let files = TlsFiles {
        cert: dir.join(format!("{name}.pem")),
        key: dir.join(format!("{name}.key")),
    };
    std::fs::write(&files.cert, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    (files, made.cert.pem())
}

/// Registers an inbox there, and finds it again.
async fn works(node: Grpc) {
    let rng = Arc::new(Seeded(Mutex::new(ChaCha20Rng::seed_from_u64(1))));
    let wallet = WalletKey::generate(&rng).unwrap();
    let parts = Parts {
        node: Arc::new(node),
        db: InboxDb::in_memory(Crypto::new(rng.clone())).unwrap(),
        clock: Arc::new(Still),
        rng: rng.clone(),
    };
    let client = Client::register(parts, &wallet, Nonce(1)).await.unwrap();
    let found = client.inbox_of(&wallet.address().into()).await.unwrap();
    assert_eq!(found, Some(client.inbox()));
}

async fn is_refused(node: Grpc, why: &str) {
    let refused = node.welcomes([1; 32], 0).await.unwrap_err();
    assert!(matches!(refused, NodeError::Unavailable(_)), "{why}: {refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_networks_are_found_by_name_over_tls() {
    let dir = tempfile::tempdir().unwrap();
    for (network, name) in [
        ("dev", "grpc.dev.xmtp.network"),
        ("production", "grpc.production.xmtp.network"),
    ] {
        let (files, authority) = identity(dir.path(), name);
        let running = node(([127, 0, 0, 1], 0).into(), Some(files)).await;
        let endpoint = || network.parse::<Endpoint>().unwrap();
        assert_eq!((endpoint().is_tls(), endpoint().host().as_str()), (true, name));
        let at = running.address();
        works(Grpc::reached_at(endpoint(), at, &authority).unwrap()).await;

        // another name, another authority, and those whom everybody believes do not vouch for it
        let other = Grpc::reached_at("https://other.example".parse().unwrap(), at, &authority).unwrap();
        is_refused(other, "another name").await;
        let (_, stranger) = identity(dir.path(), "stranger.example");
        is_refused(
            Grpc::reached_at(endpoint(), at, &stranger).unwrap(),
            "another authority",
        )
        .await;
        let public = format!("https://localhost:{}", at.port()).parse().unwrap();
        is_refused(Grpc::new(public).unwrap(), "the public roots").await;
        // without TLS there is nobody at all
        let plain = format!("http://{at}").parse().unwrap();
        is_refused(Grpc::new(plain).unwrap(), "no TLS").await;
        running.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_network_is_this_machines() {
    let port = Port::free();
    let running = node(port.address(), None).await;
    works(Grpc::new(port.url().parse().unwrap()).unwrap()).await;
    // by its own name, wherever it happens to listen
    let local: Endpoint = "local".parse().unwrap();
    assert_eq!((local.is_tls(), local.as_str()), (false, "http://localhost:5556"));
    works(Grpc::reached_at(local, running.address(), "").unwrap()).await;
    running.stop().await.unwrap();
}
