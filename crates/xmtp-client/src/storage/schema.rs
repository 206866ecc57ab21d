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
    "
-- When our keys in a group were renewed last, nanoseconds since the Unix epoch, and whether a commit of ours did that: who
-- joined has the keys of its key package.
ALTER TABLE conversations ADD COLUMN keys_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversations ADD COLUMN keys_ours INTEGER NOT NULL DEFAULT 0;
UPDATE conversations SET keys_ns = created_ns;
",
    "
-- Welcomes that are pointers to what the node does not have yet. since_ns: when we saw that first.
CREATE TABLE pointers (
    welcome_id INTEGER PRIMARY KEY,
    created_ns INTEGER NOT NULL,
    since_ns INTEGER NOT NULL,
    data BLOB NOT NULL,
    hpke_public_key BLOB NOT NULL
) STRICT;
",
    "
-- From here on conversations and messages have one order: each position is greater than all in both tables. Those
-- conversations that are there come before the messages that are there.
UPDATE messages SET position = -position;
UPDATE messages SET position = (SELECT coalesce(max(position), 0) FROM conversations) - position;
UPDATE sqlite_sequence SET seq = (SELECT coalesce(max(position), seq) FROM messages) WHERE name = 'messages';

-- Whether we want to hear from an inbox. consent: conversations.rs.
CREATE TABLE consents (
    inbox BLOB PRIMARY KEY,
    consent INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
",
    "
-- What the node said when it refused the payload of an intent for good. It is not sent again by itself.
ALTER TABLE intents ADD COLUMN refused TEXT;

-- How far a key package is: 0 made, 1 the node has it, 2 somebody has used it. Those that are there are with the node.
ALTER TABLE key_packages ADD COLUMN stage INTEGER NOT NULL DEFAULT 1;

-- Those that have disappeared and were forgotten are not looked at again.
CREATE INDEX messages_to_forget ON messages (expires_ns) WHERE expires_ns IS NOT NULL AND content != x'';
DROP INDEX messages_by_expiry;
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]
    use super::*;

    /// The step that dates our keys in groups.
    const KEYS: usize = 4;

    #[test]
    fn keys_that_were_not_dated_are_as_old_as_the_conversation_and_owed_before_the_next_word() {
        let connection = Connection::open_in_memory().unwrap();
        for step in &STEPS[..KEYS] {
            connection.execute_batch(step).unwrap();
        }
        connection.pragma_update(None, "user_version", KEYS).unwrap();
        let before = "INSERT INTO conversations (group_id, created_ns, consent) VALUES (x'01', 5, 1)";
        connection.execute_batch(before).unwrap();
        bring_up_to_date(&connection).unwrap();
        let keys = connection.query_row("SELECT keys_ns, keys_ours FROM conversations", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?))
        });
        assert_eq!(keys.unwrap(), (5, false));
    }

    /// The step that makes one order of two.
    const ONE_ORDER: usize = 6;

    #[test]
    fn a_file_of_two_orders_gets_one_and_goes_on_in_it() {
        let db = Connection::open_in_memory().unwrap();
        for step in &STEPS[..ONE_ORDER] {
            db.execute_batch(step).unwrap();
        }
        db.pragma_update(None, "user_version", ONE_ORDER).unwrap();
        db.execute_batch(
            "INSERT INTO conversations (position, group_id, created_ns, consent) VALUES (1, x'0a', 0, 0), (3, x'0b', 0, 0);
             INSERT INTO messages
                (position, id, group_id, network_id, sender_inbox, sender_installation, sent_ns, content)
             VALUES (1, x'01', x'0a', 1, x'', x'', 0, x''), (2, x'02', x'0a', 2, x'', x'', 0, x''),
                (7, x'03', x'0b', 3, x'', x'', 0, x'');",
        )
        .unwrap();
        bring_up_to_date(&db).unwrap();
        let order = |table: &str| -> Vec<(i64, Vec<u8>)> {
            let name = if table == "messages" { "id" } else { "group_id" };
            let mut rows = db
                .prepare(&format!("SELECT position, {name} FROM {table} ORDER BY position"))
                .unwrap();
            let found = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            found.map(Result::unwrap).collect()
        };
        assert_eq!(order("conversations"), [(1, vec![10]), (3, vec![11])]);
        assert_eq!(order("messages"), [(4, vec![1]), (5, vec![2]), (10, vec![3])]);
        let last: i64 = db
            .query_row("SELECT max(seq) FROM sqlite_sequence", [], |row| row.get(0))
            .unwrap();
        assert_eq!(last, 10);
    }
}
