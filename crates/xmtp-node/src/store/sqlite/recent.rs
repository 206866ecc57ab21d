//! The newest group messages, by group and by hash, in memory.
//!
//! Groups and hashes come in no order, so each row that is indexed by them touches a page of its own: most of what a commit
//! would write. Here messages are indexed in memory first, and in the database thousands at a time, in the order of the
//! keys. Nothing is lost with the memory: it can be read from the messages behind the mark up to which the database has
//! indexed them, which is done at the start and after a commit that failed.

use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use chancery_base::digest::blake3;
use chancery_store::{
    StoreError,
    rusqlite::{self, CachedStatement, Connection, OptionalExtension as _, params},
};

/// Messages in memory from which on they go to the indexes of the database. That takes some 20 ms, in which the writer does
/// nothing else, so more would be felt; fewer would gain less. Tests do it all the time.
const ENOUGH: usize = if cfg!(test) { 6 } else { 4096 };

/// What tells one message from another: group and bytes, as the first half of a BLAKE3. To find two that are taken for one
/// somebody would need 2^64 attempts, and would then have two messages of which one is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct MessageHash([u8; 16]);

impl MessageHash {
    /// Of a message whose bytes have the BLAKE3 `data_hash`.
    pub(super) fn of(group: &[u8], data_hash: &[u8; 32]) -> Self {
        let whole = blake3([data_hash, group]);
        Self(*whole.first_chunk().unwrap_or(&[0; 16]))
    }
}

/// What the database does not have in its indexes yet. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Recent(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// A transaction was rolled back: what is here may not be so.
    doubtful: bool,
    pending: Messages,
    /// The last message.
    newest: Sequence,
    /// What went to the indexes last. Whoever reads a state from before that still needs it.
    moved: Arc<Messages>,
}

/// Id and time of the last row of a table; both 0 before the first.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sequence {
    pub(super) id: u64,
    pub(super) created_ns: u64,
}

impl Sequence {
    /// That of the table of which `sql` selects the last row's id and time.
    pub(super) fn of(tx: &Connection, sql: &str) -> rusqlite::Result<Self> {
        let last = tx.prepare_cached(sql)?.query_row([], |row| {
            Ok(Self {
                id: row.get(0)?,
                created_ns: row.get(1)?,
            })
        });
        Ok(last.optional()?.unwrap_or_default())
    }

    pub(super) fn next(self, now_ns: u64) -> Self {
        Self {
            id: self.id + 1,
            created_ns: now_ns.max(self.created_ns + 1),
        }
    }
}

#[derive(Default)]
struct Messages {
    /// Ids by group, ascending.
    ids: HashMap<Bytes, Vec<u64>>,
    hashes: HashSet<MessageHash>,
    last: u64,
}

impl Messages {
    fn add(&mut self, id: u64, group: Bytes, hash: MessageHash) {
        self.ids.entry(group).or_default().push(id);
        self.hashes.insert(hash);
        self.last = id;
    }
}

impl Recent {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads from the messages what should be here.
    pub(super) fn load(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut found = Messages::default();
        let mut select = connection
            .prepare_cached("SELECT id, group_id, data_hash FROM group_messages WHERE id > ?1 ORDER BY id")?;
        let mut rows = select.query([indexed(connection)?])?;
        while let Some(row) = rows.next()? {
            let group = Bytes::copy_from_slice(row.get_ref(1)?.as_blob()?);
            let hash = MessageHash::of(&group, &row.get(2)?);
            found.add(row.get(0)?, group, hash);
        }
        *self.lock() = State {
            doubtful: false,
            pending: found,
            newest: Sequence::of(
                connection,
                "SELECT id, created_ns FROM group_messages ORDER BY id DESC LIMIT 1",
            )?,
            moved: Arc::default(),
        };
        Ok(())
    }

    /// Begins to append messages to what `tx` holds.
    pub(super) fn append<'a>(&'a self, tx: &'a Connection) -> rusqlite::Result<Appending<'a>> {
        let doubtful = self.lock().doubtful;
        if doubtful {
            self.load(tx)?;
        }
        Ok(Appending {
            state: self.lock(),
            known: tx.prepare_cached("SELECT 1 FROM messages_by_hash WHERE hash = ?1")?,
        })
    }

