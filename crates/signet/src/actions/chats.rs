//! Chats: making, looking at, changing, leaving and forgetting them (signet spec 9.5, 11.4).

use std::{collections::BTreeMap, sync::Arc};

use chancery_policy::messaging::{Action, Scope, Scopes};
use chancery_signet_wire::{
    Author, ConversationId, Failure, Label, Reference, Text,
    action::input::{ByChat, ChatCreate, ChatLeave, ChatList, ChatRemove, ChatSync, ChatUpdate},
    record::{
        chat::{self, ChatCreated, ChatInfo, ChatLeft, ChatRemoved, ChatSynced},
        inbox::CleanupPlan,
    },
};

use crate::{
    clients::{Fares, network},
    core::Core,
    network::{Change, Conversation, Details, Inbox},
    principal::Principal,
    records::{
        chats::{Actor, Entry, Made, Place, Seen, SeesMembers, Through, Whose},
        forget::{Forget, There},
        inboxes::{Fresh, row},
    },
};

impl Core {
    /// What a caller does in a chat, where, and the inbox by which it does it.
    pub(crate) async fn enter(&self, who: Principal, entry: Entry) -> Result<(Place, Arc<dyn Inbox>), Failure> {
        let place = self.records.look(who, entry).await?;
        let inbox = self.clients.get(place.inbox.id)?;
        Ok((place, inbox))
    }

    pub(crate) async fn create_chat(&self, who: Principal, input: ChatCreate) -> Result<ChatCreated, Failure> {
        let actor = Actor {
            identity: input.creator_identity_label,
            operator: input.operator_id,
            action: Action::CreateGroup,
        };
        let through = self.records.look(who, actor).await?;
        let mut members = Vec::new();
        for reference in input.member_inbox_ids.as_slice() {
            members.push(self.whom(who, reference).await?);
        }
        let details = Details {
            title: input.name.map(Label::into_string).unwrap_or_default(),
            ..Details::default()
        };
        let (inbox, fresh) = self.through(who, through).await?;
        let made = async {
            let client = self.clients.get(inbox.id)?;
            let name = client.create_group(&members, &details).await.map_err(network)?;
            client.conversation(&name).await.map_err(network)
        };
        let made = self.effect(who, ("chat.create", &inbox.id.to_string()), made).await;
        let conversation = match made {
            Ok(conversation) => conversation,
            Err(failure) => {
                if fresh {
                    self.abandon(inbox.id).await;
                }
                return Err(failure);
            }
        };
        let created = Made {
            inbox: inbox.id,
            conversation: conversation.clone(),
            fresh,
        };
        let chat_id = self.records.apply(who, created).await?;
        Ok(ChatCreated {
            chat_id,
            group_id: conversation.name.0,
            name: conversation.details.title,
            creator_inbox_id: inbox.network_id.unwrap_or_default(),
            member_count: u32::try_from(conversation.members.len()).unwrap_or(u32::MAX),
            profile: None,
            profile_warning: None,
            invite: None,
            invite_warning: None,
        })
    }

    /// The inbox through which a chat is made, and whether it is new.
    async fn through(&self, who: Principal, through: Through) -> Result<(row::Inbox, bool), Failure> {
        let operator = match through {
            Through::Inbox(inbox) => return Ok((*inbox, false)),
            Through::New(operator) => operator,
        };
        let fresh = Fresh {
            operator: Some(operator),
            author: Author::Operator(operator),
            label: None,
            joins: false,
            actor: who.to_string(),
        };
        let mut inbox = self.store.run(fresh).await?;
        let client = self.register(&inbox).await?;
        inbox.network_id = Some(client.name().0.clone());
        Ok((inbox, true))
    }

    pub(crate) async fn list_chats(&self, who: Principal, input: ChatList) -> Result<chat::ChatList, Failure> {
        let whose = Whose {
            identity: input.identity_label,
            operator: input.operator_id,
        };
        let (inboxes, known) = self.records.look(who, whose).await?;
        let mut groups = BTreeMap::new();
        let mut unreached = None;
        for inbox in &inboxes {
            match self.conversations(inbox).await {
                Ok(found) => groups.extend(found),
                Err(failure) => unreached = Some(failure),
            }
        }
        if matches!(who, Principal::Credential(_)) {
            groups.retain(|id, _| known.contains(id));
        }
        let members = self.records.look(who, SeesMembers).await?;
        match unreached {
            // what the others know is better than nothing
            Some(failure) if groups.is_empty() => Err(failure),
            _ => Ok(chat::ChatList {
                groups: groups
                    .into_iter()
                    .map(|(id, conversation)| info(id, conversation).with_members_if(members))
                    .collect(),
            }),
        }
    }

    async fn conversations(&self, inbox: &row::Inbox) -> Result<BTreeMap<ConversationId, Conversation>, Failure> {
        let client = match self.clients.fares(inbox.id) {
            Fares::Open(client) => client,
            Fares::Closed(_) => self.clients.get(inbox.id)?,
        };
        let conversations = client.conversations().await.map_err(network)?;
        let seen = Seen {
            inbox: inbox.id,
            conversations: conversations.clone(),
        };
        let ids = self.store.run(seen).await?;
        let with_id = |conversation: Conversation| Some((*ids.get(&conversation.name)?, conversation));
        Ok(conversations.into_iter().filter_map(with_id).collect())
    }

    pub(crate) async fn chat_info(&self, who: Principal, input: ByChat) -> Result<ChatInfo, Failure> {
        let (place, inbox) = self
            // it says who is in it
            .enter(who, looking(input.chat_id, Scope::ListMembers))
            .await?;
        let conversation = inbox.conversation(&place.chat.name).await.map_err(network)?;
        Ok(info(place.chat.id, conversation))
    }

