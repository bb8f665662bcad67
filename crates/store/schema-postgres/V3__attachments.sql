-- Attachments of the embedded backends, how far their conversations were read, and bootstraps of vendors'
-- credentials. Times are microseconds since 1970-01-01T00:00:00Z.

-- The place of the last message when the conversation was last read by the business; both null before that.
ALTER TABLE conversations ADD COLUMN read_sent_at BIGINT;
ALTER TABLE conversations ADD COLUMN read_arrival BIGINT;

-- Bytes, once for all attachments that hold the same.
CREATE TABLE blobs (
    sha256 BYTEA NOT NULL PRIMARY KEY,
    bytes  BYTEA NOT NULL
);

CREATE TABLE attachments (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    conversation BIGINT NOT NULL REFERENCES conversations (number) ON DELETE CASCADE,
    sha256       BYTEA    NOT NULL REFERENCES blobs (sha256),
    name         TEXT COLLATE "C",
    media_type   TEXT COLLATE "C" NOT NULL,
    size         BIGINT NOT NULL,
    created_at   BIGINT NOT NULL
);

CREATE INDEX attachments_by_conversation ON attachments (conversation);
CREATE INDEX attachments_by_sha256 ON attachments (sha256);

-- Bytes that lost an attachment: upkeep removes those to which no other one refers. A delete itself stays short.
CREATE TABLE loose_blobs (
    sha256 BYTEA NOT NULL PRIMARY KEY
);

CREATE FUNCTION let_go_of_bytes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO loose_blobs (sha256) VALUES (old.sha256) ON CONFLICT DO NOTHING;
    RETURN NULL;
END;
$$;

CREATE TRIGGER attachments_let_go AFTER DELETE ON attachments FOR EACH ROW EXECUTE FUNCTION let_go_of_bytes();

-- Conversations that were made at a vendor only to be given a credential, and are not known to be deleted.
CREATE TABLE bootstraps (
    backend   TEXT COLLATE "C" NOT NULL,
    native    TEXT COLLATE "C" NOT NULL,
    reference TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (backend, native)
);
