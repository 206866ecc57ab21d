//! A node that shows one player another log than everybody else: what the verdict is there to find out.

use std::sync::Arc;

use bytes::Bytes;
use chancery_xmtp_client::network::{
    BoxFuture, BoxStream, GroupEnvelope, LoggedUpdate, NodeApi, Page, WelcomeEnvelope, WelcomeToSend,
};
use chancery_xmtp_wire::{
    identity::{Identifier, IdentityUpdate, InboxId, InstallationKey},
    mls::message::{ContentType, GroupMessage},
};
use openmls::group::GroupId;

/// What one player is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// Of the messages behind the given id the first is missing.
    MessageMissing(u64),
    /// Of the commits behind the given id the first one that won its epoch is missing.
    CommitMissing(u64),
    /// Two messages that follow each other behind the given id have each other's place.
    Swapped(u64),
}

impl Lie {
    /// The node as `number` sees it: the second founder is lied to.
    #[must_use]
    pub fn told(self, number: usize, node: Arc<dyn NodeApi>) -> Arc<dyn NodeApi> {
        if number == 1 {
            Arc::new(Liar { lie: self, node })
        } else {
            node
        }
    }
}

struct Liar {
    lie: Lie,
    node: Arc<dyn NodeApi>,
}

fn is(envelope: &GroupEnvelope, kind: ContentType) -> bool {
    GroupMessage::parse(&envelope.data).is_ok_and(|parsed| parsed.content_type == kind)
}

/// The epoch that a commit ends; `None` if it is none.
fn commit_of(envelope: &GroupEnvelope) -> Option<u64> {
    let parsed = GroupMessage::parse(&envelope.data).ok()?;
    (parsed.content_type == ContentType::Commit).then_some(parsed.epoch)
}

impl Liar {
    /// The whole log, told the other way.
    async fn log(&self, group: &GroupId) -> Vec<GroupEnvelope> {
        let (mut log, mut after) = (Vec::new(), Some(0));
        while let Some(id) = after {
            let page = self.node.group_messages(group, id).await.unwrap();
            log.extend(page.entries);
            after = page.next;
        }
        let missing = |kind, from| log.iter().position(|entry| entry.id > from && is(entry, kind));
        match self.lie {
            Lie::MessageMissing(from) => {
                if let Some(at) = missing(ContentType::Application, from) {
                    log.remove(at);
                }
            }
            Lie::CommitMissing(from) => {
                // one that lost its race would not be missed
                let epochs: Vec<_> = log.iter().map(commit_of).collect();
                let first = |at: &usize| epochs[*at].is_some() && !epochs[..*at].contains(&epochs[*at]);
                if let Some(at) = (0..log.len()).filter(|at| log[*at].id > from).find(first) {
                    log.remove(at);
                }
            }
            Lie::Swapped(from) => {
                let both = |pair: &[GroupEnvelope]| {
                    pair[0].id > from && pair.iter().all(|entry| is(entry, ContentType::Application))
                };
                if let Some(at) = log.windows(2).position(both) {
                    let first = log[at].data.clone();
                    log[at].data = std::mem::replace(&mut log[at + 1].data, first);
                }
            }
        }
        log
    }
}

impl NodeApi for Liar {
    fn group_messages<'a>(&'a self, group: &'a GroupId, after: u64) -> BoxFuture<'a, Page<GroupEnvelope>> {
        Box::pin(async move {
            let mut entries = self.log(group).await;
            entries.retain(|entry| entry.id > after);
            Ok(Page { entries, next: None })
        })
    }

    fn publish_identity_update<'a>(&'a self, update: &'a IdentityUpdate) -> BoxFuture<'a, ()> {
        self.node.publish_identity_update(update)
    }

    fn identity_updates<'a>(&'a self, after: &'a [(InboxId, u64)]) -> BoxFuture<'a, Vec<Vec<LoggedUpdate>>> {
        self.node.identity_updates(after)
    }

    fn inbox_ids<'a>(&'a self, identifiers: &'a [Identifier]) -> BoxFuture<'a, Vec<Option<InboxId>>> {
        self.node.inbox_ids(identifiers)
    }

    fn upload_key_package(&self, key_package: Bytes) -> BoxFuture<'_, ()> {
        self.node.upload_key_package(key_package)
    }

    fn key_packages<'a>(&'a self, installations: &'a [InstallationKey]) -> BoxFuture<'a, Vec<Option<Bytes>>> {
        self.node.key_packages(installations)
    }

    fn send_group_messages(&self, messages: Vec<(Bytes, Bytes)>) -> BoxFuture<'_, ()> {
        self.node.send_group_messages(messages)
    }

    fn send_welcomes(&self, welcomes: Vec<WelcomeToSend>) -> BoxFuture<'_, ()> {
        self.node.send_welcomes(welcomes)
    }

    fn welcomes(&self, destination: [u8; 32], after: u64) -> BoxFuture<'_, Page<WelcomeEnvelope>> {
        self.node.welcomes(destination, after)
    }

    fn follow_groups<'a>(&'a self, after: &'a [(GroupId, u64)]) -> BoxFuture<'a, BoxStream<GroupEnvelope>> {
        self.node.follow_groups(after)
    }

    fn follow_welcomes(&self, destination: [u8; 32], after: u64) -> BoxFuture<'_, BoxStream<WelcomeEnvelope>> {
        self.node.follow_welcomes(destination, after)
    }
}
