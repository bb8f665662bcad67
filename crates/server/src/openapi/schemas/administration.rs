//! What administrators send and see of migrations, archives and erasures, as JSON Schema.

use super::{Object, object};

/// See [`super::OBJECTS`].
#[rustfmt::skip]
pub(super) const OBJECTS: &[Object] = &[
    object("MigrationSpec", &[
        ("from!", "string"), ("to!", "string"), ("filter", "MigrationFilter"), ("roster", "[RosterEntry]"),
        ("oversize", "Oversize"), ("parallel", "integer"),
    ]),
    object("MigrationFilter", &[
        ("tenant", "string"), ("ids", "[string]"), ("label", "string"), ("status", "[Status]"),
        ("updated_after", "time"), ("updated_before", "time"),
    ]),
    object("RosterEntry", &[("tenant!", "string"), ("user!", "string")]),
    object("CopyOptions", &[("mirror", "boolean")]),
    object("SwitchOptions", &[("max_mismatches", "integer")]),
    object("NoOptions", &[]),
    object("Migration", &[
        ("id!", "string"), ("spec!", "MigrationSpec"), ("phase!", "MigrationPhase"), ("mirror!", "boolean"),
        ("holder", "string"), ("stopped", "string"), ("created_at!", "time"), ("updated_at!", "time"),
        ("job", "MigrationJob"), ("last", "MigrationJob"), ("items!", "[MigrationTally]"), ("plan", "object"),
        ("check", "object"), ("shadow", "object"), ("drain", "object"), ("overrides!", "[RouteOverride]"),
    ]),
    object("MigrationJob", &[("kind!", "string"), ("since!", "time"), ("progress!", "MigrationProgress")]),
    object("MigrationProgress", &[
        ("conversations!", "integer"), ("conversations_total!", "integer"), ("failed!", "integer"),
        ("messages!", "integer"), ("messages_total!", "integer"), ("written!", "integer"), ("bytes!", "integer"),
        ("messages_per_second!", "number"), ("seconds_left", "integer"), ("waits_until", "time"),
    ]),
    object("MigrationTally", &[
        ("state!", "MigrationItemState"), ("sign", "MigrationSign"), ("conversations!", "integer"),
        ("messages!", "integer"), ("bytes!", "integer"),
    ]),
    object("MigrationItem", &[
        ("conversation!", "string"), ("state!", "MigrationItemState"), ("mark", "string"), ("messages!", "integer"),
        ("bytes!", "integer"), ("sign", "MigrationSign"), ("source", "string"), ("target", "string"),
    ]),
    object("Finding", &[
        ("sign!", "MigrationSign"), ("conversation", "string"), ("message", "string"), ("reason!", "string"),
        ("detail!", "string"), ("next_step!", "string"), ("temporary!", "boolean"),
    ]),
    object("MigrationReport", &[
        ("migration!", "Migration"), ("findings!", "[Finding]"), ("items!", "[MigrationItem]"),
    ]),
    object("RouteOverride", &[
        ("migration!", "string"), ("from!", "string"), ("to!", "string"), ("tenant", "string"), ("since!", "time"),
    ]),
    object("ExplainRouteRequest", &[
        ("tenant", "string"), ("key", "string"), ("user", "string"), ("via", "string"), ("backend", "string"),
        ("headers", "object"), ("conversation", "NewConversation"),
    ]),
    object("RouteExplanation", &[
        ("route!", "string"), ("to!", "[RouteChance]"), ("fallback!", "[string]"), ("rules!", "[RuleExplanation]"),
        ("overrides!", "[RouteOverride]"),
    ]),
    object("RouteChance", &[("backend!", "string"), ("weight!", "integer"), ("chance!", "number")]),
    object("RuleExplanation", &[
        ("rule!", "string"), ("fits!", "boolean"), ("why_not!", "[string]"), ("to!", "[RouteShare]"),
        ("fallback!", "[string]"),
    ]),
    object("RouteShare", &[("backend!", "string"), ("weight!", "integer")]),
    object("ShadowDifference", &[
        ("id!", "string"), ("at!", "time"), ("conversation!", "string"), ("primary!", "string"), ("shadow!", "string"),
        ("rule!", "string"), ("operation!", "string"), ("fields!", "[FieldDifference]"),
    ]),
    object("FieldDifference", &[
        ("message", "string"), ("pointer!", "string"), ("kind!", "DifferenceKind"), ("primary", "string"),
        ("shadow", "string"),
    ]),
    object("ArchivedConversation", &[
        ("id!", "string"), ("tenant", "string"), ("owner", "string"), ("backend!", "string"), ("created_at!", "time"),
        ("updated_at!", "time"), ("fields!", "NewConversation"), ("digest!", "string"),
    ]),
    object("ArchivedMessage", &[("id!", "string"), ("fields!", "NewMessage"), ("digest!", "string")]),
    object("ArchivedEnd", &[
        ("id!", "string"), ("messages!", "integer"), ("digest!", "string"), ("is_whole!", "boolean"),
    ]),
    object("RestoreRequest", &[("messages!", "[ArchivedMessage]")]),
    object("RestoreBegun", &[("outcome!", "RestoreOutcome"), ("written!", "boolean")]),
    object("RestorePut", &[("written!", "integer"), ("present!", "integer")]),
    object("RestoreEnded", &[("messages!", "integer"), ("digest!", "string")]),
    object("EraseRequest", &[("tenant!", "string"), ("user!", "string")]),
    object("ErasureReceipt", &[
        ("tenant!", "string"), ("user!", "string"), ("at", "time"), ("is_complete!", "boolean"),
        ("conversations!", "[ErasedConversation]"), ("still_held!", "[StillHeld]"), ("erased!", "Erased"),
        ("not_reached!", "[string]"),
    ]),
    object("ErasedConversation", &[
        ("id!", "string"), ("owned!", "boolean"), ("is_done!", "boolean"), ("places!", "[ErasedPlace]"),
        ("messages", "integer"), ("unfinished", "[string]"), ("still_held", "[StillHeld]"), ("erased!", "Erased"),
    ]),
    object("ErasedPlace", &[("backend!", "string"), ("native", "string"), ("outcome!", "ErasureOutcome")]),
    object("StillHeld", &[
        ("conversation!", "string"), ("message", "string"), ("backend!", "string"), ("native", "string"),
        ("detail!", "string"), ("next_step!", "string"), ("temporary!", "boolean"),
    ]),
    object("Erased", &[
        ("kept!", "integer"), ("attachments!", "integer"), ("answers!", "integer"), ("intents!", "integer"),
        ("ledger!", "integer"), ("credentials!", "integer"), ("keys!", "integer"),
    ]),
    object("ConfigStatus", &[
        ("version!", "integer"), ("at!", "time"), ("by!", "string"), ("digest!", "string"), ("changed!", "[string]"),
        ("restored", "integer"), ("file", "string"), ("file_differs!", "boolean"), ("needs_restart!", "[string]"),
        ("last_attempt!", "ConfigAttempt"), ("effective!", "object"),
    ]),
    object("ConfigVersion", &[
        ("version!", "integer"), ("at!", "time"), ("by!", "string"), ("digest!", "string"), ("changed!", "[string]"),
        ("restored", "integer"),
    ]),
    object("ConfigAttempt", &[
        ("at!", "time"), ("by!", "string"), ("result!", "string"), ("mistakes", "[ConfigMistake]"),
    ]),
    object("ConfigMistake", &[("at", "string"), ("message!", "string")]),
    object("ConfigCheck", &[("usable!", "boolean"), ("mistakes!", "[ConfigMistake]")]),
    object("ConfigChange", &[
        ("key!", "string"), ("from", "any"), ("to", "any"), ("needs_restart!", "boolean"),
    ]),
    object("ConfigDiff", &[("changes!", "[ConfigChange]")]),
    object("ConfigOutcome", &[
        ("result!", "string"), ("version!", "ConfigVersion"), ("changes!", "[ConfigChange]"),
        ("needs_restart!", "[string]"), ("notes", "[string]"),
    ]),
    object("AuditEntry", &[
        ("id!", "string"), ("at!", "time"), ("tenant", "string"), ("by!", "string"), ("user", "string"),
        ("request_id", "string"), ("action!", "string"), ("target!", "string"), ("outcome!", "string"),
    ]),
    object("Explanation", &[
        ("request_id!", "string"), ("at!", "time"), ("tenant!", "string"), ("key!", "string"), ("user", "string"),
        ("texts!", "string"), ("request!", "object"), ("backend", "string"), ("route", "string"),
        ("attempts!", "integer"), ("stale_seconds", "integer"), ("canonical!", "[object]"),
        ("canonical_left_out!", "integer"), ("calls!", "[object]"), ("calls_left_out!", "integer"),
        ("fates!", "[object]"), ("answer!", "object"), ("took_ms!", "number"),
    ]),
    object("RollbackRequest", &[("version!", "integer")]),
];
