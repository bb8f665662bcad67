-- What is kept beside backends that cannot hold it, and the writes that were begun there. Times are microseconds
-- since 1970-01-01T00:00:00Z. Null is absent everywhere; JSON null is the text `null`.

-- A conversation at a backend beside which something is kept.
CREATE TABLE overlay_conversations (
    number          INTEGER PRIMARY KEY,
    id              TEXT    NOT NULL,
    backend         TEXT    NOT NULL,
    -- The highest number of a lease under which it was changed.
    fence           INTEGER NOT NULL DEFAULT 0,
    -- How many messages ever came, how many are shown, and how many more those are than the backend counts.
    arrivals        INTEGER NOT NULL DEFAULT 0,
    messages        INTEGER NOT NULL DEFAULT 0,
    beside          INTEGER NOT NULL DEFAULT 0,
    ended           INTEGER NOT NULL DEFAULT 0,
    updated_at      INTEGER,
    last_message_at INTEGER,
    -- How far the index of messages goes; all null where there is none, `index_mark` also where the backend has none.
    index_native    TEXT,
    index_mark      BLOB,
    index_read_at   INTEGER,
    index_whole_at  INTEGER,
    index_floor     INTEGER,
    copy            TEXT,
    UNIQUE (id, backend)
) STRICT;

CREATE TABLE overlay_fields (
    number       INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES overlay_conversations (number) ON DELETE CASCADE,
    -- Empty for the conversation's own.
    message      TEXT    NOT NULL,
    pointer      TEXT    NOT NULL,
    unexpected   INTEGER NOT NULL,
    drift_since  INTEGER,
    value        TEXT,
    base         TEXT,
    drift_value  TEXT,
    UNIQUE (conversation, message, pointer)
) STRICT;

-- In the order of the list of drifted fields: the row's number comes last by itself.
CREATE INDEX overlay_fields_drifted ON overlay_fields (conversation) WHERE drift_since IS NOT NULL;

CREATE TABLE overlay_messages (
    -- The conversation's number times 2^28 plus `arrival`: messages of a conversation lie side by side in the file.
    number       INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES overlay_conversations (number) ON DELETE CASCADE,
    id           TEXT    NOT NULL,
    time         INTEGER NOT NULL,
    arrival      INTEGER NOT NULL,
    -- The native id of the conversation that holds it; null where only the gateway does.
    native       TEXT,
    hidden       INTEGER NOT NULL DEFAULT 0,
    gone         INTEGER NOT NULL DEFAULT 0,
    digest       BLOB    NOT NULL,
    document     TEXT    NOT NULL,
    UNIQUE (conversation, id)
) STRICT;

CREATE INDEX overlay_messages_shown ON overlay_messages (conversation, time, arrival) WHERE hidden = 0 AND gone = 0;

-- Messages of a backend that carry the words of others, and stand in no index by themselves.
CREATE TABLE overlay_bindings (
    conversation INTEGER NOT NULL REFERENCES overlay_conversations (number) ON DELETE CASCADE,
    -- The backend's message.
    carrier      TEXT    NOT NULL,
    -- The message whose words it carries; empty where it carries none of ours.
    message      TEXT    NOT NULL,
    -- As in `overlay_messages`.
    native       TEXT,
    gone         INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (conversation, carrier, message)
) STRICT, WITHOUT ROWID;

CREATE INDEX overlay_bindings_by_message ON overlay_bindings (conversation, message);

-- Words on their way to a backend's AI.
CREATE TABLE overlay_sendings (
    number       INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES overlay_conversations (number) ON DELETE CASCADE,
    intent       BLOB    NOT NULL,
    started_at   INTEGER NOT NULL,
    document     TEXT    NOT NULL,
    UNIQUE (conversation, intent)
) STRICT;

-- Bytes kept beside a backend; they share `blobs` with the embedded backends'.
CREATE TABLE overlay_attachments (
    conversation INTEGER NOT NULL REFERENCES overlay_conversations (number) ON DELETE CASCADE,
    id           TEXT    NOT NULL,
    sha256       BLOB    NOT NULL REFERENCES blobs (sha256),
    url          TEXT,
    name         TEXT,
    media_type   TEXT    NOT NULL,
    size         INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (conversation, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX overlay_attachments_by_sha256 ON overlay_attachments (sha256);

CREATE TRIGGER overlay_attachments_let_go AFTER DELETE ON overlay_attachments BEGIN
    INSERT INTO loose_blobs (sha256) VALUES (old.sha256) ON CONFLICT DO NOTHING;
END;

-- Writes that were begun at a backend and are not known to have ended.
CREATE TABLE intents (
    number       INTEGER PRIMARY KEY,
    id           BLOB    NOT NULL UNIQUE,
    -- The process that works on it.
    instance     TEXT    NOT NULL,
    backend      TEXT    NOT NULL,
    operation    TEXT    NOT NULL,
    -- Null for a create.
    conversation TEXT,
    -- 0 open, 1 unknown.
    state        INTEGER NOT NULL,
    detail       TEXT,
    started_at   INTEGER NOT NULL,
    deadline_at  INTEGER NOT NULL,
    -- When it was last tried to settle it; when it was begun, where it never was.
    tried_at     INTEGER NOT NULL,
    -- Long, so it comes last: the columns before it are read without it.
    record       TEXT    NOT NULL
) STRICT;

-- In all of them the row's number comes last by itself.
CREATE INDEX intents_by_start ON intents (started_at);
CREATE INDEX intents_by_conversation ON intents (conversation, started_at) WHERE conversation IS NOT NULL;
CREATE INDEX intents_by_operation ON intents (backend, operation, started_at);
CREATE INDEX intents_open_by_try ON intents (backend, tried_at) WHERE state = 0;

-- What a write of bytes made.
ALTER TABLE writes ADD COLUMN attachment TEXT;
