-- groups and hashes come in no order: these are written thousands of rows at a time. The messages up to the last one named
-- here are in them, those behind it are looked up in memory
DROP INDEX group_messages_by_group;
DROP INDEX group_messages_once;
CREATE TABLE group_messages_indexed (last INTEGER NOT NULL) STRICT;
INSERT INTO group_messages_indexed (last) VALUES (0);
CREATE TABLE messages_by_group (
    group_id BLOB NOT NULL,
    id INTEGER NOT NULL,
    PRIMARY KEY (group_id, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE messages_by_hash (hash BLOB PRIMARY KEY NOT NULL) STRICT, WITHOUT ROWID;
