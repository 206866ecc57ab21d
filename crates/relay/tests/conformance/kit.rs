//! A store with a clock and short words for its steps.

use std::{path::PathBuf, sync::Arc};

use bytes::Bytes;
use chancery_base::{Millis, Ulid, ed25519::SecretKey};
use chancery_identity::{AgentDid, revocation::Scope};
use chancery_relay::store::*;
use chancery_relay_wire::{frame::ReceiptStatus, relay::Profile};

/// Runs each test on both stores.
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($world:ident) $body:block)*) => {
        $(
            mod $name {
                use super::*;

                async fn check(mut $world: World) $body

                $(#[$meta])*
                #[tokio::test]
                async fn memory() {
                    check(World::memory()).await;
                }

                $(#[$meta])*
                #[tokio::test]
                async fn sqlite() {
                    check(World::sqlite()).await;
                }
            }
        )*
    };
}

/// A folder on a file system in memory where there is one: these tests are about rules, not about disks.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) now: Millis,
    next: u64,
    file: Option<(tempfile::TempDir, PathBuf)>,
}

pub(crate) fn agent(n: u8) -> AgentDid {
    format!("did:cdi:registry.example.test:agent:01HF7YAT00W6W7CM7N3W5FDX{n:02}")
        .parse()
        .unwrap()
}

pub(crate) fn ulid(n: u64) -> Ulid {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    Ulid::from_bytes(bytes)
}

pub(crate) fn ait(agent: &AgentDid, version: u64) -> Arc<SenderAit> {
    Arc::new(SenderAit {
        token: format!("token {version} of {agent}"),
        jti: ulid(agent.ulid().to_bytes()[15] as u64 * 1000 + version),
    })
}

pub(crate) fn profile(name: &str) -> Profile {
    Profile {
        agent_name: name.parse().unwrap(),
        human_name: "Somebody".parse().unwrap(),
        proxy_origin: None,
    }
}

pub(crate) fn message(from: &AgentDid, to: &AgentDid, id: &str, lane: Option<&str>, payload: &str) -> NewMessage {
    NewMessage {
        sender: from.clone(),
        recipient: to.clone(),
        message_id: id.to_owned(),
        conversation: lane.map(str::to_owned),
        content_type: None,
        reply_to: None,
        sent_at: None,
        sig: None,
        payload: Bytes::copy_from_slice(payload.as_bytes()),
        sender_ait: ait(from, 0),
    }
}

pub(crate) fn key() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

impl World {
    pub(crate) fn memory() -> Self {
        Self::over(Store::memory(), None)
    }

    pub(crate) fn sqlite() -> Self {
        let folder = folder();
        let path = folder.path().join("relay.db");
        Self::over(Store::sqlite(&path).unwrap(), Some((folder, path)))
    }

    fn over(store: Store, file: Option<(tempfile::TempDir, PathBuf)>) -> Self {
        Self {
            store,
            now: Millis(1_700_000_000_000),
            next: 0,
            file,
        }
    }

    /// As after a restart. A store in memory has none.
    pub(crate) async fn reopen(&mut self) {
        if let Some((_, path)) = &self.file {
            self.store.close().await;
            self.store = Store::sqlite(path).unwrap();
        }
    }

