//! `xs msg`: messages.

use chancery_signet_wire::{
    IdempotencyKey, Positive, Reference, Text,
    action::{
        Call,
        input::{MessageInfo, MessageList, MessageReact, MessageRead, MessageReply, MessageSend},
    },
    frame::EventKind,
};
use clap::{Args, Subcommand};

use crate::{
    arguments::{given, given_flag, positive},
    step::{Step, Then},
    view::View,
};

const MESSAGES: View = View::TableAt(
    "messages",
    &[
        ("message", "messageId"),
        ("from", "senderInboxId"),
        ("type", "contentType"),
        ("content", "content"),
        ("sent", "sentAt"),
    ],
);
const NEWS: &[EventKind] = &[EventKind::MessageVisible, EventKind::MessageRevealed];

/// Send and read messages.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// Send a text
    #[command(after_help = "Examples:
  xs msg send \"hello\" --to conv_9e2d
  xs msg send \"hello\" --to conv_9e2d --op support-bot")]
    Send {
        /// What to say
        #[arg(allow_hyphen_values = true)]
        text: Text,
        /// The chat
        #[arg(long, value_name = "CHAT")]
        to: Reference,
        /// The inbox that says it
        #[arg(long = "as", value_name = "INBOX")]
        acting: Option<Reference>,
        /// The operator by whose credential it is said, with all its checks
        #[arg(long, value_name = "OPERATOR")]
        op: Option<Reference>,
        /// Say it as the owner through an operator's inbox
        #[arg(long, conflicts_with = "op")]
        as_owner: bool,
        /// The same whenever this is sent again
        #[arg(long, value_name = "KEY")]
        idempotency_key: Option<IdempotencyKey>,
    },
    /// Answer a message
    #[command(after_help = "Examples:\n  xs msg reply \"ack\" --chat conv_9e2d --to msg_41c8")]
    Reply {
        /// What to say
        #[arg(allow_hyphen_values = true)]
        text: Text,
        /// Which message
        #[command(flatten)]
        target: Target,
    },
    /// React to a message
    #[command(after_help = "Examples:\n  xs msg react \"👍\" --chat conv_9e2d --to msg_41c8")]
    React {
        /// The reaction, such as an emoji
        reaction: Text,
        /// To which message
        #[command(flatten)]
        target: Target,
    },
    /// Say that a chat was read
    #[command(after_help = "Examples:\n  xs msg read --chat conv_9e2d")]
    Read {
        /// The chat
        #[arg(long)]
        chat: Reference,
        /// The inbox that has read it
        #[arg(long = "as", value_name = "INBOX")]
        acting: Option<Reference>,
    },
    /// List messages of a chat; an admin needs the owner's word for it
    #[command(after_help = "Examples:
  xs msg list --from conv_9e2d --dangerously-allow-message-read
  xs msg list --from conv_9e2d --limit 20 --watch --dangerously-allow-message-read")]
    List {
        /// The chat
        #[arg(long, value_name = "CHAT")]
        from: Reference,
        /// How many at most
        #[arg(long, value_parser = positive)]
        limit: Option<Positive>,
        /// Only those older than this message or time
        #[arg(long, value_name = "WHEN")]
        before: Option<Reference>,
        /// Only those newer than this message or time
        #[arg(long, value_name = "WHEN")]
        after: Option<Reference>,
        /// Go on until interrupted: a line of JSON for each message
        #[arg(long)]
        watch: bool,
        /// Who reads, and by which right
        #[command(flatten)]
        reader: Reader,
    },
    /// Show a message; an admin needs the owner's word for it
    #[command(after_help = "Examples:\n  xs msg info msg_41c8 --chat conv_9e2d --dangerously-allow-message-read")]
    Info {
        /// The message
        #[arg(value_name = "MESSAGE")]
        message: Reference,
        /// The chat; needed unless the message is known under its id alone
        #[arg(long)]
        chat: Option<Reference>,
        /// Who reads, and by which right
        #[command(flatten)]
        reader: Reader,
    },
}

/// A message that another is about.
#[derive(Debug, Args)]
pub struct Target {
    /// The chat
    #[arg(long)]
    chat: Reference,
    /// The message
    #[arg(long, value_name = "MESSAGE")]
    to: Reference,
    /// The inbox that does it
    #[arg(long = "as", value_name = "INBOX")]
    acting: Option<Reference>,
    /// The same whenever this is sent again
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<IdempotencyKey>,
}

/// Who reads.
#[derive(Debug, Args)]
pub struct Reader {
    /// The inbox that reads
    #[arg(long = "as", value_name = "INBOX")]
    pub(super) acting: Option<Reference>,
    /// Ask the owner to let an admin read this chat for a short while
    #[arg(long)]
    pub(super) dangerously_allow_message_read: bool,
}

impl Group {
    pub(crate) fn step(self) -> Step {
        match self {
            Self::Send {
                text,
                to,
                acting,
                op,
                as_owner,
                idempotency_key,
            } => {
                let input = MessageSend {
                    chat_id: to,
                    text,
                    identity_label: acting,
                    operator_id: op,
                    as_owner: given(as_owner),
                    idempotency_key,
                };
                Step::ask(Call::MessageSend(input), View::Auto)
            }
            Self::Reply { text, target } => {
                let input = MessageReply {
                    chat_id: target.chat,
                    message_id: target.to,
                    text,
                    identity_label: target.acting,
                    idempotency_key: target.idempotency_key,
                };
                Step::ask(Call::MessageReply(input), View::Auto)
            }
            Self::React { reaction, target } => {
                let input = MessageReact {
                    chat_id: target.chat,
                    message_id: target.to,
                    reaction,
                    identity_label: target.acting,
                    idempotency_key: target.idempotency_key,
                };
                Step::ask(Call::MessageReact(input), View::Auto)
            }
            Self::Read { chat, acting } => {
                let input = MessageRead {
                    chat_id: chat,
                    identity_label: acting,
                };
                Step::ask(Call::MessageRead(input), View::Auto)
            }
            Self::List {
                from,
                limit,
                before,
                after,
                watch,
                reader,
            } => {
                let input = MessageList {
                    chat_id: from,
                    limit,
                    before,
                    after,
                    identity_label: reader.acting,
                    dangerously_allow_message_read: given_flag(reader.dangerously_allow_message_read),
                };
                let step = Step::ask(Call::MessageList(input), MESSAGES);
                if watch {
                    // an event says that there is something; what it is comes only by the list, and its checks
                    step.then(Then::Watch(NEWS, "messages"))
                } else {
                    step
                }
            }
            Self::Info { message, chat, reader } => {
                let input = MessageInfo {
                    chat_id: chat,
                    message_id: message,
                    identity_label: reader.acting,
                    dangerously_allow_message_read: given_flag(reader.dangerously_allow_message_read),
                };
                Step::ask(Call::MessageInfo(input), View::Auto)
            }
        }
    }
}
