//! Entering groups that we were welcomed to (xmtp spec 3.4).

use chancery_xmtp_wire::{
    content::{Content, GroupUpdated, MessageId},
    group::{ConversationType, GROUP_ID},
    identity::{InboxId, InstallationKey},
    proto::mls::message_contents::{WelcomeWrapperAlgorithm, group_updated::Inbox},
};
use openmls::{
    group::{GroupId, MlsGroupJoinConfig, PURE_CIPHERTEXT_WIRE_FORMAT_POLICY, ProcessedWelcome},
    prelude::{MlsMessageBodyIn, MlsMessageIn, tls_codec::Deserialize as _},
};

use super::{ClientError, Consent, Inner, MAX_PAST_EPOCHS, replace::may_come_back};
use crate::{
    commit::CLAIMED,
    identity::DirectoryError,
    join::{JoinError, Joining, check_join, check_welcome},
    network::{WelcomeBody, WelcomeEnvelope},
    storage::{Keys, NewConversation, NewMessage, StorageError, Topic, Tx, WaitingPointer},
    welcome::{Pointer, Unwrapped, Wrapped, open},
};

/// How often the logs that a welcome needs are fetched before that is an error.
const LOOKS: usize = 4;
/// How long a pointer may lead to nothing before it is passed over, in nanoseconds: two minutes. What it points to is sent
/// with it.
const POINTER_NS: u64 = 120_000_000_000;
/// Pointers that may lead to nothing at a time: each is a request at every sync. Whoever has our key package can send them;
/// the newest are kept, so that a flood costs an honest one its place only while it comes.
const POINTERS: u32 = 16;

/// Why a welcome did not take effect, so that the cursor must stay.
enum Stop {
    NeedsLog(Vec<(InboxId, u64)>),
    /// We are in that group as far as we know: read it first.
    InGroup(GroupId),
    Failed(ClientError),
}

/// Where a welcome comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// The topic of our installation, which is read in order.
    Topic,
    /// The pointers that wait, since this time.
    Waiting { since_ns: u64 },
}

/// What is in the wrapping of a welcome.
enum Opened {
    /// Nothing for us.
    Nothing,
    /// A pointer to what the node does not have.
    Nowhere,
    /// A welcome.
    Welcome(Unwrapped),
}

impl<E: Into<ClientError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Inner {
    /// Enters all groups that we were welcomed to; how many.
    pub(super) async fn enter_all(&self) -> Result<usize, ClientError> {
        let _turn = self.entering.lock().await;
        let (mut entered, mut failed) = (0, None);
        for pointer in self.db.transaction(|tx| tx.pointers())? {
            let from = Origin::Waiting {
                since_ns: pointer.since_ns,
            };
            let envelope = WelcomeEnvelope {
                id: pointer.id,
                created_ns: pointer.created_ns,
                body: WelcomeBody::Pointer {
                    data: pointer.data,
                    hpke_public_key: pointer.hpke_public_key,
                },
            };
            // no welcome that came later waits for one of these
            match self.enter(&envelope, from).await {
                Ok(joined) => entered += usize::from(joined),
                Err(error) => {
                    let nobody_answers = matches!(error, ClientError::Node(_));
                    failed = failed.or(Some(error));
                    if nobody_answers {
                        break;
                    }
                }
            }
        }
        match self.enter_new().await {
            Ok(joined) => entered += joined,
            Err(error) => failed = failed.or(Some(error)),
        }
        if entered > 0 {
            self.bell.ring();
        }
        self.directory.forget_unknown();
        self.renew_key_package().await;
        if let Some(error) = failed {
            return Err(error);
        }
        // all that was sent to us has been read
        self.forget_key_packages()?;
        Ok(entered)
    }

    /// Whether there are pointers that lead to nothing yet.
    pub(super) fn waits_for_welcomes(&self) -> Result<bool, ClientError> {
        Ok(!self.db.transaction(|tx| tx.pointers())?.is_empty())
    }

    /// Reads the welcomes of our installation to their end.
    async fn enter_new(&self) -> Result<usize, ClientError> {
        let mut entered = 0;
        loop {
            let after = self.db.transaction(|tx| tx.cursor(Topic::Welcomes))?;
            let page = self.node.welcomes(self.installation.public().to_bytes(), after).await?;
            for envelope in &page.entries {
                entered += usize::from(self.enter(envelope, Origin::Topic).await?);
            }
            if page.next.is_none() {
                return Ok(entered);
            }
        }
    }

