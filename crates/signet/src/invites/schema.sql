-- How others are let into chats.

-- Whom an inbox talks to where there are but two.
ALTER TABLE chat_inboxes ADD COLUMN peer TEXT;

-- Links by which others ask. Whether one counts is said here, and not by the link.
CREATE TABLE invites (
    tag TEXT PRIMARY KEY NOT NULL,
    chat_id TEXT NOT NULL,
    inbox_id TEXT NOT NULL REFERENCES inboxes (id) ON DELETE CASCADE,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    single_use INTEGER NOT NULL,
    uses INTEGER NOT NULL DEFAULT 0,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX invites_to ON invites (chat_id);

-- Those who ask: open until they are answered, and kept for a while so that one who asks twice is heard once.
CREATE TABLE join_requests (
    id INTEGER PRIMARY KEY,
    inbox_id TEXT NOT NULL REFERENCES inboxes (id) ON DELETE CASCADE,
    message TEXT NOT NULL,
    conversation TEXT NOT NULL,
    sender TEXT NOT NULL,
    slug TEXT NOT NULL,
    plain INTEGER NOT NULL,
    sent_at INTEGER NOT NULL,
    -- open; admitted, when it was decided and is to be done; done
    state TEXT NOT NULL,
    settled_at INTEGER,
    UNIQUE (inbox_id, message)
) STRICT;
CREATE INDEX join_requests_open ON join_requests (inbox_id, id) WHERE state <> 'done';

-- Inboxes that were made to join a chat and are not in it yet. What is left of them goes at the next start.
CREATE TABLE joining (
    inbox_id TEXT PRIMARY KEY NOT NULL REFERENCES inboxes (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
