//! The queries.

use std::{convert::Infallible, ops::Bound};

use bytes::Bytes;

use super::{FindInMemory, State, Topic};
use crate::store::{
    model::{CommitEntry, GroupMessage, History, LoggedUpdate, Order, Page, Row, Rows, Welcome, collect, gather},
    queries::{
        CommitLog, GroupHistory, GroupMessages, InboxIds, InboxLog, InboxLogs, InboxOf, KeyPackages,
        NewestGroupMessages, WelcomeHistory, Welcomes,
    },
};

fn sure<T>(found: Result<T, Infallible>) -> T {
    match found {
        Ok(found) => found,
        Err(never) => match never {},
    }
}

fn page_of<R: Row + Clone>(topic: Option<&Topic<R>>, page: Page) -> Rows<R> {
    let rows = topic.into_iter().flat_map(|topic| {
        let cursor = if page.cursor == 0 {
            Bound::Unbounded
        } else {
            Bound::Excluded(page.cursor)
        };
        let (range, newest_first) = match page.order {
            Order::Ascending => ((cursor, Bound::Unbounded), false),
            Order::Descending => ((Bound::Unbounded, cursor), true),
        };
        let mut found: Vec<_> = topic.rows.range(range).map(|(_, row)| row).collect();
        if newest_first {
            found.reverse();
        }
        found
    });
    sure(collect(page, rows.map(|row| Ok((**row).clone()))))
}

impl FindInMemory for GroupMessages {
    fn find_in_memory(&self, state: &State) -> Rows<GroupMessage> {
        page_of(state.groups.get(&self.group), self.page)
    }
}

impl FindInMemory for Welcomes {
    fn find_in_memory(&self, state: &State) -> Rows<Welcome> {
        page_of(state.installations.get(&self.installation), self.page)
    }
}

impl FindInMemory for GroupHistory {
    fn find_in_memory(&self, state: &State) -> History<GroupMessage> {
        let read = |group: &Bytes, page| Ok(page_of(state.groups.get(group), page));
        sure(gather(&self.after, self.rows, self.bytes, read))
    }
}

impl FindInMemory for WelcomeHistory {
    fn find_in_memory(&self, state: &State) -> History<Welcome> {
        sure(gather(&self.after, self.rows, self.bytes, |installation, page| {
            Ok(page_of(state.installations.get(installation), page))
        }))
    }
}

impl FindInMemory for NewestGroupMessages {
    fn find_in_memory(&self, state: &State) -> Self::Found {
        let newest = |group: &Bytes| {
            let (_, row) = state.groups.get(group)?.rows.last_key_value()?;
            let mut row = (**row).clone();
            if !self.content {
                row.message.data = Bytes::new();
                row.message.sender_hmac = Bytes::new();
            }
            Some(row)
        };
        let found: Vec<_> = self.groups.iter().map(newest).collect();
        let weight: usize = found.iter().flatten().map(Row::weight).sum();
        (weight <= self.bytes).then_some(found)
    }
}

impl FindInMemory for KeyPackages {
    fn find_in_memory(&self, state: &State) -> Self::Found {
        let valid = |installation| {
            let key_package = state.key_packages.get(installation)?;
            let member = state.members.get(installation)?;
            let counts = !member.revoked && member.inbox == key_package.inbox;
            counts.then(|| key_package.bytes.clone())
        };
        let found: Vec<_> = self.installations.iter().map(valid).collect();
        let weight: usize = found.iter().flatten().map(Bytes::len).sum();
        (weight <= self.bytes).then_some(found)
    }
}

impl FindInMemory for InboxLog {
    fn find_in_memory(&self, state: &State) -> Vec<LoggedUpdate> {
        state.inboxes.get(&self.inbox).cloned().unwrap_or_default()
    }
}

impl FindInMemory for InboxLogs {
    fn find_in_memory(&self, state: &State) -> Self::Found {
        let updates = |(inbox, after): &(String, u64)| -> Vec<_> {
            let log = state.inboxes.get(inbox).into_iter().flatten();
            log.filter(|update| update.sequence_id > *after).cloned().collect()
        };
        let found: Vec<Vec<_>> = self.after.iter().map(updates).collect();
        let weight: usize = found.iter().flatten().map(|update| update.update.len()).sum();
        (weight <= self.bytes).then_some(found)
    }
}

impl FindInMemory for InboxIds {
    fn find_in_memory(&self, state: &State) -> Vec<Option<String>> {
        let latest = |identifier| {
            let associations = state.associations.get(identifier)?;
            let valid = associations.iter().filter(|association| association.until.is_none());
            let latest = valid.max_by_key(|association| association.since)?;
            Some(latest.inbox.clone())
        };
        self.identifiers.iter().map(latest).collect()
    }
}

impl FindInMemory for InboxOf {
    fn find_in_memory(&self, state: &State) -> Option<String> {
        let member = state.members.get(&self.installation).filter(|member| !member.revoked)?;
        Some(member.inbox.clone())
    }
}

impl FindInMemory for CommitLog {
    fn find_in_memory(&self, state: &State) -> Rows<CommitEntry> {
        let log = state.commit_logs.get(&self.group).into_iter().flatten();
        let after = log.filter(|entry| entry.sequence_id > self.page.cursor);
        sure(collect(self.page, after.cloned().map(Ok)))
    }
}