    async fn enter(&self, envelope: &WelcomeEnvelope, from: Origin) -> Result<bool, ClientError> {
        let unwrapped = match self.unwrap(envelope).await? {
            Opened::Welcome(unwrapped) => unwrapped,
            Opened::Nowhere if self.may_lead_somewhere(envelope, from) => {
                self.db.transaction(|tx| self.wait_for_pointee(tx, envelope, from))?;
                return Ok(false);
            }
            Opened::Nowhere | Opened::Nothing => {
                self.db.transaction(|tx| over(tx, envelope, from))?;
                return Ok(false);
            }
        };
        let mut read = false;
        for _ in 0..LOOKS {
            let entered = self.db.transaction(|tx| {
                let taken = match from {
                    Origin::Topic => tx.cursor(Topic::Welcomes)? >= envelope.id,
                    Origin::Waiting { .. } => !tx.has_pointer(envelope.id)?,
                };
                let entered = !taken && self.join(tx, envelope, &unwrapped, read)?;
                over(tx, envelope, from)?;
                Ok(entered)
            });
            match entered {
                Ok(entered) => return Ok(entered),
                Err(Stop::NeedsLog(wanted)) => match self.directory.at_least(&*self.node, &self.db, &wanted).await {
                    // who is in that group nobody can say here, now or later; other welcomes must not wait for it
                    Err(DirectoryError::Unverifiable(_) | DirectoryError::Rewritten(_)) => {
                        self.db.transaction(|tx| over(tx, envelope, from))?;
                        return Ok(false);
                    }
                    read => read?,
                },
                Err(Stop::InGroup(group)) => {
                    // it may tell that we were removed before we were welcomed again
                    read = true;
                    // where it cannot be read further, no other welcome waits for that
                    if let Err(error @ (ClientError::Node(_) | ClientError::Storage(_))) = self.catch_up(&group).await {
                        return Err(error);
                    }
                }
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
        Err(ClientError::Logs)
    }

    /// Whether what a pointer leads to may still come.
    fn may_lead_somewhere(&self, envelope: &WelcomeEnvelope, from: Origin) -> bool {
        let now = self.now_ns();
        match from {
            Origin::Topic => now.saturating_sub(envelope.created_ns) <= POINTER_NS,
            // by our own clock, for the node's may be anywhere
            Origin::Waiting { since_ns } => now.checked_sub(since_ns).is_some_and(|waited| waited <= POINTER_NS),
        }
    }

    /// Lets a pointer wait beside the others.
    fn wait_for_pointee(&self, tx: &Tx<'_>, envelope: &WelcomeEnvelope, from: Origin) -> Result<(), StorageError> {
        if let (Origin::Topic, WelcomeBody::Pointer { data, hpke_public_key }) = (from, &envelope.body)
            && tx.cursor(Topic::Welcomes)? < envelope.id
        {
            let pointer = WaitingPointer {
                id: envelope.id,
                created_ns: envelope.created_ns,
                since_ns: self.now_ns(),
                data: data.clone(),
                hpke_public_key: hpke_public_key.clone(),
            };
            tx.pointer_waits(&pointer, POINTERS)?;
            tx.advance(Topic::Welcomes, envelope.id)?;
        }
        Ok(())
    }

    /// Opens the wrapping, following a pointer.
    async fn unwrap(&self, envelope: &WelcomeEnvelope) -> Result<Opened, ClientError> {
        let secret = |public: &[u8]| self.db.transaction(|tx| tx.welcome_secret(public));
        match &envelope.body {
            WelcomeBody::Welcome {
                data,
                hpke_public_key,
                metadata,
                ..
            } => {
                let Some(secret) = secret(hpke_public_key)? else {
                    return Ok(Opened::Nothing);
                };
                let wrapped = Wrapped {
                    data: data.clone(),
                    metadata: metadata.clone(),
                };
                Ok(open(&secret, &wrapped).map_or(Opened::Nothing, Opened::Welcome))
            }
            WelcomeBody::Pointer { data, hpke_public_key } => {
                let Some(secret) = secret(hpke_public_key)? else {
                    return Ok(Opened::Nothing);
                };
                let wrapped = Wrapped {
                    data: data.clone(),
                    metadata: bytes::Bytes::new(),
                };
                let pointer = open(&secret, &wrapped)
                    .ok()
                    .and_then(|opened| Pointer::parse(&opened.welcome).ok());
                let Some(pointer) = pointer else {
                    return Ok(Opened::Nothing);
                };
                let page = self.node.welcomes(pointer.destination, 0).await?;
                let shared = page.entries.into_iter().find_map(|entry| match entry.body {
                    WelcomeBody::Welcome {
                        data,
                        algorithm: WelcomeWrapperAlgorithm::SymmetricKey,
                        metadata,
                        ..
                    } => pointer.open_welcome(&Wrapped { data, metadata }).ok(),
                    _ => None,
                });
                Ok(shared.map_or(Opened::Nowhere, Opened::Welcome))
            }
        }
    }

    /// Joins the group of a welcome. `Ok(false)` is a welcome that is passed over for good.
    fn join(&self, tx: &Tx<'_>, envelope: &WelcomeEnvelope, unwrapped: &Unwrapped, read: bool) -> Result<bool, Stop> {
        let parsed = MlsMessageIn::tls_deserialize(&mut unwrapped.welcome.as_slice());
        let Some(MlsMessageBodyIn::Welcome(welcome)) = parsed.ok().map(MlsMessageIn::extract) else {
            return Ok(false);
        };
        let provider = tx.provider();
        let config = MlsGroupJoinConfig::builder()
            .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
            .use_ratchet_tree_extension(true)
            .max_past_epochs(MAX_PAST_EPOCHS)
            .build();
        let Ok(processed) = ProcessedWelcome::new_from_welcome(&provider, &config, welcome) else {
            return Ok(false);
        };
        if check_welcome(&processed).is_err() {
            return Ok(false);
        }
        let id = processed.unverified_group_info().group_id().clone();
        // of another length no client makes one, and a node need not know any
        if id.as_slice().len() != GROUP_ID {
            return Ok(false);
        }
        let (known, left) = match tx.conversation(&id)? {
            Some(row) if row.active => (Some(row), None),
            left => (None, left),
        };
        match &known {
            Some(_) if !read => return Err(Stop::InGroup(id)),
            // what we are in already is not thrown away for what somebody sends
            Some(row) if !row.maybe_forked => return Ok(false),
            _ => {}
        }
        let staged = openmls::group::JoinBuilder::new(&provider, processed)
            .replace_old_group()
            .skip_lifetime_validation()
            .build();
        let Ok(staged) = staged else {
            return Ok(false);
        };
        let Joining { state, added_by, pause } =
            match check_join(&staged, self.installation.inbox(), &self.directory, &CLAIMED) {
                Ok(joining) => joining,
                Err(JoinError::NeedsLog(wanted)) => return Err(Stop::NeedsLog(wanted)),
                Err(JoinError::Refused(_)) => return Ok(false),
            };
        let peer = match (state.immutable.conversation_type, state.immutable.dm_members) {
            (ConversationType::Group, _) => None,
            (ConversationType::Dm, Some(members)) if members.one == self.installation.inbox() => Some(members.two),
            (ConversationType::Dm, Some(members)) => Some(members.one),
            // between installations of one inbox, or a single message: not ours (xmtp spec 3.10)
            _ => return Ok(false),
        };
        if let Some(left) = left
            && !may_come_back(tx, &left, &staged, peer)?
        {
            return Ok(false);
        }
        let ours = added_by == self.installation.inbox();
        let added = Added {
            group: id.clone(),
            by: added_by,
            with: staged
                .welcome_sender()
                .ok()
                .and_then(|leaf| InstallationKey::try_from(leaf.signature_key().as_slice()).ok()),
        };
        let from = unwrapped.message_cursor.unwrap_or(0);
        if let Some(row) = &known {
            if !self.may_replace(tx, row, &staged, &state)? {
                return Ok(false);
            }
            self.begin_anew(tx, row, from)?;
        }
        staged.into_group(&provider).map_err(ClientError::mls("join a group"))?;
        let conversation = NewConversation {
            group: id.clone(),
            peer,
            created_ns: envelope.created_ns,
            consent: if ours { Consent::Allowed } else { Consent::Unknown },
        };
        let keys = Keys {
            since_ns: self.now_ns(),
            of_key_package: true,
        };
        tx.record_conversation(&conversation, keys)?;
        tx.key_package_used()?;
        self.note_settings(tx, &id, &state)?;
        tx.conversation_pauses(&id, pause.map(|version| version.to_string()).as_deref())?;
        self.tell_who_added_us(tx, envelope, &added, from)?;
        if from > tx.cursor(Topic::Group(&id))? {
            tx.advance(Topic::Group(&id), from)?;
        }
        Ok(true)
    }

    /// Records that we were added, as official clients do: those who were in the group before read it in the commit.
    fn tell_who_added_us(
        &self,
        tx: &Tx<'_>,
        envelope: &WelcomeEnvelope,
        added: &Added,
        cursor: u64,
    ) -> Result<(), ClientError> {
        let updated = GroupUpdated {
            initiated_by_inbox_id: added.by.to_string(),
            added_inboxes: vec![Inbox {
                inbox_id: self.installation.inbox().to_string(),
            }],
            ..GroupUpdated::default()
        };
        let content = Content::GroupUpdated(updated).encode()?.encode();
        let key = format!("{}_welcome_added", envelope.created_ns);
        tx.record(&NewMessage {
            id: MessageId::of(added.group.as_slice(), &key, &content),
            group: added.group.clone(),
            network_id: cursor,
            sender: added.by,
            installation: added.with.unwrap_or(InstallationKey::from_bytes([0; 32])),
            sent_ns: envelope.created_ns,
            content,
            expires_ns: None,
        })?;
        tx.conversation_spoke(&added.group, envelope.created_ns)?;
        Ok(())
    }
}

/// Marks a welcome as done with. The same once more changes nothing.
fn over(tx: &Tx<'_>, envelope: &WelcomeEnvelope, from: Origin) -> Result<(), StorageError> {
    match from {
        Origin::Topic if tx.cursor(Topic::Welcomes)? >= envelope.id => Ok(()),
        Origin::Topic => tx.advance(Topic::Welcomes, envelope.id),
        Origin::Waiting { .. } => tx.pointer_over(envelope.id),
    }
}

/// Who added us to a group.
struct Added {
    group: GroupId,
    by: InboxId,
    with: Option<InstallationKey>,
}
