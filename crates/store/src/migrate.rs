//! Bringing the schema up to date.

use rusqlite::Connection;

use crate::error::StoreError;

/// One step of the schema. Steps only ever expand it; a released step never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// Unique name, recorded in `schema_migrations`.
    pub name: &'static str,
    /// Statements, run together in one transaction.
    pub sql: &'static str,
}

/// Applies those of `migrations` that the database does not have yet, in order, each in its own transaction.
pub(crate) fn run(connection: &Connection, migrations: &[Migration]) -> Result<(), StoreError> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_migrations (
            name TEXT PRIMARY KEY NOT NULL,
            applied_at_ms INTEGER NOT NULL
        ) STRICT",
    )?;
    let applied = connection
        .prepare("SELECT name FROM schema_migrations ORDER BY rowid")?
        .query_map([], |row| row.get::<_, String>(0))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut applied = applied.into_iter();
    let mut missing = Vec::new();
    for migration in migrations {
        match applied.next() {
            Some(found) if found == migration.name => {}
            Some(found) => return Err(StoreError::Newer { found }),
            None => missing.push(migration),
        }
    }
    if let Some(found) = applied.next() {
        return Err(StoreError::Newer { found });
    }
    for migration in missing {
        apply(connection, migration).map_err(|cause| StoreError::Migrate {
            name: migration.name.to_owned(),
            cause,
        })?;
    }
    Ok(())
}

fn apply(connection: &Connection, migration: &Migration) -> rusqlite::Result<()> {
    // dropped before the commit, it rolls back
    let tx = rusqlite::Transaction::new_unchecked(connection, rusqlite::TransactionBehavior::Immediate)?;
    tx.execute_batch(migration.sql)?;
    tx.execute(
        "INSERT INTO schema_migrations (name, applied_at_ms)
         VALUES (?1, CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER))",
        [migration.name],
    )?;
    tx.commit()
}
