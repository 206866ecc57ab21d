//! Messages as actions answer them (signet spec 11.4).

use chancery_policy::messaging::ContentTypeId;

use crate::{ConversationId, Json, MessageId, Timestamp, frame::SendHeld};

shape! {
    /// A message.
    record MessageRecord {
        /// Its id.
        message_id: MessageId,
        /// Its chat.
        chat_id: ConversationId,
        /// Who sent it, as the network calls them.
        sender_inbox_id: String,
        /// Of what type.
        content_type: ContentTypeId,
        /// What it says.
        content: Json,
        /// When.
        sent_at: Timestamp,
        /// The message that it replies to.
        thread_id|null: MessageId,
    }
}

shape! {
    /// Messages of a chat.
    record MessageList {
        /// The chat.
        chat_id: ConversationId,
        /// The messages.
        messages: Vec<MessageRecord>,
    }
}

shape! {
    /// A message was sent.
    record MessageSent {
        /// Its id.
        message_id: MessageId,
        /// Its chat.
        chat_id: ConversationId,
        /// The message that it replies to.
        in_reply_to?: MessageId,
        /// The message that it is a reaction to.
        reacted_to?: MessageId,
    }
}

shape! {
    /// A chat was read.
    record MarkedRead {
        /// The chat.
        chat_id: ConversationId,
        /// Always `true`.
        marked_read: bool,
    }
}

/// What is answered to whoever has something sent.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum SendAnswer {
    /// It is out.
    Sent(MessageSent),
    /// The owner is asked.
    Held(SendHeld),
}

/// What is answered to whoever says that a chat was read.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum ReadAnswer {
    /// It is said.
    Read(MarkedRead),
    /// The owner is asked.
    Held(SendHeld),
}

shape! {
    /// A message that a search found.
    record MessageMatch {
        /// Its chat.
        chat_id: ConversationId,
        /// Its id.
        message_id: MessageId,
        /// Who sent it.
        sender_inbox_id: String,
        /// Its text.
        content: String,
        /// When.
        sent_at: Timestamp,
    }
}

shape! {
    /// What a search found.
    record MessageMatches {
        /// What was searched for.
        query: String,
        /// The messages.
        matches: Vec<MessageMatch>,
        /// How many there are.
        total: u64,
    }
}
