//! What the owner says, and that an admin does not read (signet spec 9.8, 11.4). What is said under a credential is
//! [`guarded`](super::guarded).

use chancery_policy::messaging::{Scopes, WellKnown};
use chancery_signet_wire::{
    Class, ConversationId, Failure, IdempotencyKey, MessageId, Reference, ResourceKind, Uuid,
    action::input::{MessageReact, MessageRead, MessageReply, MessageSend, SearchMessages},
    record::message::{MarkedRead, MessageSent, ReadAnswer, SendAnswer},
};
use serde_json::{Value, json};

use super::guarded::is_guarded;
use crate::{
    clients::network,
    core::Core,
    network::{Content, MessageName},
    principal::Principal,
    records::{
        chats::{Chat, Entry},
        messages::{Name, Named},
    },
};

/// Something that the owner says.
struct Saying {
    kind: &'static str,
    chat: Reference,
    identity: Option<Reference>,
    /// Whether through an operator's inbox.
    as_owner: bool,
    key: Option<IdempotencyKey>,
    content_type: WellKnown,
    body: Value,
    /// The message that it is about.
    about: Option<Reference>,
}

/// What was said.
struct Said {
    chat: ConversationId,
    message: MessageId,
    about: Option<MessageId>,
}

impl Core {
    pub(crate) async fn send_message(&self, who: Principal, input: MessageSend) -> Result<SendAnswer, Failure> {
        if is_guarded(who, input.operator_id.as_ref()) {
            return self.send_guarded(who, input).await;
        }
        let said = self.say(
            who,
            Saying {
                kind: "message.send",
                chat: input.chat_id,
                identity: input.identity_label,
                as_owner: input.as_owner.unwrap_or(false),
                key: input.idempotency_key,
                content_type: WellKnown::Text,
                body: json!({"text": input.text}),
                about: None,
            },
        );
        Ok(SendAnswer::Sent(said.await?.sent()))
    }

    pub(crate) async fn reply(&self, who: Principal, input: MessageReply) -> Result<SendAnswer, Failure> {
        if is_guarded(who, None) {
            return self.reply_guarded(who, input).await;
        }
        let content = json!({"type": WellKnown::Text.as_str(), "payload": {"text": input.text}});
        let said = self.say(
            who,
            Saying {
                kind: "message.reply",
                chat: input.chat_id,
                identity: input.identity_label,
                as_owner: false,
                key: input.idempotency_key,
                content_type: WellKnown::Reply,
                body: json!({"content": content}),
                about: Some(input.message_id),
            },
        );
        let said = said.await?;
        Ok(SendAnswer::Sent(MessageSent {
            in_reply_to: said.about,
            ..said.sent()
        }))
    }

    pub(crate) async fn react(&self, who: Principal, input: MessageReact) -> Result<SendAnswer, Failure> {
        if is_guarded(who, None) {
            return self.react_guarded(who, input).await;
        }
        let said = self.say(
            who,
            Saying {
                kind: "message.react",
                chat: input.chat_id,
                identity: input.identity_label,
                as_owner: false,
                key: input.idempotency_key,
                content_type: WellKnown::Reaction,
                body: json!({"action": "added", "content": input.reaction, "schema": "unicode"}),
                about: Some(input.message_id),
            },
        );
        let said = said.await?;
        Ok(SendAnswer::Sent(MessageSent {
            reacted_to: said.about,
            ..said.sent()
        }))
    }

    pub(crate) async fn mark_read(&self, who: Principal, input: MessageRead) -> Result<ReadAnswer, Failure> {
        if is_guarded(who, None) {
            return self.read_guarded(who, input).await;
        }
        let said = self.say(
            who,
            Saying {
                kind: "message.read",
                chat: input.chat_id,
                identity: input.identity_label,
                as_owner: false,
                key: None,
                content_type: WellKnown::ReadReceipt,
                body: json!({}),
                about: None,
            },
        );
        Ok(ReadAnswer::Read(MarkedRead {
            chat_id: said.await?.chat,
            marked_read: true,
        }))
    }