    pub(crate) async fn update_chat(&self, who: Principal, input: ChatUpdate) -> Result<ChatInfo, Failure> {
        let mut scopes = Scopes::NONE;
        let mut changes = Vec::new();
        if let Some(name) = input.name {
            scopes = scopes | Scope::UpdateName.into();
            changes.push(Change::Title(name.into_string()));
        }
        if let Some(text) = input.description {
            scopes = scopes | Scope::UpdateDescription.into();
            changes.push(Change::Description(text.into_string()));
        }
        if let Some(url) = input.image_url.map(Text::into_string) {
            scopes = scopes | Scope::UpdateImage.into();
            changes.push(Change::ImageUrl(url));
        }
        if changes.is_empty() {
            return Err(Failure::validation(
                "input",
                "name, description or imageUrl has to be given",
            ));
        }
        let entry = Entry {
            chat: input.chat_id,
            identity: None,
            scopes,
            changes: true,
        };
        let (place, inbox) = self.enter(who, entry).await?;
        let changed = async {
            for change in &changes {
                inbox.change(&place.chat.name, change).await.map_err(network)?;
            }
            Ok(())
        };
        self.effect(who, ("chat.update", &place.chat.id.to_string()), changed)
            .await?;
        let conversation = inbox.conversation(&place.chat.name).await.map_err(network)?;
        let seen = Seen {
            inbox: place.inbox.id,
            conversations: vec![conversation.clone()],
        };
        self.store.run(seen).await?;
        let members = self.records.look(who, SeesMembers).await?;
        Ok(info(place.chat.id, conversation).with_members_if(members))
    }

    pub(crate) async fn sync_chats(&self, who: Principal, input: ChatSync) -> Result<ChatSynced, Failure> {
        if let Some(chat) = input.chat_id {
            let entry = Entry {
                identity: input.identity_label,
                ..looking(chat, Scope::ListConversations)
            };
            let (place, inbox) = self.enter(who, entry).await?;
            inbox.sync(Some(&place.chat.name)).await.map_err(network)?;
            return Ok(ChatSynced {
                chat_ids: vec![place.chat.id],
            });
        }
        let whose = Whose {
            identity: input.identity_label,
            operator: None,
        };
        let (inboxes, known) = self.records.look(who, whose).await?;
        let mut chats = BTreeMap::new();
        for inbox in &inboxes {
            self.clients.get(inbox.id)?.sync(None).await.map_err(network)?;
            chats.extend(self.conversations(inbox).await?);
        }
        if matches!(who, Principal::Credential(_)) {
            chats.retain(|id, _| known.contains(id));
        }
        Ok(ChatSynced {
            chat_ids: chats.into_keys().collect(),
        })
    }

    pub(crate) async fn leave_chat(&self, who: Principal, input: ChatLeave) -> Result<ChatLeft, Failure> {
        let purge = input.purge.unwrap_or(false);
        let forget = Forget {
            chat: input.chat_id.clone(),
            kind: "chat.purge",
        };
        if purge {
            // whether that may be done is known before the chat is left
            self.records.look(who, forget.clone()).await?;
        }
        let entry = Entry {
            chat: input.chat_id,
            identity: None,
            scopes: Scope::Leave.into(),
            changes: true,
        };
        let (place, inbox) = self.enter(who, entry).await?;
        let left = async { inbox.change(&place.chat.name, &Change::Leave).await.map_err(network) };
        self.effect(who, ("chat.leave", &place.chat.id.to_string()), left)
            .await?;
        let cleanup = match purge {
            true => {
                let there = self.records.apply(who, forget).await?;
                Some(self.clean_up(there).await)
            }
            false => None,
        };
        Ok(ChatLeft {
            chat_id: place.chat.id,
            group_id: place.chat.name.0,
            left_group: true,
            purged: purge,
            cleanup,
        })
    }

    pub(crate) async fn forget_chat(&self, who: Principal, input: ChatRemove) -> Result<ChatRemoved, Failure> {
        let forget = Forget {
            chat: input.chat_id,
            kind: "chat.rm",
        };
        let force = input.force.unwrap_or(false);
        let there = match force {
            true => self.records.apply(who, forget).await?,
            false => self.records.look(who, forget).await?,
        };
        let (chat_id, group_id) = (there.chat.id, there.chat.name.0.clone());
        let cleanup = match force {
            true => self.clean_up(there).await,
            false => CleanupPlan {
                executed: false,
                actions: there.actions,
            },
        };
        Ok(ChatRemoved {
            chat_id,
            group_id,
            removed: force,
            cleanup,
        })
    }

    /// Takes away the inboxes that a forgotten chat leaves behind.
    async fn clean_up(&self, there: There) -> CleanupPlan {
        for inbox in &there.inboxes {
            self.sweep(inbox.id).await;
        }
        CleanupPlan {
            executed: true,
            actions: there.actions,
        }
    }
}

/// A look at a chat.
pub(crate) fn looking(chat: Reference, scope: Scope) -> Entry {
    Entry {
        chat,
        identity: None,
        scopes: scope.into(),
        changes: false,
    }
}

fn info(chat_id: ConversationId, conversation: Conversation) -> ChatInfo {
    let image = conversation.details.image_url;
    ChatInfo {
        chat_id,
        group_id: conversation.name.0,
        name: conversation.details.title,
        description: conversation.details.description,
        image_url: (!image.is_empty()).then_some(image),
        member_inbox_ids: conversation.members.into_iter().map(|member| member.0).collect(),
        created_at: conversation.created_at.into(),
    }
}
