-- every init key that an installation had a key package with, so that nobody brings an old one back
CREATE TABLE init_keys (
    installation BLOB NOT NULL,
    init_key BLOB NOT NULL,
    PRIMARY KEY (installation, init_key)
) STRICT, WITHOUT ROWID;
-- NULL where a key package was kept before this
ALTER TABLE key_packages ADD COLUMN init_key BLOB;
