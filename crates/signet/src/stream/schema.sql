-- What harnesses are told. Ids are text as on the wire, times are milliseconds.

-- One stream for each credential that ever had an event. The next number is one more than the last in `events`, which is
-- never trimmed away.
CREATE TABLE streams (
    id INTEGER PRIMARY KEY NOT NULL,
    credential_id TEXT UNIQUE NOT NULL REFERENCES credentials (id) ON DELETE CASCADE,
    epoch TEXT NOT NULL
) STRICT;

-- Events as JSON, once for all streams that have them.
CREATE TABLE bodies (
    id INTEGER PRIMARY KEY NOT NULL,
    inbox_id TEXT,
    message_id TEXT,
    form TEXT,
    event TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX bodies_of ON bodies (message_id, inbox_id, form) WHERE message_id IS NOT NULL;

-- Either the event `body`, or the ends of catch-ups from the number `first` to the number `seq`.
CREATE TABLE events (
    stream INTEGER NOT NULL REFERENCES streams (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    body INTEGER,
    first INTEGER,
    at INTEGER,
    PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;

-- How far the log of an inbox was read.
CREATE TABLE feeds (
    inbox_id TEXT PRIMARY KEY NOT NULL,
    cursor INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Messages that came by, for references to them.
CREATE TABLE messages (
    id TEXT PRIMARY KEY NOT NULL,
    chat_id TEXT NOT NULL,
    sent_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE reveals (
    id TEXT PRIMARY KEY NOT NULL,
    credential_id TEXT NOT NULL REFERENCES credentials (id) ON DELETE CASCADE,
    request TEXT NOT NULL,
    reveal TEXT,
    state TEXT NOT NULL,
    released INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX reveals_of ON reveals (credential_id, state);
CREATE INDEX reveals_unreleased ON reveals (id) WHERE state = 'granted' AND released = 0;

-- What streams have to be told of, and what they were told last.
CREATE TABLE credential_news (
    credential_id TEXT PRIMARY KEY NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE credential_told (
    credential_id TEXT PRIMARY KEY NOT NULL REFERENCES credentials (id) ON DELETE CASCADE,
    status TEXT NOT NULL,
    effective TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Another number whenever something changes that projection looks at: whoever has read it before reads it again.
CREATE TABLE projection (
    one INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
    generation INTEGER NOT NULL
) STRICT;
INSERT INTO projection (one, generation) VALUES (1, random());

-- No conflict is left to a clause in what follows: within a trigger that of the outer statement would count.
CREATE TRIGGER credential_issued AFTER INSERT ON credentials BEGIN
    UPDATE projection SET generation = random();
    INSERT INTO credential_news SELECT new.id
        WHERE NOT EXISTS (SELECT 1 FROM credential_news WHERE credential_id = new.id);
END;
CREATE TRIGGER credential_changed
AFTER UPDATE OF operator_id, effective, confirm, content_types, status, issued_at, expires_at ON credentials BEGIN
    UPDATE projection SET generation = random();
    INSERT INTO credential_news SELECT new.id
        WHERE NOT EXISTS (SELECT 1 FROM credential_news WHERE credential_id = new.id);
END;
CREATE TRIGGER credential_covers AFTER INSERT ON credential_chats BEGIN
    UPDATE projection SET generation = random();
END;
CREATE TRIGGER credential_covers_another AFTER UPDATE ON credential_chats BEGIN
    UPDATE projection SET generation = random();
END;
CREATE TRIGGER credential_covers_no_more AFTER DELETE ON credential_chats BEGIN
    UPDATE projection SET generation = random();
    INSERT INTO credential_news SELECT old.credential_id
        WHERE NOT EXISTS (SELECT 1 FROM credential_news WHERE credential_id = old.credential_id);
END;
CREATE TRIGGER operator_changed AFTER UPDATE OF status, content_types ON operators BEGIN
    UPDATE projection SET generation = random();
    INSERT INTO credential_news SELECT id FROM credentials
        WHERE operator_id = new.id AND id NOT IN (SELECT credential_id FROM credential_news);
END;
CREATE TRIGGER reveal_changed AFTER UPDATE ON reveals BEGIN
    UPDATE projection SET generation = random();
END;
CREATE TRIGGER reveal_removed AFTER DELETE ON reveals BEGIN
    UPDATE projection SET generation = random();
END;
