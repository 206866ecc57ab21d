//! Everything in maps behind one lock.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chancery_audit::Record;
use chancery_base::{Millis, Ulid};

use super::{
    commands::{
        AcceptList, AddGrants, Decided, Install, Note, Remove, Revoke, RevokeGrants, Step, Trust, Untrust, Use,
    },
    model::{GrantRow, State},
};

/// A store in memory. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct MemoryStore {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    state: State,
    records: Vec<Record>,
}

/// How a step is done here.
pub(crate) trait OnMemory: Step {
    fn on_memory(self, state: &mut State) -> (Self::Done, Option<Record>);
}

impl MemoryStore {
    pub(crate) fn run<S: OnMemory>(&self, step: S) -> S::Done {
        let mut inner = self.lock();
        let (done, record) = step.on_memory(&mut inner.state);
        inner.records.extend(record);
        done
    }

    pub(crate) fn state(&self) -> State {
        self.lock().state.clone()
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        self.lock().records.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryStore(..)")
    }
}

impl State {
    /// Whether a decision taken at `revision` still stands; it counts as the next one then.
    fn decide(&mut self, revision: u64) -> bool {
        let stands = self.revision == revision;
        if stands {
            self.revision += 1;
        }
        stands
    }

    fn revoke_where(&mut self, now: Millis, mut gone: impl FnMut(&GrantRow) -> bool) -> usize {
        let mut revoked = 0;
        for row in self.grants.values_mut() {
            if row.revoked_at.is_none() && gone(row) {
                row.revoked_at = Some(now);
                row.signature = None;
                revoked += 1;
            }
        }
        revoked
    }
}

impl OnMemory for Install {
    fn on_memory(self, state: &mut State) -> (Decided, Option<Record>) {
        if !state.decide(self.revision) {
            return (Decided::Stale, None);
        }
        let skill = &self.skill.value;
        let kept: BTreeSet<Ulid> = self.grants.iter().map(|grant| grant.value.id).collect();
        let id = skill.id.clone();
        state.revoke_where(self.now, |row| {
            row.grant.skill_id == id && !kept.contains(&row.grant.id)
        });
        for grant in self.grants {
            match state.grants.get_mut(&grant.value.id) {
                Some(row) => {
                    row.grant = grant.value;
                    row.body = grant.body;
                    row.signature = Some(grant.signature);
                }
                None => {
                    state.grants.insert(grant.value.id, GrantRow::new(grant));
                }
            }
        }
        for publisher in self.publishers {
            state.publishers.insert(publisher.value.keyid.clone(), publisher);
        }
        let version = (skill.id.clone(), skill.version.clone());
        state.versions.insert(version, skill.manifest.clone());
        state.pins.insert(skill.id.clone(), self.pin);
        state.skills.insert(skill.id.clone(), self.skill);
        (Decided::Done, Some(self.record))
    }
}

impl OnMemory for Remove {
    fn on_memory(self, state: &mut State) -> (bool, Option<Record>) {
        if state.skills.remove(&self.skill_id).is_none() {
            return (false, None);
        }
        state.revision += 1;
        state.revoke_where(self.now, |row| row.grant.skill_id == self.skill_id);
        (true, Some(self.record))
    }
}

impl OnMemory for Trust {
    fn on_memory(self, state: &mut State) -> (Decided, Option<Record>) {
        if !state.decide(self.revision) {
            return (Decided::Stale, None);
        }
        let keyid = self.publisher.value.keyid.clone();
        state.publishers.insert(keyid, self.publisher);
        (Decided::Done, Some(self.record))
    }
}

impl OnMemory for Untrust {
    fn on_memory(self, state: &mut State) -> (bool, Option<Record>) {
        let known = state.publishers.remove(&self.keyid).is_some();
        if known {
            state.revision += 1;
        }
        (known, known.then_some(self.record))
    }
}

impl OnMemory for AddGrants {
    fn on_memory(self, state: &mut State) -> (Decided, Option<Record>) {
        if !state.decide(self.revision) {
            return (Decided::Stale, None);
        }
        for grant in self.grants {
            state.grants.insert(grant.value.id, GrantRow::new(grant));
        }
        (Decided::Done, Some(self.record))
    }
}

impl OnMemory for RevokeGrants {
    fn on_memory(self, state: &mut State) -> (usize, Option<Record>) {
        let revoked = state.revoke_where(self.now, |row| self.ids.contains(&row.grant.id));
        if revoked > 0 {
            state.revision += 1;
        }
        (revoked, (revoked > 0).then_some(self.record))
    }
}

impl OnMemory for Revoke {
    fn on_memory(self, state: &mut State) -> ((), Option<Record>) {
        state.revision += 1;
        state.revocations.insert(self.revocation.id, self.revocation);
        ((), Some(self.record))
    }
}

impl OnMemory for AcceptList {
    fn on_memory(self, state: &mut State) -> (bool, Option<Record>) {
        let newer = state
            .lists
            .get(&self.list.issuer)
            .is_none_or(|known| self.list.sequence > known.sequence);
        if newer {
            state.revision += 1;
            state.lists.insert(self.list.issuer.clone(), self.list);
        }
        (newer, newer.then_some(self.record))
    }
}

impl OnMemory for Use {
    fn on_memory(self, state: &mut State) -> (bool, Option<Record>) {
        let usable = state
            .grants
            .get_mut(&self.id)
            .filter(|row| row.revoked_at.is_none() && row.used < self.limit);
        let used = usable.map(|row| row.used += 1).is_some();
        (used, used.then_some(self.record))
    }
}

impl OnMemory for Note {
    fn on_memory(self, _: &mut State) -> ((), Option<Record>) {
        ((), Some(self.record))
    }
}
