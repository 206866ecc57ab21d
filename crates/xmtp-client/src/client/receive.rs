//! What comes from the network: one transaction for each envelope (xmtp spec 3.6 to 3.8).

use chancery_base::digest::sha256;
use chancery_xmtp_wire::{
    group::ProtocolVersion,
    identity::{InboxId, InstallationKey},
};
use openmls::{
    framing::{ContentType, ProcessedMessageContent, Sender},
    group::{GroupId, MlsGroup, StagedCommit},
    prelude::{LeafNodeIndex, MlsMessageIn, OpenMlsProvider as _, ProtocolMessage, tls_codec::Deserialize as _},
};

use super::{
    ClientError, Inner, MAX_PAST_EPOCHS,
    action::{Action, After},
    effects::Author,
    inbox_of,
    take::Taken,
    untimely::{Untimely, untimely},
};
use crate::{
    commit::{Accepted, CLAIMED, CommitError, check, speaks_for},
    group::GroupState,
    network::GroupEnvelope,
    storage::{ConversationRow, Intent, IntentState, Topic, Tx},
};

/// Why an envelope did not take effect, so that the cursor must stay.
#[derive(Debug)]
pub(super) enum Stop {
    /// Identity logs are needed.
    NeedsLog(Vec<(InboxId, u64)>),
    /// The group demands a version above ours.
    Paused(ProtocolVersion),
    /// A stream brought it, and others are further than we: what lies between must be read first.
    Ahead,
    /// Something failed.
    Failed(ClientError),
}

impl<E: Into<ClientError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// The group of the envelopes that are taken in one transaction, once it was loaded.
#[derive(Default)]
pub(super) struct Loaded {
    group: Option<MlsGroup>,
    /// They are as a stream brought them, and something may be missing before them.
    streamed: bool,
}

impl Loaded {
    pub(super) fn streamed() -> Self {
        Self {
            group: None,
            streamed: true,
        }
    }

    fn group(&mut self, inner: &Inner, tx: &Tx<'_>, id: &GroupId) -> Result<&mut MlsGroup, ClientError> {
        let group = match self.group.take() {
            Some(group) => group,
            None => inner.load(tx, id)?,
        };
        Ok(self.group.insert(group))
    }
}

/// What became of a message of somebody else's.
enum Opened {
    /// It took effect; so many messages are new.
    Taken(usize),
    /// It breaks a rule.
    Refused,
    /// It cannot be decrypted, or is none. `ahead`: others may be in a later epoch than we.
    Unreadable { ahead: bool },
}

impl Inner {
    /// Opens an envelope, holds it to the rules and lets it take effect, all in this transaction.
    pub(super) fn receive(&self, tx: &Tx<'_>, loaded: &mut Loaded, envelope: &GroupEnvelope) -> Result<Taken, Stop> {
        let topic = Topic::Group(&envelope.group);
        let Some(row) = tx.conversation(&envelope.group)?.filter(|row| row.active) else {
            return Ok(Taken::default());
        };
        if row.paused_for.is_some() {
            // the cursor stays before what we cannot do yet
            return Ok(Taken {
                messages: 0,
                paused: true,
            });
        }
        if tx.cursor(topic)? >= envelope.id {
            return Ok(Taken::default());
        }
        let hash = sha256(&envelope.data);
        let messages = match tx.intent_of(&hash)? {
            Some(intent) => self.receive_own(tx, loaded, &row, envelope, &intent)?,
            None => self.receive_foreign(tx, loaded, &row, envelope)?,
        };
        tx.advance(topic, envelope.id)?;
        if messages > 0 {
            tx.conversation_spoke(&envelope.group, envelope.created_ns)?;
        }
        Ok(Taken {
            messages,
            paused: false,
        })
    }

