//! One reveal: what was asked for, and what was granted (signet spec 4.1).

use chancery_base::Millis;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Message, RevealScope, RevealTarget, wire};

/// A request to see what is hidden. In JSON the target is the two members `scope` and `targetId`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevealRequest {
    /// Its id, chosen by the signet.
    pub id: String,
    /// The chat whose messages it is for.
    pub chat: String,
    /// Which messages.
    pub target: RevealTarget,
    /// Who asked: the principal that was authenticated, whatever a request says.
    pub requested_by: String,
    /// Until when it is asked for; `None` for as long as the credential lasts.
    pub expires_at: Option<Millis>,
}

/// What was granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RevealAccess {
    /// The id of the request.
    #[serde(rename = "revealId")]
    pub id: String,
    /// When.
    #[serde(with = "wire::time")]
    pub granted_at: Millis,
    /// By whom.
    pub granted_by: String,
    /// The first moment at which it is over; `None` for as long as the credential lasts.
    #[serde(with = "wire::time_or_null")]
    pub expires_at: Option<Millis>,
}

/// A request that was granted. In JSON `{"access": …, "request": …}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reveal {
    access: RevealAccess,
    request: RevealRequest,
}

impl Reveal {
    /// `request`, granted by `granted_by` at `granted_at`, until when it asks for.
    #[must_use]
    pub fn grant(request: RevealRequest, granted_by: impl Into<String>, granted_at: Millis) -> Self {
        let access = RevealAccess {
            id: request.id.clone(),
            granted_at,
            granted_by: granted_by.into(),
            expires_at: request.expires_at,
        };
        Self { access, request }
    }

    /// The same until `expires_at`: whoever grants it may give less time than is asked for, and more later.
    #[must_use]
    pub fn until(mut self, expires_at: Option<Millis>) -> Self {
        self.access.expires_at = expires_at;
        self
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.access.id
    }

    /// What was granted.
    #[must_use]
    pub fn access(&self) -> &RevealAccess {
        &self.access
    }

    /// What was asked for.
    #[must_use]
    pub fn request(&self) -> &RevealRequest {
        &self.request
    }

    /// Whether it is over at `now`.
    #[must_use]
    pub fn is_expired(&self, now: Millis) -> bool {
        self.access.expires_at.is_some_and(|end| end <= now)
    }

    /// Whether it lets `message` be seen at `now`: of its chat, of its target, and not over.
    #[must_use]
    pub fn matches<C: ?Sized>(&self, message: &Message<'_, C>, now: Millis) -> bool {
        self.request.chat == message.chat && !self.is_expired(now) && self.request.target.matches(message)
    }
}

impl<'de> Deserialize<'de> for Reveal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Both {
            access: RevealAccess,
            request: RevealRequest,
        }
        let Both { access, request } = wire::object(deserializer)?;
        if access.id != request.id {
            return Err(de::Error::custom("what was granted is not what was asked for"));
        }
        Ok(Self { access, request })
    }
}

/// The request as JSON has it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Flat {
    reveal_id: String,
    group_id: String,
    scope: RevealScope,
    target_id: String,
    requested_by: String,
    #[serde(with = "wire::time_or_null")]
    expires_at: Option<Millis>,
}

impl Serialize for RevealRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Flat {
            reveal_id: self.id.clone(),
            group_id: self.chat.clone(),
            scope: self.target.scope(),
            target_id: self.target.to_string(),
            requested_by: self.requested_by.clone(),
            expires_at: self.expires_at,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RevealRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let flat: Flat = wire::object(deserializer)?;
        Ok(Self {
            target: RevealTarget::parse(flat.scope, &flat.target_id).map_err(de::Error::custom)?,
            id: flat.reveal_id,
            chat: flat.group_id,
            requested_by: flat.requested_by,
            expires_at: flat.expires_at,
        })
    }
}