    /// Ids of each group that the database may not have in its index, ascending. Some may be of messages that are not
    /// committed, or that never were. A state that is read afterwards has all others in its index.
    pub(super) fn of<'a>(&self, groups: impl Iterator<Item = &'a Bytes>) -> Vec<Vec<u64>> {
        let state = self.lock();
        let of = |group: &Bytes| {
            let of = |messages: &Messages| messages.ids.get(group).cloned().unwrap_or_default();
            let mut ids = of(&state.moved);
            ids.extend(of(&state.pending));
            ids
        };
        groups.map(of).collect()
    }
}

/// Messages are being appended; nobody else looks meanwhile.
pub(super) struct Appending<'a> {
    state: MutexGuard<'a, State>,
    known: CachedStatement<'a>,
}

impl Appending<'_> {
    /// Whether there is a message with this hash. To be asked before every [`add`](Self::add).
    pub(super) fn has(&mut self, hash: &MessageHash) -> rusqlite::Result<bool> {
        Ok(self.state.pending.hashes.contains(hash) || self.known.exists([hash.0])?)
    }

    /// Id and time of the next message.
    pub(super) fn next(&self, now_ns: u64) -> Sequence {
        self.state.newest.next(now_ns)
    }

    /// Takes note of a message that was written.
    pub(super) fn add(&mut self, message: Sequence, group: &Bytes, hash: MessageHash) {
        // it must not keep the request that it is a part of
        let group = Bytes::copy_from_slice(group);
        self.state.pending.add(message.id, group, hash);
        self.state.newest = message;
    }
}

/// The last message that is in the indexes.
pub(super) fn indexed(connection: &Connection) -> rusqlite::Result<u64> {
    let mut select = connection.prepare_cached("SELECT last FROM group_messages_indexed")?;
    Ok(select.query_row([], |row| row.get(0)).optional()?.unwrap_or(0))
}

impl Recent {
    /// Moves messages to the indexes when there are enough.
    pub(super) fn before_commit(&self, tx: &Connection) -> Result<(), StoreError> {
        let full = {
            let mut state = self.lock();
            if state.doubtful || state.pending.hashes.len() < ENOUGH {
                return Ok(());
            }
            state.moved = Arc::new(mem::take(&mut state.pending));
            Arc::clone(&state.moved)
        };
        let mut groups: Vec<_> = full.ids.iter().collect();
        groups.sort_unstable();
        let mut insert = tx.prepare_cached("INSERT INTO messages_by_group (group_id, id) VALUES (?1, ?2)")?;
        for (group, ids) in groups {
            for id in ids {
                insert.execute(params![&**group, id])?;
            }
        }
        let mut hashes: Vec<_> = full.hashes.iter().collect();
        hashes.sort_unstable();
        let mut insert = tx.prepare_cached("INSERT INTO messages_by_hash (hash) VALUES (?1)")?;
        for hash in hashes {
            insert.execute([hash.0])?;
        }
        tx.prepare_cached("UPDATE group_messages_indexed SET last = ?1")?
            .execute([full.last])?;
        Ok(())
    }

    /// What is here may not be so any more.
    pub(super) fn rolled_back(&self) {
        self.lock().doubtful = true;
    }
}

#[cfg(test)]
mod tests {
    use super::{super::*, *};
    use crate::store::{
        Store,
        commands::AppendGroupMessages,
        model::{NewGroupMessage, Order, Page},
        queries::GroupMessages,
    };

    fn append(data: impl IntoIterator<Item = u64>) -> AppendGroupMessages {
        let message = |data: u64| NewGroupMessage {
            group: Bytes::from_static(&[1; 16]),
            data: Bytes::copy_from_slice(&data.to_be_bytes()),
            sender_hmac: Bytes::new(),
            should_push: false,
            is_commit: false,
        };
        AppendGroupMessages {
            messages: data.into_iter().map(message).collect(),
            now_ns: 1,
        }
    }

