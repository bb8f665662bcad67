-- What facades keep beside conversations.

CREATE TABLE facade_objects (
    facade     TEXT COLLATE "C" NOT NULL,
    tenant     TEXT COLLATE "C" NOT NULL,
    kind       TEXT COLLATE "C" NOT NULL,
    id         TEXT COLLATE "C" NOT NULL,
    -- Null where it has no other name.
    alias      TEXT COLLATE "C",
    -- What it is about, and is erased with; null where that is nobody.
    conversation TEXT COLLATE "C",
    person     TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    document   TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (facade, tenant, kind, id)
);

CREATE UNIQUE INDEX facade_objects_by_alias ON facade_objects (facade, tenant, kind, alias) WHERE alias IS NOT NULL;

CREATE INDEX facade_objects_by_conversation ON facade_objects (conversation) WHERE conversation IS NOT NULL;

CREATE INDEX facade_objects_by_person ON facade_objects (tenant, person) WHERE person IS NOT NULL;

-- How a facade spells the ids of conversations, where that cannot be computed back.
CREATE TABLE facade_ids (
    facade       TEXT COLLATE "C" NOT NULL,
    spelled      TEXT COLLATE "C" NOT NULL,
    conversation TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (facade, spelled)
);

CREATE INDEX facade_ids_by_conversation ON facade_ids (conversation);
