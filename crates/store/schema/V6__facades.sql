-- What facades keep beside conversations.

CREATE TABLE facade_objects (
    facade     TEXT    NOT NULL,
    tenant     TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    -- Null where it has no other name.
    alias      TEXT,
    -- What it is about, and is erased with; null where that is nobody.
    conversation TEXT,
    person     TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    document   TEXT    NOT NULL,
    PRIMARY KEY (facade, tenant, kind, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX facade_objects_by_alias ON facade_objects (facade, tenant, kind, alias) WHERE alias IS NOT NULL;

CREATE INDEX facade_objects_by_conversation ON facade_objects (conversation) WHERE conversation IS NOT NULL;

CREATE INDEX facade_objects_by_person ON facade_objects (tenant, person) WHERE person IS NOT NULL;

-- How a facade spells the ids of conversations, where that cannot be computed back.
CREATE TABLE facade_ids (
    facade       TEXT NOT NULL,
    spelled      TEXT NOT NULL,
    conversation TEXT NOT NULL,
    PRIMARY KEY (facade, spelled)
) STRICT, WITHOUT ROWID;

CREATE INDEX facade_ids_by_conversation ON facade_ids (conversation);
