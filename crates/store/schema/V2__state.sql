-- The gateway's state. Times are microseconds since 1970-01-01T00:00:00Z.

-- Every conversation that we know, who owns it and where it lives.
CREATE TABLE directory (
    number          INTEGER PRIMARY KEY AUTOINCREMENT,
    id              TEXT    NOT NULL UNIQUE,
    -- The empty text where it belongs to nobody yet: no tenant has that name, and indexes serve both alike.
    tenant          TEXT    NOT NULL,
    owner           TEXT,
    backend         TEXT    NOT NULL,
    native          TEXT    NOT NULL,
    credential      TEXT,
    -- The first home; never changed.
    first_backend   TEXT    NOT NULL,
    first_native    TEXT    NOT NULL,
    -- 0 listed, 1 its backend did not know it when last asked, 2 deleted for ever.
    hidden          INTEGER NOT NULL DEFAULT 0,
    -- What lists filter and sort by; `title` is the beginning of the title, empty where there is none.
    title           TEXT    NOT NULL,
    status          TEXT    NOT NULL,
    kind            TEXT    NOT NULL,
    priority        TEXT,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    last_message_at INTEGER,
    -- The last document that was seen.
    document        TEXT    NOT NULL
) STRICT;

CREATE UNIQUE INDEX directory_by_native ON directory (backend, native);
CREATE INDEX directory_by_id ON directory (tenant, id) WHERE hidden = 0;
CREATE INDEX directory_by_created_at ON directory (tenant, created_at, id) WHERE hidden = 0;
CREATE INDEX directory_by_updated_at ON directory (tenant, updated_at, id) WHERE hidden = 0;
CREATE INDEX directory_by_title ON directory (tenant, title, id) WHERE hidden = 0;
CREATE INDEX directory_by_owner ON directory (tenant, owner, created_at, id) WHERE hidden = 0;

-- Labels, participants (ids and handles) and scalar metadata of each, for filters. `field` is `label`,
-- `participant`, or `metadata:` and the member's name.
CREATE TABLE directory_terms (
    tenant TEXT    NOT NULL,
    field  TEXT    NOT NULL,
    value  TEXT    NOT NULL,
    entry  INTEGER NOT NULL REFERENCES directory (number) ON DELETE CASCADE,
    PRIMARY KEY (tenant, field, value, entry)
) STRICT, WITHOUT ROWID;

CREATE INDEX directory_terms_by_entry ON directory_terms (entry);

-- When the last complete look through a backend began; `credential` is empty for the backend's own.
CREATE TABLE discoveries (
    backend    TEXT    NOT NULL,
    credential TEXT    NOT NULL,
    started_at INTEGER NOT NULL,
    PRIMARY KEY (backend, credential)
) STRICT, WITHOUT ROWID;

-- What a backend's name is bound to, for ever.
CREATE TABLE bindings (
    name     TEXT NOT NULL PRIMARY KEY,
    kind     TEXT NOT NULL,
    base_url TEXT NOT NULL,
    account  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- API keys, never their secrets.
CREATE TABLE keys (
    id          TEXT    NOT NULL PRIMARY KEY,
    tenant      TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    secret_hash BLOB    NOT NULL,
    scopes      TEXT    NOT NULL,
    user        TEXT,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER,
    revoked_at  INTEGER
) STRICT;

CREATE INDEX keys_by_tenant ON keys (tenant, created_at);

-- Vendor credentials, sealed; `key_id` says with which key, and nothing else of it.
CREATE TABLE credentials (
    backend   TEXT NOT NULL,
    reference TEXT NOT NULL,
    key_id    TEXT NOT NULL,
    nonce     BLOB NOT NULL,
    sealed    BLOB NOT NULL,
    PRIMARY KEY (backend, reference)
) STRICT, WITHOUT ROWID;

-- Processes that serve from this database.
CREATE TABLE instances (
    id           TEXT    NOT NULL PRIMARY KEY,
    heartbeat_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per idempotency key. `answer` is null while the request runs.
CREATE TABLE idempotency (
    number     INTEGER PRIMARY KEY,
    tenant     TEXT    NOT NULL,
    caller     TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    request    BLOB    NOT NULL,
    intent     TEXT    NOT NULL,
    instance   TEXT    NOT NULL,
    started_at INTEGER NOT NULL,
    answer     TEXT,
    expires_at INTEGER,
    UNIQUE (tenant, caller, key)
) STRICT;

CREATE INDEX idempotency_by_expiry ON idempotency (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX idempotency_running ON idempotency (started_at) WHERE expires_at IS NULL;

-- Held leases. The fence is the row's number and never used twice, whatever the name.
CREATE TABLE leases (
    fence      INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT    NOT NULL UNIQUE,
    expires_at INTEGER NOT NULL
) STRICT;
