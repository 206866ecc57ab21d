//! The steps.

use std::sync::Arc;

use chancery_base::digest::sha256;

use super::{Association, KeyPackage, Member, OnMemory, State};
use crate::store::{
    commands::{
        AppendCommitEntries, AppendGroupMessages, AppendIdentityUpdate, AppendWelcomes, Never, Overtaken,
        PutKeyPackage, Superseded,
    },
    model::{CommitEntry, GroupMessage, LoggedUpdate, Welcome},
};

impl OnMemory for AppendGroupMessages {
    fn on_memory(self, state: &mut State) -> Result<Self::Done, Never> {
        let mut appended = Vec::new();
        for message in self.messages {
            let topic = state.groups.entry(message.group.clone()).or_default();
            if !topic.hashes.insert(sha256(&message.data)) {
                continue;
            }
            let (id, created_ns) = state.group_messages.next(self.now_ns);
            let row = Arc::new(GroupMessage {
                id,
                created_ns,
                message,
            });
            topic.rows.insert(id, Arc::clone(&row));
            appended.push(row);
        }
        Ok(appended)
    }
}

impl OnMemory for AppendWelcomes {
    fn on_memory(self, state: &mut State) -> Result<Self::Done, Never> {
        let mut appended = Vec::new();
        for welcome in self.welcomes {
            let topic = state.installations.entry(welcome.installation).or_default();
            if !topic.hashes.insert(sha256(&welcome.data)) {
                continue;
            }
            let (id, created_ns) = state.welcomes.next(self.now_ns);
            let row = Arc::new(Welcome {
                id,
                created_ns,
                welcome,
            });
            topic.rows.insert(id, Arc::clone(&row));
            appended.push(row);
        }
        Ok(appended)
    }
}

impl OnMemory for PutKeyPackage {
    fn on_memory(self, state: &mut State) -> Result<(), Superseded> {
        let current = state.key_packages.get(&self.installation);
        let is_current = current.is_some_and(|current| current.init_key == self.init_key);
        if !state.init_keys.insert((self.installation, self.init_key)) && !is_current {
            return Err(Superseded);
        }
        let key_package = KeyPackage {
            inbox: self.inbox,
            init_key: self.init_key,
            bytes: self.key_package,
        };
        state.key_packages.insert(self.installation, key_package);
        Ok(())
    }
}

impl OnMemory for AppendIdentityUpdate {
    fn on_memory(self, state: &mut State) -> Result<u64, Overtaken> {
        let last = state.inboxes.get(&self.inbox).and_then(|log| log.last());
        if last.map_or(0, |update| update.sequence_id) != self.after {
            return Err(Overtaken);
        }
        let (sequence_id, server_timestamp_ns) = state.identity_updates.next(self.now_ns);
        state.inboxes.entry(self.inbox.clone()).or_default().push(LoggedUpdate {
            sequence_id,
            server_timestamp_ns,
            update: self.update,
        });
        for identifier in self.membership.identifiers_removed {
            let associations = state.associations.entry(identifier).or_default();
            for association in associations.iter_mut().filter(|one| one.inbox == self.inbox) {
                association.until.get_or_insert(sequence_id);
            }
        }
        for identifier in self.membership.identifiers_added {
            state.associations.entry(identifier).or_default().push(Association {
                inbox: self.inbox.clone(),
                since: sequence_id,
                until: None,
            });
        }
        for installation in self.membership.installations_removed {
            if let Some(member) = state.members.get_mut(&installation)
                && member.inbox == self.inbox
            {
                member.revoked = true;
            }
        }
        for installation in self.membership.installations_added {
            let member = Member {
                inbox: self.inbox.clone(),
                revoked: false,
            };
            state.members.insert(installation, member);
        }
        Ok(sequence_id)
    }
}

impl OnMemory for AppendCommitEntries {
    fn on_memory(self, state: &mut State) -> Result<(), Never> {
        for entry in self.entries {
            let (sequence_id, _) = state.commit_entries.next(0);
            state.commit_logs.entry(entry.group).or_default().push(CommitEntry {
                sequence_id,
                entry: entry.entry,
                signature: entry.signature,
            });
        }
        Ok(())
    }
}