    /// Says something as the owner: recorded, and not through an operator's inbox unless that is what is asked for.
    async fn say(&self, who: Principal, mut saying: Saying) -> Result<Said, Failure> {
        if !matches!(who, Principal::Owner | Principal::Admin) {
            let refused = Failure::new(Class::Permission, "only the owner speaks without a credential");
            return Err(refused.with("hint", "--op"));
        }
        let entry = Entry {
            chat: saying.chat,
            identity: saying.identity,
            scopes: Scopes::NONE,
            changes: true,
        };
        let (place, inbox) = self.enter(who, entry).await?;
        if let Some(operator) = place.inbox.operator_id
            && !saying.as_owner
        {
            let reason = "the inbox is an operator's: what it says goes by the operator's credential";
            let refused = Failure::new(Class::Permission, reason).with("operatorId", operator.to_string());
            return Err(refused
                .with("inboxId", place.inbox.id.to_string())
                .with("hint", "--as-owner"));
        }
        let about = match &saying.about {
            Some(reference) => Some(self.referred(reference, &place.chat, &*inbox).await?),
            None => None,
        };
        if let (Some((_, name)), Value::Object(body)) = (&about, &mut saying.body) {
            body.insert("reference".to_owned(), name.0.clone().into());
        }
        let content = Content {
            content_type: saying.content_type.as_str().to_owned(),
            body: saying.body,
        };
        // who names none says it once only, whatever it is
        let key = match saying.key {
            Some(key) => format!("owner:{key}"),
            None => format!("owner:{}", Uuid::generate(&self.rng)),
        };
        let send = async { inbox.send(&place.chat.name, &content, &key).await.map_err(network) };
        let subject = place.chat.id.to_string();
        let sent = self.effect(who, (saying.kind, &subject), send).await?;
        let named = Named { name: sent.name };
        Ok(Said {
            chat: place.chat.id,
            message: self.store.run(named).await?,
            about: about.map(|(id, _)| id),
        })
    }

    /// The message of `chat` that is meant: whatever else a name is of is not found.
    async fn referred(
        &self,
        reference: &Reference,
        chat: &Chat,
        inbox: &dyn crate::network::Inbox,
    ) -> Result<(MessageId, MessageName), Failure> {
        let absent = || Failure::not_found("message", reference.as_str());
        let text = reference.as_str().to_owned();
        let ours = text.starts_with(ResourceKind::Message.prefix());
        let name = match ours {
            true => self
                .store
                .read(move |sql| Name(text).of(sql))
                .await?
                .ok_or_else(absent)?,
            false => MessageName(text),
        };
        let message = inbox.message(&name).await.map_err(network)?;
        message
            .filter(|message| message.conversation == chat.name)
            .ok_or_else(absent)?;
        let named = Named { name: name.clone() };
        Ok((self.store.run(named).await?, name))
    }
}

impl Said {
    fn sent(&self) -> MessageSent {
        MessageSent {
            message_id: self.message,
            chat_id: self.chat,
            in_reply_to: None,
            reacted_to: None,
        }
    }
}

/// That an admin does not read what is said in `chat`.
pub(crate) fn no_reading(chat: Option<&Reference>) -> Failure {
    let failure = Failure::new(
        Class::Permission,
        "Admin message reads require owner-approved elevation",
    );
    let failure = match chat {
        Some(chat) => failure.with("chatId", chat.as_str()),
        None => failure,
    };
    failure.with("hint", "--dangerously-allow-message-read")
}

/// That an admin does not search what is said.
pub(crate) fn no_searching(input: &SearchMessages) -> Failure {
    match &input.chat_id {
        Some(chat) => no_reading(Some(chat)),
        None => Failure::new(
            Class::Permission,
            "Admin message search requires a specific conversation",
        )
        .with("hint", "--chat"),
    }
}
