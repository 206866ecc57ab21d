//! What follows from what was received: messages, members who are gone, what is to be done next.

use bytes::Bytes;
use chancery_xmtp_wire::{
    content::{Content, EncodedContent, Envelope, KnownType, MessageId},
    group::{ConversationType, Role},
    identity::{InboxId, InstallationKey},
};
use openmls::group::MlsGroup;

use super::{ClientError, Inner, action::Action, receive::Stop};
use crate::{
    commit::Accepted,
    group::GroupState,
    network::GroupEnvelope,
    storage::{ConversationRow, IntentState, NewMessage, StorageError, Tx},
};

/// A member as the sender of something.
pub(super) struct Author {
    pub(super) inbox: InboxId,
    pub(super) installation: InstallationKey,
}

impl Inner {
    /// Somebody was faster: what we made for the epoch that is over is made again for the next one.
    pub(super) fn lose_races(&self, tx: &Tx<'_>, group: &MlsGroup) -> Result<(), ClientError> {
        for intent in tx.intents(group.group_id())? {
            let made = matches!(intent.state, IntentState::Made { .. });
            if made && Action::decode(&intent.body)?.is_commit() {
                tx.intent_lost(intent.id)?;
            }
        }
        Ok(())
    }

    /// What follows from a commit that was merged.
    pub(super) fn took_effect(
        &self,
        tx: &Tx<'_>,
        row: &ConversationRow,
        envelope: &GroupEnvelope,
        group: &MlsGroup,
        accepted: &Accepted,
        author: &Author,
    ) -> Result<usize, Stop> {
        let id = &envelope.group;
        let mut messages = 0;
        if !accepted.effect.is_empty() {
            let updated = accepted.effect.to_group_updated(&tx.leaving(id)?);
            let content = Content::GroupUpdated(updated).encode()?.encode();
            // official clients name it by the network's time, so all have the same id
            let message = MessageId::of(id.as_slice(), &envelope.created_ns.to_string(), &content);
            let author = Author {
                inbox: accepted.actor,
                installation: author.installation,
            };
            messages += usize::from(self.record(tx, row, envelope, message, &author, content)?);
        }
        tx.members_gone(id, &accepted.effect.removed)?;
        if group.is_active() {
            self.note_settings(tx, id, &GroupState::of(group)?)?;
        } else {
            tx.conversation_left(id)?;
            for intent in tx.intents(id)? {
                self.forget_unsent(intent.id);
                tx.intent_over(intent.id)?;
                self.tell(intent.id, ClientError::NotAMember);
            }
        }
        Ok(messages)
    }

    pub(super) fn heard(
        &self,
        tx: &Tx<'_>,
        row: &ConversationRow,
        envelope: &GroupEnvelope,
        group: &MlsGroup,
        author: &Author,
        plaintext: Vec<u8>,
    ) -> Result<usize, Stop> {
        let Ok(Envelope::Message {
            content,
            idempotency_key,
        }) = Envelope::parse(plaintext.into())
        else {
            return Ok(0);
        };
        let id = MessageId::of(envelope.group.as_slice(), &idempotency_key, &content);
        let kind = EncodedContent::parse(content.clone())
            .ok()
            .and_then(|content| content.content_type.known());
        match kind {
            // nobody sends that: it would be a claim of its sender, shown as a fact
            Some(KnownType::GroupUpdated) => return Ok(0),
            Some(KnownType::LeaveRequest) => self.asked_to_leave(tx, envelope, group, author)?,
            _ => {}
        }
        Ok(usize::from(self.record(
            tx,
            row,
            envelope,
            id,
            author,
            content.into(),
        )?))
    }

    /// A member wants to go: whoever may remove it does so, and the first one is enough.
    fn asked_to_leave(
        &self,
        tx: &Tx<'_>,
        envelope: &GroupEnvelope,
        group: &MlsGroup,
        author: &Author,
    ) -> Result<(), Stop> {
        let state = GroupState::of(group)?;
        let is_group = state.immutable.conversation_type == ConversationType::Group;
        let may_go = state.metadata.role(&author.inbox) != Role::SuperAdmin;
        if !is_group || !may_go || !state.membership.members.contains_key(&author.inbox) {
            return Ok(());
        }
        tx.member_asks_to_leave(&envelope.group, author.inbox)?;
        let ours = self.installation.inbox();
        let role = state.metadata.role(&ours);
        if author.inbox != ours && role >= Role::Admin && state.permissions.remove_member.allows(role) {
            let removal = Action::members(&[], &[author.inbox]).encode()?;
            // once, however often it asks
            if !tx
                .intents(&envelope.group)?
                .iter()
                .any(|intent| intent.body == *removal)
            {
                tx.queue_intent(&envelope.group, &removal)?;
            }
        }
        Ok(())
    }

    pub(super) fn record(
        &self,
        tx: &Tx<'_>,
        row: &ConversationRow,
        envelope: &GroupEnvelope,
        id: MessageId,
        author: &Author,
        content: Vec<u8>,
    ) -> Result<bool, StorageError> {
        let message = NewMessage {
            id,
            group: envelope.group.clone(),
            network_id: envelope.id,
            sender: author.inbox,
            installation: author.installation,
            sent_ns: envelope.created_ns,
            expires_ns: expiry(row, envelope.created_ns, &content),
            content,
        };
        Ok(tx.record(&message)?.is_some())
    }
}

/// When a message disappears: not what tells of changes.
fn expiry(row: &ConversationRow, sent_ns: u64, content: &[u8]) -> Option<u64> {
    let disappearing = row.disappearing?;
    let (from_ns, in_ns) = (
        u64::try_from(disappearing.from_ns).ok()?,
        u64::try_from(disappearing.in_ns).ok()?,
    );
    let content = EncodedContent::parse(Bytes::copy_from_slice(content)).ok();
    let told = content.and_then(|content| content.content_type.known()) == Some(KnownType::GroupUpdated);
    // whoever may set it may set any number; the file's have a sign
    let latest = i64::MAX.cast_unsigned();
    (sent_ns >= from_ns && !told).then(|| sent_ns.saturating_add(in_ns).min(latest))
}
