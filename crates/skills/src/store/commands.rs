//! The domain commands: one command, one atomic step, its audit record in the same transaction.
//!
//! Rules that look at signatures, versions and requests are applied before, to a [`State`](super::model::State) at some
//! revision; a command that gives authority names that revision and is refused when it is no longer the present one.
//! Taking away names none: it is never too late for it.

use chancery_audit::Record;
use chancery_base::{Millis, Ulid};

use super::model::{AcceptedList, Grant, Pin, Publisher, Revocation, Skill};
use crate::owner::Signed;

/// One atomic step.
pub(crate) trait Step: Send + 'static {
    /// What it answers.
    type Done: Send + 'static;
}

macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* $(,)? } -> $done:ty;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone)]
            pub(crate) struct $name { $(pub(crate) $field: $type,)* pub(crate) record: Record }

            impl Step for $name {
                type Done = $done;
            }
        )*
    };
}

steps! {
    /// A version of a skill takes the place of the one before; `grants` take the place of all that the skill had, and
    /// `publishers` are trusted from now on.
    Install {
        revision: u64, skill: Signed<Skill>, pin: Signed<Pin>, grants: Vec<Signed<Grant>>,
        publishers: Vec<Signed<Publisher>>, now: Millis,
    } -> Decided;
    /// The skill is gone and its grants are revoked; its pin stays.
    Remove { skill_id: String, now: Millis } -> bool;
    /// A publisher is trusted, or trusted in another way.
    Trust { revision: u64, publisher: Signed<Publisher> } -> Decided;
    /// A publisher is trusted no longer.
    Untrust { keyid: String } -> bool;
    /// Grants.
    AddGrants { revision: u64, grants: Vec<Signed<Grant>> } -> Decided;
    /// Grants are revoked; how many were in force.
    RevokeGrants { ids: Vec<Ulid>, now: Millis } -> usize;
    /// A revocation.
    Revoke { revocation: Revocation } -> ();
    /// A revocation list takes the place of the issuer's list before, unless that is as new.
    AcceptList { list: AcceptedList } -> bool;
    /// One use of a counted grant, before it is used.
    Use { id: Ulid, limit: u32 } -> bool;
    /// Nothing but a record.
    Note {} -> ();
}

/// Whether a decision was taken on what is still so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decided {
    /// Done.
    Done,
    /// Something was decided meanwhile; nothing was done.
    Stale,
}
