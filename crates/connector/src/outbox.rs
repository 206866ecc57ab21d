//! Taking messages: checked, signed and durable before the answer.

use std::sync::Arc;

use chancery_base::Ulid;
use chancery_identity::{
    AgentDid,
    message::{self, SignedMessage},
};
use chancery_relay_wire::{Frame, frame, limits, media};
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::{
    core::Core,
    error::SendError,
    revoked,
    store::{AcceptedOutbound, Outbound},
};

/// What the relay adds to a frame on its way (sender, delivery fields, identity token): a payload must leave room for it.
const FRAME_HEADROOM: usize = 8 * 1024;
/// Longest alias of a peer.
const MAX_ALIAS_BYTES: usize = 128;

/// A message to send.
#[derive(Debug, Clone)]
pub struct OutboundRequest {
    /// Recipient.
    pub to: Recipient,
    /// The payload; its bytes are sent as they are.
    pub payload: Box<RawValue>,
    /// Conversation: messages to one agent in one conversation arrive in order.
    pub conversation_id: Option<String>,
    /// Where the recipient's connector may post a receipt.
    pub reply_to: Option<String>,
    /// Media type of the payload; plain JSON when absent.
    pub content_type: Option<String>,
    /// Chosen by the caller, so that repeating the request sends nothing twice; made up when absent.
    pub message_id: Option<Ulid>,
}

impl OutboundRequest {
    /// A message to `to` with nothing but a payload.
    #[must_use]
    pub fn new(to: AgentDid, payload: Box<RawValue>) -> Self {
        Self {
            to: Recipient::Did(to),
            payload,
            conversation_id: None,
            reply_to: None,
            content_type: None,
            message_id: None,
        }
    }
}

/// Whom a message is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    /// An agent.
    Did(AgentDid),
    /// What an agent is called here.
    Alias(String),
}

/// Takes one message; returns its id once it is durable.
pub(crate) async fn send(core: &Arc<Core>, request: OutboundRequest) -> Result<Ulid, SendError> {
    if core.stop.is_cancelled() {
        return Err(SendError::Stopping);
    }
    if let Some(said) = revoked::said(core) {
        return Err(SendError::Revoked(said));
    }
    check(&request)?;
    let to = match request.to {
        Recipient::Did(did) => did,
        Recipient::Alias(alias) => resolve(core, alias).await?,
    };
    let id = request.message_id.unwrap_or_else(|| core.new_id());
    let created = core.now();
    let sent_at = created.to_rfc3339();
    let sig = message::sign(
        &SignedMessage {
            message_id: &id.to_string(),
            from: &core.config.agent,
            to: &to,
            lane: request.conversation_id.as_deref().unwrap_or_default(),
            content_type: request.content_type.as_deref().unwrap_or_default(),
            sent_at: &sent_at,
            payload: request.payload.get().as_bytes(),
        },
        &core.config.key,
    );
    let message = Outbound {
        id,
        to,
        payload: request.payload,
        content_type: request.content_type,
        conversation_id: request.conversation_id,
        reply_to: request.reply_to,
        sent_at,
        sig,
        created,
    };
    let size = encode(&message, true, core)?.len();
    if size > limits::MAX_FRAME_BYTES - FRAME_HEADROOM {
        return Err(SendError::TooLarge(limits::MAX_FRAME_BYTES - FRAME_HEADROOM));
    }
    let lane = (message.to.clone(), message.conversation_id.clone());
    let limit = core.config.limits.outbox_messages;
    let commit = core.store.accept_outbound(message, limit);
    let shared = Arc::clone(core);
    // a task of its own: a caller who goes away must not leave the message between the store and the queue
    let task = tokio::spawn(async move {
        let accepted = commit.await?;
        if let AcceptedOutbound::Stored(seq) = accepted {
            shared.outbox.push(lane, seq, id, Instant::now());
            // what came after the outbox was emptied for good is given up as that was
            if let Some(said) = revoked::said(&shared) {
                revoked::mark(&shared, said).await;
            }
        }
        Ok::<_, SendError>(accepted)
    });
    match task.await.unwrap_or(Err(SendError::Stopping))? {
        AcceptedOutbound::Stored(_) | AcceptedOutbound::Repeat => {}
        AcceptedOutbound::Conflict => return Err(SendError::IdConflict),
        AcceptedOutbound::Full => return Err(SendError::QueueFull(limit)),
    }
    Ok(id)
}

async fn resolve(core: &Core, alias: String) -> Result<AgentDid, SendError> {
    let plausible = !alias.is_empty() && alias.len() <= MAX_ALIAS_BYTES;
    let found = if plausible {
        core.ports.peers.resolve(&alias).await
    } else {
        None
    };
    found.ok_or_else(|| SendError::UnknownPeer(alias.chars().take(MAX_ALIAS_BYTES).collect()))
}

/// The rules that frames and signatures rely on.
fn check(request: &OutboundRequest) -> Result<(), SendError> {
    let word = |value: &Option<String>, member, max: usize| match value {
        Some(text) if text.trim().is_empty() => Err(SendError::Member {
            member,
            rule: "must not be blank",
        }),
        Some(text) if text.len() > max => Err(SendError::Member {
            member,
            rule: "is too long",
        }),
        Some(text) if text.chars().any(char::is_control) => Err(SendError::Member {
            member,
            rule: "must not hold control characters",
        }),
        _ => Ok(()),
    };
    word(
        &request.conversation_id,
        "conversationId",
        limits::MAX_CONVERSATION_BYTES,
    )?;
    word(&request.content_type, "contentType", limits::MAX_CONTENT_TYPE_BYTES)?;
    word(&request.reply_to, "replyTo", limits::MAX_URL_BYTES)?;
    if let Some(reply_to) = &request.reply_to {
        let web = url::Url::parse(reply_to).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !web {
            return Err(SendError::Member {
                member: "replyTo",
                rule: "must be an absolute http(s) URL",
            });
        }
    }
    match &request.content_type {
        Some(content_type) if media::is_reserved(content_type) => Err(SendError::Reserved(content_type.clone())),
        _ => Ok(()),
    }
}

/// The frame that carries `message`; without its signature when the relay would not understand it.
pub(crate) fn encode(message: &Outbound, negotiated: bool, core: &Core) -> Result<String, SendError> {
    let id = message.id.to_string();
    let frame = Frame::Enqueue(frame::Enqueue {
        id: message.id,
        to: message.to.clone(),
        payload: &message.payload,
        content_type: message.content_type.as_deref().filter(|_| negotiated).map(Into::into),
        conversation_id: message.conversation_id.as_deref().map(Into::into),
        reply_to: message.reply_to.as_deref().map(Into::into),
        signed: negotiated.then(|| frame::EnqueueSigned {
            message_id: id.as_str().into(),
            sent_at: message.sent_at.as_str().into(),
            sig: message.sig,
        }),
    });
    frame
        .encode(message.id, core.now())
        .map_err(|error| SendError::Json(error.to_string()))
}
