//! What is said under a credential by another way than its WebSocket: by whoever holds it, or by who administers its operator
//! and speaks in its name (`--op`; signet spec 9.2, 11.4). It goes the way of a harness's sends, with the same checks, the
//! same confirmation, the same keys and the same rate.

use chancery_policy::messaging::{Scope, WellKnown};
use chancery_signet_wire::{
    Class, ConversationId, CredentialId, Failure, IdempotencyKey, MessageId, OperatorId, Reference, Uuid,
    action::input::{MessageReact, MessageRead, MessageReply, MessageSend},
    frame::{ReactionAction, RequestKind, SendHeld, SendMessage, SendReaction, SendReply, SendResult},
    record::{
        message::{MarkedRead, MessageSent, ReadAnswer, SendAnswer},
        operator::OperatorStatus,
    },
};
use serde_json::json;

use crate::{
    authorize::Right,
    core::Core,
    outbound::draft::{Draft, message_of},
    principal::Principal,
    records::{Case, Look, chats, credentials, operators},
    session::answer::{Asked, data, payload},
    store::Problem,
};

/// Who speaks where.
struct Voice {
    chat: Reference,
    identity: Option<Reference>,
    /// In whose name; none for a credential's own.
    operator: Option<Reference>,
    as_owner: bool,
    /// What it takes: of several credentials of an operator one that allows it speaks.
    scope: Scope,
}

/// Under which credential something is said, and where.
#[derive(Debug, Clone, Copy)]
struct Spoken {
    credential: CredentialId,
    chat: ConversationId,
    /// Whether it is not the credential's holder who speaks.
    lent: bool,
}

/// A request as a harness makes it.
struct Asking {
    kind: RequestKind,
    draft: Draft,
    payload: String,
    key: Option<IdempotencyKey>,
}

/// Whether something is said under a credential, and not as the owner.
pub(super) fn is_guarded(who: Principal, operator: Option<&Reference>) -> bool {
    operator.is_some() || matches!(who, Principal::Credential(_))
}

impl Core {
    pub(super) async fn send_guarded(&self, who: Principal, input: MessageSend) -> Result<SendAnswer, Failure> {
        let spoken = self.records.look(
            who,
            Voice {
                chat: input.chat_id,
                identity: input.identity_label,
                operator: input.operator_id,
                as_owner: input.as_owner.unwrap_or(false),
                scope: Scope::Send,
            },
        );
        let spoken = spoken.await?;
        let request = SendMessage {
            group_id: reference(spoken.chat)?,
            content_type: WellKnown::Text.into(),
            content: data(&json!({"text": input.text}))?,
            idempotency_key: input.idempotency_key,
        };
        let asking = Asking {
            kind: RequestKind::SendMessage,
            draft: Draft::message(&request)?,
            payload: payload(&request)?,
            key: request.idempotency_key,
        };
        Ok(match self.ask_guarded(who, spoken, asking).await? {
            Asked::Sent(sent) => SendAnswer::Sent(message(&sent)),
            Asked::Held(action_id) => SendAnswer::Held(held(action_id)),
        })
    }

    pub(super) async fn reply_guarded(&self, who: Principal, input: MessageReply) -> Result<SendAnswer, Failure> {
        let spoken = self
            .records
            .look(who, own(input.chat_id, input.identity_label, Scope::Reply))
            .await?;
        let request = SendReply {
            group_id: reference(spoken.chat)?,
            message_id: input.message_id,
            content_type: WellKnown::Text.into(),
            content: data(&json!({"text": input.text}))?,
            idempotency_key: input.idempotency_key,
        };
        let asking = Asking {
            kind: RequestKind::SendReply,
            draft: Draft::reply(&request)?,
            payload: payload(&request)?,
            key: request.idempotency_key,
        };
        Ok(match self.ask_guarded(who, spoken, asking).await? {
            Asked::Sent(sent) => SendAnswer::Sent(MessageSent {
                in_reply_to: self.meant(request.message_id, spoken.chat).await?,
                ..message(&sent)
            }),
            Asked::Held(action_id) => SendAnswer::Held(held(action_id)),
        })
    }

    pub(super) async fn react_guarded(&self, who: Principal, input: MessageReact) -> Result<SendAnswer, Failure> {
        let spoken = self
            .records
            .look(who, own(input.chat_id, input.identity_label, Scope::React))
            .await?;
        let request = SendReaction {
            group_id: reference(spoken.chat)?,
            message_id: input.message_id,
            action: ReactionAction::Added,
            content: input.reaction,
            idempotency_key: input.idempotency_key,
        };
        let asking = Asking {
            kind: RequestKind::SendReaction,
            draft: Draft::reaction(&request)?,
            payload: payload(&request)?,
            key: request.idempotency_key,
        };
        Ok(match self.ask_guarded(who, spoken, asking).await? {
            Asked::Sent(sent) => SendAnswer::Sent(MessageSent {
                reacted_to: self.meant(request.message_id, spoken.chat).await?,
                ..message(&sent)
            }),
            Asked::Held(action_id) => SendAnswer::Held(held(action_id)),
        })
    }

