//! What there is to see of conversations. Nothing here asks the network.

use std::{collections::BTreeMap, fmt::Write as _, ops::RangeInclusive};

use bytes::Bytes;
use chancery_xmtp_wire::content::{EncodedContent, MessageId};
use openmls::group::GroupId;

use super::{Client, ClientError, Conversation, Debug, Delivery, Inner, Kind, Member, Message, lock};
use crate::{
    group::GroupState,
    storage::{ConversationRow, OutboxMessage, Position, StorageError, StoredMessage, Topic, Tx},
};

impl Client {
    /// Our conversations, each DM once, in the order in which we came to know them.
    ///
    /// # Errors
    /// Those of the file.
    pub fn conversations(&self) -> Result<Vec<Conversation>, ClientError> {
        self.inner.db.transaction(|tx| {
            let mut shown = Vec::new();
            for row in tx.conversations_after(Position(0))? {
                if first_of_its_dm(tx, &row)? {
                    shown.push(conversation(row));
                }
            }
            Ok(shown)
        })
    }

    /// A conversation, by any of its groups.
    ///
    /// # Errors
    /// [`ClientError::NoConversation`]; those of the file.
    pub fn conversation(&self, group: &GroupId) -> Result<Conversation, ClientError> {
        let row = self.inner.db.transaction(|tx| tx.conversation(group))?;
        Ok(conversation(row.ok_or(ClientError::NoConversation)?))
    }

    /// Who is in a conversation, in the order of their ids.
    ///
    /// # Errors
    /// [`ClientError::NoConversation`]; those of the file.
    pub fn members(&self, group: &GroupId) -> Result<Vec<Member>, ClientError> {
        let inner = &self.inner;
        inner.db.transaction(|tx| {
            let group = inner.load(tx, group)?;
            let state = GroupState::of(&group)?;
            let mut installations = BTreeMap::<_, Vec<_>>::new();
            for (key, (_, inbox)) in inner.leaves(&group) {
                if let Some(inbox) = inbox {
                    installations.entry(inbox).or_default().push(key);
                }
            }
            let members = state.membership.members.keys().map(|inbox| Member {
                inbox: *inbox,
                role: state.metadata.role(inbox),
                installations: installations.remove(inbox).unwrap_or_default(),
            });
            Ok(members.collect())
        })
    }

    /// What was said in a conversation, a DM in all its groups, in the order of the group; ours that it has not ordered yet
    /// at the end.
    ///
    /// # Errors
    /// [`ClientError::NoConversation`]; those of the file.
    pub fn messages(&self, group: &GroupId) -> Result<Vec<Message>, ClientError> {
        let inner = &self.inner;
        let groups = inner.stitched(group)?;
        inner.db.transaction(|tx| {
            let (mut messages, mut left) = (Vec::new(), Vec::new());
            for group in &groups {
                messages.extend(tx.messages_in(group, inner.now_ns())?);
                left.extend(tx.posted_in(group)?);
            }
            // one order for all groups of a DM: the network numbers the messages of all groups together
            messages.sort_by_key(|stored| (stored.message.network_id, stored.position));
            let ordered = messages.into_iter().map(message);
            let left = left.into_iter().map(|left| inner.unordered(left));
            Ok(ordered.chain(left).collect())
        })
    }

    /// The newest messages of a conversation, a DM in all its groups, that the network took within `sent_ns`: at most
    /// `limit`, in the order of the group; ours that the network has, and has not ordered yet, at the end.
    ///
    /// # Errors
    /// [`ClientError::NoConversation`]; those of the file.
    pub fn newest_messages(
        &self,
        group: &GroupId,
        sent_ns: RangeInclusive<u64>,
        limit: u32,
    ) -> Result<Vec<Message>, ClientError> {
        let inner = &self.inner;
        let groups = inner.stitched(group)?;
        inner.db.transaction(|tx| {
            let (mut messages, mut left) = (Vec::new(), Vec::new());
            for group in &groups {
                messages.extend(tx.newest_in(group, sent_ns.clone(), limit, inner.now_ns())?);
                left.extend(tx.posted_in(group)?.into_iter().map(|left| inner.unordered(left)));
            }
            messages.sort_by_key(|stored| (stored.message.network_id, stored.position));
            left.retain(|left| left.delivery == Delivery::Sent && sent_ns.contains(&left.sent_ns));
            let mut newest: Vec<_> = messages.into_iter().map(message).chain(left).collect();
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            Ok(newest.split_off(newest.len().saturating_sub(limit)))
        })
    }

    /// A message, also one of ours that the network has not ordered yet; `None` if it is not here, or has disappeared.
    ///
    /// # Errors
    /// Those of the file.
    pub fn message(&self, id: &MessageId) -> Result<Option<Message>, ClientError> {
        let inner = &self.inner;
        inner.db.transaction(|tx| {
            if let Some(left) = tx.posted(id)? {
                return Ok(Some(inner.unordered(left)));
            }
            let there = |stored: &StoredMessage| stored.message.expires_ns.is_none_or(|at| at > inner.now_ns());
            Ok(tx.message(id)?.filter(there).map(message))
        })
    }

