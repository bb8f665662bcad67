-- Migrations: where conversations live, lived and are copied to, what was copied, and what is erased. Times are
-- microseconds since 1970-01-01T00:00:00Z. Null is absent everywhere.

-- Messages of an entry may be known by ids of an earlier home: set with the first move, for ever.
ALTER TABLE directory ADD COLUMN renamed INTEGER NOT NULL DEFAULT 0;
-- For an operator's walk, which tells tenants apart without reading the entry.
CREATE INDEX directory_by_backend ON directory (backend, id, tenant) WHERE hidden < 2;
-- What a person owned, beside what `directory_by_owner` lists.
CREATE INDEX directory_hidden_by_owner ON directory (tenant, owner) WHERE hidden > 0;

-- The conversation lives elsewhere by now: only copies write here.
ALTER TABLE conversations ADD COLUMN closed INTEGER NOT NULL DEFAULT 0;
-- The public id, where that is not the native one: a copy has the id of what it is a copy of.
ALTER TABLE conversations ADD COLUMN public TEXT;

-- Where the serving process is reached, its process id, and how it was started.
ALTER TABLE instances ADD COLUMN address TEXT;
ALTER TABLE instances ADD COLUMN process INTEGER;
ALTER TABLE instances ADD COLUMN command TEXT;

-- The migration whose write it is: that one settles it, and nobody else.
ALTER TABLE intents ADD COLUMN migration TEXT;
DROP INDEX intents_open_by_try;
CREATE INDEX intents_open_by_try ON intents (backend, tried_at) WHERE state = 0 AND migration IS NULL;

CREATE TABLE migrations (
    number INTEGER PRIMARY KEY,
    -- Ordered by time of planning.
    id     TEXT    NOT NULL UNIQUE,
    record TEXT    NOT NULL
) STRICT;

CREATE TABLE migration_items (
    migration    INTEGER NOT NULL REFERENCES migrations (number) ON DELETE CASCADE,
    conversation TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    -- Empty where it was not checked.
    sign         TEXT    NOT NULL,
    messages     INTEGER NOT NULL,
    bytes        INTEGER NOT NULL,
    mark         BLOB,
    source       BLOB,
    target       BLOB,
    PRIMARY KEY (migration, conversation)
) STRICT, WITHOUT ROWID;

-- In both of them the rest of the primary key comes last by itself.
CREATE INDEX migration_items_by_state ON migration_items (migration, state, sign, conversation);
CREATE INDEX migration_items_by_conversation ON migration_items (conversation);

-- Items counted, so that nobody ever has to count a million.
CREATE TABLE migration_tallies (
    migration     INTEGER NOT NULL REFERENCES migrations (number) ON DELETE CASCADE,
    state         TEXT    NOT NULL,
    sign          TEXT    NOT NULL,
    conversations INTEGER NOT NULL,
    messages      INTEGER NOT NULL,
    bytes         INTEGER NOT NULL,
    PRIMARY KEY (migration, state, sign)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER migration_items_come AFTER INSERT ON migration_items BEGIN
    INSERT INTO migration_tallies (migration, state, sign, conversations, messages, bytes)
    VALUES (new.migration, new.state, new.sign, 1, new.messages, new.bytes)
    ON CONFLICT DO UPDATE SET conversations = conversations + 1,
        messages = messages + excluded.messages, bytes = bytes + excluded.bytes;
END;

CREATE TRIGGER migration_items_change AFTER UPDATE ON migration_items BEGIN
    UPDATE migration_tallies SET conversations = conversations - 1,
        messages = messages - old.messages, bytes = bytes - old.bytes
    WHERE migration = old.migration AND state = old.state AND sign = old.sign;
    INSERT INTO migration_tallies (migration, state, sign, conversations, messages, bytes)
    VALUES (new.migration, new.state, new.sign, 1, new.messages, new.bytes)
    ON CONFLICT DO UPDATE SET conversations = conversations + 1,
        messages = messages + excluded.messages, bytes = bytes + excluded.bytes;
END;

CREATE TABLE migration_findings (
    number       INTEGER PRIMARY KEY,
    migration    INTEGER NOT NULL REFERENCES migrations (number) ON DELETE CASCADE,
    -- Empty for those of the migration as a whole.
    conversation TEXT    NOT NULL,
    -- Null where nothing is found any more: the row waits for the next finding, so that a walk that stands here goes on.
    finding      TEXT
) STRICT;

CREATE INDEX migration_findings_by_conversation ON migration_findings (migration, conversation);
CREATE INDEX migration_findings_of_conversation ON migration_findings (conversation);

CREATE TABLE route_overrides (
    migration INTEGER NOT NULL PRIMARY KEY REFERENCES migrations (number) ON DELETE CASCADE,
    since     INTEGER NOT NULL,
    record    TEXT    NOT NULL
) STRICT;

-- Where a conversation lives, lived, or is copied to: at most one place at each backend.
CREATE TABLE places (
    number       INTEGER PRIMARY KEY,
    conversation TEXT    NOT NULL,
    backend      TEXT    NOT NULL,
    -- Null for a source that is no backend, such as an archive.
    native       TEXT,
    credential   TEXT,
    -- Digest of its own fields as they were last copied there; null where somebody may have changed them since.
    own          BLOB,
    UNIQUE (conversation, backend),
    UNIQUE (backend, native)
) STRICT;

-- Messages that are known to be at a place: those that were copied there, and those that were copied from there.
CREATE TABLE copied_messages (
    place  INTEGER NOT NULL REFERENCES places (number) ON DELETE CASCADE,
    public TEXT    NOT NULL,
    -- Its id there; null where that is the public one.
    native TEXT,
    -- When it was last copied.
    digest BLOB    NOT NULL,
    PRIMARY KEY (place, public)
) STRICT, WITHOUT ROWID;

CREATE INDEX copied_messages_by_native ON copied_messages (place, native) WHERE native IS NOT NULL;

-- Ids that messages had at a place before they were written there again: answers and quotes name them still.
CREATE TABLE former_messages (
    place  INTEGER NOT NULL REFERENCES places (number) ON DELETE CASCADE,
    native TEXT    NOT NULL,
    public TEXT    NOT NULL,
    PRIMARY KEY (place, native)
) STRICT, WITHOUT ROWID;

CREATE TABLE copied_attachments (
    place  INTEGER NOT NULL REFERENCES places (number) ON DELETE CASCADE,
    public TEXT    NOT NULL,
    -- As in `copied_messages`.
    native TEXT,
    sha256 BLOB    NOT NULL,
    PRIMARY KEY (place, public)
) STRICT, WITHOUT ROWID;

CREATE INDEX copied_attachments_by_native ON copied_attachments (place, native) WHERE native IS NOT NULL;

-- How far the erasure of a person has come. `person` is a digest: nobody is named.
CREATE TABLE erasure_notes (
    person BLOB NOT NULL,
    what   TEXT NOT NULL,
    note   TEXT NOT NULL,
    PRIMARY KEY (person, what)
) STRICT, WITHOUT ROWID;