    pub(super) async fn read_guarded(&self, who: Principal, input: MessageRead) -> Result<ReadAnswer, Failure> {
        let spoken = self
            .records
            .look(who, own(input.chat_id, input.identity_label, Scope::ReadReceipt))
            .await?;
        let request = SendMessage {
            group_id: reference(spoken.chat)?,
            content_type: WellKnown::ReadReceipt.into(),
            content: data(&json!({}))?,
            idempotency_key: None,
        };
        let asking = Asking {
            kind: RequestKind::SendMessage,
            draft: Draft::message(&request)?,
            payload: payload(&request)?,
            key: None,
        };
        Ok(match self.ask_guarded(who, spoken, asking).await? {
            Asked::Sent(sent) => ReadAnswer::Read(MarkedRead {
                chat_id: sent.group_id,
                marked_read: true,
            }),
            Asked::Held(action_id) => ReadAnswer::Held(held(action_id)),
        })
    }

    /// Asks as the harness of the credential would. That somebody else speaks under it is recorded beside what comes of it.
    async fn ask_guarded(&self, who: Principal, spoken: Spoken, asking: Asking) -> Result<Asked, Failure> {
        let ask = async {
            let Asking {
                kind,
                draft,
                payload,
                key,
            } = asking;
            let asked = self
                .traffic
                .ask(spoken.credential, kind.as_str(), spoken.chat, draft, (payload, key));
            // what was on its way goes out all the same, once
            tokio::time::timeout(self.traffic.settings.request_timeout, asked)
                .await
                .unwrap_or_else(|_| Err(Failure::new(Class::Timeout, "the request took too long")))
        };
        if !spoken.lent {
            return ask.await;
        }
        let subject = spoken.credential.to_string();
        self.effect(who, ("message.send", &subject), ask).await
    }

    /// The message of `chat` that was meant by a request that was done.
    async fn meant(&self, message: Reference, chat: ConversationId) -> Result<Option<MessageId>, Failure> {
        Ok(self.store.read(move |sql| message_of(sql, &message, chat)).await?)
    }
}

/// A credential that speaks for itself.
fn own(chat: Reference, identity: Option<Reference>, scope: Scope) -> Voice {
    Voice {
        chat,
        identity,
        operator: None,
        as_owner: false,
        scope,
    }
}

impl Look for Voice {
    type Found = Spoken;
    const RIGHT: Right = Right::Act;

    fn look(self, case: &Case<'_>) -> Result<Spoken, Problem> {
        let Some(reference) = &self.operator else {
            let credential = case.caller.credential().ok_or_else(|| case.caller.refused())?;
            let chat = chats::find(case, &self.chat)?.id;
            // it speaks through its own inbox and for itself, whatever it names
            if self.identity.is_some() || self.as_owner {
                return Err(case.caller.refused().into());
            }
            return Ok(Spoken {
                credential: credential.id,
                chat,
                lent: false,
            });
        };
        if case.caller.credential().is_some() {
            return Err(case.caller.refused().into());
        }
        let operator = operators::administered(case, reference)?;
        if self.identity.is_some() || self.as_owner {
            let reason = "an operator speaks through its own inbox, and not as the owner";
            return Err(Failure::validation("operatorId", reason).into());
        }
        if operator.status != OperatorStatus::Active {
            return Err(operators::inactive(&operator).into());
        }
        let chat = chats::find(case, &self.chat)?.id;
        let mut covering = credentials::row::in_force_of(case.sql, operator.id, case.now)?;
        covering.retain(|credential| credential.chats.contains_key(&chat));
        let allows = |credential: &&credentials::row::Credential| credential.effective.may(self.scope);
        // the newest that allows it, else the newest: its refusal says what is missing
        let speaks = covering.iter().rfind(allows).or(covering.last());
        let credential = speaks.ok_or_else(|| mute(operator.id, chat))?;
        Ok(Spoken {
            credential: credential.id,
            chat,
            lent: true,
        })
    }
}

/// That an operator has nothing to speak under.
fn mute(operator: OperatorId, chat: ConversationId) -> Failure {
    let failure = Failure::new(
        Class::Permission,
        "the operator has no credential in force for this chat",
    );
    failure
        .with("operatorId", operator.to_string())
        .with("chatId", chat.to_string())
        .with("hint", "xs cred issue")
}

fn message(sent: &SendResult) -> MessageSent {
    MessageSent {
        message_id: sent.message_id,
        chat_id: sent.group_id,
        in_reply_to: None,
        reacted_to: None,
    }
}

fn held(action_id: Uuid) -> SendHeld {
    SendHeld {
        pending: true,
        action_id,
    }
}

fn reference(chat: ConversationId) -> Result<Reference, Failure> {
    let text = chat.to_string();
    text.parse()
        .map_err(|_| Failure::new(Class::Internal, "an id of ours names nothing"))
}
