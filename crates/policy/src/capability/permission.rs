//! A capability with what limits it, compared with requests and with other permissions.

use super::{Capability, Dimension, ExecutableSet, HostSet, NameSet, PathSet, Request, Resource, ValueError, wire};

/// What limits a permission.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Constraints {
    /// Nothing does, except that file systems of the kernel, addresses that are not of the Internet and, as with any
    /// constraints, the vault's keys that sign are never meant.
    Unconstrained,
    /// These files and directories.
    Paths(PathSet),
    /// These hosts.
    Hosts(HostSet),
    /// These programs.
    Executables(ExecutableSet),
    /// These variables or secrets.
    Names(NameSet),
}

/// A capability within constraints that fit it.
///
/// JSON: `{"capability": "fs:read", "constraints": {"paths": ["/home/user/data"]}}`, without `constraints` where there are
/// none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permission {
    capability: Capability,
    constraints: Constraints,
}

/// Why a permission does not cover a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// It is for another capability.
    #[error("another capability")]
    Capability,
    /// The value lies outside of what is allowed along the dimension.
    #[error("{0:?} {1:?} is not allowed")]
    Outside(Dimension, String),
    /// The permission is limited along the dimension, and the request names nothing along it.
    #[error("the request names no {}", .0.singular())]
    ContextMissing(Dimension),
    /// The request names something along a dimension that the capability does not have.
    #[error("a {} means nothing for this capability", .0.singular())]
    Foreign(Dimension),
}

impl Constraints {
    /// Along what they limit; `None` for unconstrained.
    #[must_use]
    pub fn dimension(&self) -> Option<Dimension> {
        match self {
            Self::Unconstrained => None,
            Self::Paths(_) => Some(Dimension::Path),
            Self::Hosts(_) => Some(Dimension::Host),
            Self::Executables(_) => Some(Dimension::Executable),
            Self::Names(_) => Some(Dimension::Name),
        }
    }

    /// The patterns as text, in order; none for unconstrained.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        match self {
            Self::Unconstrained => Vec::new(),
            Self::Paths(set) => set.as_slice().iter().map(ToString::to_string).collect(),
            Self::Hosts(set) => set.as_slice().iter().map(ToString::to_string).collect(),
            Self::Executables(set) => set.as_slice().iter().map(ToString::to_string).collect(),
            Self::Names(set) => set.as_slice().iter().map(ToString::to_string).collect(),
        }
    }
}

impl Permission {
    /// `capability` within `constraints`.
    ///
    /// # Errors
    /// [`ValueError`] when they limit along another dimension than the capability's.
    pub fn new(capability: Capability, constraints: Constraints) -> Result<Self, ValueError> {
        if constraints
            .dimension()
            .is_some_and(|dimension| dimension != capability.dimension())
        {
            return Err(ValueError("constraints that do not belong to this capability"));
        }
        let constraints = match (constraints, capability.scheme()) {
            (Constraints::Hosts(set), Some(scheme)) => Constraints::Hosts(set.map(|host| host.under(scheme))),
            (constraints, _) => constraints,
        };
        Ok(Self {
            capability,
            constraints,
        })
    }

    /// `capability` without constraints.
    #[must_use]
    pub fn unconstrained(capability: Capability) -> Self {
        Self {
            capability,
            constraints: Constraints::Unconstrained,
        }
    }

    /// Reads a manifest's `capability` and `constraints`. Programs are asked for by name or path, never by hash.
    ///
    /// # Errors
    /// Every problem, with JSON pointers relative to `constraints`.
    pub fn from_request(
        capability: Capability,
        constraints: Option<&serde_json::Value>,
    ) -> Result<Self, Vec<wire::ConstraintProblem>> {
        wire::read(capability, constraints, wire::Pins::Refused)
    }

    /// What may be used.
    #[must_use]
    pub fn capability(&self) -> Capability {
        self.capability
    }

    /// On what.
    #[must_use]
    pub fn constraints(&self) -> &Constraints {
        &self.constraints
    }

    /// Whether nothing limits it.
    #[must_use]
    pub fn is_unconstrained(&self) -> bool {
        self.constraints == Constraints::Unconstrained
    }

    /// Whether this one permission covers the whole request (safeclaw spec 5.6).
    ///
    /// # Errors
    /// The first [`Mismatch`]. A constrained permission covers no request that names nothing.
    pub fn covers(&self, request: &Request) -> Result<(), Mismatch> {
        if self.capability != request.capability() {
            return Err(Mismatch::Capability);
        }
        if let (Some(dimension), []) = (self.constraints.dimension(), request.resources()) {
            return Err(Mismatch::ContextMissing(dimension));
        }
        request
            .resources()
            .iter()
            .try_for_each(|resource| self.covers_resource(resource))
    }

    fn covers_resource(&self, resource: &Resource) -> Result<(), Mismatch> {
        let dimension = resource.dimension();
        if dimension != self.capability.dimension() {
            return Err(Mismatch::Foreign(dimension));
        }
        let scheme_fits = match resource {
            Resource::Host(endpoint) => self.capability.scheme() == Some(endpoint.scheme()),
            _ => true,
        };
        let covered = match (&self.constraints, resource) {
            (Constraints::Unconstrained, Resource::Path(path)) => path.is_ordinary(),
            (Constraints::Unconstrained, Resource::Host(endpoint)) => endpoint.is_ordinary(),
            (Constraints::Unconstrained, Resource::Executable(_) | Resource::Name(_)) => true,
            (Constraints::Paths(set), Resource::Path(path)) => set.covers(path),
            (Constraints::Hosts(set), Resource::Host(endpoint)) => set.covers(endpoint),
            (Constraints::Executables(set), Resource::Executable(program)) => set.covers(program),
            (Constraints::Names(set), Resource::Name(name)) => set.covers(name),
            _ => false,
        };
        let signs = match (self.capability, resource) {
            (Capability::SecretRead | Capability::SecretWrite, Resource::Name(name)) => name.is_signing_key(),
            _ => false,
        };
        if covered && scheme_fits && !signs {
            Ok(())
        } else {
            Err(Mismatch::Outside(dimension, resource.text()))
        }
    }

    /// Whether every request that this covers is covered by `other`. `false` where it takes two patterns of `other` to
    /// cover one of this.
    #[must_use]
    pub fn within(&self, other: &Self) -> bool {
        self.capability == other.capability
            && match (&self.constraints, &other.constraints) {
                (Constraints::Unconstrained, Constraints::Unconstrained) => true,
                (Constraints::Paths(set), Constraints::Unconstrained) => {
                    set.as_slice().iter().all(super::GrantPath::is_ordinary)
                }
                (Constraints::Hosts(set), Constraints::Unconstrained) => {
                    set.as_slice().iter().all(super::HostPattern::is_ordinary)
                }
                (Constraints::Executables(_) | Constraints::Names(_), Constraints::Unconstrained) => true,
                (Constraints::Paths(set), Constraints::Paths(wider)) => set.within(wider),
                (Constraints::Hosts(set), Constraints::Hosts(wider)) => set.within(wider),
                (Constraints::Executables(set), Constraints::Executables(wider)) => set.within(wider),
                (Constraints::Names(set), Constraints::Names(wider)) => set.within(wider),
                _ => false,
            }
    }
}
