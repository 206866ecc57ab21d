//! What a change of scopes means (signet spec 2.4).

use std::fmt;

use super::{Scope, ScopeSet, Scopes};

/// How one set of scopes differs from another in what it allows. Each scope that is allowed in one and not in the other
/// is in exactly one of the four groups, and no other is in any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Materiality {
    added: Scopes,
    removed: Scopes,
    allow_to_deny: Scopes,
    deny_to_allow: Scopes,
}

impl Materiality {
    /// What changes from `old` to `new`.
    #[must_use]
    pub fn between(old: ScopeSet, new: ScopeSet) -> Self {
        let gained = new.effective() - old.effective();
        let lost = old.effective() - new.effective();
        // what is not allowed and yet mentioned was denied
        let mentioned = old.allow | old.deny;
        Self {
            added: gained - mentioned,
            removed: lost - new.deny,
            allow_to_deny: lost & new.deny,
            deny_to_allow: gained & mentioned,
        }
    }

    /// What is allowed now and was not mentioned.
    #[must_use]
    pub fn added(self) -> Scopes {
        self.added
    }

    /// What is no longer allowed, without being denied.
    #[must_use]
    pub fn removed(self) -> Scopes {
        self.removed
    }

    /// What was allowed and is denied.
    #[must_use]
    pub fn allow_to_deny(self) -> Scopes {
        self.allow_to_deny
    }

    /// What was denied and is allowed.
    #[must_use]
    pub fn deny_to_allow(self) -> Scopes {
        self.deny_to_allow
    }

    /// Whether anything changes in what is allowed: then it is published.
    #[must_use]
    pub fn is_material(self) -> bool {
        self != Self::default()
    }

    /// Whether something is allowed that was not: then the credential ends, and the owner issues another.
    #[must_use]
    pub fn requires_reauthorization(self) -> bool {
        !(self.added | self.deny_to_allow).is_empty()
    }

    /// What to tell people, such as `Material change: added: reply; changed: send (allow -> deny)`. `None` when nothing
    /// changes.
    #[must_use]
    pub fn reason(self) -> Option<String> {
        self.is_material().then(|| format!("Material change: {self}"))
    }

    fn change(self, scope: Scope) -> Option<&'static str> {
        if self.deny_to_allow.contains(scope) {
            Some("deny -> allow")
        } else {
            self.allow_to_deny.contains(scope).then_some("allow -> deny")
        }
    }
}

/// The groups that are not empty, as in [`Materiality::reason`].
impl fmt::Display for Materiality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (group, scopes) in [("added", self.added), ("removed", self.removed)] {
            if !scopes.is_empty() {
                write!(f, "{separator}{group}: {scopes}")?;
                separator = "; ";
            }
        }
        let mut start = "changed: ";
        for scope in (self.allow_to_deny | self.deny_to_allow).iter() {
            if let Some(change) = self.change(scope) {
                write!(f, "{separator}{start}{scope} ({change})")?;
                (separator, start) = (", ", "");
            }
        }
        Ok(())
    }
}
