//! What a harness may ask for: its chats, who is in them, and what was said (signet spec 14.4).

use std::sync::Arc;

use chancery_policy::messaging::{Action, ChatAction, Scope};
use chancery_signet_wire::{
    Class, ConversationId, CredentialId, Failure, Json,
    frame::{ConversationInfo, ConversationList, ConversationMembers, History, MessageVisible, ReadHistory},
    record::chat::{Member, MemberRole},
};

use super::answer::data;
use crate::{
    network::{self, ConversationName, Inbox, MessageQuery, Role},
    outbound::{
        ask::not_in_force,
        draft::{chat_of, message_of},
        post::failed,
    },
    store::{Problem, Step, Tx},
    stream::{
        ids,
        ingest::{Decided, Delivery},
        reveal::local,
        standing::Standing,
    },
    traffic::Traffic,
};

/// Messages that one request is answered with at most: a page for a model to read.
const MOST: usize = 100;

impl Traffic {
    /// The chats of a credential.
    pub(super) async fn conversations(&self, standing: &Standing) -> Result<Json, Failure> {
        standing.bounds.may(Action::ListConversations)?;
        let mut conversations = Vec::with_capacity(standing.inboxes.len());
        for (chat, _) in &standing.inboxes {
            // one whose inbox is not open is left out: the others are known
            if let Ok((inbox, name)) = self.place(standing, *chat).await {
                let conversation = inbox.conversation(&name).await.map_err(|error| failed(&error))?;
                conversations.push(about(standing, *chat, conversation));
            }
        }
        data(&ConversationList { conversations })
    }

    /// One chat.
    pub(super) async fn conversation(&self, standing: &Standing, chat: ConversationId) -> Result<Json, Failure> {
        standing.bounds.may_in(&chat.to_string(), ChatAction::RequestReveal)?;
        standing.bounds.may(Action::ListConversations)?;
        let (inbox, name) = self.place(standing, chat).await?;
        let conversation = inbox.conversation(&name).await.map_err(|error| failed(&error))?;
        data(&about(standing, chat, conversation))
    }

    /// Who is in a chat.
    pub(super) async fn members(&self, standing: &Standing, chat: ConversationId) -> Result<Json, Failure> {
        standing.bounds.may_in(&chat.to_string(), ChatAction::ListMembers)?;
        let (inbox, name) = self.place(standing, chat).await?;
        let members = inbox.members(&name).await.map_err(|error| failed(&error))?;
        let members = members.into_iter().map(|member| Member {
            inbox_id: member.inbox.0,
            role: Some(match member.role {
                Role::Member => MemberRole::Member,
                Role::Admin => MemberRole::Admin,
                Role::SuperAdmin => MemberRole::SuperAdmin,
            }),
        });
        data(&ConversationMembers {
            group_id: chat,
            members: members.collect(),
        })
    }

    /// What was said in a chat. Whoever may not read it is answered as if there were no such chat.
    pub(super) async fn history(&self, standing: &Standing, request: &ReadHistory) -> Result<Json, Failure> {
        let unseen = || Failure::not_found("conversation", request.group_id.as_str());
        let chat = chat_of(standing, &request.group_id).map_err(|_| unseen())?;
        let text = chat.to_string();
        standing.bounds.may_read(&text).map_err(|_| unseen())?;
        standing
            .bounds
            .may_in(&text, ChatAction::ReadHistory)
            .map_err(|_| unseen())?;
        let (inbox, name) = self.place(standing, chat).await.map_err(|_| unseen())?;
        let before = match request.before.clone() {
            None => None,
            Some(before) => {
                let found = self.store.read(move |sql| match message_of(sql, &before, chat)? {
                    Some(id) => ids::message_in(sql, id, chat),
                    None => Ok(None),
                });
                let found = found.await?;
                let reference = request.before.as_ref().map_or("", |before| before.as_str());
                Some(found.ok_or_else(|| Failure::not_found("message", reference))?.1)
            }
        };
        let limit = usize::try_from(request.limit.get()).map_or(MOST, |limit| limit.min(MOST));
        let messages = inbox.messages(MessageQuery {
            conversation: &name,
            before,
            after: None,
            limit,
        });
        let messages = messages.await.map_err(|error| failed(&error))?;
        let has_more = messages.len() >= limit;
        let read = Read {
            credential: standing.id,
            chat,
            messages,
            decided: Arc::clone(&self.decided),
        };
        let messages = self.commit(read).await??;
        data(&History {
            group_id: chat,
            messages,
            has_more,
        })
    }

    /// Where a chat of the credential is.
    async fn place(
        &self,
        standing: &Standing,
        chat: ConversationId,
    ) -> Result<(Arc<dyn Inbox>, ConversationName), Failure> {
        let closed = || Failure::new(Class::Network, "the inbox is not open");
        let unknown = || Failure::not_found("conversation", &chat.to_string());
        let inbox = standing.inbox_in(chat).ok_or_else(unknown)?;
        let name = self.store.read(move |sql| ids::conversation(sql, chat)).await?;
        Ok((self.inbox(inbox).ok_or_else(closed)?, name.ok_or_else(unknown)?))
    }
}

fn about(standing: &Standing, chat: ConversationId, conversation: network::Conversation) -> ConversationInfo {
    let counts = standing.bounds.scopes.may(Scope::ListMembers);
    let image_url = conversation.details.image_url;
    ConversationInfo {
        group_id: chat,
        name: conversation.details.title,
        description: conversation.details.description,
        image_url: (!image_url.is_empty()).then_some(image_url),
        created_at: conversation.created_at.into(),
        member_count: u32::try_from(conversation.members.len()).ok().filter(|_| counts),
    }
}

/// Takes messages through projection, for who asked. It is a step, since what was not seen yet is given an id.
struct Read {
    credential: CredentialId,
    chat: ConversationId,
    messages: Vec<network::Message>,
    decided: Arc<Decided>,
}

impl Step for Read {
    type Done = (Result<Vec<MessageVisible>, Failure>, Delivery);

    fn run(self, tx: &Tx<'_>) -> Result<Self::Done, Problem> {
        let standing = Standing::load(tx.sql, self.credential, &self.decided.rules)?;
        let standing = standing.filter(|standing| standing.in_force(tx.now).is_ok());
        let Some(standing) = standing else {
            let failure = not_in_force(chancery_signet_wire::frame::CloseCode::CredentialRevoked);
            return Ok((Err(failure), Vec::new()));
        };
        let chat = self.chat.to_string();
        let mut seen = Vec::with_capacity(self.messages.len());
        // the newest first
        for message in self.messages.into_iter().rev() {
            let Some(local) = local(tx, message)? else { continue };
            let read = standing
                .bounds
                .read(&chat, &local.as_message(), &standing.reveals, tx.now);
            if let Ok(read) = read {
                let visible = local.visible(&read);
                seen.push(MessageVisible {
                    visibility: visible.visibility.replayed(),
                    ..visible
                });
            }
        }
        Ok((Ok(seen), Vec::new()))
    }
}
