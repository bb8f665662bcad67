-- Attachments of the embedded backends, how far their conversations were read, and bootstraps of vendors'
-- credentials. Times are microseconds since 1970-01-01T00:00:00Z.

-- The place of the last message when the conversation was last read by the business; both null before that.
ALTER TABLE conversations ADD COLUMN read_sent_at INTEGER;
ALTER TABLE conversations ADD COLUMN read_arrival INTEGER;

-- Bytes, once for all attachments that hold the same.
CREATE TABLE blobs (
    sha256 BLOB NOT NULL PRIMARY KEY,
    bytes  BLOB NOT NULL
) STRICT;

CREATE TABLE attachments (
    id           TEXT    NOT NULL PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES conversations (number) ON DELETE CASCADE,
    sha256       BLOB    NOT NULL REFERENCES blobs (sha256),
    name         TEXT,
    media_type   TEXT    NOT NULL,
    size         INTEGER NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX attachments_by_conversation ON attachments (conversation);
CREATE INDEX attachments_by_sha256 ON attachments (sha256);

-- Bytes that lost an attachment: upkeep removes those to which no other one refers. A delete itself stays short.
CREATE TABLE loose_blobs (
    sha256 BLOB NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TRIGGER attachments_let_go AFTER DELETE ON attachments BEGIN
    INSERT INTO loose_blobs (sha256) VALUES (old.sha256) ON CONFLICT DO NOTHING;
END;

-- Conversations that were made at a vendor only to be given a credential, and are not known to be deleted.
CREATE TABLE bootstraps (
    backend   TEXT NOT NULL,
    native    TEXT NOT NULL,
    reference TEXT NOT NULL,
    PRIMARY KEY (backend, native)
) STRICT, WITHOUT ROWID;

-- One process at a time serves from this database: it holds its leases in memory.
DROP TABLE leases;
