-- Rows are never deleted, and ids are those of the rows: the next one is the largest plus one, also after a restart.

CREATE TABLE group_messages (
    id INTEGER PRIMARY KEY NOT NULL,
    created_ns INTEGER NOT NULL,
    group_id BLOB NOT NULL,
    data_hash BLOB NOT NULL,
    is_commit INTEGER NOT NULL,
    should_push INTEGER NOT NULL,
    sender_hmac BLOB NOT NULL,
    data BLOB NOT NULL
) STRICT;
-- every index of SQLite ends with the id, so this one gives the messages of a group in order
CREATE INDEX group_messages_by_group ON group_messages (group_id);
CREATE UNIQUE INDEX group_messages_once ON group_messages (group_id, data_hash);

CREATE TABLE welcomes (
    id INTEGER PRIMARY KEY NOT NULL,
    created_ns INTEGER NOT NULL,
    installation BLOB NOT NULL,
    data_hash BLOB NOT NULL,
    kind INTEGER NOT NULL,
    wrapper_algorithm INTEGER NOT NULL,
    hpke_public_key BLOB NOT NULL,
    metadata BLOB NOT NULL,
    data BLOB NOT NULL
) STRICT;
CREATE INDEX welcomes_by_installation ON welcomes (installation);
CREATE UNIQUE INDEX welcomes_once ON welcomes (installation, data_hash);

CREATE TABLE key_packages (
    installation BLOB NOT NULL UNIQUE,
    inbox_id TEXT NOT NULL,
    updated_ns INTEGER NOT NULL,
    key_package BLOB NOT NULL
) STRICT;

CREATE TABLE inbox_log (
    sequence_id INTEGER PRIMARY KEY NOT NULL,
    inbox_id TEXT NOT NULL,
    server_timestamp_ns INTEGER NOT NULL,
    identity_update BLOB NOT NULL
) STRICT;
CREATE INDEX inbox_log_by_inbox ON inbox_log (inbox_id);

-- identifiers in their inboxes: from an update on, until another
CREATE TABLE address_log (
    kind INTEGER NOT NULL,
    identifier TEXT NOT NULL,
    association_sequence_id INTEGER NOT NULL,
    inbox_id TEXT NOT NULL,
    revocation_sequence_id INTEGER,
    PRIMARY KEY (kind, identifier, association_sequence_id)
) STRICT, WITHOUT ROWID;

-- the inbox that an installation was last added to
CREATE TABLE installations (
    installation BLOB PRIMARY KEY NOT NULL,
    inbox_id TEXT NOT NULL,
    revoked INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE commit_log (
    sequence_id INTEGER PRIMARY KEY NOT NULL,
    group_id BLOB NOT NULL,
    signature BLOB NOT NULL,
    entry BLOB NOT NULL
) STRICT;
CREATE INDEX commit_log_by_group ON commit_log (group_id);
