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
    "
-- Whose file this is. registered: the network has been seen to know the installation.
CREATE TABLE account (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    inbox BLOB NOT NULL,
    installation_seed BLOB NOT NULL,
    registered INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The groups that are conversations, in the order in which we came to know them. peer: the other inbox of a DM.
-- consent: conversations.rs. last_ns: when the network took the latest message.
CREATE TABLE conversations (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id BLOB NOT NULL UNIQUE,
    peer BLOB,
    name TEXT NOT NULL DEFAULT '',
    created_ns INTEGER NOT NULL,
    last_ns INTEGER NOT NULL DEFAULT 0,
    active INTEGER NOT NULL DEFAULT 1,
    consent INTEGER NOT NULL,
    paused_for TEXT,
    maybe_forked INTEGER NOT NULL DEFAULT 0,
    disappear_from_ns INTEGER,
    disappear_in_ns INTEGER
) STRICT;
CREATE INDEX conversations_by_peer ON conversations (peer);

-- What was made of an intent, to be sent byte for byte until it comes back. after: what its effect brings about.
CREATE TABLE payloads (
    intent_id INTEGER PRIMARY KEY REFERENCES intents (id) ON DELETE CASCADE,
    payload BLOB NOT NULL,
    after BLOB NOT NULL
) STRICT;

-- Our own messages until the network has ordered them. Without an intent they have failed.
CREATE TABLE outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    group_id BLOB NOT NULL,
    intent_id INTEGER UNIQUE REFERENCES intents (id) ON DELETE SET NULL,
    written_ns INTEGER NOT NULL,
    idempotency_key TEXT NOT NULL,
    content BLOB NOT NULL
) STRICT;
CREATE INDEX outbox_by_group ON outbox (group_id, number);

-- Welcomes whose commit has taken effect, until the network has them.
CREATE TABLE welcomes_due (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    welcome BLOB NOT NULL
) STRICT;

-- Members who asked to be removed.
CREATE TABLE leaving (
    group_id BLOB NOT NULL,
    inbox BLOB NOT NULL,
    PRIMARY KEY (group_id, inbox)
) STRICT, WITHOUT ROWID;

-- When a message disappears, nanoseconds since the Unix epoch.
ALTER TABLE messages ADD COLUMN expires_ns INTEGER;
CREATE INDEX messages_by_expiry ON messages (expires_ns) WHERE expires_ns IS NOT NULL;
",
    "
-- Identity logs of others, as far as they were read and verified.
CREATE TABLE identity_logs (
    inbox BLOB NOT NULL,
    sequence_id INTEGER NOT NULL,
    entry BLOB NOT NULL,
    PRIMARY KEY (inbox, sequence_id)
) STRICT, WITHOUT ROWID;
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
