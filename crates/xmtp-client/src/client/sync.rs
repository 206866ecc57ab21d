//! Reading the network to its end, and carrying on what was begun.

use futures_util::{StreamExt as _, stream};
use openmls::group::GroupId;

use super::{Client, ClientError, Inner, Synced, action::Action, lock, renew::Due};
use crate::storage::{Position, Topic};

/// Conversations that are read at a time. What the node answers first is taken first; each is read in its own order.
const AT_ONCE: usize = 8;
/// How long the installations of a group's members are taken for known, in milliseconds: 5 seconds, as official clients.
const REFRESH_MS: i64 = 5_000;

impl Client {
    /// Enters what we were welcomed to, reads every conversation to its end, and carries on what was begun.
    ///
    /// # Errors
    /// Those of the file and the node. A conversation that cannot be read keeps no other one from being read; the first
    /// error is returned.
    pub async fn sync(&self) -> Result<Synced, ClientError> {
        let inner = &self.inner;
        let mut synced = Synced::default();
        let mut failed = None;
        match inner.enter_all().await {
            Ok(entered) => synced.conversations = entered,
            Err(error) => failed = Some(error),
        }
        let rows = inner.db.transaction(|tx| tx.conversations_after(Position(0)))?;
        let active = rows.into_iter().filter(|row| row.active);
        let mut read = stream::iter(active.map(|row| async move { inner.sync_group(&row.new.group).await }))
            .buffer_unordered(AT_ONCE);
        while let Some(read) = read.next().await {
            match read {
                Ok(messages) => synced.messages += messages,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if let Err(error) = inner.send_welcomes().await {
            failed = failed.or(Some(error));
        }
        inner.db.transaction(|tx| tx.forget_expired(inner.now_ns()))?;
        failed.map_or(Ok(synced), Err)
    }

    /// Reads a conversation to its end, a DM in all its groups, and carries on what was begun there.
    ///
    /// # Errors
    /// [`ClientError::NoConversation`]; those of the file and the node.
    pub async fn sync_conversation(&self, group: &GroupId) -> Result<Synced, ClientError> {
        let mut synced = Synced::default();
        for group in self.inner.stitched(group)? {
            synced.messages += self.inner.sync_group(&group).await?;
        }
        Ok(synced)
    }
}

impl Inner {
    async fn sync_group(&self, group: &GroupId) -> Result<usize, ClientError> {
        let messages = self.catch_up(group).await?;
        self.queue_renewal(group, Due::ToStay)?;
        self.finish(group).await?;
        self.post_what_is_left(group).await?;
        Ok(messages)
    }

    /// Reads a group to its end; how many messages were new.
    pub(super) async fn catch_up(&self, group: &GroupId) -> Result<usize, ClientError> {
        let mut messages = 0;
        self.resume(group)?;
        loop {
            let row = self.db.transaction(|tx| {
                let row = tx.conversation(group)?;
                Ok::<_, ClientError>(row.zip(Some(tx.cursor(Topic::Group(group))?)))
            })?;
            let Some((row, after)) = row.filter(|(row, _)| row.active && row.paused_for.is_none()) else {
                return Ok(messages);
            };
            let page = self.node.group_messages(&row.new.group, after).await?;
            let taken = self.take_all(&page.entries).await?;
            messages += taken.messages;
            if taken.paused {
                return Ok(messages);
            }
            if page.next.is_none() {
                return Ok(messages);
            }
        }
    }

    /// Goes on with a group that waited for a version that we have reached.
    fn resume(&self, group: &GroupId) -> Result<(), ClientError> {
        self.db.transaction(|tx| {
            let waits_for = tx.conversation(group)?.and_then(|row| row.paused_for);
            let reached = waits_for
                .and_then(|version| version.parse().ok())
                .is_some_and(|version: chancery_xmtp_wire::group::ProtocolVersion| version <= crate::commit::CLAIMED);
            if reached {
                tx.conversation_pauses(group, None)?;
            }
            Ok(())
        })
    }

    /// Looks whether the members' installations are those of today, unless that was done just now (xmtp spec 3.7).
    pub(super) async fn refresh_members(&self, group: &GroupId) -> Result<(), ClientError> {
        let now = self.clock.now();
        let recent = |then: &chancery_base::Millis| (0..REFRESH_MS).contains(&now.since(*then));
        if lock(&self.refreshed).get(group).is_some_and(recent) {
            return Ok(());
        }
        let looked = match self.perform(group, &Action::members(&[], &[])).await {
            // whoever may not add installations leaves it to those who may
            Err(ClientError::Refused(_)) => Ok(()),
            Err(error) if error.is_retryable() => return Err(error),
            looked => looked,
        };
        lock(&self.refreshed).insert(group.clone(), now);
        looked
    }
}
