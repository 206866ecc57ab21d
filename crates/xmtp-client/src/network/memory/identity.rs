//! The identity logs, and who is in which inbox.

use std::collections::HashMap;

use chancery_xmtp_wire::identity::{
    AssociationState, Identifier, IdentityLog, IdentityUpdate, InboxId, InstallationKey, MemberIdentifier,
    MembershipDiff, NoChain,
};

use super::{refused, topics::Place};
use crate::network::{LoggedUpdate, NodeError};

#[derive(Default)]
pub(super) struct Identities {
    last: Place,
    logs: HashMap<InboxId, Log>,
    /// The inboxes that have an identifier now, in the order in which they let it in.
    associations: HashMap<Identifier, Vec<InboxId>>,
    /// The inbox that let an installation in last, while it has it.
    owners: HashMap<InstallationKey, InboxId>,
}

struct Log {
    verified: IdentityLog,
    entries: Vec<LoggedUpdate>,
}

impl Identities {
    /// Appends `update` to the log of its inbox, unless it is there already.
    pub(super) fn publish(&mut self, update: &IdentityUpdate, now_ns: u64) -> Result<(), NodeError> {
        update.within_limits().map_err(|error| refused(&error))?;
        let inbox = update.inbox_id;
        let verified = update.verify(&NoChain).map_err(|error| refused(&error))?;
        let empty = IdentityLog::new(inbox);
        let (log, entries) = self
            .logs
            .get(&inbox)
            .map_or((&empty, &[][..]), |log| (&log.verified, &log.entries));
        let after = match log.admit(&verified) {
            Ok(after) => after,
            // as after an answer that was lost
            Err(_) if entries.iter().any(|entry| entry.update == *update) => return Ok(()),
            Err(error) => return Err(refused(&error)),
        };
        let before = log.state().cloned();
        let place = self.last.after(now_ns);
        let log = self.logs.entry(inbox).or_insert_with(|| Log {
            verified: empty,
            entries: Vec::new(),
        });
        log.verified
            .append(place.id, verified)
            .map_err(|error| refused(&error))?;
        log.entries.push(LoggedUpdate {
            sequence_id: place.id,
            server_timestamp_ns: place.created_ns,
            update: update.clone(),
        });
        self.last = place;
        self.associate(inbox, before.as_ref(), &after);
        Ok(())
    }

    fn associate(&mut self, inbox: InboxId, before: Option<&AssociationState>, after: &AssociationState) {
        let diff = before.map_or_else(
            || MembershipDiff {
                added: after.members().map(|(member, _)| member.clone()).collect(),
                removed: Vec::new(),
            },
            |before| before.diff(after),
        );
        for member in diff.removed {
            match of(member) {
                Who::Outside(identifier) => {
                    if let Some(inboxes) = self.associations.get_mut(&identifier) {
                        inboxes.retain(|one| *one != inbox);
                    }
                }
                Who::Installation(key) => {
                    if self.owners.get(&key) == Some(&inbox) {
                        self.owners.remove(&key);
                    }
                }
            }
        }
        for member in diff.added {
            match of(member) {
                Who::Outside(identifier) => self.associations.entry(identifier).or_default().push(inbox),
                Who::Installation(key) => {
                    self.owners.insert(key, inbox);
                }
            }
        }
    }

    /// The entries of the log of `inbox` behind `after`.
    pub(super) fn updates(&self, inbox: InboxId, after: u64) -> Vec<LoggedUpdate> {
        let entries = self.logs.get(&inbox).into_iter().flat_map(|log| &log.entries);
        entries.filter(|entry| entry.sequence_id > after).cloned().collect()
    }

    /// The inbox that let `identifier` in last, of those that have it.
    pub(super) fn inbox_of(&self, identifier: &Identifier) -> Option<InboxId> {
        self.associations.get(identifier)?.last().copied()
    }

    /// The inbox that has `installation`.
    pub(super) fn owner(&self, installation: InstallationKey) -> Option<InboxId> {
        self.owners.get(&installation).copied()
    }
}

enum Who {
    Outside(Identifier),
    Installation(InstallationKey),
}

fn of(member: MemberIdentifier) -> Who {
    match member {
        MemberIdentifier::Ethereum(address) => Who::Outside(Identifier::Ethereum(address)),
        MemberIdentifier::Passkey(passkey) => Who::Outside(Identifier::Passkey(passkey)),
        MemberIdentifier::Installation(key) => Who::Installation(key),
    }
}
