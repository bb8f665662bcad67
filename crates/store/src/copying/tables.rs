//! What a whole database is made of.

/// A table, by what its rows are told apart and read in order.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) key: &'static [&'static str],
    /// The database numbers its rows.
    pub(super) is_numbered: bool,
    /// How many rows are read at once: bytes may be megabytes.
    pub(super) rows_at_once: usize,
}

const fn table(name: &'static str, key: &'static [&'static str]) -> Table {
    Table {
        name,
        key,
        is_numbered: false,
        rows_at_once: 500,
    }
}

const fn numbered(name: &'static str) -> Table {
    Table {
        is_numbered: true,
        ..table(name, &["number"])
    }
}

/// Every table that is copied, each after those to which it refers. What only running processes need is left out.
pub(super) const TABLES: &[Table] = &[
    numbered("conversations"),
    table("messages", &["number"]),
    table("ratings", &["message", "principal"]),
    numbered("writes"),
    Table {
        rows_at_once: 4,
        ..table("blobs", &["sha256"])
    },
    table("attachments", &["id"]),
    table("loose_blobs", &["sha256"]),
    table("bootstraps", &["backend", "native"]),
    numbered("directory"),
    table("directory_terms", &["tenant", "field", "value", "entry"]),
    table("discoveries", &["backend", "credential"]),
    table("bindings", &["name"]),
    table("keys", &["id"]),
    table("credentials", &["backend", "reference"]),
    numbered("idempotency"),
    numbered("overlay_conversations"),
    numbered("overlay_fields"),
    table("overlay_messages", &["number"]),
    table("overlay_bindings", &["conversation", "carrier", "message"]),
    numbered("overlay_sendings"),
    table("overlay_attachments", &["conversation", "id"]),
    numbered("intents"),
    numbered("migrations"),
    table("migration_items", &["migration", "conversation"]),
    table("migration_tallies", &["migration", "state", "sign"]),
    numbered("migration_findings"),
    table("route_overrides", &["migration"]),
    numbered("places"),
    table("copied_messages", &["place", "public"]),
    table("former_messages", &["place", "native"]),
    table("copied_attachments", &["place", "public"]),
    table("erasure_notes", &["person", "what"]),
    table("facade_objects", &["facade", "tenant", "kind", "id"]),
    table("facade_ids", &["facade", "spelled"]),
    table("audit", &["id"]),
    table("config_versions", &["version"]),
    table("shadow_differences", &["id"]),
    table("explanations", &["request_id", "tenant"]),
];

/// Tables that only running processes need.
#[cfg(test)]
pub(super) const LEFT_OUT: &[&str] = &[
    "copies",
    "instances",
    "leases",
    "refinery_schema_history",
    "sqlite_sequence",
    "touches",
    "turns",
];
