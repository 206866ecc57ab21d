//! The tables of an inbox. Steps only expand them; a released step never changes.

use chancery_store::rusqlite::{Connection, Transaction, TransactionBehavior};

use super::StorageError;

/// `PRAGMA user_version` counts how many of these a file has.
const STEPS: &[&str] = &[
    "
-- What openmls keeps under one key. kind: mls.rs.
CREATE TABLE mls_values (
    kind INTEGER NOT NULL,
    key BLOB NOT NULL,
    value BLOB NOT NULL,
    UNIQUE (kind, key)
) STRICT;

-- What openmls keeps as a list: own leaves, queued proposals. item tells entries apart that have a name.
CREATE TABLE mls_items (
    position INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    key BLOB NOT NULL,
    item BLOB,
    value BLOB NOT NULL,
    UNIQUE (kind, key, item)
) STRICT;

-- How far a topic of the network was read: the id of the last message that has taken effect.
CREATE TABLE cursors (
    kind INTEGER NOT NULL,
    topic BLOB NOT NULL,
    cursor INTEGER NOT NULL,
    PRIMARY KEY (kind, topic)
) STRICT, WITHOUT ROWID;

-- What was said, in the order in which this inbox learned of it. A position is never used again.
CREATE TABLE messages (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    group_id BLOB NOT NULL,
    network_id INTEGER NOT NULL,
    sender_inbox BLOB NOT NULL,
    sender_installation BLOB NOT NULL,
    sent_ns INTEGER NOT NULL,
    content BLOB NOT NULL
) STRICT;
CREATE INDEX messages_by_group ON messages (group_id, position);

-- What this inbox means to do to a group and has not seen ordered by the network yet.
CREATE TABLE intents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id BLOB NOT NULL,
    body BLOB NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    payload_hash BLOB UNIQUE,
    epoch INTEGER,
    CHECK ((payload_hash IS NULL) = (epoch IS NULL))
) STRICT;
CREATE INDEX intents_by_group ON intents (group_id, id);
",
    "
-- What openmls does not keep of our key packages. mls_key: under which it keeps the rest, as kind 1 of mls_values.
CREATE TABLE key_packages (
    mls_key BLOB PRIMARY KEY,
    init_key BLOB NOT NULL UNIQUE,
    xwing_public BLOB NOT NULL UNIQUE,
    xwing_secret BLOB NOT NULL,
    made_ms INTEGER NOT NULL
) STRICT;
",
];

pub(super) fn bring_up_to_date(connection: &Connection) -> Result<(), StorageError> {
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let done = usize::try_from(found).map_err(|_| StorageError::Newer { found })?;
    let missing = STEPS.get(done..).ok_or(StorageError::Newer { found })?;
    for (number, step) in (found + 1..).zip(missing) {
        let tx = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
        tx.execute_batch(step)?;
        tx.pragma_update(None, "user_version", number)?;
        tx.commit()?;
    }
    Ok(())
}
