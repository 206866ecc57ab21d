//! Policies: a small algebra over what an actor is.

/// What a member is in a group. A greater one may all that a lesser may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Nothing else.
    Member,
    /// An admin.
    Admin,
    /// A super admin.
    SuperAdmin,
}

/// A rule at the leaves of a policy.
pub trait Grade: Copy {
    /// Whether an actor of this role may.
    fn allows(self, actor: Role) -> bool;
}

/// Who may add or remove members, or change a field of the metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberRule {
    /// Everybody in the group.
    Everybody,
    /// Nobody.
    Nobody,
    /// Admins and super admins.
    Admins,
    /// Super admins.
    SuperAdmins,
}

/// Who may make and unmake admins. Never everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PermissionRule {
    /// Nobody.
    Nobody,
    /// Admins and super admins.
    Admins,
    /// Super admins.
    SuperAdmins,
}

/// A policy: a rule, or a condition over policies. A condition over none is not read, so that none is true or false by
/// having nothing to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Policy<R> {
    /// As the rule says.
    Rule(R),
    /// Allowed if all of them allow it.
    All(Vec<Self>),
    /// Allowed if one of them allows it.
    Any(Vec<Self>),
}

impl Grade for MemberRule {
    fn allows(self, actor: Role) -> bool {
        match self {
            Self::Everybody => true,
            Self::Nobody => false,
            Self::Admins => actor >= Role::Admin,
            Self::SuperAdmins => actor == Role::SuperAdmin,
        }
    }
}

impl Grade for PermissionRule {
    fn allows(self, actor: Role) -> bool {
        match self {
            Self::Nobody => false,
            Self::Admins => actor >= Role::Admin,
            Self::SuperAdmins => actor == Role::SuperAdmin,
        }
    }
}

impl<R: Grade> Policy<R> {
    /// Whether an actor of this role may.
    #[must_use]
    pub fn allows(&self, actor: Role) -> bool {
        match self {
            Self::Rule(rule) => rule.allows(actor),
            Self::All(policies) => policies.iter().all(|policy| policy.allows(actor)),
            Self::Any(policies) => policies.iter().any(|policy| policy.allows(actor)),
        }
    }
}
