//! Who may do what: the role matrix (signet spec 1.4), in one place.
//!
//! A caller is looked up in the transaction of what it asks for, so that a revocation that was committed before counts.
//! What a caller may not know of is not among the candidates by which a name is resolved; what it knows of and may not
//! change is refused.

use std::collections::HashMap;

use chancery_base::Millis;
use chancery_signet_wire::{
    Author, Class, Failure, OperatorId,
    record::operator::{OperatorStatus, Role},
};
use chancery_store::rusqlite::Connection;

use crate::{
    principal::Principal,
    records::{
        credentials::row::{self, Credential},
        operators,
    },
    store::Problem,
};

/// A principal that was found to be in force.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    kind: Kind,
    /// Who made each operator.
    makers: HashMap<OperatorId, Author>,
}

#[derive(Debug)]
enum Kind {
    Root,
    Operator(OperatorId, Role),
    Credential(Box<Credential>),
}

/// What an action takes of its caller, before anything is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Right {
    /// Everything here: the daemon, its log, its keys.
    Root,
    /// To administer what one made: admins.
    Administer,
    /// To look at one's own.
    See,
    /// To act in a chat: admins, and credentials as their scopes allow.
    Act,
}

impl Caller {
    /// Looks `principal` up.
    ///
    /// # Errors
    /// `auth` when it is not in force.
    pub(crate) fn load(sql: &Connection, principal: Principal, now: Millis) -> Result<Self, Problem> {
        let kind = match principal {
            Principal::Owner | Principal::Admin => Kind::Root,
            Principal::Operator(id) => match operators::row::load(sql, id)? {
                Some(operator) if operator.status == OperatorStatus::Active => Kind::Operator(id, operator.role),
                _ => return Err(Failure::new(Class::Auth, "the operator is not in force").into()),
            },
            Principal::Credential(id) => {
                let credential = row::load(sql, id)?.filter(|credential| credential.in_force(now));
                let operator = match &credential {
                    Some(credential) => operators::row::load(sql, credential.operator_id)?,
                    None => None,
                };
                match credential {
                    Some(credential) if operator.is_some_and(|o| o.status == OperatorStatus::Active) => {
                        Kind::Credential(Box::new(credential))
                    }
                    _ => return Err(Failure::new(Class::Auth, "the credential is not in force").into()),
                }
            }
        };
        Ok(Self {
            principal,
            kind,
            makers: operators::row::makers(sql)?,
        })
    }

    /// Whether it is the owner, by the admin key or in person, or a superadmin.
    pub(crate) fn is_root(&self) -> bool {
        matches!(self.kind, Kind::Root | Kind::Operator(_, Role::Superadmin))
    }

    /// The credential that it is.
    pub(crate) fn credential(&self) -> Option<&Credential> {
        match &self.kind {
            Kind::Credential(credential) => Some(credential),
            _ => None,
        }
    }

    /// Whether it may begin an action that takes `right`.
    ///
    /// # Errors
    /// `permission`.
    pub(crate) fn has(&self, right: Right) -> Result<(), Failure> {
        let has = match (right, &self.kind) {
            (Right::Root, _) => self.is_root(),
            (Right::Administer, Kind::Root | Kind::Operator(_, Role::Admin | Role::Superadmin)) => true,
            (Right::Administer, _) => false,
            (Right::See, _) => true,
            (Right::Act, Kind::Operator(_, Role::Operator)) => false,
            (Right::Act, _) => true,
        };
        if has { Ok(()) } else { Err(self.refused()) }
    }

    /// Whether it may change what belongs to `whose`: everything, or what was made by whom it made. Nobody may change
    /// itself.
    pub(crate) fn administers(&self, whose: Author) -> bool {
        match self.kind {
            Kind::Root | Kind::Operator(_, Role::Superadmin) => true,
            Kind::Operator(me, Role::Admin) => self.made(me, whose),
            _ => false,
        }
    }

    /// As [`administers`](Self::administers) for things that are no operators: those that it made itself are its own.
    pub(crate) fn administers_work_of(&self, whose: Author) -> bool {
        let own = matches!(self.kind, Kind::Operator(me, Role::Admin) if whose == Author::Operator(me));
        own || self.administers(whose)
    }

    /// Whether it may know of what belongs to `whose`.
    pub(crate) fn sees(&self, whose: Author) -> bool {
        let me = match &self.kind {
            Kind::Root => return true,
            Kind::Operator(me, _) => *me,
            Kind::Credential(credential) => credential.operator_id,
        };
        whose == Author::Operator(me) || self.administers(whose)
    }

    /// Whether it may make an operator of this role, or give it to one: a lower one than its own, and only the owner in
    /// person makes a superadmin.
    ///
    /// # Errors
    /// `permission`.
    pub(crate) fn may_give(&self, role: Role) -> Result<(), Failure> {
        match role {
            Role::Superadmin if self.principal == Principal::Owner => Ok(()),
            Role::Superadmin => Err(Failure::new(
                Class::Permission,
                "only the owner, asked in person, makes a superadmin",
            )
            .with("role", role.as_str())),
            Role::Admin if self.is_root() => Ok(()),
            Role::Operator if self.has(Right::Administer).is_ok() => Ok(()),
            _ => Err(self.refused()),
        }
    }

    /// The answer to what it may not do.
    pub(crate) fn refused(&self) -> Failure {
        let who = match &self.kind {
            Kind::Root => "the admin key",
            Kind::Operator(_, Role::Operator) => "an operator",
            Kind::Operator(..) => "an admin",
            Kind::Credential(_) => "a credential",
        };
        Failure::new(Class::Permission, format!("{who} may not do this"))
    }

    /// Whether `me` made whoever made `whose`, or somebody who did, and so on.
    fn made(&self, me: OperatorId, whose: Author) -> bool {
        let mut at = whose;
        // each step goes to an operator that was made before: it ends
        for _ in 0..=self.makers.len() {
            let Author::Operator(id) = at else { return false };
            match self.makers.get(&id) {
                Some(Author::Operator(maker)) if *maker == me => return true,
                Some(maker) => at = *maker,
                None => return false,
            }
        }
        false
    }
}
