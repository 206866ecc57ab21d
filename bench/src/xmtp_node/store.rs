//! The other yardstick: the store alone, without a server.

use std::{sync::Arc, time::Instant};

use anyhow::ensure;
use bytes::Bytes;
use chancery_store::{
    Command, Database, Migration, Options, StoreError,
    rusqlite::{Connection, params},
};
use tokio::task::JoinSet;

use super::{CALLS, QUERIED_GROUPS, STORED_ROWS, messages};
use crate::process;

const MIGRATIONS: &[Migration] = &[Migration {
    name: "bench-1",
    sql: "CREATE TABLE log (id INTEGER PRIMARY KEY, group_id BLOB, hmac BLOB, data BLOB) STRICT;
          CREATE TABLE pages (id INTEGER PRIMARY KEY, group_id BLOB, hmac BLOB, data BLOB) STRICT;
          CREATE INDEX pages_by_group ON pages (group_id);",
}];

/// A database of its own.
pub(crate) struct BareStore {
    database: Database,
    /// Messages written so far.
    written: usize,
    _dir: tempfile::TempDir,
}

/// One row.
struct Insert {
    sql: &'static str,
    group: Bytes,
    data: Bytes,
}

impl Command for Insert {
    type Output = ();
    type Error = StoreError;

    fn weight(&self) -> usize {
        self.data.len()
    }

    fn needs_savepoint(&self) -> bool {
        false
    }

    fn apply(self, tx: &Connection) -> Result<(), StoreError> {
        let mut insert = tx.prepare_cached(self.sql)?;
        insert.execute(params![&*self.group, &*messages::hmac(), &*self.data])?;
        Ok(())
    }
}

impl BareStore {
    /// An empty log, and as many pages as the node has to answer queries from.
    pub(crate) async fn open() -> anyhow::Result<Self> {
        let dir = process::folder()?;
        let database = Database::open(&dir.path().join("bench.sqlite3"), MIGRATIONS, Options::default())?;
        for group in 0..QUERIED_GROUPS {
            let group = messages::group_id(group);
            let mut rows = Vec::new();
            for number in 0..STORED_ROWS {
                rows.push(database.submit(Insert {
                    sql: "INSERT INTO pages (group_id, hmac, data) VALUES (?1, ?2, ?3)",
                    data: messages::message(&group, number as u64)?,
                    group: group.clone(),
                }));
            }
            for row in rows {
                row.await?;
            }
        }
        Ok(Self {
            database,
            written: 0,
            _dir: dir,
        })
    }

    /// One insert a message, as many in flight as calls are to a server. Commits of single messages a second.
    pub(crate) async fn commit(&mut self, messages: usize) -> anyhow::Result<f64> {
        let each = messages / CALLS;
        let mut work = Vec::new();
        for call in 0..CALLS {
            let group = messages::group_id(call);
            let first = self.written + call * each;
            let data = (first..first + each).map(|number| messages::message(&group, number as u64));
            work.push((group.clone(), data.collect::<anyhow::Result<Vec<_>>>()?));
        }
        self.written += each * CALLS;
        let since = Instant::now();
        let mut tasks = JoinSet::new();
        for (group, data) in work {
            let database = self.database.clone();
            tasks.spawn(async move {
                for data in data {
                    let group = group.clone();
                    let sql = "INSERT INTO log (group_id, hmac, data) VALUES (?1, ?2, ?3)";
                    database.submit(Insert { sql, group, data }).await?;
                }
                Ok::<_, StoreError>(())
            });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        Ok((each * CALLS) as f64 / since.elapsed().as_secs_f64())
    }

    /// Reads pages of `rows` messages through the pool of readers, as many in flight as calls are to a server. Pages a
    /// second.
    pub(crate) async fn read(&self, pages: usize, rows: u32) -> anyhow::Result<f64> {
        let each = pages / CALLS;
        let groups: Arc<Vec<Bytes>> = Arc::new((0..QUERIED_GROUPS).map(messages::group_id).collect());
        let since = Instant::now();
        let mut tasks = JoinSet::new();
        for call in 0..CALLS {
            let (database, groups) = (self.database.clone(), Arc::clone(&groups));
            tasks.spawn(async move {
                for group in groups.iter().cycle().skip(call).take(each) {
                    let group = group.clone();
                    let read = database.read(move |connection| page(connection, &group, rows));
                    let found = read.await?;
                    ensure!(found.len() == rows as usize, "a page of {} rows", found.len());
                }
                Ok(())
            });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        Ok((each * CALLS) as f64 / since.elapsed().as_secs_f64())
    }
}

fn page(connection: &Connection, group: &Bytes, rows: u32) -> Result<Vec<(u64, Bytes, Bytes)>, StoreError> {
    let mut select = connection
        .prepare_cached("SELECT id, hmac, data FROM pages WHERE group_id = ?1 AND id > 0 ORDER BY id LIMIT ?2")?;
    let found = select.query_map(params![&**group, rows], |row| {
        let blob = |at| Ok::<_, chancery_store::rusqlite::Error>(Bytes::copy_from_slice(row.get_ref(at)?.as_blob()?));
        Ok((row.get(0)?, blob(1)?, blob(2)?))
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}
