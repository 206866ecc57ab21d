//! `xs lookup` and `xs search`.

use std::str::FromStr;

use chancery_signet_wire::{
    Positive, Reference, UnknownWord,
    action::{
        Call,
        input::{LookupResolve, SearchMessages, SearchResources},
    },
    record::lookup::ResourceType,
};
use clap::Args;

use crate::{
    Problem,
    arguments::{given_flag, positive},
    problem::Result,
    step::Step,
    tree::Tree,
    view::View,
};

const MESSAGES: View = View::TableAt(
    "matches",
    &[
        ("chat", "chatId"),
        ("message", "messageId"),
        ("from", "senderInboxId"),
        ("content", "content"),
        ("sent", "sentAt"),
    ],
);
const RESOURCES: View = View::TableAt("matches", &[("type", "type"), ("id", "id"), ("label", "label")]);

/// Arguments of `lookup`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  xs lookup op_a7f3\n  xs lookup support-bot")]
pub struct Lookup {
    /// An id, the beginning of one, a label, or an id of the network's
    query: Reference,
}

/// Arguments of `search`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  xs search \"refund\" --type messages --chat conv_9e2d --as alice-bot --dangerously-allow-message-read
  xs search support --type operator")]
pub struct Search {
    /// What to look for
    query: Reference,
    /// Where: messages, resources, operator, policy, credential or conversation
    #[arg(long = "type", value_name = "TYPE", default_value = "messages")]
    target: Target,
    /// Only in this chat
    #[arg(long)]
    chat: Option<Reference>,
    /// How many at most
    #[arg(long, value_parser = positive)]
    limit: Option<Positive>,
    /// Who reads, and by which right
    #[command(flatten)]
    reader: super::msg::Reader,
}

/// Where to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Messages,
    Resources(Option<ResourceType>),
}

impl FromStr for Target {
    type Err = UnknownWord;

    fn from_str(text: &str) -> std::result::Result<Self, UnknownWord> {
        const WORDS: &[&str] = &[
            "messages",
            "resources",
            "operator",
            "policy",
            "credential",
            "conversation",
        ];
        match text {
            "messages" => Ok(Self::Messages),
            "resources" => Ok(Self::Resources(None)),
            kind => kind
                .parse()
                .map(|kind| Self::Resources(Some(kind)))
                .map_err(|_| UnknownWord(WORDS)),
        }
    }
}

impl Lookup {
    pub(crate) fn step(self) -> Step {
        Step::ask(
            Call::LookupResolve(LookupResolve { query: self.query }),
            View::Lines(found),
        )
    }
}

impl Search {
    pub(crate) fn step(self) -> Result<Step> {
        let reader = self.reader;
        Ok(match self.target {
            Target::Messages => {
                let input = SearchMessages {
                    query: self.query,
                    chat_id: self.chat,
                    limit: self.limit,
                    identity_label: reader.acting,
                    dangerously_allow_message_read: given_flag(reader.dangerously_allow_message_read),
                };
                Step::ask(Call::SearchMessages(input), MESSAGES)
            }
            Target::Resources(kind) => {
                let of_messages =
                    self.chat.is_some() || reader.acting.is_some() || reader.dangerously_allow_message_read;
                if of_messages {
                    let reason = "--chat, --as and --dangerously-allow-message-read are for --type messages";
                    return Err(Problem::argument("search", reason));
                }
                let input = SearchResources {
                    query: self.query,
                    r#type: kind,
                    limit: self.limit,
                };
                Step::ask(Call::SearchResources(input), RESOURCES)
            }
        })
    }
}

/// What was found, each with its kind.
fn found(data: &Tree) -> Vec<String> {
    let query = data.at("query").map(Tree::inline).unwrap_or_default();
    if data.at("found") != Some(&Tree::Bool(true)) {
        return vec![format!("No local match found for \"{query}\".")];
    }
    let kinds = match data {
        Tree::Object(members) => members.iter().filter(|(_, value)| matches!(value, Tree::Object(_))),
        _ => return Vec::new(),
    };
    let mut lines = Vec::new();
    for (kind, value) in kinds {
        lines.push(format!("{kind}:"));
        lines.extend(View::Auto.lines(value).into_iter().map(|line| format!("  {line}")));
    }
    lines
}
