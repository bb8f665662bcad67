-- Conversations and messages of the embedded backends. One file may hold several backends, told apart by name.
-- Times are microseconds since 1970-01-01T00:00:00Z. Documents are JSON text: what a caller can set, without what
-- has a column here.

CREATE TABLE conversations (
    -- Order of creation; never used twice, so that a walk meets each conversation once.
    number          INTEGER PRIMARY KEY AUTOINCREMENT,
    backend         TEXT    NOT NULL,
    native          TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    last_message_at INTEGER,
    -- How many messages ever came, and how many are there.
    arrivals        INTEGER NOT NULL DEFAULT 0,
    messages        INTEGER NOT NULL DEFAULT 0,
    unread          INTEGER NOT NULL DEFAULT 0,
    usage           TEXT,
    document        TEXT    NOT NULL,
    UNIQUE (backend, native)
) STRICT;

CREATE INDEX conversations_by_number ON conversations (backend, number);

CREATE TABLE messages (
    -- The conversation's number times 2^28 plus `arrival`: messages of a conversation lie side by side in the file.
    number       INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES conversations (number) ON DELETE CASCADE,
    id           TEXT    NOT NULL UNIQUE,
    sent_at      INTEGER NOT NULL,
    -- Its number among all that ever came into the conversation; never used twice, so that no cursor points at
    -- another message. A column of its own, because SQLite seeks by two columns only where neither is the row's number.
    arrival      INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    -- What it means for `unread`: 1 waits to be read, 2 comes from the business, 0 neither.
    turn         INTEGER NOT NULL,
    -- How many rows `ratings` has for it, and what they add to the sum of an imported rating.
    votes        INTEGER NOT NULL DEFAULT 0,
    votes_sum    REAL    NOT NULL DEFAULT 0.0,
    -- Most messages are one plain text and nothing else: then this is who said it, and `content` is the text.
    -- Otherwise null, and `content` is the document.
    role         TEXT,
    content      TEXT    NOT NULL
) STRICT;

CREATE INDEX messages_by_place ON messages (conversation, sent_at, arrival, turn);

-- One vote per message and principal.
CREATE TABLE ratings (
    message   INTEGER NOT NULL REFERENCES messages (number) ON DELETE CASCADE,
    principal TEXT    NOT NULL,
    value     REAL    NOT NULL,
    PRIMARY KEY (message, principal)
) STRICT, WITHOUT ROWID;

-- What each write made, by the id of its intent: written with it in one transaction, so that a write whose answer
-- was lost is found for certain.
CREATE TABLE writes (
    number       INTEGER PRIMARY KEY,
    intent       BLOB    NOT NULL,
    backend      TEXT    NOT NULL,
    operation    TEXT    NOT NULL,
    conversation TEXT    NOT NULL,
    message      TEXT,
    written_at   INTEGER NOT NULL
) STRICT;

CREATE INDEX writes_by_intent ON writes (intent);
