//! The queries.

use bytes::Bytes;
use chancery_store::{
    StoreError,
    rusqlite::{self, Connection, OptionalExtension as _, Row as SqlRow, params},
};

use super::{
    FindInSqlite,
    recent::{Recent, indexed},
};
use crate::store::{
    model::{
        CommitEntry, GroupMessage, History, Installation, LoggedUpdate, NewGroupMessage, NewWelcome, Order, Page,
        Row as _, Rows, Welcome, WelcomeKind, collect, gather,
    },
    queries::{
        CommitLog, GroupHistory, GroupMessages, InboxIds, InboxLog, InboxLogs, InboxOf, KeyPackages,
        NewestGroupMessages, WelcomeHistory, Welcomes,
    },
};

fn blob(row: &SqlRow<'_>, at: usize) -> rusqlite::Result<Bytes> {
    Ok(row.get::<_, Vec<u8>>(at)?.into())
}

fn group_message(row: &SqlRow<'_>, group: &Bytes) -> rusqlite::Result<GroupMessage> {
    Ok(GroupMessage {
        id: row.get(0)?,
        created_ns: row.get(1)?,
        message: NewGroupMessage {
            group: group.clone(),
            is_commit: row.get(2)?,
            should_push: row.get(3)?,
            sender_hmac: blob(row, 4)?,
            data: blob(row, 5)?,
        },
    })
}

fn welcome(row: &SqlRow<'_>, installation: Installation) -> rusqlite::Result<Welcome> {
    Ok(Welcome {
        id: row.get(0)?,
        created_ns: row.get(1)?,
        welcome: NewWelcome {
            installation,
            kind: if row.get::<_, u8>(2)? == WelcomeKind::Pointer as u8 {
                WelcomeKind::Pointer
            } else {
                WelcomeKind::Welcome
            },
            wrapper_algorithm: row.get(3)?,
            hpke_public_key: blob(row, 4)?,
            metadata: blob(row, 5)?,
            data: blob(row, 6)?,
        },
    })
}

fn update(row: &SqlRow<'_>) -> rusqlite::Result<LoggedUpdate> {
    Ok(LoggedUpdate {
        sequence_id: row.get(0)?,
        server_timestamp_ns: row.get(1)?,
        update: blob(row, 2)?,
    })
}

/// A cursor as a bound of ids, which are signed in SQLite: no id is beyond the largest of those.
fn bound(page: Page) -> i64 {
    match page.order {
        Order::Descending if page.cursor == 0 => i64::MAX,
        _ => i64::try_from(page.cursor).unwrap_or(i64::MAX),
    }
}

/// `recent` was asked before the state that `connection` reads was chosen, which is when it is read first.
fn messages_of(
    connection: &Connection,
    group: &Bytes,
    recent: &[u64],
    page: Page,
) -> rusqlite::Result<Rows<GroupMessage>> {
    let indexed = indexed(connection)?;
    let mut old = connection.prepare_cached(match page.order {
        Order::Ascending => {
            "SELECT id, created_ns, is_commit, should_push, sender_hmac, data
             FROM messages_by_group AS known JOIN group_messages USING (id)
             WHERE known.group_id = ?1 AND known.id > ?2 ORDER BY known.id"
        }
        Order::Descending => {
            "SELECT id, created_ns, is_commit, should_push, sender_hmac, data
             FROM messages_by_group AS known JOIN group_messages USING (id)
             WHERE known.group_id = ?1 AND known.id < ?2 ORDER BY known.id DESC"
        }
    })?;
    let old = old.query_map(params![&**group, bound(page)], |row| group_message(row, group))?;
    let mut new = connection.prepare_cached(
        "SELECT id, created_ns, is_commit, should_push, sender_hmac, data FROM group_messages
         WHERE id = ?1 AND group_id = ?2",
    )?;
    let mut new = |id: &u64| {
        let found = new.query_row(params![id, &**group], |row| group_message(row, group));
        found.optional().transpose()
    };
    let recent = &recent[recent.partition_point(|id| *id <= indexed)..];
    let cursor = u64::try_from(bound(page)).unwrap_or(u64::MAX);
    match page.order {
        Order::Ascending => {
            let recent = &recent[recent.partition_point(|id| *id <= cursor)..];
            collect(page, old.chain(recent.iter().filter_map(&mut new)))
        }
        Order::Descending => {
            let recent = &recent[..recent.partition_point(|id| *id < cursor)];
            collect(page, recent.iter().rev().filter_map(&mut new).chain(old))
        }
    }
}

