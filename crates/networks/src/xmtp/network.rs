//! Opening and forgetting inboxes.

use std::{
    collections::HashMap,
    fmt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use chancery_base::{Clock, Rng};
use chancery_signet::network::{Capabilities, Inbox, InboxKeys, InboxName, Invitation, Network, NetworkError};
use chancery_xmtp_client::{
    client::{Client, Parts},
    crypto::Crypto,
    network::{Endpoint, Grpc, NodeApi, NodeError},
    storage::{InboxDb, InboxKey},
};
use chancery_xmtp_wire::identity::{EthereumAddress, InboxId, Nonce, WalletKey};
use futures_util::future::BoxFuture;

use super::{
    error::{network_error, node_error, storage_error},
    held::Held,
    inbox::XmtpInbox,
    invites::{self, Inviter},
    place::{Place, open_already},
};

/// The inbox of a wallet that all SDKs take when nobody says which.
const NONCE: Nonce = Nonce(1);
/// How long an inbox that was dropped may take to close, and how often that is looked at. It waits for nothing but the
/// task that was told to stop.
const CLOSING: [Duration; 2] = [Duration::from_secs(5), Duration::from_millis(10)];

/// How a node is reached: a new connection for each inbox, so that one that is slow holds up no other.
pub type Dial = Box<dyn Fn() -> Result<Arc<dyn NodeApi>, NodeError> + Send + Sync>;

/// XMTP.
pub struct XmtpNetwork {
    dial: Dial,
    env: String,
    place: Place,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    /// What was opened, by its local name.
    opened: Mutex<HashMap<String, Weak<Held>>>,
}

impl XmtpNetwork {
    /// The network behind the node at `endpoint`. Files lie in `db/<env>` below the folder `data`. Asks nobody, and makes
    /// nothing yet.
    ///
    /// # Errors
    /// [`NetworkError::Invalid`] when `env` is anything but letters, digits, `-` and `_`.
    pub fn new(
        endpoint: Endpoint,
        data: &Path,
        env: &str,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Result<Self, NetworkError> {
        let dial = move || Ok(Arc::new(Grpc::new(endpoint.clone())?) as Arc<dyn NodeApi>);
        Self::over(Box::new(dial), data, env, clock, rng)
    }

    /// The same over any way to a node.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn over(
        dial: Dial,
        data: &Path,
        env: &str,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Result<Self, NetworkError> {
        Ok(Self {
            dial,
            place: Place::new(data, env)?,
            env: env.to_owned(),
            clock,
            rng,
            opened: Mutex::default(),
        })
    }

    async fn open_inbox(&self, local: &str, keys: InboxKeys) -> Result<Arc<dyn Inbox>, NetworkError> {
        self.closed(local).await?;
        let wallet = WalletKey::from_bytes(&keys.identity).map_err(|error| NetworkError::Invalid(error.to_string()))?;
        let path = self.place.file(local)?;
        let key = InboxKey::from_bytes(keys.database);
        let parts = Parts {
            // who has the file has the inbox: first of all
            db: InboxDb::open(&path, &key, Crypto::new(Arc::clone(&self.rng))).map_err(storage_error)?,
            node: (self.dial)().map_err(node_error)?,
            clock: Arc::clone(&self.clock),
            rng: Arc::clone(&self.rng),
        };
        // goes on where an earlier try ended
        let client = Client::register(parts, &wallet, NONCE).await.map_err(network_error)?;
        let inviter = Inviter::new(wallet, client.inbox(), &self.env, Arc::clone(&self.rng))?;
        let held = Arc::new(Held::new(client, inviter, Arc::clone(&self.clock)));
        self.opened().insert(local.to_owned(), Arc::downgrade(&held));
        Ok(Arc::new(XmtpInbox::new(held)))
    }

    /// Waits until an inbox that was dropped has closed.
    async fn closed(&self, local: &str) -> Result<(), NetworkError> {
        let [patience, pause] = CLOSING;
        let waiting = async {
            loop {
                match self.opened().get(local).and_then(Weak::upgrade) {
                    None => return Ok(()),
                    Some(held) if !held.is_closing() => return Err(open_already(local)),
                    Some(_) => {}
                }
                tokio::time::sleep(pause).await;
            }
        };
        let closed = tokio::time::timeout(patience, waiting).await;
        closed.unwrap_or_else(|_| Err(open_already(local)))?;
        self.opened().remove(local);
        Ok(())
    }

    async fn resolve_inbox(&self, name_or_address: &str) -> Result<Option<InboxName>, NetworkError> {
        let node = (self.dial)().map_err(node_error)?;
        let text = name_or_address.to_ascii_lowercase();
        if let Ok(inbox) = text.parse::<InboxId>() {
            let logs = node.identity_updates(&[(inbox, 0)]).await.map_err(node_error)?;
            let there = logs.first().is_some_and(|log| !log.is_empty());
            return Ok(there.then(|| InboxName(inbox.to_string())));
        }
        let Ok(address) = text.parse::<EthereumAddress>() else {
            return Ok(None);
        };
        let found = node.inbox_ids(&[address.into()]).await.map_err(node_error)?;
        Ok(found
            .into_iter()
            .next()
            .flatten()
            .map(|inbox| InboxName(inbox.to_string())))
    }

    fn opened(&self) -> MutexGuard<'_, HashMap<String, Weak<Held>>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Network for XmtpNetwork {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            groups: true,
            roles: true,
            leave: true,
            consent: true,
            invites: true,
        }
    }

    fn open(&self, local: &str, keys: InboxKeys) -> BoxFuture<'_, Result<Arc<dyn Inbox>, NetworkError>> {
        let local = local.to_owned();
        Box::pin(async move { self.open_inbox(&local, keys).await })
    }

    fn forget(&self, local: &str) -> BoxFuture<'_, Result<(), NetworkError>> {
        let local = local.to_owned();
        Box::pin(async move {
            self.closed(&local).await?;
            self.place.remove(&local)
        })
    }

    fn resolve(&self, name_or_address: &str) -> BoxFuture<'_, Result<Option<InboxName>, NetworkError>> {
        let asked = name_or_address.to_owned();
        Box::pin(async move { self.resolve_inbox(&asked).await })
    }

    fn read_invite<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Result<Invitation, NetworkError>> {
        Box::pin(async move {
            let node = (self.dial)().map_err(node_error)?;
            invites::read(&*node, text).await
        })
    }
}

impl fmt::Debug for XmtpNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("XmtpNetwork")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}
