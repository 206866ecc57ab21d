//! A list of patterns of which one must fit.

use super::{
    Endpoint, Executable, ExecutablePattern, GrantPath, HostPattern, NamePattern, ResourceName, ResourcePath,
    ValueError,
};

/// What a pattern does.
pub trait Pattern: Ord {
    /// What it is compared with.
    type Target;

    /// Whether `target` is one of those that this stands for.
    fn covers(&self, target: &Self::Target) -> bool;

    /// Whether everything that this covers is covered by `other`.
    fn within(&self, other: &Self) -> bool;
}

/// Patterns, at least one, in order, none twice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Set<P>(Vec<P>);

/// Of `fs:read` and `fs:write`.
pub type PathSet = Set<GrantPath>;
/// Of `net:http` and `net:https`.
pub type HostSet = Set<HostPattern>;
/// Of `process:spawn`.
pub type ExecutableSet = Set<ExecutablePattern>;
/// Of `env:read`, `secret:read` and `secret:write`.
pub type NameSet = Set<NamePattern>;

impl<P: Ord> Set<P> {
    /// The set of `patterns`.
    ///
    /// # Errors
    /// [`ValueError`] when there is none: a list that allows nothing is a mistake, and one that allows everything is no list.
    pub fn new(patterns: impl IntoIterator<Item = P>) -> Result<Self, ValueError> {
        let set = Self::ordered(patterns.into_iter().collect());
        if set.0.is_empty() {
            Err(ValueError("an empty list"))
        } else {
            Ok(set)
        }
    }

    fn ordered(mut patterns: Vec<P>) -> Self {
        patterns.sort_unstable();
        patterns.dedup();
        Self(patterns)
    }

    pub(super) fn map(self, change: impl FnMut(P) -> P) -> Self {
        Self::ordered(self.0.into_iter().map(change).collect())
    }

    /// The patterns, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[P] {
        &self.0
    }
}

impl<P: Pattern> Set<P> {
    /// Whether one of the patterns covers `target`.
    #[must_use]
    pub fn covers(&self, target: &P::Target) -> bool {
        self.0.iter().any(|pattern| pattern.covers(target))
    }

    /// Whether each pattern lies within one of `other`.
    #[must_use]
    pub fn within(&self, other: &Self) -> bool {
        self.0
            .iter()
            .all(|pattern| other.0.iter().any(|wider| pattern.within(wider)))
    }
}

macro_rules! pattern {
    ($pattern:ty, $target:ty) => {
        impl Pattern for $pattern {
            type Target = $target;

            fn covers(&self, target: &$target) -> bool {
                <$pattern>::covers(self, target)
            }

            fn within(&self, other: &Self) -> bool {
                <$pattern>::within(self, other)
            }
        }
    };
}

pattern!(GrantPath, ResourcePath);
pattern!(HostPattern, Endpoint);
pattern!(ExecutablePattern, Executable);
pattern!(NamePattern, ResourceName);
