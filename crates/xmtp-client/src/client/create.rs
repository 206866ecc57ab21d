//! Making conversations (xmtp spec 3.5).

use chancery_base::Rng as _;
use chancery_xmtp_wire::{
    group::{FieldChange, GROUP_ID, field},
    identity::InboxId,
    mls::CIPHERSUITE,
};
use openmls::group::{GroupId, MlsGroup, PURE_CIPHERTEXT_WIRE_FORMAT_POLICY};

use super::{Client, ClientError, Consent, GroupOptions, Inner, MAX_PAST_EPOCHS, action::Action};
use crate::{
    group::GroupState,
    identity::{capabilities, lifetime},
    storage::{IntentId, Keys, NewConversation},
};

impl Client {
    /// Makes a group with these members. All installations of theirs, and our own other ones, are added by one commit.
    ///
    /// # Errors
    /// [`ClientError::NoInbox`], and [`ClientError::Group`] for a field that is too long; those of the file and the node.
    /// After one that is retryable the group is there all the same, and the members are added at the next sync. After any
    /// other nobody could be added, and what was made of it is left.
    pub async fn create_group(&self, options: GroupOptions, members: &[InboxId]) -> Result<GroupId, ClientError> {
        let mut state = GroupState::new_group(self.inbox(), options.permissions);
        let mut fields = vec![
            (field::GROUP_NAME, options.name),
            (field::DESCRIPTION, options.description),
            (field::GROUP_IMAGE_URL_SQUARE, options.image),
        ];
        if let Some(disappearing) = options.disappearing {
            fields.push((field::MESSAGE_DISAPPEAR_FROM_NS, disappearing.from_ns.to_string()));
            fields.push((field::MESSAGE_DISAPPEAR_IN_NS, disappearing.in_ns.to_string()));
        }
        for (name, value) in fields {
            let change = FieldChange {
                field: name.to_owned(),
                old: None,
                new: Some(value.clone()),
            };
            change.check_limit()?;
            state.metadata.attributes.insert(name.to_owned(), value);
        }
        self.create(&state, None, members).await
    }

    /// The DM with `peer`: the one that is there, or a new one.
    ///
    /// # Errors
    /// [`ClientError::NoInbox`], [`ClientError::WrongKind`] with oneself; those of the file and the node.
    pub async fn create_dm(&self, peer: InboxId) -> Result<GroupId, ClientError> {
        if peer == self.inbox() {
            return Err(ClientError::WrongKind);
        }
        // one after the other with the same peer: two would make two groups. No group has an id of that length
        let lane = self.inner.lane(&GroupId::from_slice(&peer.to_bytes()));
        let _turn = lane.commits.lock().await;
        let known = self.inner.db.transaction(|tx| tx.dms_with(peer))?;
        if let Some(first) = known.into_iter().find(|row| row.active) {
            return Ok(first.new.group);
        }
        let state = GroupState::new_dm(self.inbox(), peer);
        self.create(&state, Some(peer), &[peer]).await
    }

    async fn create(
        &self,
        state: &GroupState,
        peer: Option<InboxId>,
        members: &[InboxId],
    ) -> Result<GroupId, ClientError> {
        let inner = &self.inner;
        // before anything is made: whom nobody knows cannot be added
        let directory = &inner.directory;
        directory.refresh(&*inner.node, &inner.db, members).await?;
        if let Some(unknown) = members.iter().find(|inbox| directory.latest(**inbox).is_none()) {
            return Err(ClientError::NoInbox(*unknown));
        }
        let id = GroupId::from_slice(&inner.rng.bytes::<GROUP_ID>());
        let first = inner.found(&id, state, peer, &Action::members(members, &[]))?;
        let finished = inner.finish(&id).await;
        inner.bell.ring();
        if let Some(error) = inner.outcome(first) {
            // alone in it we would speak to nobody
            inner.db.transaction(|tx| tx.conversation_left(&id))?;
            return Err(error);
        }
        finished?;
        Ok(id)
    }
}

impl Inner {
    /// Makes the group with us alone, and queues what is to be done to it next, for which somebody waits.
    pub(super) fn found(
        &self,
        id: &GroupId,
        state: &GroupState,
        peer: Option<InboxId>,
        next: &Action,
    ) -> Result<IntentId, ClientError> {
        self.db.transaction(|tx| {
            let provider = tx.provider();
            let doing = "make a group";
            MlsGroup::builder()
                .with_group_id(id.clone())
                .ciphersuite(CIPHERSUITE)
                .with_wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
                .max_past_epochs(MAX_PAST_EPOCHS)
                .use_ratchet_tree_extension(true)
                .lifetime(lifetime(self.clock.now()))
                .with_capabilities(capabilities())
                .with_leaf_node_extensions(self.installation.leaf_extensions()?)
                .map_err(ClientError::mls(doing))?
                .with_group_context_extensions(state.extensions()?)
                .build(&provider, &self.installation, self.installation.credential())
                .map_err(ClientError::mls(doing))?;
            let now_ns = self.now_ns();
            let conversation = NewConversation {
                group: id.clone(),
                peer,
                created_ns: now_ns,
                consent: Consent::Allowed,
            };
            let keys = Keys {
                since_ns: now_ns,
                of_key_package: false,
            };
            tx.record_conversation(&conversation, keys)?;
            self.note_settings(tx, id, state)?;
            let first = tx.queue_intent(id, &next.encode()?)?;
            self.wait_for(first);
            Ok(first)
        })
    }
}
