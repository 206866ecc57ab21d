CREATE TABLE humans (
    id            TEXT PRIMARY KEY NOT NULL,
    did           TEXT NOT NULL UNIQUE,
    display_name  TEXT NOT NULL,
    role          TEXT NOT NULL CHECK (role IN ('admin', 'user')),
    status        TEXT NOT NULL CHECK (status IN ('active', 'suspended')),
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    id              TEXT PRIMARY KEY NOT NULL,
    human_id        TEXT NOT NULL REFERENCES humans (id),
    key_prefix      TEXT NOT NULL,
    key_hash        TEXT NOT NULL UNIQUE,
    name            TEXT NOT NULL,
    status          TEXT NOT NULL CHECK (status IN ('active', 'revoked')),
    created_at_ms   INTEGER NOT NULL,
    last_used_at_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX api_keys_prefix ON api_keys (key_prefix);
CREATE INDEX api_keys_human ON api_keys (human_id, id);

CREATE TABLE invites (
    id            TEXT PRIMARY KEY NOT NULL,
    code_hash     TEXT NOT NULL UNIQUE,
    created_by    TEXT NOT NULL REFERENCES humans (id),
    redeemed_by   TEXT REFERENCES humans (id),
    expires_at_ms INTEGER,
    created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE agent_registration_challenges (
    id            TEXT PRIMARY KEY NOT NULL,
    owner_id      TEXT NOT NULL REFERENCES humans (id),
    public_key    TEXT NOT NULL,
    nonce         TEXT NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    used_at_ms    INTEGER,
    created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX challenges_owner ON agent_registration_challenges (owner_id, expires_at_ms);

CREATE TABLE agents (
    id            TEXT PRIMARY KEY NOT NULL,
    did           TEXT NOT NULL UNIQUE,
    owner_id      TEXT NOT NULL REFERENCES humans (id),
    owner_did     TEXT NOT NULL,
    name          TEXT NOT NULL,
    framework     TEXT NOT NULL,
    public_key    TEXT NOT NULL,
    current_jti   TEXT NOT NULL UNIQUE,
    ttl_days      INTEGER NOT NULL,
    status        TEXT NOT NULL CHECK (status IN ('active', 'revoked')),
    expires_at_ms INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX agents_owner ON agents (owner_id, id);
CREATE UNIQUE INDEX agents_active_name ON agents (owner_id, name) WHERE status = 'active';
CREATE UNIQUE INDEX agents_active_key ON agents (public_key) WHERE status = 'active';

CREATE TABLE agent_auth_sessions (
    agent_id               TEXT PRIMARY KEY NOT NULL REFERENCES agents (id),
    id                     TEXT NOT NULL UNIQUE,
    refresh_prefix         TEXT NOT NULL,
    refresh_hash           TEXT NOT NULL,
    access_prefix          TEXT NOT NULL,
    access_hash            TEXT NOT NULL,
    issued_at_ms           INTEGER NOT NULL,
    refresh_expires_at_ms  INTEGER NOT NULL,
    access_expires_at_ms   INTEGER NOT NULL,
    access_last_used_at_ms INTEGER,
    previous_hash          TEXT,
    previous_until_ms      INTEGER,
    -- the current tokens, encrypted under the previous refresh token
    sealed_successor       BLOB,
    status                 TEXT NOT NULL CHECK (status IN ('active', 'revoked')),
    revoked_at_ms          INTEGER,
    created_at_ms          INTEGER NOT NULL,
    updated_at_ms          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE agent_auth_events (
    id            INTEGER PRIMARY KEY,
    agent_id      TEXT NOT NULL REFERENCES agents (id),
    session_id    TEXT NOT NULL,
    event_type    TEXT NOT NULL,
    reason        TEXT,
    created_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX auth_events_agent ON agent_auth_events (agent_id, created_at_ms);

CREATE TABLE agent_auth_nonces (
    agent_id TEXT NOT NULL,
    nonce    TEXT NOT NULL,
    until_ms INTEGER NOT NULL,
    PRIMARY KEY (agent_id, nonce)
) STRICT, WITHOUT ROWID;
CREATE INDEX auth_nonces_until ON agent_auth_nonces (until_ms);

-- the feed: seq has no gaps, because it is assigned in the commit of the effect and rows are never deleted
CREATE TABLE revocations (
    seq                 INTEGER PRIMARY KEY NOT NULL,
    agent_id            TEXT NOT NULL REFERENCES agents (id),
    agent_did           TEXT NOT NULL,
    jti                 TEXT NOT NULL,
    scope               TEXT NOT NULL CHECK (scope IN ('agent', 'token', 'session')),
    reason              TEXT,
    revoked_at_ms       INTEGER NOT NULL,
    token_expires_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX revocations_listed ON revocations (token_expires_at_ms) WHERE scope IN ('agent', 'token');

CREATE TABLE internal_services (
    id              TEXT PRIMARY KEY NOT NULL,
    name            TEXT NOT NULL UNIQUE COLLATE NOCASE,
    secret_prefix   TEXT NOT NULL,
    secret_hash     TEXT NOT NULL,
    scopes_json     TEXT NOT NULL,
    status          TEXT NOT NULL CHECK (status IN ('active', 'revoked')),
    -- the first administrator may not exist yet
    created_by      TEXT NOT NULL,
    rotated_at_ms   INTEGER,
    last_used_at_ms INTEGER,
    created_at_ms   INTEGER NOT NULL,
    updated_at_ms   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
