//! How members show themselves, and telling those who come how the others do (signet spec 10.6).

use std::collections::{BTreeMap, BTreeSet};

use chancery_policy::messaging::{ContentTypeId, WellKnown};
use serde_json::{Map, Value, json};

use super::requests::Request;
use crate::{
    network::{Content, ConversationName, Inbox, InboxName, Message, NetworkError},
    stream::release,
};

/// Publishes `name` as the inbox's in a conversation.
pub(crate) async fn publish(
    inbox: &dyn Inbox,
    conversation: &ConversationName,
    name: &str,
    key: &str,
) -> Result<(), NetworkError> {
    let content = Content {
        content_type: WellKnown::ProfileUpdate.as_str().to_owned(),
        body: json!({"name": name, "memberKind": "agent"}),
    };
    inbox.send(conversation, &content, key).await.map(|_| ())
}

/// Tells who has come in how the members of the conversation show themselves: what was said before they came they do not
/// know. That it cannot be told keeps nobody out.
pub(crate) async fn introduce(inbox: &dyn Inbox, conversation: &ConversationName, request: &Request) {
    if let Err(error) = tell(inbox, conversation, request).await {
        tracing::debug!(%error, "a new member is not told how the others show themselves");
    }
}

async fn tell(inbox: &dyn Inbox, conversation: &ConversationName, request: &Request) -> Result<(), NetworkError> {
    let messages = release::all(inbox, conversation, (None, None)).await?;
    let members = inbox.members(conversation).await?;
    let members: BTreeSet<InboxName> = members.into_iter().map(|member| member.inbox).collect();
    let profiles: Map<String, Value> = resolve(messages)
        .into_iter()
        .filter(|(inbox, _)| members.contains(inbox))
        .map(|(inbox, profile)| (inbox.0, profile))
        .collect();
    if profiles.is_empty() {
        return Ok(());
    }
    let content = Content {
        content_type: WellKnown::ProfileSnapshot.as_str().to_owned(),
        body: json!({ "profiles": profiles }),
    };
    let key = format!("profiles:{}", request.message);
    inbox.send(conversation, &content, &key).await.map(|_| ())
}

/// How each member shows itself, by messages in the order in which they were sent. What members say of themselves counts
/// before what a snapshot says of them, however new that is: a snapshot is a claim about others.
fn resolve(messages: Vec<Message>) -> BTreeMap<InboxName, Value> {
    let mut profiles = BTreeMap::new();
    let mut own = BTreeSet::new();
    for message in messages {
        let known = message.content.content_type.parse::<ContentTypeId>();
        match (known.ok().and_then(|id| id.known()), message.content.body) {
            (Some(WellKnown::ProfileUpdate), profile @ Value::Object(_)) => {
                own.insert(message.sender.clone());
                profiles.insert(message.sender, profile);
            }
            (Some(WellKnown::ProfileSnapshot), Value::Object(mut body)) => {
                let Some(Value::Object(others)) = body.remove("profiles") else {
                    continue;
                };
                for (inbox, profile) in others {
                    let inbox = InboxName(inbox);
                    if profile.is_object() && !own.contains(&inbox) {
                        profiles.insert(inbox, profile);
                    }
                }
            }
            _ => {}
        }
    }
    profiles
}
