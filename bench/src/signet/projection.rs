//! A text of 1 KiB through the four stages of projection, beside `serde_json` reading the message that it is in.
//!
//! "Stages" is the decision alone: it looks at the message and copies nothing. "Told" goes on to the event as a harness is sent
//! it, which is written once for all that see the same. The curve is the lookup among reveals, for a credential that may read
//! nothing but what was revealed to it.

use anyhow::Context as _;
use chancery_base::Millis;
use chancery_policy::messaging::{
    Allowlist, Bounds, Chats, ContentTypeId, HiddenMode, Message, MessageType, Occasion, Reveal, RevealRequest,
    RevealScope, RevealTarget, Reveals, Scope, ScopeMode, ScopeSet,
};
use chancery_signet_wire::{
    ConversationId, Json, MessageId,
    frame::{Event, MessageVisible},
};
use serde_json::{Value, json};

use super::Options;
use crate::{figure::Figure, repeat};

/// A message as the signet has it from the network.
struct Arrived {
    id: MessageId,
    chat: ConversationId,
    texts: (String, String),
    content_type: ContentTypeId,
    content: Json,
}

const SENDER: &str = "5f1b0c6d2e7a49388c4d1e6f0a9b3c7d5f1b0c6d2e7a49388c4d1e6f0a9b3c7d";
const SENT_AT: Millis = Millis(1_767_225_600_000);
const NOW: Millis = Millis(1_767_225_600_250);

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let text = "An agent sees what its credential covers, and nothing else. ".repeat(18)[..1024].to_owned();
    let arrived = Arrived::new(&text)?;
    let message = arrived.message();
    let raw = json!({
        "messageId": arrived.id, "groupId": arrived.chat, "senderInboxId": SENDER, "contentType": arrived.content_type,
        "content": { "text": text }, "sentAt": SENT_AT.to_rfc3339(), "threadId": null, "sealId": null,
    })
    .to_string();
    let parsed = || Ok(serde_json::from_str::<Value>(&raw)?);

    let reader = bounds(&arrived, [Scope::StreamMessages, Scope::ReadMessages])?;
    let none = Reveals::default();
    let stages = || {
        let seen = reader.project(&message, Occasion::Live, &none, NOW);
        seen.ok().context("it is left out")
    };
    let told = || {
        let seen = stages()?;
        let event = Event::MessageVisible(MessageVisible {
            message_id: arrived.id,
            group_id: arrived.chat,
            sender_inbox_id: seen.sender().to_owned(),
            content_type: seen.content_type().clone(),
            content: seen.content().cloned().unwrap_or_else(Json::null),
            visibility: seen.visibility(),
            sent_at: seen.sent_at().into(),
            seal_id: None,
            thread_id: None,
            provenance_status: None,
        });
        Ok(serde_json::to_string(&event)?)
    };
    let written: Value = serde_json::from_str(&told()?)?;
    anyhow::ensure!(
        written["content"]["text"] == text.as_str(),
        "it is told as something else"
    );
    let often = (options.pairs, options.repeat);
    print(options, "stages", &repeat::pairs(often, stages, parsed)?, "<=2")?;
    print(options, "told", &repeat::pairs(often, told, parsed)?, "<=2")?;
    curve(options, &arrived)
}

/// With 10 to 1,000 reveals, of which the last lets the message be seen, beside 10.
fn curve(options: &Options, arrived: &Arrived) -> anyhow::Result<()> {
    let message = arrived.message();
    let streamer = bounds(arrived, [Scope::StreamMessages])?;
    let few = reveals(arrived, 10)?;
    let look = |reveals: &Reveals| streamer.project(&message, Occasion::Live, reveals, NOW).is_ok();
    for count in [100, 1_000] {
        let many = reveals(arrived, count)?;
        anyhow::ensure!(look(&few) && look(&many), "the reveal does not show it");
        let measured = repeat::pairs((options.pairs, options.repeat), || Ok(look(&many)), || Ok(look(&few)))?;
        print(options, &format!("with_{count}_reveals"), &measured, "none")?;
    }
    Ok(())
}

impl Arrived {
    fn new(text: &str) -> anyhow::Result<Self> {
        let (id, chat) = ("msg_0123456789abcdef".to_owned(), "conv_9e2d1a4b8c3f7e60".to_owned());
        Ok(Self {
            id: id.parse()?,
            chat: chat.parse()?,
            texts: (id, chat),
            content_type: "xmtp.org/text:1.0".parse()?,
            content: Json::of(&json!({ "text": text }))?,
        })
    }

    fn message(&self) -> Message<'_, Json> {
        Message {
            id: &self.texts.0,
            chat: &self.texts.1,
            sender: SENDER,
            message_type: MessageType::plain(&self.content_type),
            content: &self.content,
            sent_at: SENT_AT,
            reference: None,
            seal: None,
        }
    }
}

fn bounds(arrived: &Arrived, scopes: impl IntoIterator<Item = Scope>) -> anyhow::Result<Bounds> {
    let others = (0..15).map(|n| format!("conv_{n:016x}"));
    Ok(Bounds {
        chats: Chats::new(ScopeMode::Shared, others.chain([arrived.texts.1.clone()]))?,
        scopes: ScopeSet::allowing(scopes),
        types: Allowlist::effective(None, None, None)?,
        issued_at: Millis(0),
        hidden_mode: HiddenMode::Drop,
    })
}

/// `count` reveals of single messages of the chat; the last is of ours.
fn reveals(arrived: &Arrived, count: u32) -> anyhow::Result<Reveals> {
    let mut reveals = Reveals::default();
    for n in 0..count {
        let of = if n + 1 == count {
            arrived.texts.0.clone()
        } else {
            format!("msg_{n:016x}")
        };
        let request = RevealRequest {
            id: n.to_string(),
            chat: arrived.texts.1.clone(),
            target: RevealTarget::parse(RevealScope::Message, &of)?,
            requested_by: "cred_0123456789abcdef".to_owned(),
            expires_at: None,
        };
        reveals.add(Reveal::grant(request, "owner", SENT_AT))?;
    }
    Ok(reveals)
}

fn print(options: &Options, name: &str, pairs: &[(f64, f64)], goal: &'static str) -> anyhow::Result<()> {
    Figure::paired(&format!("signet.projection.{name}"), pairs, goal, "us").print(options.json)
}