    /// What we sent ourselves has come back, and thereby has its place.
    fn receive_own(
        &self,
        tx: &Tx<'_>,
        loaded: &mut Loaded,
        row: &ConversationRow,
        envelope: &GroupEnvelope,
        intent: &Intent,
    ) -> Result<usize, Stop> {
        let IntentState::Made { epoch, .. } = intent.state else {
            return Ok(0);
        };
        let group = loaded.group(self, tx, &envelope.group)?;
        if !Action::decode(&intent.body)?.is_commit() {
            self.forget_unsent(intent.id);
            let Some(message) = tx.posted_by(intent.id)? else {
                tx.intent_over(intent.id)?;
                return Ok(0);
            };
            if group.epoch().as_u64().saturating_sub(epoch) > MAX_PAST_EPOCHS as u64 {
                // nobody can read it any more: it is made again, under the same id
                tx.intent_lost(intent.id)?;
                return Ok(0);
            }
            tx.unpost(&message.id)?;
            tx.intent_over(intent.id)?;
            let author = Author {
                inbox: self.installation.inbox(),
                installation: self.installation.public(),
            };
            return Ok(usize::from(self.record(
                tx,
                row,
                envelope,
                message.id,
                &author,
                message.content,
            )?));
        }
        if group.epoch().as_u64() != epoch {
            tx.intent_lost(intent.id)?;
            return Ok(0);
        }
        let Some(pending) = group.pending_commit() else {
            tx.intent_lost(intent.id)?;
            return Ok(0);
        };
        let own = group.own_leaf_index();
        let accepted = match self.judge(group, pending, own) {
            Ok(accepted) => accepted,
            Err(CommitError::NeedsLog(wanted)) => return Err(Stop::NeedsLog(wanted)),
            Err(CommitError::Refused(rule)) => {
                // the others pass over it as well
                group
                    .clear_pending_commit(tx.provider().storage())
                    .map_err(Stop::from)?;
                tx.intent_over(intent.id)?;
                self.renewed_in_vain(tx, intent)?;
                self.tell(intent.id, ClientError::Refused(rule));
                return Ok(0);
            }
        };
        if let Some(version) = accepted.pause {
            return Err(Stop::Paused(version));
        }
        group
            .merge_pending_commit(&tx.provider())
            .map_err(ClientError::mls("merge our commit"))?;
        // each commit of ours brings a new leaf
        tx.conversation_keys(&envelope.group, self.now_ns())?;
        if let Some(after) = tx.after_payload(intent.id)? {
            self.queue_welcomes(tx, &After::decode(&after)?, envelope.id)?;
        }
        tx.intent_over(intent.id)?;
        let author = Author {
            inbox: self.installation.inbox(),
            installation: self.installation.public(),
        };
        self.took_effect(tx, row, envelope, group, &accepted, &author)
    }

    fn receive_foreign(
        &self,
        tx: &Tx<'_>,
        loaded: &mut Loaded,
        row: &ConversationRow,
        envelope: &GroupEnvelope,
    ) -> Result<usize, Stop> {
        // from a reader: what follows the message is passed over, as the reference does
        let parsed = MlsMessageIn::tls_deserialize(&mut envelope.data.as_ref());
        let Some(message) = parsed.ok().and_then(|message| message.try_into_protocol_message().ok()) else {
            return Ok(0);
        };
        if *message.group_id() != envelope.group {
            return Ok(0);
        }
        // A commit that has no effect leaves no trace, not even that its key was used: an official member whose commit is
        // refused makes the next one with the same key.
        let is_commit = message.content_type() == ContentType::Commit;
        if is_commit {
            tx.mark()?;
        }
        let opened = self.open(tx, loaded, row, envelope, message)?;
        if loaded.streamed && matches!(opened, Opened::Unreadable { ahead: true }) {
            return Err(Stop::Ahead);
        }
        match opened {
            _ if !is_commit => {}
            Opened::Taken(_) => tx.keep()?,
            Opened::Refused | Opened::Unreadable { .. } => {
                tx.undo()?;
                loaded.group = None;
            }
        }
        match opened {
            Opened::Taken(messages) => return Ok(messages),
            Opened::Unreadable { ahead: true } => tx.conversation_may_fork(&envelope.group, true)?,
            Opened::Refused | Opened::Unreadable { ahead: false } => {}
        }
        Ok(0)
    }

