-- What operators do with the gateway, and look at.

CREATE TABLE audit (
    id       BLOB    NOT NULL PRIMARY KEY,
    at       INTEGER NOT NULL,
    -- Null where no key was used.
    tenant   TEXT,
    action   TEXT    NOT NULL,
    document TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX audit_by_action ON audit (action, id);

-- The configurations that were in use. The text is sealed, and null where it is not kept any more.
CREATE TABLE config_versions (
    version  INTEGER NOT NULL PRIMARY KEY,
    at       INTEGER NOT NULL,
    document TEXT    NOT NULL,
    nonce    BLOB,
    sealed   BLOB
) STRICT;

-- Reads that a second backend answered otherwise.
CREATE TABLE shadow_differences (
    id           BLOB NOT NULL PRIMARY KEY,
    conversation TEXT NOT NULL,
    shadow       TEXT NOT NULL,
    operation    TEXT NOT NULL,
    document     TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX shadow_differences_by_conversation ON shadow_differences (conversation, shadow, operation);

-- The way of requests that asked for it.
CREATE TABLE explanations (
    request_id TEXT    NOT NULL,
    tenant     TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    document   TEXT    NOT NULL,
    PRIMARY KEY (request_id, tenant)
) STRICT, WITHOUT ROWID;

CREATE INDEX explanations_by_time ON explanations (at);
