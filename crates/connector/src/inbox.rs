//! Taking what the relay delivers: verified, durable, and only then acknowledged.
//!
//! One task does this for all sessions in turn, so that a session that ends between the commit and the delivery queue
//! loses nothing.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chancery_base::{Millis, Ulid, digest};
use chancery_identity::{
    AgentDid,
    message::{self, SignedMessage},
};
use chancery_relay_wire::{Frame, frame};
use futures_util::{StreamExt as _, stream::FuturesOrdered};
use tokio::{sync::mpsc, time::Instant};

use crate::{
    core::Core,
    ports::{BoxFuture, PeerKeyError, Verified},
    receipts::{self, ArrivedReceipt},
    store::{AcceptedInbound, Caps, Inbound, PeerRecord, SenderIdentity, Step},
};

/// Messages being written at the same time; more wait in the connection.
const MAX_COMMITS: usize = 256;
/// Frames between the connection and this task.
pub(crate) const QUEUE: usize = 64;
/// How long a sender's key may be used after its token ended: a message may have waited in the mailbox so long.
const KEY_GRACE_MS: i64 = 24 * 3600 * 1000;
/// How far a sender's clock may be ahead of ours. What was settled is remembered so much longer.
pub(crate) const MAX_AHEAD_MS: i64 = 24 * 3600 * 1000;
/// Senders whose keys are kept in memory; the store has all of them.
const MAX_CACHED_PEERS: usize = 4096;

/// A frame for this task, and where its acknowledgement goes.
pub(crate) struct Arrival {
    pub what: Incoming,
    pub reply: mpsc::Sender<String>,
}

pub(crate) enum Incoming {
    Message(Box<ArrivedMessage>),
    Receipt(Box<ArrivedReceipt>),
}

/// A `deliver` frame that owns its content.
pub(crate) struct ArrivedMessage {
    message: Inbound,
    sig: Option<chancery_base::ed25519::Signature>,
    from_ait: Option<String>,
}

impl ArrivedMessage {
    pub(crate) fn new(deliver: &frame::Deliver<'_>, now: Millis) -> Self {
        let extra = deliver.extra.as_ref();
        let message = Inbound {
            id: deliver.id,
            from: deliver.from.clone(),
            to: deliver.to.clone(),
            message_id: extra.map_or_else(|| deliver.id.to_string(), |extra| extra.message_id.clone().into_owned()),
            payload: deliver.payload.to_owned(),
            content_type: deliver.content_type.clone().map(Into::into),
            conversation_id: deliver.conversation_id.clone().map(Into::into),
            reply_to: deliver.reply_to.clone().map(Into::into),
            sent_at: extra.and_then(|extra| extra.sent_at.clone()).map(Into::into),
            verified: Verified::RelayAsserted,
            identity: None,
            receipt_wanted: extra.is_some(),
            received: now,
        };
        Self {
            message,
            sig: extra.and_then(|extra| extra.sig),
            from_ait: extra.and_then(|extra| extra.from_ait.clone()).map(Into::into),
        }
    }
}

/// Takes what arrives until the connector stops.
pub(crate) async fn run(core: Arc<Core>, mut arrivals: mpsc::Receiver<Arrival>) {
    let mut commits: FuturesOrdered<BoxFuture<'_, ()>> = FuturesOrdered::new();
    core.booted().await;
    loop {
        tokio::select! {
            biased;
            Some(()) = commits.next(), if !commits.is_empty() => {}
            () = core.stop.cancelled(), if commits.is_empty() => return,
            arrival = arrivals.recv(), if commits.len() < MAX_COMMITS && !core.stop.is_cancelled() => {
                let Some(Arrival { what, reply }) = arrival else { return };
                match what {
                    Incoming::Message(arrived) => commits.push_back(take(&core, *arrived, reply).await),
                    Incoming::Receipt(arrived) => commits.push_back(receipts::take(&core, *arrived, reply).await),
                }
            }
        }
    }
}

/// Verifies a message and queues its write; the future ends with its acknowledgement.
async fn take<'a>(core: &'a Core, mut arrived: ArrivedMessage, reply: mpsc::Sender<String>) -> BoxFuture<'a, ()> {
    let id = arrived.message.id;
    match verify(core, &arrived).await {
        Ok((verified, identity)) => {
            arrived.message.verified = verified;
            arrived.message.identity = identity;
        }
        Err(reason) => {
            tracing::warn!(delivery = %id, from = %arrived.message.from, reason, "message refused");
            core.gauges().inbound_refused += 1;
            answer(core, &reply, id, Some(reason));
            return Box::pin(std::future::ready(()));
        }
    }
    let lane = (arrived.message.from.clone(), arrived.message.conversation_id.clone());
    let limits = &core.config.limits;
    let caps = Caps {
        messages: limits.inbox_messages,
        bytes: limits.inbox_bytes,
    };
    let commit = core.store.accept_inbound(arrived.message, caps);
    Box::pin(async move {
        let reason = match commit.await {
            Ok(AcceptedInbound::Stored(seq)) => {
                core.deliveries.push(lane, seq, id, Instant::now());
                None
            }
            Ok(AcceptedInbound::Repeat) => {
                core.gauges().inbound_repeats += 1;
                None
            }
            Ok(AcceptedInbound::Conflict) => Some("the message id was used for another message".to_owned()),
            Ok(AcceptedInbound::FullMessages) => Some(format!("the inbox is full: {} messages", caps.messages)),
            Ok(AcceptedInbound::FullBytes) => Some(format!("the inbox is full: {} bytes", caps.bytes)),
            Err(error) => {
                tracing::error!(%error, delivery = %id, "message could not be stored");
                Some("the inbox cannot store messages now".to_owned())
            }
        };
        if reason.is_some() {
            core.gauges().inbound_refused += 1;
        }
        answer(core, &reply, id, reason);
    })
}

