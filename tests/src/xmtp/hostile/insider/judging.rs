//! What our rules say of a commit.

use bytes::Bytes;
use chancery_xmtp_client::{
    commit::{self, Accepted, CommitError},
    storage::{StorageError, Tx},
};
use openmls::{
    framing::{MlsMessageIn, ProcessedMessageContent},
    group::{GroupId, MlsGroup, StagedCommit},
    messages::proposals::{PreSharedKeyProposal, Proposal},
    prelude::{LeafNodeIndex, OpenMlsProvider as _, Sender, tls_codec::Deserialize as _},
    schedule::PreSharedKeyId,
};

use super::{Insider, proposing::hear, storage};

impl Insider {
    /// Learns a pre-shared key, and names it in a proposal.
    #[must_use]
    pub fn pre_shared_key(&self) -> Proposal {
        let id = PreSharedKeyId::external(b"key".to_vec(), vec![7; 32]);
        storage(self.db.transaction(|tx| {
            id.store(&tx.provider(), b"secret").unwrap();
            Ok(())
        }));
        Proposal::PreSharedKey(Box::new(PreSharedKeyProposal::new(id)))
    }

    /// Judges a commit by our rules, reading what logs it takes. The group is as before.
    ///
    /// # Errors
    /// Why it is refused; `None` when openmls does not even stage it.
    pub async fn judge(&self, group: &GroupId, commit: &Bytes) -> Result<Accepted, Option<CommitError>> {
        self.judge_keeping(group, &[], commit).await
    }

    /// The same, as one who keeps proposals that stand alone and has heard these.
    ///
    /// # Errors
    /// As above.
    pub async fn judge_keeping(
        &self,
        group: &GroupId,
        proposals: &[Bytes],
        commit: &Bytes,
    ) -> Result<Accepted, Option<CommitError>> {
        loop {
            let judged = self.staged(group, proposals, commit, |_, group, staged, sender| {
                commit::check(group, &staged, sender, &self.directory, commit::CLAIMED)
            });
            match judged.ok_or(None)? {
                Err(CommitError::NeedsLog(wanted)) => {
                    self.directory.at_least(&*self.node, &self.db, &wanted).await.unwrap();
                }
                judged => return judged.map_err(Some),
            }
        }
    }

    /// Takes every commit of others' after the id `after`, whatever it is.
    pub async fn catch_up(&self, group: &GroupId, after: u64) {
        for message in self.messages(group, after).await {
            self.with_staged(group, &[], &message.data, true, |tx, group, staged, _| {
                group.merge_staged_commit(&tx.provider(), staged).unwrap();
            });
        }
    }

    fn staged<T>(
        &self,
        group: &GroupId,
        proposals: &[Bytes],
        commit: &Bytes,
        step: impl FnOnce(&Tx<'_>, &mut MlsGroup, StagedCommit, LeafNodeIndex) -> T,
    ) -> Option<T> {
        self.with_staged(group, proposals, commit, false, step)
    }

    /// Stages a commit, and keeps what `step` does of it only if `keep`.
    fn with_staged<T>(
        &self,
        group: &GroupId,
        proposals: &[Bytes],
        commit: &Bytes,
        keep: bool,
        step: impl FnOnce(&Tx<'_>, &mut MlsGroup, StagedCommit, LeafNodeIndex) -> T,
    ) -> Option<T> {
        let mut out = None;
        let result = self.db.transaction(|tx| {
            let mut group = MlsGroup::load(tx.provider().storage(), group)?.unwrap();
            hear(tx, &mut group, proposals);
            let message = MlsMessageIn::tls_deserialize(&mut &commit[..]).unwrap();
            let message = message.try_into_protocol_message().unwrap();
            if let Ok(processed) = group.process_message(&tx.provider(), message) {
                let sender = match *processed.sender() {
                    Sender::Member(sender) => sender,
                    // our rules do not ask who sent it
                    _ => LeafNodeIndex::new(0),
                };
                if let ProcessedMessageContent::StagedCommitMessage(staged) = processed.into_content() {
                    out = Some(step(tx, &mut group, *staged, sender));
                }
            }
            // anything but `Ok` undoes it
            if keep { Ok(()) } else { Err(StorageError::Format) }
        });
        assert_eq!(result.is_ok(), keep);
        out
    }
}
