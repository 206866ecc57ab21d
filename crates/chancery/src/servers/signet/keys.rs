//! The engine's port to keys, over the daemon's vault. Who may ask for what was judged before it is asked here.

use std::sync::{Arc, Mutex, PoisonError};

use chancery_base::{Clock, Millis, Rng, hex};
use chancery_custody::{Custody, CustodyError, InboxName, KeyHolder, WalletId};
use chancery_keys::{Approvals, Asked, Gates, fingerprint};
use chancery_signet::{
    keys::{Answer, Keys, KeysError},
    network::InboxKeys,
};
use chancery_signet_wire::{
    Label, OperatorId, Uuid,
    record::{
        key::{KeyState, KeyStatus, KeySummary, KeysInitialized, KeysVerified, OperationalKeyState, Rotated},
        operator::Provider,
        wallet::{WalletDetails, WalletInfo},
    },
};

use super::records;

/// The keys of a running daemon. Whoever locks them blocks on the disk, so never on the runtime's own threads.
pub(super) type Open = Arc<Mutex<Custody>>;

/// What the wallet is called in which inboxes of nobody in particular have their identities.
const COMMON_WALLET: &str = "signet";

/// The engine's keys.
pub(super) struct VaultKeys {
    custody: Open,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
}

/// What a step with the keys open has at hand.
struct Desk<'a> {
    custody: &'a mut Custody,
    now: Millis,
    rng: &'a dyn Rng,
}

impl VaultKeys {
    pub(super) fn new(custody: Open, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Self {
        Self { custody, clock, rng }
    }

    /// Does `step` where it may block.
    fn with<T: Send + 'static>(
        &self,
        step: impl FnOnce(Desk<'_>) -> Result<T, KeysError> + Send + 'static,
    ) -> Answer<'_, T> {
        let (custody, rng, now) = (Arc::clone(&self.custody), Arc::clone(&self.rng), self.clock.now());
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(move || {
                // a step that panicked has saved its change or not: the vault is never half changed
                let mut custody = custody.lock().unwrap_or_else(PoisonError::into_inner);
                step(Desk {
                    custody: &mut custody,
                    now,
                    rng: &*rng,
                })
            });
            done.await
                .unwrap_or_else(|error| Err(KeysError::Failed(error.to_string())))
        })
    }
}

