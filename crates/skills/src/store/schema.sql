-- Raised by every decision of the owner; a decision names the value it was taken at.
CREATE TABLE revision (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    value INTEGER NOT NULL
) STRICT;
INSERT INTO revision VALUES (1, 0);

-- Bodies are the canonical JSON that the owner signed.
CREATE TABLE skills (
    id TEXT PRIMARY KEY NOT NULL,
    body TEXT NOT NULL,
    signature BLOB NOT NULL
) STRICT;

-- What an id was first installed with; it outlives a removal.
CREATE TABLE pins (
    skill_id TEXT PRIMARY KEY NOT NULL,
    body TEXT NOT NULL,
    signature BLOB NOT NULL
) STRICT;

-- Every version that was ever installed: one version has one content.
CREATE TABLE versions (
    skill_id TEXT NOT NULL,
    version TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (skill_id, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE publishers (
    keyid TEXT PRIMARY KEY NOT NULL,
    body TEXT NOT NULL,
    signature BLOB NOT NULL
) STRICT;

-- A grant that was revoked has no signature any more.
CREATE TABLE grants (
    id BLOB PRIMARY KEY NOT NULL,
    skill_id TEXT NOT NULL,
    body TEXT NOT NULL,
    signature BLOB,
    used INTEGER NOT NULL DEFAULT 0,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_of_skill ON grants (skill_id) WHERE revoked_at IS NULL;

CREATE TABLE revocations (
    id BLOB PRIMARY KEY NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What the newest list of each issuer takes back.
CREATE TABLE lists (
    issuer TEXT PRIMARY KEY NOT NULL,
    sequence INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