    fn all() -> GroupMessages {
        GroupMessages {
            group: Bytes::from_static(&[1; 16]),
            page: Page {
                order: Order::Ascending,
                cursor: 0,
                rows: usize::MAX,
                bytes: usize::MAX,
            },
        }
    }

    fn ids(connection: &Connection, recent: &Recent) -> Vec<u64> {
        let found = all().find_in_sqlite(connection, &all().recent(recent)).unwrap();
        found.rows.iter().map(|row| row.id).collect()
    }

    #[test]
    fn what_a_rollback_took_back_was_never_there() {
        let connection = Connection::open_in_memory().unwrap();
        for migration in MIGRATIONS {
            connection.execute_batch(migration.sql).unwrap();
        }
        let recent = Recent::default();
        let batch = |data: std::ops::Range<u64>, end: &str| {
            connection.execute_batch("BEGIN").unwrap();
            let appended = append(data).on_sqlite(&connection, &recent).unwrap().len();
            recent.before_commit(&connection).unwrap();
            connection.execute_batch(end).unwrap();
            if end == "ROLLBACK" {
                recent.rolled_back();
            }
            (appended, ids(&connection, &recent))
        };
        assert_eq!(batch(0..2, "COMMIT"), (2, vec![1, 2]));
        // few enough to stay in memory, and so many that they go to the indexes
        assert_eq!(batch(2..4, "ROLLBACK"), (2, vec![1, 2]));
        assert_eq!(batch(2..20, "ROLLBACK"), (18, vec![1, 2]));
        assert_eq!(batch(1..4, "COMMIT"), (2, vec![1, 2, 3, 4]));
        assert_eq!(batch(0..9, "COMMIT"), (5, (1..=9).collect()));
        assert_eq!(batch(0..10, "COMMIT"), (1, (1..=10).collect()));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_reads_while_messages_move_to_the_indexes_misses_none() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::sqlite(dir.path().join("node.sqlite3")).unwrap();
        let acknowledged = Arc::new(std::sync::atomic::AtomicU64::new(0));
        let order = std::sync::atomic::Ordering::SeqCst;
        let writer = {
            let (store, acknowledged) = (store.clone(), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                for data in 1..=300 {
                    store.run(append([data])).await.unwrap();
                    acknowledged.store(data, order);
                }
            })
        };
        loop {
            let before = acknowledged.load(order);
            let found = store.find(all()).await.unwrap();
            let ids: Vec<_> = found.rows.iter().map(|row| row.id).collect();
            let last = ids.len() as u64;
            assert!(last >= before, "{last} of {before}");
            assert_eq!(ids, (1..=last).collect::<Vec<_>>());
            if before == 300 {
                break;
            }
        }
        writer.await.unwrap();
        store.close().await;
    }

    #[test]
    fn messages_from_before_the_indexes_are_found_and_not_taken_twice() {
        let connection = Connection::open_in_memory().unwrap();
        let (last, before) = MIGRATIONS.split_last().unwrap();
        for migration in before {
            connection.execute_batch(migration.sql).unwrap();
        }
        for data in 0..10_u64 {
            let bytes = data.to_be_bytes();
            let row = params![data + 1, [1_u8; 16], blake3([&bytes[..]]), bytes];
            let insert = "INSERT INTO group_messages VALUES (?1, ?1, ?2, ?3, 0, 0, x'', ?4)";
            connection.execute(insert, row).unwrap();
        }
        connection.execute_batch(last.sql).unwrap();
        let recent = Recent::default();
        recent.load(&connection).unwrap();
        assert_eq!(ids(&connection, &recent), (1..=10).collect::<Vec<_>>());
        assert_eq!(append(5..12).on_sqlite(&connection, &recent).unwrap().len(), 2);
        recent.before_commit(&connection).unwrap();
        assert_eq!(ids(&connection, &recent), (1..=12).collect::<Vec<_>>());
        assert_eq!(indexed(&connection).unwrap(), 12);
    }
}