    pub(crate) fn fresh(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(crate) fn nonce(&mut self, agent: &AgentDid) -> NonceUse {
        NonceUse {
            agent: agent.clone(),
            nonce: format!("nonce {}", self.fresh()),
            remember_until: self.now.plus(360_000),
        }
    }

    pub(crate) async fn run<S: Known>(&self, step: S) -> Result<S::Output, Refusal> {
        self.store.run(step).await
    }

    pub(crate) async fn ticket(&mut self, initiator: &AgentDid, only: Option<&AgentDid>) -> (Ulid, String) {
        let kid = ulid(self.fresh());
        let text = format!("ticket {kid}");
        let step = CreateTicket {
            kid,
            text: text.clone(),
            key: key().public(),
            initiator: initiator.clone(),
            profile: profile("initiator"),
            only_responder: only.cloned(),
            expires_at: self.now.plus(300_000),
            nonce: self.nonce(initiator),
        };
        self.run(step).await.unwrap();
        (kid, text)
    }

    pub(crate) async fn confirm(&mut self, kid: Ulid, text: &str, who: &AgentDid) -> Result<TicketRow, Refusal> {
        let step = ConfirmTicket {
            kid,
            text: text.to_owned(),
            responder: who.clone(),
            profile: profile("responder"),
            nonce: self.nonce(who),
            now: self.now,
        };
        self.run(step).await
    }

    pub(crate) async fn pair(&mut self, a: &AgentDid, b: &AgentDid) -> Ulid {
        let (kid, text) = self.ticket(a, None).await;
        self.confirm(kid, &text, b).await.unwrap();
        kid
    }

    pub(crate) fn accept(&mut self, message: NewMessage) -> Accept {
        Accept {
            hash: message.hash(),
            message: Arc::new(message),
            delivery_id: ulid(1_000_000 + self.fresh()),
            nonce: None,
            claim: None,
            max_messages: 500,
            max_per_sender: 250,
            now: self.now,
        }
    }

    pub(crate) async fn send(&mut self, from: &AgentDid, to: &AgentDid, id: &str) -> Result<Accepted, Refusal> {
        let step = self.accept(message(from, to, id, None, "{}"));
        self.run(step).await
    }

    pub(crate) async fn send_in(&mut self, from: &AgentDid, to: &AgentDid, id: &str, lane: &str) -> Accepted {
        let step = self.accept(message(from, to, id, Some(lane), "{}"));
        self.run(step).await.unwrap()
    }

    pub(crate) async fn connect(&mut self, who: &AgentDid) -> Connected {
        let step = Connect {
            agent: who.clone(),
            ait: ait(who, 0),
            nonce: self.nonce(who),
            allow_reuse: false,
        };
        self.run(step).await.unwrap()
    }

    pub(crate) fn claim(&self, who: &AgentDid, epoch: Epoch) -> Claim {
        Claim {
            recipient: who.clone(),
            epoch,
            holds: Vec::new(),
            per_lane: 16,
            from_lane: 0,
            max_messages: 100,
            max_bytes: 1 << 20,
            expired_before: self.now.plus(-3_600_000),
        }
    }

    /// What the mailbox gives, as message ids with their attempts.
    pub(crate) async fn claimed(&self, who: &AgentDid, epoch: Epoch) -> Vec<(String, u32)> {
        let claimed = self.run(self.claim(who, epoch)).await.unwrap();
        let named = |item: Item| (item.message.message_id.clone(), item.attempt);
        claimed.items.into_iter().map(named).collect()
    }

    pub(crate) async fn settle(&self, who: &AgentDid, epoch: Epoch, row: &Accepted) -> bool {
        let step = Settle {
            recipient: who.clone(),
            epoch,
            seq: row.seq,
            delivery_id: row.delivery_id,
            now: self.now,
        };
        self.run(step).await.unwrap()
    }

    pub(crate) async fn defer(&self, who: &AgentDid, epoch: Epoch, row: &Accepted, max_attempts: u32) -> Deferred {
        let step = Defer {
            recipient: who.clone(),
            epoch,
            seq: row.seq,
            delivery_id: row.delivery_id,
            max_attempts,
            reason: "no".to_owned(),
            now: self.now,
        };
        self.run(step).await.unwrap()
    }

    pub(crate) async fn receipt(&self, from: &AgentDid, to: &AgentDid, id: &str) -> Option<ReceiptRow> {
        let step = FindReceipt {
            sender: from.clone(),
            recipient: to.clone(),
            id: id.to_owned(),
        };
        self.store.read(step).await.unwrap()
    }

    pub(crate) fn record(&self, from: &AgentDid, to: &AgentDid, message: MessageRef, ok: bool) -> RecordReceipt {
        RecordReceipt {
            recipient: to.clone(),
            sender: from.clone(),
            message,
            status: if ok {
                ReceiptStatus::DeliveredToWebhook
            } else {
                ReceiptStatus::DeadLettered
            },
            reason: (!ok).then(|| "broken".to_owned()),
            at: "2026-01-01T00:00:00Z".to_owned(),
            sig: Some(key().sign(b"receipt")),
            nonce: None,
            now: self.now,
        }
    }

    pub(crate) async fn pending(&self, sender: &AgentDid) -> Vec<ReceiptRow> {
        let step = PendingReceipts {
            sender: sender.clone(),
            after: 0,
            limit: 100,
        };
        self.store.read(step).await.unwrap()
    }

    pub(crate) async fn mark(
        &mut self,
        owner: &AgentDid,
        peer: &AgentDid,
        blocked: bool,
        muted: bool,
    ) -> Result<(), Refusal> {
        let step = MarkPeer {
            agent: owner.clone(),
            peer: peer.clone(),
            blocked,
            muted,
            nonce: self.nonce(owner),
        };
        self.run(step).await
    }

    pub(crate) async fn unpair(&mut self, agent: &AgentDid, peer: &AgentDid) -> Result<(), Refusal> {
        let step = RemovePair {
            agent: agent.clone(),
            peer: peer.clone(),
            nonce: self.nonce(agent),
            now: self.now,
        };
        self.run(step).await
    }

    pub(crate) async fn revoke(&self, seq: u64, agent: &AgentDid, scope: Scope) -> Buried {
        let step = ApplyRevocation {
            seq,
            agent: agent.clone(),
            jti: ait(agent, 0).jti,
            scope,
            now: self.now,
        };
        self.run(step).await.unwrap()
    }

    pub(crate) async fn trusted(&self, a: &AgentDid, b: &AgentDid) -> bool {
        let step = IsTrusted {
            a: a.clone(),
            b: b.clone(),
        };
        self.store.read(step).await.unwrap()
    }

    pub(crate) async fn known(&self, agent: &AgentDid) -> bool {
        self.store.read(IsKnown { agent: agent.clone() }).await.unwrap()
    }

    pub(crate) async fn seen(&self, nonce: &NonceUse) -> bool {
        let step = NonceSeen {
            agent: nonce.agent.clone(),
            nonce: nonce.nonce.clone(),
        };
        self.store.read(step).await.unwrap()
    }

    pub(crate) async fn sweep(&self) -> Swept {
        let step = Sweep {
            now: self.now,
            ttl_ms: 3_600_000,
            after: 0,
            limit: 100,
        };
        self.run(step).await.unwrap()
    }
}
