//! Whom the owner trusts to publish.

use chancery_base::{Millis, ed25519::PublicKey};
use chancery_manifest::KeyId;
use serde_json::json;

use crate::{
    engine::Skills,
    error::SkillsError,
    owner::{Owner, Signed},
    store::{
        commands::{Decided, Trust, Untrust},
        model::{Pin, Publisher},
    },
};

/// A key that the owner comes to trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustRequest {
    /// The key.
    pub key: PublicKey,
    /// What the owner calls its holder.
    pub label: String,
    /// Ids of skills it may publish: exact, or a prefix that ends in `*`, such as `acme.*`. None means none.
    pub scopes: Vec<String>,
    /// How the owner came by the key.
    pub source: String,
    /// Until when it may publish.
    pub not_after: Option<Millis>,
}

impl Publisher {
    /// Whether it may publish `skill_id` at `now`.
    #[must_use]
    pub fn may_publish(&self, skill_id: &str, now: Millis) -> bool {
        self.not_after.is_none_or(|end| now < end) && self.speaks_for(skill_id)
    }

    /// Whether `skill_id` is one of its ids.
    #[must_use]
    pub fn speaks_for(&self, skill_id: &str) -> bool {
        self.scopes.iter().any(|scope| match scope.strip_suffix('*') {
            Some(prefix) => skill_id.starts_with(prefix),
            None => scope == skill_id,
        })
    }
}

impl Skills {
    /// Trusts a key, in the place of how it was trusted before.
    ///
    /// # Errors
    /// [`SkillsError::NotTheOwner`] and [`SkillsError::Owner`], [`SkillsError::Invalid`] when a scope is none,
    /// [`SkillsError::Stale`], failures of the store.
    pub fn trust(&self, owner: &dyn Owner, request: &TrustRequest) -> Result<Publisher, SkillsError> {
        self.must_be_owner(owner)?;
        if request.scopes.iter().any(|scope| !is_scope(scope)) {
            return Err(SkillsError::Invalid("a scope"));
        }
        let snapshot = self.snapshot()?;
        let publisher = Publisher {
            keyid: KeyId::of(&request.key).to_string(),
            key: request.key,
            label: request.label.clone(),
            scopes: request.scopes.clone(),
            added_at: self.now(),
            source: request.source.clone(),
            not_after: request.not_after,
        };
        let record = self.record(
            "trust.add",
            &publisher.keyid,
            json!({ "label": crate::engine::cut(&publisher.label, 256), "scopes": publisher.scopes.iter().take(64).collect::<Vec<_>>() }),
        );
        let step = Trust {
            revision: snapshot.state.revision,
            publisher: Signed::new(publisher.clone(), owner)?,
            record,
        };
        match self.inner.store.run(step)? {
            Decided::Done => {}
            Decided::Stale => return Err(SkillsError::Stale),
        }
        self.changed()?;
        Ok(publisher)
    }

    /// Trusts a key no longer: it installs nothing new. What it installed stays, and so do the grants to it; to take those
    /// too, [revoke](Self::revoke) the key. Whether it was trusted.
    ///
    /// # Errors
    /// Failures of the store.
    pub fn untrust(&self, keyid: &KeyId) -> Result<bool, SkillsError> {
        let keyid = keyid.to_string();
        let record = self.record("trust.remove", &keyid, json!({}));
        let known = self.inner.store.run(Untrust { keyid, record })?;
        self.changed()?;
        Ok(known)
    }

    /// The publishers that the owner trusts, by the names of their keys.
    ///
    /// # Errors
    /// [`SkillsError`] when the tables cannot be read.
    pub fn publishers(&self) -> Result<Vec<Publisher>, SkillsError> {
        Ok(self.snapshot()?.publishers.values().cloned().collect())
    }

    /// What the id `skill_id` is bound to, also after the skill was removed.
    ///
    /// # Errors
    /// [`SkillsError`] when the tables cannot be read.
    pub fn pin(&self, skill_id: &str) -> Result<Option<Pin>, SkillsError> {
        Ok(self.snapshot()?.state.pins.get(skill_id).map(|pin| pin.value.clone()))
    }
}

/// An id, or the beginning of one and a star.
fn is_scope(scope: &str) -> bool {
    let prefix = scope.strip_suffix('*').unwrap_or(scope);
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
    !scope.is_empty() && prefix.len() <= 64 && prefix.bytes().all(inner)
}
