//! The steps of a send: asked for, approved, settled. Each looks at the credential in its own transaction, so that nothing
//! gets by a revocation that was committed before.

use std::sync::Arc;

use chancery_base::digest::sha256;
use chancery_policy::messaging::ChatAction;
use chancery_signet_wire::{
    Class, ConversationId, CredentialId, Failure, IdempotencyKey, Json, SealId, Uuid,
    frame::{ActionResolved, CloseCode},
    record::held::Verdict,
};
use serde_json::json;

use super::{
    draft::Draft,
    hold::{self, Hold},
    rows::{self, New, Open, Outcome, SendId},
};
use crate::{
    network::Sent,
    store::{Problem, Step, Tx},
    stream::{
        ids,
        ingest::{Decided, Delivery},
        standing::Standing,
    },
};

/// Asks for something to be said.
pub(crate) struct Ask {
    pub(crate) credential: CredentialId,
    pub(crate) chat: ConversationId,
    pub(crate) draft: Draft,
    /// The request, for the owner, should it be held.
    pub(crate) kind: &'static str,
    pub(crate) payload: String,
    pub(crate) key: Option<IdempotencyKey>,
    pub(crate) seal: Option<SealId>,
    /// How long an action waits for the owner, milliseconds.
    pub(crate) wait_ms: i64,
    pub(crate) decided: Arc<Decided>,
}

/// What becomes of it.
#[derive(Debug)]
pub(crate) enum Decision {
    /// It goes out.
    Send(Open),
    /// It was asked for before, and this came of it.
    Known(Outcome),
    /// It waits for the owner.
    Held(Uuid),
}

/// Why a credential that is not in force is refused, as an answer.
pub(crate) fn not_in_force(code: CloseCode) -> Failure {
    match code {
        CloseCode::CredentialExpired => Failure::new(Class::CredentialExpired, "the credential has expired"),
        _ => Failure::new(Class::Auth, "the credential is not in force"),
    }
}

/// The credential, if it is in force.
fn standing(tx: &Tx<'_>, id: CredentialId, decided: &Decided) -> Result<Result<Standing, Failure>, Problem> {
    let Some(standing) = Standing::load(tx.sql, id, &decided.rules)? else {
        return Ok(Err(not_in_force(CloseCode::CredentialRevoked)));
    };
    Ok(match standing.in_force(tx.now) {
        Ok(()) => Ok(standing),
        Err(code) => Err(not_in_force(code)),
    })
}

/// Takes the value or answers the failure.
macro_rules! allowed {
    ($step:expr) => {
        match $step {
            Ok(value) => value,
            Err(failure) => return Ok((Err(failure.into()), Vec::new())),
        }
    };
}

impl Step for Ask {
    type Done = (Result<Decision, Failure>, Delivery);

    fn run(self, tx: &Tx<'_>) -> Result<Self::Done, Problem> {
        let standing = allowed!(standing(tx, self.credential, &self.decided)?);
        let action = ChatAction::Send(self.draft.message_type());
        let digest = asked(self.chat, &self.payload);
        allowed!(standing.bounds.may_in(&self.chat.to_string(), action));
        if let Some(key) = &self.key
            && let Some(earlier) = rows::earlier(tx.sql, self.credential, key.as_str())?
        {
            return again(tx, &earlier, &digest).map(|decision| (decision, Vec::new()));
        }
        if let Some(key) = &self.key
            && let Some(held) = hold::under_key(tx.sql, self.credential, key.as_str())?
        {
            let same = asked(held.chat, &held.payload) == digest;
            return Ok((if same { Ok(Decision::Held(held.id)) } else { Err(used()) }, Vec::new()));
        }
        allowed!(self.draft.resolved(tx.sql, self.chat)?);
        let inbox = allowed!(
            standing
                .inbox_in(self.chat)
                .ok_or_else(|| Failure::not_found("conversation", &self.chat.to_string()))
        );
        let scopes = allowed!(action.scopes());
        if !(scopes & standing.confirm).is_empty() {
            let hold = Hold {
                kind: self.kind,
                payload: &self.payload,
                chat: self.chat,
                draft: &self.draft,
                seal: self.seal,
                caller_key: self.key.as_ref().map(IdempotencyKey::as_str),
                expires_at: tx.now.plus(self.wait_ms),
            };
            let (id, stream, frame) = allowed!(hold::hold(tx, &standing, &hold, self.decided.keep)?);
            return Ok((Ok(Decision::Held(id)), vec![(stream, frame)]));
        }
        let new = New {
            credential: self.credential,
            inbox,
            chat: self.chat,
            draft: &self.draft,
            caller_key: self.key.as_ref().map(IdempotencyKey::as_str),
            digest,
            action: None,
        };
        Ok((Ok(Decision::Send(rows::intend(tx, new)?)), Vec::new()))
    }
}

