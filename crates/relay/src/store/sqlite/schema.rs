//! Tables of the relay. Migrations only ever add.

use chancery_store::Migration;

/// All migrations, in order.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "0001_relay",
        sql: RELAY,
    },
    Migration {
        name: "0002_lanes_end",
        sql: LANES_END,
    },
    Migration {
        name: "0003_short_rows",
        sql: SHORT_ROWS,
    },
];

/// `deliveries.state`.
pub(super) mod state {
    pub(crate) const QUEUED: i64 = 0;
    pub(crate) const DELIVERED: i64 = 1;
    pub(crate) const PROCESSED: i64 = 2;
    pub(crate) const DEAD: i64 = 3;
}

/// `nonces.kind`: what the nonce was spent on. Only a connect may, by configuration, come again.
pub(super) mod nonce_kind {
    pub(crate) const REQUEST: i64 = 0;
    pub(crate) const CONNECT: i64 = 1;
}

const RELAY: &str = "
-- every agent that ever called or was paired; its mailbox's counters. Rows are small: each commit writes the pages of those
-- that it counts in
CREATE TABLE agents (
  id            INTEGER PRIMARY KEY,
  did           TEXT    NOT NULL UNIQUE,
  ait_jti       BLOB,
  epoch         INTEGER NOT NULL DEFAULT 0,
  next_position INTEGER NOT NULL DEFAULT 1,
  depth         INTEGER NOT NULL DEFAULT 0,
  revoked_at    INTEGER
) STRICT;

-- one row a direction: what the owner of a mailbox thinks of a peer, and how much of the mailbox the peer fills
CREATE TABLE peers (
  owner     INTEGER NOT NULL,
  peer      INTEGER NOT NULL,
  paired_at INTEGER,
  ticket    BLOB,
  blocked   INTEGER NOT NULL DEFAULT 0,
  muted     INTEGER NOT NULL DEFAULT 0,
  waiting   INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (owner, peer)
) STRICT, WITHOUT ROWID;

-- the signed statements of a pair, under both directions
CREATE TABLE pair_documents (
  owner               INTEGER NOT NULL,
  peer                INTEGER NOT NULL,
  initiator_statement TEXT,
  responder_statement TEXT,
  PRIMARY KEY (owner, peer)
) STRICT, WITHOUT ROWID;

-- the last identity token of each agent, which recipients of its waiting messages are shown
CREATE TABLE identities (
  agent INTEGER PRIMARY KEY,
  token TEXT NOT NULL
) STRICT;

CREATE TABLE lanes (
  id           INTEGER PRIMARY KEY,
  recipient    INTEGER NOT NULL,
  sender       INTEGER NOT NULL,
  conversation TEXT    NOT NULL,
  next_seq     INTEGER NOT NULL,
  UNIQUE (recipient, sender, conversation)
) STRICT;

CREATE TABLE deliveries (
  seq          INTEGER PRIMARY KEY,
  delivery_id  BLOB    NOT NULL UNIQUE,
  sender       INTEGER NOT NULL,
  recipient    INTEGER NOT NULL,
  message_id   TEXT    NOT NULL,
  hash         BLOB    NOT NULL,
  lane         INTEGER NOT NULL,
  lane_seq     INTEGER NOT NULL,
  position     INTEGER NOT NULL,
  state        INTEGER NOT NULL DEFAULT 0,
  attempts     INTEGER NOT NULL DEFAULT 0,
  -- the epoch whose session holds it
  claimed      INTEGER NOT NULL DEFAULT 0,
  accepted_at  INTEGER NOT NULL,
  updated_at   INTEGER NOT NULL,
  content_type TEXT,
  reply_to     TEXT,
  sent_at      TEXT,
  sig          BLOB,
  reason       TEXT,
  receipt_at   TEXT,
  receipt_sig  BLOB,
  receipt_due  INTEGER NOT NULL DEFAULT 0
) STRICT;
-- ids begin with the time (ULID), so new ones of all senders come to one end; by sender, each would dirty a page of its own
CREATE UNIQUE INDEX deliveries_message ON deliveries (message_id, sender);
CREATE INDEX deliveries_waiting ON deliveries (recipient, lane, position) WHERE state = 0;
CREATE INDEX deliveries_receipt_due ON deliveries (sender, seq) WHERE receipt_due = 1;

-- the bodies of what waits, apart from the rows that outlive them
CREATE TABLE payloads (
  seq  INTEGER PRIMARY KEY,
  body BLOB NOT NULL
) STRICT;

CREATE TABLE tickets (
  kid                 BLOB PRIMARY KEY,
  text                TEXT    NOT NULL,
  key                 BLOB    NOT NULL,
  initiator           TEXT    NOT NULL,
  initiator_profile   TEXT    NOT NULL,
  only_responder      TEXT,
  expires_at          INTEGER NOT NULL,
  forget_at           INTEGER NOT NULL,
  responder           TEXT,
  responder_profile   TEXT,
  confirmed_at        INTEGER,
  initiator_statement TEXT,
  responder_statement TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX tickets_forget ON tickets (forget_at);

CREATE TABLE nonces (
  agent          INTEGER NOT NULL,
  nonce          TEXT    NOT NULL,
  kind           INTEGER NOT NULL,
  remember_until INTEGER NOT NULL,
  PRIMARY KEY (agent, nonce)
) STRICT, WITHOUT ROWID;
CREATE INDEX nonces_until ON nonces (remember_until);

CREATE TABLE revoked_tokens (
  jti BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE feed (
  id     INTEGER PRIMARY KEY CHECK (id = 1),
  cursor INTEGER NOT NULL
) STRICT;
INSERT INTO feed (id, cursor) VALUES (1, 0);
";

const LANES_END: &str = "
-- the highest position in any lane between the two that was forgotten: a lane made later begins above it, so that no
-- position of a conversation comes twice
ALTER TABLE peers ADD COLUMN lane_base INTEGER NOT NULL DEFAULT 0;

-- the highest number of a forgotten lane: sessions know lanes by number, so none is used again
CREATE TABLE lane_ids (
  id   INTEGER PRIMARY KEY CHECK (id = 1),
  last INTEGER NOT NULL
) STRICT;
INSERT INTO lane_ids (id, last) SELECT 1, coalesce(max(id), 0) FROM lanes;

-- what was kept until now: from here on a lane goes with its last message
UPDATE peers SET lane_base = coalesce(
  (SELECT max(next_seq) - 1 FROM lanes
   WHERE recipient = owner AND sender = peer AND id NOT IN (SELECT lane FROM deliveries)), 0);
DELETE FROM lanes WHERE id NOT IN (SELECT lane FROM deliveries);
";

const SHORT_ROWS: &str = "
-- what only the recipient of a waiting message reads stands beside its body: the rows that outlive it are a third shorter. Rows of
-- before keep it where it was
ALTER TABLE payloads ADD COLUMN content_type TEXT;
ALTER TABLE payloads ADD COLUMN reply_to     TEXT;
ALTER TABLE payloads ADD COLUMN sent_at      TEXT;
ALTER TABLE payloads ADD COLUMN sig          BLOB;
";
