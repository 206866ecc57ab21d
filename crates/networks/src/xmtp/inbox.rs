//! An inbox on XMTP.

use std::{future::ready, ops::RangeInclusive, sync::Arc};

use chancery_signet::network::{
    Change, Consent, ConsentSubject, Content, Conversation, ConversationName, Cursor, Details, Event, Health, Inbox,
    InboxName, InviteTerms, Member, Message, MessageName, MessageQuery, NetworkError, Returned, Role, Sent,
};
use chancery_xmtp_client::client::{AdminChange, ClientError, Delivery, GroupOptions};
use chancery_xmtp_wire::{content::MessageId, group::field, identity::InboxId};
use futures_util::{future::BoxFuture, stream::BoxStream};
use openmls::group::GroupId;
use tokio::task::JoinHandle;

use super::{
    codec,
    error::network_error,
    events,
    held::{Held, client_consent, consent, conversation_name, group_of, member, millis, nanos},
};

/// An inbox that is open, and the task that keeps it up to date. Dropped, both end.
pub(super) struct XmtpInbox {
    held: Arc<Held>,
    name: InboxName,
    keeping_up: JoinHandle<()>,
}

impl XmtpInbox {
    /// Must be called in a tokio runtime.
    pub(super) fn new(held: Arc<Held>) -> Self {
        let kept = Arc::clone(&held);
        let keeping_up = tokio::spawn(async move {
            let never = Box::pin(kept.client.keep_up(|contact| kept.note(&contact))).await;
            match never {}
        });
        Self {
            name: InboxName(held.client.inbox().to_string()),
            held,
            keeping_up,
        }
    }

    async fn send_content(
        &self,
        conversation: &ConversationName,
        content: &Content,
        key: &str,
    ) -> Result<Sent, NetworkError> {
        let group = group_of(conversation)?;
        let encoded = codec::write(content)?;
        let client = &self.held.client;
        let id = client.send_keyed(&group, encoded, key).await.map_err(network_error)?;
        // one that has disappeared meanwhile has no time any more, but was sent
        let said = client.message(&id).map_err(network_error)?;
        Ok(Sent {
            name: MessageName(id.to_string()),
            sent_at: millis(said.map_or(0, |message| message.sent_ns)),
        })
    }

    async fn sync_all(&self, conversation: Option<&ConversationName>) -> Result<(), NetworkError> {
        let client = &self.held.client;
        match conversation {
            Some(name) => {
                client
                    .sync_conversation(&group_of(name)?)
                    .await
                    .map_err(network_error)?;
            }
            None => {
                client.sync().await.map_err(network_error)?;
                self.held.note_sync();
            }
        }
        Ok(())
    }

    fn find_message(&self, name: &MessageName) -> Result<Option<Message>, NetworkError> {
        let Ok(id) = name.0.parse::<MessageId>() else {
            return Ok(None);
        };
        let found = self.held.client.message(&id).map_err(network_error)?;
        let sent = found.filter(|message| message.delivery == Delivery::Sent);
        sent.map(|message| self.held.message(message)).transpose()
    }

    fn find_messages(&self, query: MessageQuery<'_>) -> Result<Vec<Message>, NetworkError> {
        let group = group_of(query.conversation)?;
        let limit = u32::try_from(query.limit).unwrap_or(u32::MAX);
        let found = self.held.client.newest_messages(&group, sent_ns(query), limit);
        let found = found.map_err(network_error)?.into_iter();
        found.map(|message| self.held.message(message)).collect()
    }

    async fn make_group(&self, members: &[InboxName], details: &Details) -> Result<ConversationName, NetworkError> {
        let options = GroupOptions {
            name: details.title.clone(),
            description: details.description.clone(),
            image: details.image_url.clone(),
            ..GroupOptions::default()
        };
        let made = self.held.client.create_group(options, &inboxes(members)?).await;
        Ok(conversation_name(&made.map_err(network_error)?))
    }

