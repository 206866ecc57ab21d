//! Links on a network in memory: it remembers each, and a text that it did not give out is none.

use std::collections::BTreeMap;

use chancery_base::{Millis, digest::sha256_hex};

use crate::network::{InboxName, Invitation, InviteTerms, NetworkError, Returned};

/// Where a link leads people, before the part of it that counts.
const PAGE: &str = "https://invite.example/v2?i=";

/// The links that were made.
#[derive(Default)]
pub(super) struct Invites(BTreeMap<String, Made>);

/// A link that was made.
#[derive(Clone)]
pub(super) struct Made {
    slug: String,
    maker: InboxName,
    terms: InviteTerms,
}

impl Invites {
    /// Makes one.
    pub(super) fn make(&mut self, maker: &InboxName, terms: &InviteTerms) -> Result<String, NetworkError> {
        if terms.tag.is_empty() {
            return Err(NetworkError::Invalid("an invite without a tag".to_owned()));
        }
        let slug = sha256_hex(format!("invite {} {maker} {}", self.0.len(), terms.tag));
        let made = Made {
            slug: slug.clone(),
            maker: maker.clone(),
            terms: terms.clone(),
        };
        let link = format!("{PAGE}{slug}");
        self.0.insert(slug, made);
        Ok(link)
    }

    /// The one that `text` is.
    pub(super) fn read(&self, text: &str) -> Result<Made, NetworkError> {
        let text = text.trim();
        let slug = text.strip_prefix(PAGE).unwrap_or(text);
        let found = self.0.get(slug).cloned();
        found.ok_or_else(|| NetworkError::Invalid("no invite in this text".to_owned()))
    }
}

impl Made {
    /// As whoever holds it reads it.
    pub(super) fn invitation(self) -> Invitation {
        Invitation {
            slug: self.slug,
            maker: self.maker,
            tag: self.terms.tag,
            title: self.terms.title,
            expires_at: self.terms.expires_at.map(to_the_second),
            conversation_expires_at: None,
        }
    }

    /// As its maker reads it.
    pub(super) fn returned_to(self, inbox: &InboxName) -> Result<Returned, NetworkError> {
        if self.maker != *inbox {
            return Err(NetworkError::Forbidden("another inbox made this invite".to_owned()));
        }
        Ok(Returned {
            tag: self.terms.tag,
            conversation: self.terms.conversation,
            expires_at: self.terms.expires_at.map(to_the_second),
            conversation_expires_at: None,
        })
    }
}

fn to_the_second(time: Millis) -> Millis {
    Millis(time.secs() * 1000)
}