    fn open(
        &self,
        tx: &Tx<'_>,
        loaded: &mut Loaded,
        row: &ConversationRow,
        envelope: &GroupEnvelope,
        message: ProtocolMessage,
    ) -> Result<Opened, Stop> {
        let group = loaded.group(self, tx, &envelope.group)?;
        let provider = tx.provider();
        let epoch = message.epoch().as_u64();
        let is_commit = message.content_type() == ContentType::Commit;
        let processed = match group.process_message(&provider, message) {
            Ok(processed) => processed,
            Err(refused) => match untimely(&refused, envelope.created_ns) {
                Some(Untimely::Early) => return Err(ClientError::ClockBehind.into()),
                Some(Untimely::Late) => return Ok(Opened::Unreadable { ahead: true }),
                // what is too old for us was for others; but when somebody is in an epoch that we do not know, we may have
                // parted
                None => {
                    let ahead = epoch > group.epoch().as_u64();
                    return Ok(Opened::Unreadable { ahead });
                }
            },
        };
        let Sender::Member(leaf) = *processed.sender() else {
            return Ok(Opened::Refused);
        };
        let Some(inbox) = inbox_of(processed.credential()) else {
            return Ok(Opened::Refused);
        };
        let author = Author {
            inbox,
            installation: installation_at(group, leaf, inbox),
        };
        let messages = match processed.into_content() {
            ProcessedMessageContent::ApplicationMessage(said) => {
                if !self.speaks_for_itself(group, leaf, inbox)? {
                    return Ok(Opened::Refused);
                }
                self.heard(tx, row, envelope, group, &author, said.into_bytes())?
            }
            ProcessedMessageContent::StagedCommitMessage(commit) => {
                let accepted = match self.judge(group, &commit, leaf) {
                    Ok(accepted) => accepted,
                    Err(CommitError::NeedsLog(wanted)) => return Err(Stop::NeedsLog(wanted)),
                    Err(CommitError::Refused(_)) => return Ok(Opened::Refused),
                };
                if let Some(version) = accepted.pause {
                    return Err(Stop::Paused(version));
                }
                group
                    .merge_staged_commit(&provider, *commit)
                    .map_err(ClientError::mls("merge a commit"))?;
                if row.maybe_forked {
                    // somebody goes on from where we are. Anybody who knows the group's id can make us fear, and those who
                    // have parted from us do so again with their next word.
                    tx.conversation_may_fork(&envelope.group, false)?;
                }
                self.lose_races(tx, group)?;
                self.took_effect(tx, row, envelope, group, &accepted, &author)?
            }
            // a commit of ours that we gave up: the others follow it
            ProcessedMessageContent::OwnPrivateMessage if is_commit && epoch == group.epoch().as_u64() => {
                return Ok(Opened::Unreadable { ahead: true });
            }
            // official clients of the version that we claim commit to no proposals of others
            _ => 0,
        };
        Ok(Opened::Taken(messages))
    }

    /// Whether what comes from a leaf is said by the inbox that it names: official clients let leaves in that name another
    /// one. Of a leaf that has left since, the installation is not known any more: it is believed unless it names somebody
    /// who is still here.
    fn speaks_for_itself(&self, group: &MlsGroup, leaf: LeafNodeIndex, inbox: InboxId) -> Result<bool, Stop> {
        let named = group.member_at(leaf).and_then(|member| inbox_of(&member.credential));
        if named != Some(inbox) {
            return Ok(!GroupState::of(group)?.membership.members.contains_key(&inbox));
        }
        match speaks_for(group, leaf, &self.directory) {
            Ok(itself) => Ok(itself),
            Err(CommitError::NeedsLog(wanted)) => Err(Stop::NeedsLog(wanted)),
            Err(CommitError::Refused(_)) => Ok(false),
        }
    }

    fn judge(&self, group: &MlsGroup, commit: &StagedCommit, leaf: LeafNodeIndex) -> Result<Accepted, CommitError> {
        check(group, commit, leaf, &self.directory, CLAIMED)
    }
}

/// The installation in a leaf. When it has left since it spoke, its key is not there any more: zeros.
fn installation_at(group: &MlsGroup, leaf: LeafNodeIndex, inbox: InboxId) -> InstallationKey {
    group
        .member_at(leaf)
        .filter(|member| inbox_of(&member.credential) == Some(inbox))
        .and_then(|member| InstallationKey::try_from(member.signature_key.as_slice()).ok())
        .unwrap_or(InstallationKey::from_bytes([0; 32]))
}