    async fn make_dm(&self, peer: &InboxName) -> Result<ConversationName, NetworkError> {
        if *peer == self.name {
            return Err(NetworkError::Invalid("a conversation with oneself".to_owned()));
        }
        let client = &self.held.client;
        let made = client.create_dm(inbox(peer)?).await.map_err(network_error)?;
        let first = client.first_group(&made).map_err(network_error)?;
        Ok(conversation_name(&first))
    }

    async fn make_change(&self, name: &ConversationName, change: &Change) -> Result<(), NetworkError> {
        let group = self.current(name)?;
        let client = &self.held.client;
        let changed = match change {
            Change::Add(members) => client.add_members(&group, &inboxes(members)?).await,
            Change::Remove(members) => client.remove_members(&group, &inboxes(members)?).await,
            Change::Role(member, role) => return self.give_role(&group, inbox(member)?, *role).await,
            Change::Title(text) => client.set_field(&group, field::GROUP_NAME, text).await,
            Change::Description(text) => client.set_field(&group, field::DESCRIPTION, text).await,
            Change::ImageUrl(text) => client.set_field(&group, field::GROUP_IMAGE_URL_SQUARE, text).await,
            Change::Leave => client.leave(&group).await,
        };
        changed.map_err(network_error)
    }

    /// Goes from what a member is to what it is to be, so that doing it again goes on from wherever it ended.
    async fn give_role(&self, group: &GroupId, member: InboxId, role: Role) -> Result<(), NetworkError> {
        // in this order: who steps down himself must not lose first what lets him do the rest
        let steps: &[AdminChange] = match role {
            Role::Member => &[AdminChange::RemoveAdmin, AdminChange::RemoveSuperAdmin],
            Role::Admin => &[AdminChange::AddAdmin, AdminChange::RemoveSuperAdmin],
            Role::SuperAdmin => &[AdminChange::AddSuperAdmin],
        };
        for step in steps {
            let done = self.held.client.set_admin(group, member, *step).await;
            done.map_err(network_error)?;
        }
        Ok(())
    }

    /// The group in which a conversation goes on.
    fn current(&self, name: &ConversationName) -> Result<GroupId, NetworkError> {
        let groups = self.held.client.groups(&group_of(name)?).map_err(network_error)?;
        groups
            .into_iter()
            .next()
            .ok_or_else(|| network_error(ClientError::NoConversation))
    }

    fn find_consent(&self, of: &ConsentSubject) -> Result<Consent, NetworkError> {
        let client = &self.held.client;
        let found = match of {
            ConsentSubject::Inbox(name) => client.inbox_consent(inbox(name)?),
            ConsentSubject::Conversation(name) => {
                let found = client.conversation(&self.current(name)?);
                found.map(|conversation| conversation.consent)
            }
        };
        found.map(consent).map_err(network_error)
    }

    fn note_consent(&self, of: &ConsentSubject, consent: Consent) -> Result<(), NetworkError> {
        let client = &self.held.client;
        let consent = client_consent(consent);
        let noted = match of {
            ConsentSubject::Inbox(name) => client.set_inbox_consent(inbox(name)?, consent),
            ConsentSubject::Conversation(name) => client.set_consent(&group_of(name)?, consent),
        };
        noted.map_err(network_error)
    }

    fn all_conversations(&self) -> Result<Vec<Conversation>, NetworkError> {
        let found = self.held.client.conversations().map_err(network_error)?;
        found.iter().map(|shown| self.held.conversation(&shown.id)).collect()
    }
}

impl Inbox for XmtpInbox {
    fn name(&self) -> &InboxName {
        &self.name
    }

    fn health(&self) -> Health {
        self.held.health()
    }

