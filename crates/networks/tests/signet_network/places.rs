//! Where the suite runs.

use std::sync::Arc;

use chancery_networks::xmtp::XmtpNetwork;
use chancery_serve::{Bound, Protocol, ServerConfig};
use chancery_signet::network::{Inbox, Network, memory::MemoryNetwork};
use chancery_xmtp_client::network::Endpoint;
use chancery_xmtp_node::{Node, Running, Settings, Store};
use chancery_xmtp_wire::identity::WalletKey;
use tempfile::TempDir;

use super::world::{Now, keys, seeded};

/// A network with nobody on it.
pub(crate) struct Place {
    pub(crate) network: Arc<dyn Network>,
    pub(crate) address: fn(u8) -> String,
    behind: Option<(Running, TempDir)>,
}

impl Place {
    /// The inbox of person number `person`, registered or opened again.
    pub(crate) async fn open(&self, person: u8) -> Arc<dyn Inbox> {
        self.network.open(&local(person), keys(person)).await.unwrap()
    }

    pub(crate) async fn end(self) {
        drop(self.network);
        if let Some((node, _folder)) = self.behind {
            node.stop().await.unwrap();
        }
    }
}

/// The local name of person number `person`.
pub(crate) fn local(person: u8) -> String {
    format!("person-{person}")
}

pub(crate) async fn memory() -> Place {
    Place {
        network: Arc::new(MemoryNetwork::new(Arc::new(Now))),
        address: |person| MemoryNetwork::address_of(&[person; 32]),
        behind: None,
    }
}

pub(crate) async fn xmtp_node() -> Place {
    let (node, endpoint) = node().await;
    let folder = TempDir::new().unwrap();
    let network = XmtpNetwork::new(endpoint, folder.path(), "local", Arc::new(Now), seeded(1)).unwrap();
    Place {
        network: Arc::new(network),
        address: |person| WalletKey::from_bytes(&[person; 32]).unwrap().address().to_string(),
        behind: Some((node, folder)),
    }
}

/// A node on a port of its own, and where it is.
pub(crate) async fn node() -> (Running, Endpoint) {
    let settings = Settings::default();
    let server = ServerConfig {
        protocol: Protocol::Http2(settings.http2.clone()),
        ..ServerConfig::new(([127, 0, 0, 1], 0).into())
    };
    let bound = Bound::bind(&server).await.unwrap();
    let node = Running::start(bound, Node::new(settings, Store::memory(), Arc::new(Now)));
    let endpoint = format!("http://{}", node.address()).parse().unwrap();
    (node, endpoint)
}
