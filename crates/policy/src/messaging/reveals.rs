//! The reveals of one credential (signet spec 4.1).

use std::collections::BTreeMap;

use chancery_base::{Category, ErrorCode, Millis};
use serde::{Deserialize, Serialize};

use super::{Message, Reveal, RevealScope};

/// Reveals that a credential may have at a time: far more than people grant, and few enough to be kept in memory for
/// each of them.
pub const MAX_REVEALS: usize = 1024;

/// What was revealed to one credential. In JSON a list, from which it can be restored.
///
/// A message is looked up in a few steps however many there are; only the windows of its chat are gone through one by one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<Reveal>", into = "Vec<Reveal>")]
pub struct Reveals {
    /// By chat and scope, in the order of [`RevealTarget::key`](super::RevealTarget::key). No list is empty.
    lists: BTreeMap<String, BTreeMap<RevealScope, Vec<Reveal>>>,
    len: usize,
}

/// There are [`MAX_REVEALS`] already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a credential has at most {MAX_REVEALS} reveals")]
pub struct TooManyReveals;

impl Reveals {
    /// Adds `reveal`, in the place of the one that has its id if there is one.
    ///
    /// # Errors
    /// [`TooManyReveals`].
    pub fn add(&mut self, reveal: Reveal) -> Result<(), TooManyReveals> {
        if self.remove(reveal.id()).is_none() && self.len >= MAX_REVEALS {
            return Err(TooManyReveals);
        }
        let request = reveal.request();
        let chat = self.lists.entry(request.chat.clone()).or_default();
        let list = chat.entry(request.target.scope()).or_default();
        let at = list.partition_point(|other| other.request().target.key() <= request.target.key());
        list.insert(at, reveal);
        self.len += 1;
        Ok(())
    }

    /// Takes away the one with this id.
    pub fn remove(&mut self, id: &str) -> Option<Reveal> {
        self.take(|reveal| reveal.id() == id).pop()
    }

    /// Takes away all, as at the credential's end.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes away those that are over at `now`, and gives them.
    pub fn expire(&mut self, now: Millis) -> Vec<Reveal> {
        self.take(|reveal| reveal.is_expired(now))
    }

    /// Those that are not over at `now`.
    pub fn active(&self, now: Millis) -> impl Iterator<Item = &Reveal> {
        let lists = self.lists.values().flat_map(BTreeMap::values);
        lists.flatten().filter(move |reveal| !reveal.is_expired(now))
    }

    /// One that lets `message` be seen at `now`, if any does. Those that are over do not, swept or not.
    #[must_use]
    pub fn matching<C: ?Sized>(&self, message: &Message<'_, C>, now: Millis) -> Option<&Reveal> {
        let chat = self.lists.get(message.chat)?;
        let targets = |scope| -> [Option<&str>; 2] {
            match scope {
                RevealScope::Message => [Some(message.id), None],
                RevealScope::Thread => [Some(message.id), message.thread()],
                RevealScope::ContentType => [Some(message.message_type.id.as_str()), None],
                RevealScope::Sender => [Some(message.sender), None],
                RevealScope::TimeWindow => [Some(""), None],
            }
        };
        chat.iter()
            .flat_map(|(scope, list)| {
                targets(*scope)
                    .into_iter()
                    .flatten()
                    .flat_map(|target| run(list, target))
            })
            .find(|reveal| reveal.request().target.matches(message) && !reveal.is_expired(now))
    }

    fn take(&mut self, mut taken: impl FnMut(&Reveal) -> bool) -> Vec<Reveal> {
        let mut all = Vec::new();
        self.lists.retain(|_, chat| {
            chat.retain(|_, list| {
                all.extend(list.extract_if(.., |reveal| taken(reveal)));
                !list.is_empty()
            });
            !chat.is_empty()
        });
        self.len -= all.len();
        all
    }
}

/// Those of `list` that have this key.
fn run<'a>(list: &'a [Reveal], wanted: &str) -> impl Iterator<Item = &'a Reveal> + use<'a> {
    let start = list.partition_point(|reveal| reveal.request().target.key() < wanted);
    let end = start
        + list
            .get(start..)
            .unwrap_or_default()
            .partition_point(|reveal| reveal.request().target.key() <= wanted);
    list.get(start..end).unwrap_or_default().iter()
}

impl TryFrom<Vec<Reveal>> for Reveals {
    type Error = TooManyReveals;

    /// Of two with one id the later counts.
    fn try_from(list: Vec<Reveal>) -> Result<Self, TooManyReveals> {
        let mut reveals = Self::default();
        list.into_iter().try_for_each(|reveal| reveals.add(reveal))?;
        Ok(reveals)
    }
}

impl From<Reveals> for Vec<Reveal> {
    fn from(reveals: Reveals) -> Self {
        reveals
            .lists
            .into_values()
            .flat_map(BTreeMap::into_values)
            .flatten()
            .collect()
    }
}

impl ErrorCode for TooManyReveals {
    fn code(&self) -> &'static str {
        "SIGNET_REVEALS_FULL"
    }

    fn category(&self) -> Category {
        Category::Limited
    }
}