    fn events(&self, after: Cursor) -> BoxStream<'static, Result<(Cursor, Event), NetworkError>> {
        Box::pin(events::events(&self.held, after))
    }

    fn end(&self) -> BoxFuture<'_, Result<Cursor, NetworkError>> {
        Box::pin(ready(self.held.end()))
    }

    fn send<'a>(
        &'a self,
        conversation: &'a ConversationName,
        content: &'a Content,
        idempotency_key: &'a str,
    ) -> BoxFuture<'a, Result<Sent, NetworkError>> {
        Box::pin(self.send_content(conversation, content, idempotency_key))
    }

    fn sync<'a>(&'a self, conversation: Option<&'a ConversationName>) -> BoxFuture<'a, Result<(), NetworkError>> {
        Box::pin(self.sync_all(conversation))
    }

    fn conversations(&self) -> BoxFuture<'_, Result<Vec<Conversation>, NetworkError>> {
        Box::pin(ready(self.all_conversations()))
    }

    fn conversation<'a>(&'a self, name: &'a ConversationName) -> BoxFuture<'a, Result<Conversation, NetworkError>> {
        let found = group_of(name).and_then(|group| self.held.conversation(&group));
        Box::pin(ready(found))
    }

    fn members<'a>(&'a self, name: &'a ConversationName) -> BoxFuture<'a, Result<Vec<Member>, NetworkError>> {
        let found = self.current(name).and_then(|group| {
            let found = self.held.client.members(&group).map_err(network_error)?;
            Ok(found.iter().map(member).collect())
        });
        Box::pin(ready(found))
    }

    fn messages<'a>(&'a self, query: MessageQuery<'a>) -> BoxFuture<'a, Result<Vec<Message>, NetworkError>> {
        Box::pin(ready(self.find_messages(query)))
    }

    fn message<'a>(&'a self, name: &'a MessageName) -> BoxFuture<'a, Result<Option<Message>, NetworkError>> {
        Box::pin(ready(self.find_message(name)))
    }

    fn create_group<'a>(
        &'a self,
        members: &'a [InboxName],
        details: &'a Details,
    ) -> BoxFuture<'a, Result<ConversationName, NetworkError>> {
        Box::pin(self.make_group(members, details))
    }

    fn create_dm<'a>(&'a self, peer: &'a InboxName) -> BoxFuture<'a, Result<ConversationName, NetworkError>> {
        Box::pin(self.make_dm(peer))
    }

    fn change<'a>(&'a self, name: &'a ConversationName, change: &'a Change) -> BoxFuture<'a, Result<(), NetworkError>> {
        Box::pin(self.make_change(name, change))
    }

    fn invite<'a>(&'a self, terms: &'a InviteTerms) -> BoxFuture<'a, Result<String, NetworkError>> {
        // what leads nowhere is no invite
        let there = group_of(&terms.conversation).and_then(|group| self.held.conversation(&group));
        Box::pin(ready(there.and_then(|_| self.held.inviter.make(terms))))
    }

    fn returned<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Result<Returned, NetworkError>> {
        Box::pin(ready(self.held.inviter.returned(text)))
    }

    fn consent<'a>(&'a self, of: &'a ConsentSubject) -> BoxFuture<'a, Result<Consent, NetworkError>> {
        Box::pin(ready(self.find_consent(of)))
    }

    fn set_consent<'a>(&'a self, of: &'a ConsentSubject, consent: Consent) -> BoxFuture<'a, Result<(), NetworkError>> {
        Box::pin(ready(self.note_consent(of, consent)))
    }
}

impl Drop for XmtpInbox {
    fn drop(&mut self) {
        self.held.close();
        self.keeping_up.abort();
    }
}

/// The nanoseconds that a query asks for.
fn sent_ns(query: MessageQuery<'_>) -> RangeInclusive<u64> {
    let first = query.after.map_or(0, |after| nanos(after).1.saturating_add(1));
    // SQLite's integers have a sign, and no message was sent at the end of time
    let last = query
        .before
        .map_or(u64::MAX, |before| nanos(before).0.saturating_sub(1));
    first..=last
}

fn inbox(name: &InboxName) -> Result<InboxId, NetworkError> {
    name.0
        .parse()
        .map_err(|_| NetworkError::NotFound(format!("inbox {name}")))
}

fn inboxes(names: &[InboxName]) -> Result<Vec<InboxId>, NetworkError> {
    names.iter().map(inbox).collect()
}