fn welcomes_of(connection: &Connection, installation: Installation, page: Page) -> rusqlite::Result<Rows<Welcome>> {
    let mut statement = connection.prepare_cached(match page.order {
        Order::Ascending => {
            "SELECT id, created_ns, kind, wrapper_algorithm, hpke_public_key, metadata, data FROM welcomes
             WHERE installation = ?1 AND id > ?2 ORDER BY id"
        }
        Order::Descending => {
            "SELECT id, created_ns, kind, wrapper_algorithm, hpke_public_key, metadata, data FROM welcomes
             WHERE installation = ?1 AND id < ?2 ORDER BY id DESC"
        }
    })?;
    let rows = statement.query_map(params![installation.0, bound(page)], |row| welcome(row, installation))?;
    collect(page, rows)
}

/// Collects one entry for each key; `None` when they weigh more than `limit`, which ends the reading.
fn within<K, T>(
    limit: usize,
    keys: &[K],
    mut read: impl FnMut(&K) -> rusqlite::Result<(T, usize)>,
) -> Result<Option<Vec<T>>, StoreError> {
    let mut weight = 0_usize;
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        let (one, weighs) = read(key)?;
        weight = weight.saturating_add(weighs);
        if weight > limit {
            return Ok(None);
        }
        found.push(one);
    }
    Ok(Some(found))
}

impl FindInSqlite for GroupMessages {
    fn recent(&self, recent: &Recent) -> Vec<Vec<u64>> {
        recent.of([&self.group].into_iter())
    }

    fn find_in_sqlite(&self, connection: &Connection, recent: &[Vec<u64>]) -> Result<Rows<GroupMessage>, StoreError> {
        let recent = recent.first().map(Vec::as_slice).unwrap_or_default();
        Ok(messages_of(connection, &self.group, recent, self.page)?)
    }
}

impl FindInSqlite for Welcomes {
    fn find_in_sqlite(&self, connection: &Connection, _: &[Vec<u64>]) -> Result<Rows<Welcome>, StoreError> {
        Ok(welcomes_of(connection, self.installation, self.page)?)
    }
}

impl FindInSqlite for GroupHistory {
    fn recent(&self, recent: &Recent) -> Vec<Vec<u64>> {
        recent.of(self.after.iter().map(|(group, _)| group))
    }

    fn find_in_sqlite(
        &self,
        connection: &Connection,
        recent: &[Vec<u64>],
    ) -> Result<History<GroupMessage>, StoreError> {
        let mut recent = recent.iter();
        let read = |group: &Bytes, page| {
            let recent = recent.next().map(Vec::as_slice).unwrap_or_default();
            messages_of(connection, group, recent, page)
        };
        Ok(gather(&self.after, self.rows, self.bytes, read)?)
    }
}

impl FindInSqlite for WelcomeHistory {
    fn find_in_sqlite(&self, connection: &Connection, _: &[Vec<u64>]) -> Result<History<Welcome>, StoreError> {
        let read = |installation: &Installation, page| welcomes_of(connection, *installation, page);
        Ok(gather(&self.after, self.rows, self.bytes, read)?)
    }
}

impl FindInSqlite for NewestGroupMessages {
    fn recent(&self, recent: &Recent) -> Vec<Vec<u64>> {
        recent.of(self.groups.iter())
    }

    fn find_in_sqlite(&self, connection: &Connection, recent: &[Vec<u64>]) -> Result<Self::Found, StoreError> {
        let mut recent = recent.iter();
        let mut by_id = connection.prepare_cached(if self.content {
            "SELECT id, created_ns, is_commit, should_push, sender_hmac, data FROM group_messages
             WHERE id = ?1 AND group_id = ?2"
        } else {
            "SELECT id, created_ns, is_commit, should_push, x'', x'' FROM group_messages WHERE id = ?1 AND group_id = ?2"
        })?;
        let mut last_known = connection
            .prepare_cached("SELECT id FROM messages_by_group WHERE group_id = ?1 ORDER BY id DESC LIMIT 1")?;
        within(self.bytes, &self.groups, |group| {
            let mut read = |id: &u64| {
                let found = by_id.query_row(params![id, &**group], |row| group_message(row, group));
                found.optional().transpose()
            };
            let recent = recent.next().map(Vec::as_slice).unwrap_or_default();
            let mut found = recent.iter().rev().find_map(&mut read).transpose()?;
            if found.is_none() {
                let id: Option<u64> = last_known.query_row([&**group], |row| row.get(0)).optional()?;
                found = id.and_then(|id| read(&id)).transpose()?;
            }
            let weight = found.as_ref().map_or(0, GroupMessage::weight);
            Ok((found, weight))
        })
    }
}

