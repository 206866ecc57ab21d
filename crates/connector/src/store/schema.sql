CREATE TABLE outbound (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    to_did TEXT NOT NULL,
    payload TEXT,
    content_type TEXT,
    conversation TEXT,
    reply_to TEXT,
    sent_at TEXT NOT NULL,
    sig BLOB NOT NULL,
    digest TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    verified TEXT,
    refusals INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
) STRICT;
CREATE INDEX outbound_state ON outbound (state, seq);

CREATE TABLE inbound (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    from_did TEXT NOT NULL,
    to_did TEXT NOT NULL,
    message_id TEXT NOT NULL,
    payload TEXT,
    bytes INTEGER NOT NULL,
    hash TEXT NOT NULL,
    content_type TEXT,
    conversation TEXT,
    reply_to TEXT,
    sent_at TEXT,
    verified TEXT NOT NULL,
    identity TEXT,
    receipt_wanted INTEGER NOT NULL,
    received INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    refusals INTEGER NOT NULL DEFAULT 0,
    since INTEGER NOT NULL,
    next_attempt INTEGER NOT NULL,
    last_attempt INTEGER,
    last_error TEXT,
    changed INTEGER NOT NULL,
    UNIQUE (from_did, message_id)
) STRICT;
CREATE INDEX inbound_state ON inbound (state, seq);

-- receipts that the relay has not confirmed; one a delivery
CREATE TABLE receipts (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery TEXT NOT NULL UNIQUE,
    frame TEXT NOT NULL UNIQUE,
    message_id TEXT NOT NULL,
    from_did TEXT NOT NULL,
    to_did TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    at TEXT NOT NULL,
    sig BLOB NOT NULL
) STRICT;

CREATE TABLE peers (
    did TEXT PRIMARY KEY NOT NULL,
    token_hash TEXT NOT NULL,
    key TEXT NOT NULL,
    identity TEXT NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- how many rows and bytes are in each state, so that a full inbox costs no more than an empty one
CREATE TABLE meter (
    kind TEXT PRIMARY KEY NOT NULL,
    n INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meter VALUES
    ('out:queued', 0, 0), ('out:accepted', 0, 0), ('out:delivered_to_webhook', 0, 0), ('out:dead_lettered', 0, 0),
    ('in:pending', 0, 0), ('in:attempting', 0, 0), ('in:held', 0, 0), ('in:dead_lettered', 0, 0),
    ('in:delivered', 0, 0), ('in:purged', 0, 0);
CREATE TRIGGER outbound_new AFTER INSERT ON outbound BEGIN
    UPDATE meter SET n = n + 1 WHERE kind = 'out:' || NEW.state;
END;
CREATE TRIGGER outbound_moved AFTER UPDATE OF state ON outbound WHEN OLD.state <> NEW.state BEGIN
    UPDATE meter SET n = n - 1 WHERE kind = 'out:' || OLD.state;
    UPDATE meter SET n = n + 1 WHERE kind = 'out:' || NEW.state;
END;
CREATE TRIGGER outbound_gone AFTER DELETE ON outbound BEGIN
    UPDATE meter SET n = n - 1 WHERE kind = 'out:' || OLD.state;
END;
CREATE TRIGGER inbound_new AFTER INSERT ON inbound BEGIN
    UPDATE meter SET n = n + 1, bytes = bytes + NEW.bytes WHERE kind = 'in:' || NEW.state;
END;
CREATE TRIGGER inbound_moved AFTER UPDATE OF state ON inbound WHEN OLD.state <> NEW.state BEGIN
    UPDATE meter SET n = n - 1, bytes = bytes - OLD.bytes WHERE kind = 'in:' || OLD.state;
    UPDATE meter SET n = n + 1, bytes = bytes + NEW.bytes WHERE kind = 'in:' || NEW.state;
END;
CREATE TRIGGER inbound_gone AFTER DELETE ON inbound BEGIN
    UPDATE meter SET n = n - 1, bytes = bytes - OLD.bytes WHERE kind = 'in:' || OLD.state;
END;