/// Acknowledges a deliver frame. When the connection is gone or stuck the relay delivers again, and that is recognised.
pub(crate) fn answer(core: &Core, reply: &mpsc::Sender<String>, ack_id: Ulid, reason: Option<String>) {
    let ack = frame::DeliverAck {
        ack_id,
        accepted: reason.is_none(),
        reason: reason.map(Into::into),
    };
    if let Ok(text) = Frame::DeliverAck(ack).encode(core.new_id(), core.now()) {
        let _ = reply.try_send(text);
    }
}

/// Who vouches for a message, and who its sender is; or why it is refused.
async fn verify(core: &Core, arrived: &ArrivedMessage) -> Result<(Verified, Option<SenderIdentity>), String> {
    let message = &arrived.message;
    if message.to != core.config.agent {
        return Err("not addressed to this agent".to_owned());
    }
    let learned = match &arrived.from_ait {
        Some(token) => Some(learn(core, &message.from, token).await),
        None => None,
    };
    let Some(sig) = &arrived.sig else {
        // nobody signed it, so a bad token is no reason to lose it: the relay alone vouches either way
        let peer = match learned {
            Some(learned) => learned.ok(),
            None => known(core, &message.from).await,
        };
        return Ok((Verified::RelayAsserted, peer.map(|peer| peer.identity)));
    };
    let peer = match learned {
        Some(learned) => learned?,
        None => known(core, &message.from)
            .await
            .ok_or("signed, but the sender's identity token is not known here")?,
    };
    let signed = SignedMessage {
        message_id: &message.message_id,
        from: &message.from,
        to: &message.to,
        lane: message.conversation_id.as_deref().unwrap_or_default(),
        content_type: message.content_type.as_deref().unwrap_or_default(),
        sent_at: message
            .sent_at
            .as_deref()
            .ok_or("signed, but without the time that is signed")?,
        payload: message.payload.get().as_bytes(),
    };
    message::verify(&signed, sig, &peer.key).map_err(|_| "the sender's signature does not verify")?;
    let vouches = if is_remembered(core, signed.sent_at) {
        Verified::EndToEnd
    } else {
        Verified::RelayAsserted
    };
    Ok((vouches, Some(peer.identity)))
}

/// Whether a repeat of what was signed at `sent_at` would still be recognised. Of what is older, or of another time
/// altogether, the relay alone says that it is no repeat: a signature does not wear off.
fn is_remembered(core: &Core, sent_at: &str) -> bool {
    let retention = i64::try_from(core.config.timing.retention.as_millis()).unwrap_or(i64::MAX);
    Millis::parse_rfc3339(sent_at).is_some_and(|sent| (-MAX_AHEAD_MS..retention).contains(&core.now().since(sent)))
}

/// Checks an agent's token, unless the same one was checked before, and remembers it.
pub(crate) async fn learn(core: &Core, from: &AgentDid, token: &str) -> Result<PeerRecord, String> {
    let token_hash = digest::sha256_b64(token);
    if let Some(peer) = known(core, from).await
        && peer.token_hash == token_hash
    {
        return Ok(peer);
    }
    let timeout = core.config.timing.verify_timeout;
    let ait = tokio::time::timeout(timeout, core.ports.peer_keys.verify_ait(token))
        .await
        .unwrap_or_else(|_| Err(PeerKeyError::Unavailable("it took too long".to_owned())))
        .map_err(|error| error.to_string())?;
    if ait.agent() != from {
        return Err("the identity token is not the sender's".to_owned());
    }
    let identity = SenderIdentity {
        owner: ait.owner().to_string(),
        issuer: ait.claims().iss.as_str().to_owned(),
        jti: ait.jti(),
    };
    let peer = PeerRecord {
        token_hash,
        key: *ait.key(),
        identity,
        expires: ait.expires(),
    };
    // queued before the message itself, so nothing needs to wait for it
    let _queued: Step<()> = core.store.remember_peer(from.clone(), peer.clone());
    core.peers.put(from.clone(), peer.clone());
    Ok(peer)
}

/// What is known of an agent whose token was verified, as long as its key may be used.
pub(crate) async fn known(core: &Core, did: &AgentDid) -> Option<PeerRecord> {
    let peer = match core.peers.get(did) {
        Some(peer) => peer,
        None => {
            let peer = core.store.peer(did.clone()).await.ok().flatten()?;
            core.peers.put(did.clone(), peer.clone());
            peer
        }
    };
    (core.now() < peer.expires.plus(KEY_GRACE_MS)).then_some(peer)
}

/// Keys of senders, in memory.
#[derive(Debug, Default)]
pub(crate) struct PeerCache(Mutex<BTreeMap<AgentDid, PeerRecord>>);

impl PeerCache {
    fn map(&self) -> MutexGuard<'_, BTreeMap<AgentDid, PeerRecord>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, did: &AgentDid) -> Option<PeerRecord> {
        self.map().get(did).cloned()
    }

    fn put(&self, did: AgentDid, peer: PeerRecord) {
        let mut map = self.map();
        if map.len() >= MAX_CACHED_PEERS && !map.contains_key(&did) {
            map.clear();
        }
        map.insert(did, peer);
    }
}
