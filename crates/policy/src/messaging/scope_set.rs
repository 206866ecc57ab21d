//! What is allowed and what is denied (signet spec 2.1, 2.2).

use serde::{Deserialize, Deserializer, Serialize};

use super::{Scope, Scopes, wire};

/// Scopes that are allowed, and scopes that are denied. A scope may be in both lists, and then it is denied.
///
/// In JSON `{"allow": […], "deny": […]}`. Both are required; other members are passed over, as the original does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
pub struct ScopeSet {
    /// What is allowed unless it is denied.
    pub allow: Scopes,
    /// What is denied whatever else allows it.
    pub deny: Scopes,
}

impl ScopeSet {
    /// Nothing but `scopes` allowed, nothing denied.
    #[must_use]
    pub fn allowing(scopes: impl IntoIterator<Item = Scope>) -> Self {
        Self {
            allow: scopes.into_iter().collect(),
            deny: Scopes::NONE,
        }
    }

    /// What a credential gives whose policy and own lists are these: the lists of both, where any deny wins. Neither
    /// allows nothing. No scope is in both lists of the result, and every deny stays in it, for it is disclosed.
    #[must_use]
    pub fn merge(policy: Option<Self>, own: Option<Self>) -> Self {
        let (policy, own) = (policy.unwrap_or_default(), own.unwrap_or_default());
        Self {
            allow: policy.allow | own.allow,
            deny: policy.deny | own.deny,
        }
        .disjoint()
    }

    /// The same with each denied scope left out of what is allowed, so that it can be read in one way only: seals carry
    /// this (signet spec 7.2).
    #[must_use]
    pub fn disjoint(self) -> Self {
        Self {
            allow: self.effective(),
            deny: self.deny,
        }
    }

    /// The same with the lists that are given in the place of its own, as an update gives them.
    #[must_use]
    pub fn replaced(self, allow: Option<Scopes>, deny: Option<Scopes>) -> Self {
        Self {
            allow: allow.unwrap_or(self.allow),
            deny: deny.unwrap_or(self.deny),
        }
    }

    /// What is allowed and not denied.
    #[must_use]
    pub fn effective(self) -> Scopes {
        self.allow - self.deny
    }

    /// Whether `scope` is allowed and not denied.
    #[must_use]
    pub fn may(self, scope: Scope) -> bool {
        self.effective().contains(scope)
    }
}

impl<'de> Deserialize<'de> for ScopeSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Lists {
            allow: Scopes,
            deny: Scopes,
        }
        let Lists { allow, deny } = wire::object(deserializer)?;
        Ok(Self { allow, deny })
    }
}