    /// The fields of a conversation, such as [`group_name`](chancery_xmtp_wire::group::field::GROUP_NAME).
    ///
    /// # Errors
    /// [`ClientError::NoConversation`]; those of the file.
    pub fn fields(&self, group: &GroupId) -> Result<BTreeMap<String, String>, ClientError> {
        let inner = &self.inner;
        inner.db.transaction(|tx| {
            let group = inner.load(tx, group)?;
            Ok(GroupState::of(&group)?.metadata.attributes)
        })
    }

    /// The groups of a conversation: of a DM those that stand for it, the one in which we write first. Which one that is
    /// can change.
    ///
    /// # Errors
    /// [`ClientError::NoConversation`]; those of the file.
    pub fn groups(&self, group: &GroupId) -> Result<Vec<GroupId>, ClientError> {
        self.inner.stitched(group)
    }

    /// The group by which a conversation is told from others: of a DM the one that we knew first, which never changes.
    ///
    /// # Errors
    /// [`ClientError::NoConversation`]; those of the file.
    pub fn first_group(&self, group: &GroupId) -> Result<GroupId, ClientError> {
        self.inner.db.transaction(|tx| {
            let row = tx.conversation(group)?.ok_or(ClientError::NoConversation)?;
            let all = match row.new.peer {
                None => Vec::new(),
                Some(peer) => tx.dms_with(peer)?,
            };
            let first = all.into_iter().min_by_key(|row| row.position);
            Ok(first.unwrap_or(row).new.group)
        })
    }

    /// What there is to know of a group when something seems wrong.
    ///
    /// # Errors
    /// [`ClientError::NoConversation`]; those of the file.
    pub fn debug(&self, group: &GroupId) -> Result<Debug, ClientError> {
        let inner = &self.inner;
        inner.db.transaction(|tx| {
            let row = tx.conversation(group)?.ok_or(ClientError::NoConversation)?;
            let mls = inner.load(tx, group)?;
            let mut epoch_authenticator = String::new();
            for byte in mls.epoch_authenticator().as_slice() {
                let _ = write!(epoch_authenticator, "{byte:02x}");
            }
            Ok(Debug {
                epoch: mls.epoch().as_u64(),
                maybe_forked: row.maybe_forked,
                cursor: tx.cursor(Topic::Group(group))?,
                epoch_authenticator,
                members: GroupState::of(&mls)?.membership.members.into_iter().collect(),
                intents: tx.intents(group)?.into_iter().map(|intent| intent.id).collect(),
            })
        })
    }
}

impl Inner {
    /// All groups of the conversation to which `group` belongs: of a DM those that stand for it.
    pub(super) fn stitched(&self, group: &GroupId) -> Result<Vec<GroupId>, ClientError> {
        self.db.transaction(|tx| {
            let row = tx.conversation(group)?.ok_or(ClientError::NoConversation)?;
            Ok(match row.new.peer {
                None => vec![row.new.group],
                Some(peer) => tx.dms_with(peer)?.into_iter().map(|row| row.new.group).collect(),
            })
        })
    }

    /// Whether something can be done to a group.
    pub(super) fn writable(&self, group: &GroupId) -> Result<(), ClientError> {
        let row = self.db.transaction(|tx| tx.conversation(group))?;
        let row = row.ok_or(ClientError::NoConversation)?;
        match row.paused_for {
            _ if !row.active => Err(ClientError::NotAMember),
            Some(version) => Err(ClientError::Paused(version)),
            None => Ok(()),
        }
    }

    /// Keeps beside the group what lists show of it.
    pub(super) fn note_settings(&self, tx: &Tx<'_>, group: &GroupId, state: &GroupState) -> Result<(), StorageError> {
        use chancery_xmtp_wire::group::field::GROUP_NAME;
        let name = state.metadata.attributes.get(GROUP_NAME).map_or("", String::as_str);
        tx.conversation_settings(group, name, state.metadata.disappearing())
    }

    fn unordered(&self, left: OutboxMessage) -> Message {
        let delivery = match left.intent {
            _ if left.has_failed() => Delivery::Failed,
            Some(intent) if lock(&self.unsent).contains_key(&intent) => Delivery::Pending,
            _ => Delivery::Sent,
        };
        Message {
            id: left.id,
            group: left.group,
            sender: self.installation.inbox(),
            installation: self.installation.public(),
            sent_ns: left.written_ns,
            content: EncodedContent::parse(left.content.into()).ok(),
            delivery,
            position: None,
        }
    }
}

/// Whether a group is the one by which its conversation is shown.
pub(super) fn first_of_its_dm(tx: &Tx<'_>, row: &ConversationRow) -> Result<bool, StorageError> {
    Ok(match row.new.peer {
        None => true,
        Some(peer) => tx
            .dms_with(peer)?
            .first()
            .is_none_or(|first| first.position == row.position),
    })
}

pub(super) fn conversation(row: ConversationRow) -> Conversation {
    Conversation {
        id: row.new.group,
        kind: row.new.peer.map_or(Kind::Group, |peer| Kind::Dm { peer }),
        name: row.name,
        created_ns: row.new.created_ns,
        active: row.active,
        consent: row.new.consent,
        paused_for: row.paused_for,
    }
}

pub(super) fn message(stored: StoredMessage) -> Message {
    let message = stored.message;
    Message {
        id: message.id,
        group: message.group,
        sender: message.sender,
        installation: message.installation,
        sent_ns: message.sent_ns,
        content: EncodedContent::parse(Bytes::from(message.content)).ok(),
        delivery: Delivery::Sent,
        position: Some(stored.position),
    }
}