/// What tells one request from another that comes under the same key.
fn asked(chat: ConversationId, payload: &str) -> [u8; 32] {
    sha256(format!("{chat}\n{payload}"))
}

fn used() -> Failure {
    Failure::validation("idempotencyKey", "was used for another request")
}

/// What is answered to a key that was used before.
fn again(tx: &Tx<'_>, earlier: &rows::Earlier, digest: &[u8; 32]) -> Result<Result<Decision, Failure>, Problem> {
    if earlier.digest != digest {
        return Ok(Err(used()));
    }
    Ok(Ok(match &earlier.outcome {
        Some(sent @ Outcome::Sent { .. }) => Decision::Known(sent.clone()),
        None => Decision::Send(earlier.open.clone()),
        // whether it went out before is not known, and with the same key it goes out once
        Some(Outcome::Failed(_)) => {
            rows::reopen(tx, earlier.open.id)?;
            Decision::Send(earlier.open.clone())
        }
    }))
}

/// The owner's yes.
pub(crate) struct Approve {
    pub(crate) action: Uuid,
    /// Who says so, for the record.
    pub(crate) by: String,
    /// What they were shown, if they say.
    pub(crate) digest: Option<String>,
    /// The seal under which the credential speaks now.
    pub(crate) seal: Option<SealId>,
    pub(crate) decided: Arc<Decided>,
}

impl Step for Approve {
    type Done = (Result<Open, Failure>, Delivery);

    fn run(self, tx: &Tx<'_>) -> Result<Self::Done, Problem> {
        let held = allowed!(hold::find(tx.sql, self.action)?.ok_or_else(|| hold::unknown(self.action)));
        allowed!(held.waits(tx.now));
        let standing = allowed!(standing(tx, held.credential, &self.decided)?);
        if !held.is_as_held(&standing, self.seal) || self.digest.is_some_and(|shown| shown != held.digest) {
            let changed = Failure::new(
                Class::Permission,
                "the action, its policy or its seal is not what was held: deny it, and have it asked for again",
            );
            return Ok((Err(changed.with("actionId", self.action.to_string())), Vec::new()));
        }
        allowed!(
            standing
                .bounds
                .may_in(&held.chat.to_string(), ChatAction::Send(held.draft.message_type()))
        );
        allowed!(held.draft.resolved(tx.sql, held.chat)?);
        let inbox = allowed!(
            standing
                .inbox_in(held.chat)
                .ok_or_else(|| Failure::not_found("conversation", &held.chat.to_string()))
        );
        hold::resolve(tx, &held, Verdict::Approved, &self.by)?;
        let new = New {
            credential: held.credential,
            inbox,
            chat: held.chat,
            draft: &held.draft,
            caller_key: held.caller_key.as_deref(),
            digest: asked(held.chat, &held.payload),
            action: Some(held.id),
        };
        Ok((Ok(rows::intend(tx, new)?), Vec::new()))
    }
}

/// The owner's no, or the harness taking back what it asked for.
pub(crate) struct Deny {
    pub(crate) action: Uuid,
    pub(crate) by: String,
    /// The credential that takes back its own; none when the owner decides.
    pub(crate) own: Option<CredentialId>,
    pub(crate) keep: u64,
}

impl Step for Deny {
    type Done = (Result<(), Failure>, Delivery);

    fn run(self, tx: &Tx<'_>) -> Result<Self::Done, Problem> {
        let found = hold::find(tx.sql, self.action)?;
        // that another's exists is nothing to tell
        let mine = |held: &hold::Held| self.own.is_none_or(|own| own == held.credential);
        let held = allowed!(found.filter(mine).ok_or_else(|| hold::unknown(self.action)));
        allowed!(held.waits(tx.now));
        Ok((Ok(()), vec![end(tx, &held, Verdict::Denied, (&self.by, self.keep))?]))
    }
}

