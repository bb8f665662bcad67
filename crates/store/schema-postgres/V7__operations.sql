-- What operators do with the gateway, and look at.

CREATE TABLE audit (
    id       BYTEA    NOT NULL PRIMARY KEY,
    at       BIGINT NOT NULL,
    -- Null where no key was used.
    tenant   TEXT COLLATE "C",
    action   TEXT COLLATE "C" NOT NULL,
    document TEXT COLLATE "C" NOT NULL
);

CREATE INDEX audit_by_action ON audit (action, id);

-- The configurations that were in use. The text is sealed, and null where it is not kept any more.
CREATE TABLE config_versions (
    version  BIGINT NOT NULL PRIMARY KEY,
    at       BIGINT NOT NULL,
    document TEXT COLLATE "C" NOT NULL,
    nonce    BYTEA,
    sealed   BYTEA
);

-- Reads that a second backend answered otherwise.
CREATE TABLE shadow_differences (
    id           BYTEA NOT NULL PRIMARY KEY,
    conversation TEXT COLLATE "C" NOT NULL,
    shadow       TEXT COLLATE "C" NOT NULL,
    operation    TEXT COLLATE "C" NOT NULL,
    document     TEXT COLLATE "C" NOT NULL
);

CREATE UNIQUE INDEX shadow_differences_by_conversation ON shadow_differences (conversation, shadow, operation);

-- The way of requests that asked for it.
CREATE TABLE explanations (
    request_id TEXT COLLATE "C" NOT NULL,
    tenant     TEXT COLLATE "C" NOT NULL,
    at         BIGINT NOT NULL,
    document   TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (request_id, tenant)
);

CREATE INDEX explanations_by_time ON explanations (at);
