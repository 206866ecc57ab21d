-- What harnesses ask the network for.

-- Actions that wait for the owner's word.
CREATE TABLE held_actions (
    id TEXT PRIMARY KEY NOT NULL,
    credential_id TEXT NOT NULL REFERENCES credentials (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    chat_id TEXT NOT NULL,
    draft TEXT NOT NULL,
    seal_id TEXT,
    caller_key TEXT,
    digest TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    resolved_by TEXT,
    resolved_at INTEGER
) STRICT;
CREATE INDEX held_of ON held_actions (credential_id, created_at) WHERE state = 'pending';
CREATE UNIQUE INDEX held_by_key ON held_actions (credential_id, caller_key)
WHERE caller_key IS NOT NULL AND state = 'pending';
CREATE INDEX held_by_end ON held_actions (expires_at) WHERE state = 'pending';

-- Sends: written before the network sees anything, and settled after it answered.
CREATE TABLE sends (
    id INTEGER PRIMARY KEY NOT NULL,
    credential_id TEXT NOT NULL REFERENCES credentials (id) ON DELETE CASCADE,
    inbox_id TEXT NOT NULL,
    chat_id TEXT NOT NULL,
    draft TEXT NOT NULL,
    network_key TEXT UNIQUE NOT NULL,
    caller_key TEXT,
    digest BLOB NOT NULL,
    action_id TEXT UNIQUE,
    state TEXT NOT NULL,
    outcome TEXT,
    created_at INTEGER NOT NULL,
    settled_at INTEGER
) STRICT;
CREATE UNIQUE INDEX sends_by_key ON sends (credential_id, caller_key) WHERE caller_key IS NOT NULL;
CREATE INDEX sends_open ON sends (id) WHERE state = 'open';
CREATE INDEX sends_settled ON sends (settled_at) WHERE settled_at IS NOT NULL;
