//! A client of ours among them.

use std::sync::Arc;

use chancery_base::Rng;
use chancery_serve::system::{OsRng, SystemClock};
use chancery_xmtp_client::{
    client::{Client, Parts},
    crypto::Crypto,
    network::NodeApi,
    storage::InboxDb,
};
use chancery_xmtp_wire::identity::{Nonce, WalletKey};

/// A client with a new wallet and its file in memory, registered on `node`.
pub async fn register(node: &Arc<dyn NodeApi>) -> Client {
    let rng: Arc<dyn Rng> = Arc::new(OsRng);
    let wallet = WalletKey::generate(&rng).unwrap();
    let parts = Parts {
        node: Arc::clone(node),
        db: InboxDb::in_memory(Crypto::new(Arc::clone(&rng))).unwrap(),
        clock: Arc::new(SystemClock),
        rng,
    };
    Client::register(parts, &wallet, Nonce(1)).await.unwrap()
}
