//! Where official clients judge.

use std::sync::Arc;

use chancery_xmtp_client::network::{Grpc, NodeApi};
use tokio::runtime::Runtime;

use crate::xmtp::{Network, Sdk};

/// A node, the official SDKs on it, and a way to it for ours.
pub struct Court {
    /// For what ours do.
    pub runtime: Runtime,
    /// The way to the node.
    pub node: Arc<dyn NodeApi>,
    /// The node.
    pub net: Network,
}

impl Court {
    /// Starts the node; `None` where there are no SDKs.
    #[must_use]
    pub fn open() -> Option<Self> {
        let net = Network::start(Sdk::find()?);
        let runtime = Runtime::new().unwrap();
        let endpoint = format!("http://{}", net.port().address()).parse().unwrap();
        let node = {
            let _inside = runtime.enter();
            Grpc::new(endpoint).unwrap()
        };
        Some(Self {
            runtime,
            node: Arc::new(node),
            net,
        })
    }
}