/// Ends what nobody decided in time.
pub(crate) struct ExpireHeld {
    pub(crate) keep: u64,
}

impl Step for ExpireHeld {
    type Done = (usize, Delivery);

    fn run(self, tx: &Tx<'_>) -> Result<Self::Done, Problem> {
        let overdue = hold::overdue(tx.sql, tx.now)?;
        let ended = overdue
            .iter()
            .map(|held| end(tx, held, Verdict::Expired, ("system", self.keep)))
            .collect::<Result<Vec<_>, _>>()?;
        Ok((ended.len(), ended))
    }
}

fn end(
    tx: &Tx<'_>,
    held: &hold::Held,
    verdict: Verdict,
    (by, keep): (&str, u64),
) -> Result<(crate::stream::log::StreamId, crate::stream::frame::Frame), Problem> {
    hold::resolve(tx, held, verdict, by)?;
    let resolved = ActionResolved {
        action_id: held.id,
        verdict,
        data: None,
    };
    hold::tell_resolved(tx, held.credential, resolved, keep)
}

/// Looks once more whether an intent may go out, as after a restart: what was revoked meanwhile does not.
pub(crate) struct Recheck {
    pub(crate) open: Open,
    pub(crate) decided: Arc<Decided>,
}

impl Step for Recheck {
    type Done = (Result<(), Failure>, Delivery);

    fn run(self, tx: &Tx<'_>) -> Result<Self::Done, Problem> {
        let standing = allowed!(standing(tx, self.open.credential, &self.decided)?);
        let action = ChatAction::Send(self.open.draft.message_type());
        allowed!(standing.bounds.may_in(&self.open.chat.to_string(), action));
        Ok((Ok(()), Vec::new()))
    }
}

/// Writes what the network answered.
pub(crate) struct Settle {
    pub(crate) open: Open,
    pub(crate) answer: Result<Sent, Failure>,
    /// Why nothing will bind the message to a seal.
    pub(crate) warning: Option<String>,
    pub(crate) keep: u64,
}

impl Step for Settle {
    type Done = (Outcome, Delivery);

    fn run(self, tx: &Tx<'_>) -> Result<Self::Done, Problem> {
        let Self { open, .. } = self;
        let outcome = match self.answer {
            Err(failure) => Outcome::failed(failure),
            Ok(sent) => Outcome::Sent {
                message_id: ids::message(tx, &sent.name, open.chat, sent.sent_at)?,
                sent_at: sent.sent_at.into(),
                provenance: None,
                warning: self.warning,
            },
        };
        let Some(action) = rows::settle(tx, open.id, &outcome)? else {
            return Ok((outcome, Vec::new()));
        };
        record(tx, &open, &outcome)?;
        let mut delivery = Vec::new();
        if let Some(action_id) = action {
            let data = match outcome.clone().answer(open.chat) {
                Ok(sent) => Json::of(&sent),
                Err(failure) => Json::of(&json!({"error": chancery_signet_wire::FailureBody::from(failure)})),
            };
            let resolved = ActionResolved {
                action_id,
                verdict: Verdict::Approved,
                data: data.ok(),
            };
            delivery.push(hold::tell_resolved(tx, open.credential, resolved, self.keep)?);
        }
        Ok((outcome, delivery))
    }
}

fn record(tx: &Tx<'_>, open: &Open, outcome: &Outcome) -> Result<(), Problem> {
    let (kind, subject) = match outcome {
        Outcome::Sent { message_id, .. } => ("message.send", message_id.to_string()),
        Outcome::Failed(_) => ("message.send.fail", open.chat.to_string()),
    };
    let detail = json!({"chatId": open.chat, "contentType": open.draft.content_type, "key": open.network_key});
    tx.record(kind, &open.credential.to_string(), &subject, detail)
}

/// Notes what binds a message.
pub(crate) struct Bound {
    pub(crate) id: SendId,
    pub(crate) outcome: Outcome,
}

impl Step for Bound {
    type Done = ((), Delivery);

    fn run(self, tx: &Tx<'_>) -> Result<Self::Done, Problem> {
        rows::bound(tx, self.id, &self.outcome)?;
        Ok(((), Vec::new()))
    }
}