impl Keys for VaultKeys {
    fn inbox(&self, local: &str, operator: Option<OperatorId>) -> Answer<'_, InboxKeys> {
        let local = local.to_owned();
        self.with(move |desk| {
            let inbox: InboxName = local.parse().map_err(refused)?;
            match desk.custody.inbox_account(&inbox) {
                Ok(_) => {}
                Err(CustodyError::UnknownInbox(_)) => {
                    let (holder, label) = match operator {
                        Some(operator) => (holder(operator)?, operator.to_string()),
                        None => (KeyHolder::default_key(), COMMON_WALLET.to_owned()),
                    };
                    let made = desk.custody.init_operator(&holder, None, &label, desk.now, desk.rng);
                    let wallet = made.map_err(refused)?.wallet;
                    desk.custody.create_inbox(&inbox, wallet, desk.rng).map_err(refused)?;
                }
                Err(error) => return Err(refused(error)),
            }
            Ok(InboxKeys {
                identity: desk.custody.inbox_identity_key(&inbox).map_err(refused)?,
                database: desk.custody.inbox_file_key(&inbox).map_err(refused)?,
            })
        })
    }

    fn forget(&self, local: &str) -> Answer<'_, ()> {
        let local = local.to_owned();
        self.with(move |desk| {
            let inbox: InboxName = local.parse().map_err(refused)?;
            desk.custody.remove_inbox(&inbox, desk.rng).map(|_| ()).map_err(refused)
        })
    }

    fn init(&self, operator: OperatorId, wallet: Option<Uuid>) -> Answer<'_, KeysInitialized> {
        self.with(move |desk| {
            let wallet = wallet.map(wallet_id).transpose()?;
            let made = desk
                .custody
                .init_operator(&holder(operator)?, wallet, &operator.to_string(), desk.now, desk.rng)
                .map_err(refused)?;
            Ok(KeysInitialized {
                operator_id: operator,
                wallet_id: records::wallet_id(made.wallet)?,
                provider: Provider::Internal,
                trust_tier: records::trust_tier(desk.custody.trust_tier()),
                created_wallet: made.created_wallet,
                created_operational_key: made.created_key,
                identity_key_ref: format!("xmtp-identity-key:{operator}"),
                operational_key: records::key(made.key)?,
            })
        })
    }

    fn list(&self) -> Answer<'_, Vec<KeySummary>> {
        self.with(|desk| {
            let holders = desk.custody.holders();
            let keys = holders
                .iter()
                .map(|holder| records::key(desk.custody.key(holder).map_err(refused)?));
            keys.collect()
        })
    }

    fn rotate(&self, operator: Option<OperatorId>) -> Answer<'_, Rotated> {
        self.with(move |desk| {
            let holders = match operator {
                Some(operator) => vec![holder(operator)?],
                None => desk.custody.holders(),
            };
            let mut rotated = 0;
            for holder in &holders {
                // whether the owner had to be asked was judged before: here every gate is open
                let mut open = Approvals::new(Gates::default(), desk.custody.root().public_key);
                let what = desk.custody.rotation(holder).map_err(refused)?;
                let Ok(Asked::Open(clearance)) = open.ask(what, 0, desk.now, desk.rng) else {
                    return Err(KeysError::NotApproved("replacing a key".to_owned()));
                };
                desk.custody
                    .rotate(holder, clearance, desk.now, desk.rng)
                    .map_err(refused)?;
                rotated += 1;
            }
            Ok(Rotated { rotated })
        })
    }

    fn verify(&self) -> Answer<'_, KeysVerified> {
        self.with(|desk| {
            let custody = &*desk.custody;
            let root = custody.root();
            let operational = custody.holders().into_iter().map(|holder| match custody.key(&holder) {
                Ok(key) => OperationalKeyState {
                    key_id: key.key_id,
                    identity_id: holder.to_string(),
                    // what it signed before is part of what it is worth
                    status: match custody.history(&holder) {
                        Ok(_) => KeyStatus::Ok,
                        Err(_) => KeyStatus::Error,
                    },
                    fingerprint: key.fingerprint,
                },
                Err(_) => OperationalKeyState {
                    key_id: String::new(),
                    identity_id: holder.to_string(),
                    status: KeyStatus::Error,
                    fingerprint: String::new(),
                },
            });
            Ok(KeysVerified {
                platform: root.platform.to_string(),
                trust_tier: records::trust_tier(custody.trust_tier()),
                root_key: KeyState {
                    status: KeyStatus::Ok,
                    public_key: Some(root.public_key.to_string()),
                    fingerprint: Some(root.public_key.fingerprint()),
                    error: None,
                },
                admin_key: admin(custody, desk.now),
                operational_keys: operational.collect(),
            })
        })
    }

    fn create_wallet(&self, label: Label) -> Answer<'_, WalletInfo> {
        self.with(move |desk| {
            let made = desk.custody.create_wallet(label.as_str(), desk.now, desk.rng);
            records::wallet(made.map_err(refused)?)
        })
    }

    fn wallets(&self) -> Answer<'_, Vec<WalletInfo>> {
        self.with(|desk| {
            let wallets = desk.custody.wallets().map_err(refused)?;
            wallets.into_iter().map(records::wallet).collect()
        })
    }

    fn wallet(&self, id: Uuid) -> Answer<'_, Option<WalletDetails>> {
        self.with(move |desk| match desk.custody.wallet(wallet_id(id)?) {
            Ok(found) => records::wallet_details(found).map(Some),
            Err(CustodyError::UnknownWallet(_)) => Ok(None),
            Err(error) => Err(refused(error)),
        })
    }
}

fn holder(operator: OperatorId) -> Result<KeyHolder, KeysError> {
    operator.to_string().parse().map_err(refused)
}

fn wallet_id(id: Uuid) -> Result<WalletId, KeysError> {
    id.to_string().parse().map_err(refused)
}

fn admin(custody: &Custody, now: Millis) -> KeyState {
    let keys = custody.admin_keys(now).map_err(|error| error.to_string());
    let key = keys.and_then(|keys| {
        keys.first()
            .map(|accepted| accepted.key)
            .ok_or_else(|| "there is none".to_owned())
    });
    match key {
        Ok(key) => KeyState {
            status: KeyStatus::Ok,
            public_key: Some(hex::encode(key.to_bytes())),
            fingerprint: Some(fingerprint::of(&key)),
            error: None,
        },
        Err(error) => KeyState {
            status: KeyStatus::Error,
            public_key: None,
            fingerprint: None,
            error: Some(error),
        },
    }
}

/// What the engine is told. None of it quotes a secret.
fn refused(error: CustodyError) -> KeysError {
    match error {
        CustodyError::UnknownHolder(_) => KeysError::NotFound("key"),
        CustodyError::UnknownWallet(_) => KeysError::NotFound("wallet"),
        CustodyError::UnknownInbox(_) => KeysError::NotFound("inbox"),
        CustodyError::Approval(error) => KeysError::NotApproved(error.to_string()),
        error => KeysError::Failed(error.to_string()),
    }
}
