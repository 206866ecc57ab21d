//! Where a message lies in the order of its group, and which commits came before it there.

use chancery_xmtp_client::network::{Grpc, NodeApi as _};
use chancery_xmtp_wire::mls::message::GroupMessage;
use openmls::group::GroupId;
use tokio::runtime::Runtime;

use super::{Client, Network, Party};

/// What the node has of a group message, without what is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope {
    /// Its place in the order.
    pub id: u64,
    /// When the node took it, nanoseconds since the Unix epoch; another time for each.
    pub sent_ns: u64,
    /// The epoch that it was made in.
    pub epoch: u64,
    /// Whether it is a commit, with effect or without.
    pub is_commit: bool,
}

impl Network {
    /// All that the node has of a group, in order.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn envelopes(&self, group: &str) -> Vec<Envelope> {
        let runtime = Runtime::new().expect("a runtime");
        let group = GroupId::from_slice(&bytes(group));
        runtime.block_on(async {
            let node = Grpc::new(self.port().url().parse().expect("a URL")).expect("a node");
            let (mut found, mut after) = (Vec::new(), Some(0));
            while let Some(cursor) = after {
                let page = node.group_messages(&group, cursor).await.expect("messages");
                found.extend(page.entries.iter().map(|entry| {
                    let header = GroupMessage::parse(&entry.data).expect("a group message");
                    Envelope {
                        id: entry.id,
                        sent_ns: entry.created_ns,
                        epoch: header.epoch,
                        is_commit: header.is_commit(),
                    }
                }));
                after = page.next;
            }
            found
        })
    }
}

impl Party {
    /// When the node took a message, as this member has it, if it does. Of its own messages that is the last time: one that
    /// came too late for anybody to read is sent again.
    ///
    /// # Panics
    /// When it cannot be asked.
    #[must_use]
    pub fn sent_ns(&self, conversation: &str, message: &str) -> Option<u64> {
        let text = match self {
            Self::Official(client) => {
                let mut messages = client.messages(conversation).into_iter();
                messages.find(|one| one.id == message)?.sent_ns
            }
            Self::Ours(ours) => {
                let mut messages = ours.messages(conversation).into_iter();
                let found = messages.find(|one| one["id"] == message)?;
                found["sentNs"].as_str().unwrap_or_default().to_owned()
            }
        };
        Some(text.parse().expect("nanoseconds"))
    }
}

impl Client {
    /// Whether a commit that this member followed had ended the epoch of `envelope` before it came.
    #[must_use]
    pub fn was_overtaken(&self, conversation: &str, envelope: &Envelope) -> bool {
        let applied = self.debug(conversation).applied;
        let end = applied.get(&envelope.epoch.saturating_add(1));
        end.is_some_and(|commit| *commit < envelope.id)
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.map(|pair| byte(pair).expect("hex")).collect()
}
