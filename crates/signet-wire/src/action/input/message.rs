//! Inputs about messages and searches.

use crate::{Flag, IdempotencyKey, Positive, Reference, Text, record::lookup::ResourceType};

shape! {
    /// `message.send`.
    input MessageSend {
        /// The chat.
        chat_id: Reference,
        /// What to say.
        text: Text,
        /// The identity that says it.
        identity_label?: Reference,
        /// The operator by whose credential it is said.
        operator_id?: Reference,
        /// Whether the owner says it through an operator's identity.
        as_owner?: bool,
        /// The same whenever this is sent again.
        idempotency_key?: IdempotencyKey,
    }
}

shape! {
    /// `message.list`.
    input MessageList {
        /// The chat.
        chat_id: Reference,
        /// How many at most.
        limit?: Positive,
        /// Only those older than this.
        before?: Reference,
        /// Only those newer than this.
        after?: Reference,
        /// The identity that reads.
        identity_label?: Reference,
        /// Whether the owner is to be asked to let an admin read.
        dangerously_allow_message_read?: Flag,
    }
}

shape! {
    /// `message.info`.
    input MessageInfo {
        /// The chat; needed unless the message is known under its id alone.
        chat_id?: Reference,
        /// The message.
        message_id: Reference,
        /// The identity that reads.
        identity_label?: Reference,
        /// Whether the owner is to be asked to let an admin read.
        dangerously_allow_message_read?: Flag,
    }
}

shape! {
    /// `message.reply`.
    input MessageReply {
        /// The chat.
        chat_id: Reference,
        /// The message that it is an answer to.
        message_id: Reference,
        /// What to say.
        text: Text,
        /// The identity that says it.
        identity_label?: Reference,
        /// The same whenever this is sent again.
        idempotency_key?: IdempotencyKey,
    }
}

shape! {
    /// `message.react`.
    input MessageReact {
        /// The chat.
        chat_id: Reference,
        /// The message that it is about.
        message_id: Reference,
        /// The reaction, such as an emoji.
        reaction: Text,
        /// The identity that reacts.
        identity_label?: Reference,
        /// The same whenever this is sent again.
        idempotency_key?: IdempotencyKey,
    }
}

shape! {
    /// `message.read`.
    input MessageRead {
        /// The chat.
        chat_id: Reference,
        /// The identity that has read it.
        identity_label?: Reference,
    }
}

shape! {
    /// `search.messages`.
    input SearchMessages {
        /// What to look for.
        query: Reference,
        /// Only in this chat.
        chat_id?: Reference,
        /// How many at most.
        limit?: Positive,
        /// The identity that reads.
        identity_label?: Reference,
        /// Whether the owner is to be asked to let an admin read.
        dangerously_allow_message_read?: Flag,
    }
}

shape! {
    /// `search.resources`.
    input SearchResources {
        /// What to look for.
        query: Reference,
        /// Only things of this kind.
        r#type?: ResourceType,
        /// How many at most.
        limit?: Positive,
    }
}
