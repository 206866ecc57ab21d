-- What the signet holds of itself. Ids are text as on the wire, times are milliseconds, scope lists are JSON.
CREATE TABLE operators (
    id TEXT PRIMARY KEY NOT NULL,
    label TEXT NOT NULL,
    role TEXT NOT NULL,
    scope_mode TEXT NOT NULL,
    provider TEXT NOT NULL,
    wallet_id TEXT,
    disclosures TEXT,
    content_types TEXT,
    status TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    removed_at INTEGER
) STRICT;
CREATE UNIQUE INDEX operator_labels ON operators (label) WHERE status <> 'removed';

CREATE TABLE policies (
    id TEXT PRIMARY KEY NOT NULL,
    label TEXT NOT NULL,
    allow TEXT NOT NULL,
    deny TEXT NOT NULL,
    confirm TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    removed_at INTEGER
) STRICT;
CREATE UNIQUE INDEX policy_labels ON policies (label) WHERE removed_at IS NULL;

CREATE TABLE inboxes (
    id TEXT PRIMARY KEY NOT NULL,
    network_id TEXT UNIQUE,
    label TEXT UNIQUE,
    chat_id TEXT,
    operator_id TEXT REFERENCES operators (id),
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX inboxes_of ON inboxes (operator_id);

CREATE TABLE id_mappings (
    kind TEXT NOT NULL,
    network_id TEXT NOT NULL,
    local_id TEXT UNIQUE NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (kind, network_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE chat_inboxes (
    chat_id TEXT NOT NULL,
    inbox_id TEXT NOT NULL REFERENCES inboxes (id) ON DELETE CASCADE,
    title TEXT NOT NULL,
    joined_at INTEGER NOT NULL,
    PRIMARY KEY (chat_id, inbox_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX chats_of ON chat_inboxes (inbox_id);

CREATE TABLE credentials (
    id TEXT PRIMARY KEY NOT NULL,
    operator_id TEXT NOT NULL REFERENCES operators (id),
    policy_id TEXT REFERENCES policies (id),
    allow TEXT,
    deny TEXT,
    effective TEXT NOT NULL,
    confirm TEXT NOT NULL,
    content_types TEXT,
    ttl_ms INTEGER NOT NULL,
    harness_key BLOB,
    harness_uid INTEGER,
    token_sha256 BLOB UNIQUE NOT NULL,
    status TEXT NOT NULL,
    issued_by TEXT NOT NULL,
    issued_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    last_heartbeat INTEGER,
    revoked_at INTEGER,
    revocation_reason TEXT,
    -- what the change would have been for which it was revoked, for people
    revocation_note TEXT
) STRICT;
CREATE INDEX credentials_of ON credentials (operator_id, issued_at);
CREATE INDEX credentials_by_end ON credentials (expires_at) WHERE status = 'active';
CREATE INDEX credentials_with ON credentials (policy_id) WHERE status = 'active';

CREATE TABLE credential_chats (
    credential_id TEXT NOT NULL REFERENCES credentials (id),
    chat_id TEXT NOT NULL,
    inbox_id TEXT NOT NULL,
    PRIMARY KEY (credential_id, chat_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX credentials_in ON credential_chats (chat_id);

-- Inboxes that were removed, and whose file and keys are still there.
CREATE TABLE leftovers (
    inbox_id TEXT PRIMARY KEY NOT NULL
) STRICT, WITHOUT ROWID;