impl FindInSqlite for KeyPackages {
    fn find_in_sqlite(&self, connection: &Connection, _: &[Vec<u64>]) -> Result<Self::Found, StoreError> {
        let mut statement = connection.prepare_cached(
            "SELECT key_package FROM key_packages
             JOIN installations ON installations.installation = key_packages.installation
                 AND installations.inbox_id = key_packages.inbox_id AND installations.revoked = 0
             WHERE key_packages.installation = ?1",
        )?;
        within(self.bytes, &self.installations, |installation| {
            let found = statement.query_row([installation.0], |row| blob(row, 0)).optional()?;
            let weight = found.as_ref().map_or(0, Bytes::len);
            Ok((found, weight))
        })
    }
}

fn log_of(connection: &Connection, inbox: &str, after: u64) -> rusqlite::Result<Vec<LoggedUpdate>> {
    connection
        .prepare_cached(
            "SELECT sequence_id, server_timestamp_ns, identity_update FROM inbox_log
             WHERE inbox_id = ?1 AND sequence_id > ?2 ORDER BY sequence_id",
        )?
        .query_map(params![inbox, i64::try_from(after).unwrap_or(i64::MAX)], update)?
        .collect()
}

impl FindInSqlite for InboxLog {
    fn find_in_sqlite(&self, connection: &Connection, _: &[Vec<u64>]) -> Result<Vec<LoggedUpdate>, StoreError> {
        Ok(log_of(connection, &self.inbox, 0)?)
    }
}

impl FindInSqlite for InboxLogs {
    fn find_in_sqlite(&self, connection: &Connection, _: &[Vec<u64>]) -> Result<Self::Found, StoreError> {
        within(self.bytes, &self.after, |(inbox, after)| {
            let log = log_of(connection, inbox, *after)?;
            let weight = log.iter().map(|update| update.update.len()).sum();
            Ok((log, weight))
        })
    }
}

impl FindInSqlite for InboxIds {
    fn find_in_sqlite(&self, connection: &Connection, _: &[Vec<u64>]) -> Result<Vec<Option<String>>, StoreError> {
        let mut statement = connection.prepare_cached(
            "SELECT inbox_id FROM address_log
             WHERE kind = ?1 AND identifier = ?2 AND revocation_sequence_id IS NULL
             ORDER BY association_sequence_id DESC LIMIT 1",
        )?;
        let mut found = Vec::with_capacity(self.identifiers.len());
        for identifier in &self.identifiers {
            let key = params![identifier.kind as u8, identifier.text];
            found.push(statement.query_row(key, |row| row.get(0)).optional()?);
        }
        Ok(found)
    }
}

impl FindInSqlite for InboxOf {
    fn find_in_sqlite(&self, connection: &Connection, _: &[Vec<u64>]) -> Result<Option<String>, StoreError> {
        let inbox = connection
            .prepare_cached("SELECT inbox_id FROM installations WHERE installation = ?1 AND revoked = 0")?
            .query_row([self.installation.0], |row| row.get(0))
            .optional()?;
        Ok(inbox)
    }
}

impl FindInSqlite for CommitLog {
    fn find_in_sqlite(&self, connection: &Connection, _: &[Vec<u64>]) -> Result<Rows<CommitEntry>, StoreError> {
        let mut statement = connection.prepare_cached(
            "SELECT sequence_id, signature, entry FROM commit_log
             WHERE group_id = ?1 AND sequence_id > ?2 ORDER BY sequence_id",
        )?;
        let cursor = i64::try_from(self.page.cursor).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![&*self.group, cursor], |row| {
            Ok(CommitEntry {
                sequence_id: row.get(0)?,
                signature: blob(row, 1)?,
                entry: blob(row, 2)?,
            })
        })?;
        Ok(collect(self.page, rows)?)
    }
}
