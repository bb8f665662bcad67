//! What each operation of the route table is for, takes and answers.

/// What the route table does not say about one operation.
pub(super) struct Description {
    pub(super) summary: &'static str,
    /// More about it, as whole sentences.
    pub(super) details: &'static str,
    /// Query parameters: name or `name!` (must be there), type, meaning.
    pub(super) query: &'static [(&'static str, &'static str, &'static str)],
    pub(super) body: Option<&'static str>,
    /// Status and schema of success; a schema in brackets is a list.
    pub(super) success: (u16, Option<&'static str>),
    /// Whether the answer has an `ETag` and the request may have conditions.
    pub(super) is_resource: bool,
    /// Whether `include=fidelity` shows the fate of each field.
    pub(super) shows_fates: bool,
}

const PAGE: [(&str, &str, &str); 3] = [
    (
        "limit",
        "integer",
        "Items on a page, 1 to 200; 50 where absent.",
    ),
    ("order", "string", "`asc` or `desc`."),
    (
        "cursor",
        "string",
        "`next_cursor` or `previous_cursor` of an earlier page.",
    ),
];

const CONVERSATION_FILTERS: &[(&str, &str, &str)] = &[
    PAGE[0],
    PAGE[1],
    PAGE[2],
    (
        "sort",
        "string",
        "`created_at`, `updated_at`, `id` or `title`.",
    ),
    ("status", "[string]", "Any of these; may be repeated."),
    ("kind", "[string]", "Any of these; may be repeated."),
    ("priority", "[string]", "Any of these; may be repeated."),
    ("label", "[string]", "All of these; may be repeated."),
    ("participant", "string", "A participant's id or handle."),
    ("backend", "string", "Only on this backend."),
    ("updated_after", "time", "Changed after this time."),
    (
        "metadata",
        "object",
        "`metadata.<key>=<value>`: scalar metadata equal to this.",
    ),
];

const MESSAGE_PAGE: &[(&str, &str, &str)] = &[
    PAGE[0],
    PAGE[1],
    PAGE[2],
    ("after", "string", "Begin right after this message."),
    ("before", "string", "End right before this message."),
];

const KEPT_PAGE: &[(&str, &str, &str)] = &[
    PAGE[0],
    NEXT_CURSOR,
    ("backend", "string", "Only at this backend."),
    ("conversation_id", "string", "Only of this conversation."),
];

const INTENT_PAGE: &[(&str, &str, &str)] = &[
    PAGE[0],
    NEXT_CURSOR,
    ("state", "string", "`open` or `unknown`."),
    ("backend", "string", "Only at this backend."),
    ("conversation_id", "string", "Only of this conversation."),
];

/// Of a list that goes one way only.
const NEXT_CURSOR: (&str, &str, &str) = ("cursor", "string", "`next_cursor` of an earlier page.");

const ATTACHMENT_CONVERSATION: (&str, &str, &str) = (
    "conversation_id!",
    "string",
    "The conversation that it belongs to.",
);

const ITEM_PAGE: &[(&str, &str, &str)] = &[
    PAGE[0],
    NEXT_CURSOR,
    (
        "state",
        "[string]",
        "Any of `pending`, `copied`, `failed`, `skipped`, `switched`, `born`, `deleted`; may be repeated.",
    ),
    (
        "sign",
        "[string]",
        "Any of `=`, `-`, `+` (as `%2B`), `*`, `!`; may be repeated.",
    ),
];

/// Where a conversation of an archive goes.
const RESTORE: [(&str, &str, &str); 3] = [
    ("backend!", "string", "The backend that it is restored to."),
    (
        "tenant",
        "string",
        "The tenant, as the conversation's line says.",
    ),
    (
        "owner",
        "string",
        "The end user, as the conversation's line says.",
    ),
];

/// In the place of a schema's name: JSON Lines.
pub(super) const LINES: &str = "(lines)";

/// In the place of a schema's name: any bytes, under their own media type.
pub(super) const BYTES: &str = "(bytes)";

/// One row per operation of the route table; a test compares both.
pub(super) fn description_of(id: &str) -> Option<Description> {
    let plain = |summary, body, success| Description {
        summary,
        details: "",
        query: &[],
        body,
        success,
        is_resource: false,
        shows_fates: false,
    };
    let fated = |summary, body, success| Description {
        shows_fates: true,
        ..plain(summary, body, success)
    };
    let resource = |summary, body, success| Description {
        is_resource: true,
        ..fated(summary, body, success)
    };
    Some(match id {
        "listConversations" => Description {
            query: CONVERSATION_FILTERS,
            ..fated(
                "List conversations across all backends",
                None,
                (200, Some("[Conversation]")),
            )
        },
        "createConversation" => resource(
            "Create a conversation",
            Some("NewConversation"),
            (201, Some("Conversation")),
        ),
        "getConversation" => Description {
            query: &[(
                "include",
                "string",
                "`messages`: also the first page of messages; `fidelity`: also what became of each field. Both with a comma between them.",
            )],
            ..resource("Read a conversation", None, (200, Some("Conversation")))
        },
        "updateConversation" => resource(
            "Change a conversation (JSON Merge Patch)",
            Some("ConversationPatch"),
            (200, Some("Conversation")),
        ),
        "deleteConversation" => plain("Delete a conversation", None, (204, None)),
        "listMessages" => Description {
            query: MESSAGE_PAGE,
            ..fated("List messages", None, (200, Some("[Message]")))
        },
        "postMessage" => resource(
            "Store a message that is said now; never runs an AI",
            Some("NewMessage"),
            (201, Some("Message")),
        ),
        "importMessages" => fated(
            "Store up to 1,000 messages with their own times; never delivers, never runs an AI",
            Some("ImportRequest"),
            (200, Some("ImportAnswer")),
        ),
        "getMessage" => resource("Read a message", None, (200, Some("Message"))),
        "updateMessage" => resource(
            "Change a message (JSON Merge Patch)",
            Some("MessagePatch"),
            (200, Some("Message")),
        ),
        "deleteMessage" => plain("Delete a message", None, (204, None)),
        "rateMessage" => resource(
            "Rate a message, 0 to 5",
            Some("RatingRequest"),
            (200, Some("Message")),
        ),
        "respond" => Description {
            details: "`context` says what the AI is told of messages that its backend does not hold: `\"none\"`, or a transcript of the newest of them. In a stream the header Dragoman-Fidelity names what is known before the first event; with `include=fidelity` the last event has the member `fidelity`.",
            ..fated(
                "Have an AI answer; with `Accept: text/event-stream` as a stream of events",
                Some("RespondRequest"),
                (200, Some("Response")),
            )
        },
        "listParticipants" => plain("List participants", None, (200, Some("[Participant]"))),
        "addParticipants" => plain(
            "Add participants",
            Some("AddParticipants"),
            (201, Some("[Participant]")),
        ),
        "removeParticipant" => plain("Remove a participant", None, (204, None)),
        "sendActivity" => plain(
            "Tell the others that somebody reads or types: `read`, `typing_start` or `typing_stop`",
            Some("Activity"),
            (204, None),
        ),
        "putAttachment" => Description {
            query: &[
                ATTACHMENT_CONVERSATION,
                (
                    "message_id",
                    "string",
                    "The stored message of which it becomes a part. Absent: a part of a later message names it, by `url` where the answer has one, else by `attachment_id`.",
                ),
                ("name", "string", "The file's name, 1 to 255 characters."),
            ],
            ..plain(
                "Store a file's own bytes, under their own media type",
                Some(BYTES),
                (201, Some("Attachment")),
            )
        },
        "openAttachment" => Description {
            query: &[ATTACHMENT_CONVERSATION],
            is_resource: true,
            ..plain("Read the bytes of an attachment", None, (200, Some(BYTES)))
        },
        "listBackends" => plain("List backends", None, (200, Some("[Backend]"))),
        "getBackend" => Description {
            details: "`native` is what the backend can do alone, `effective` what it can do through this server, which keeps beside it what it cannot hold.",
            ..plain(
                "A backend, its health and what it can do",
                None,
                (200, Some("Backend")),
            )
        },
        "listTemplates" => plain(
            "Templates of a backend's AI",
            None,
            (200, Some("[Template]")),
        ),
        "listTools" => plain("Tools of a backend's AI", None, (200, Some("[Tool]"))),
        "getBackendStatus" => plain(
            "State of a backend's tool servers",
            None,
            (200, Some("object")),
        ),
        "getBackendStatistics" => plain("Statistics of a backend", None, (200, Some("object"))),
        "translate" => Description {
            details: "Shapes are the kinds of backends and `normalized`, our own: what is sent to make a conversation or a message, or one as it was answered. Nothing is sent to anybody. `fidelity` tells every field that is not exact on the way: in the step `read` its pointer is one of the body that was sent, in the step `write` one of `canonical`. `Prefer: handling=strict` refuses where there is any.",
            ..plain(
                "Translate a body from one vendor's shape to another's",
                Some("TranslateRequest"),
                (200, Some("Translation")),
            )
        },
        "listDrift" => Description {
            query: KEPT_PAGE,
            details: "`kept` is what is kept here, `base` what the backend held when it was kept, `found` what it holds now. One that is absent is no value.",
            ..plain(
                "List fields that were changed at a backend, past this server",
                None,
                (200, Some("[DriftedField]")),
            )
        },
        "repairDrift" => Description {
            details: "`keep_backend` drops what is kept here; `send_ours` writes it to the backend again where that holds it, and shows it in any case. Without `message_id` and `pointer` every drifted field of the conversation and its messages is settled.",
            ..plain(
                "Settle drifted fields of a conversation",
                Some("RepairRequest"),
                (200, Some("RepairAnswer")),
            )
        },
        "listIntents" => Description {
            query: INTENT_PAGE,
            details: "Open ones run, or will be settled once whoever ran them has died. Unknown ones were looked for and cannot be known: what they may have made at the vendor is a possible orphan, never shown to callers.",
            ..plain(
                "List writes that are not known to have ended",
                None,
                (200, Some("[Intent]")),
            )
        },
        "forgetIntent" => Description {
            details: "For an operator who has looked at the vendor. Only an unknown one can be forgotten; an open one ends by itself.",
            ..plain("Forget an unknown write", None, (204, None))
        },
        "planMigration" => Description {
            details: "The plan reads the source and writes nothing. What it finds is shown by the migration; a copy holds to it.",
            ..plain(
                "Plan a migration of conversations from one backend to another",
                Some("MigrationSpec"),
                (201, Some("Migration")),
            )
        },
        "listMigrations" => plain(
            "List migrations, newest first",
            None,
            (200, Some("[Migration]")),
        ),
        "getMigration" => plain(
            "A migration, and how it goes",
            None,
            (200, Some("Migration")),
        ),
        "copyMigration" => Description {
            details: "Begins, or goes on where it stopped: what is at the target already is not copied again. A job that runs already is a `conflict` that names who runs it.",
            ..plain(
                "Copy the conversations of a migration",
                Some("CopyOptions"),
                (202, Some("Migration")),
            )
        },
        "pauseMigration" => plain(
            "Stop copying for now",
            Some("NoOptions"),
            (202, Some("Migration")),
        ),
        "cancelMigration" => plain(
            "Give a migration up before its switch; copies stay",
            Some("NoOptions"),
            (202, Some("Migration")),
        ),
        "checkMigration" => plain(
            "Compare both sides, byte for byte",
            Some("NoOptions"),
            (202, Some("Migration")),
        ),
        "switchMigration" => Description {
            details: "One conversation after the other, without downtime. New conversations follow by a route override.",
            ..plain(
                "Bind the conversations to the target",
                Some("SwitchOptions"),
                (202, Some("Migration")),
            )
        },
        "rollbackMigration" => plain(
            "Bind the conversations to the source again, with what was written since",
            Some("NoOptions"),
            (202, Some("Migration")),
        ),
        "finishMigration" => plain(
            "End draining and the route override",
            Some("NoOptions"),
            (202, Some("Migration")),
        ),
        "listMigrationItems" => Description {
            query: ITEM_PAGE,
            ..plain(
                "The conversations of a migration",
                None,
                (200, Some("[MigrationItem]")),
            )
        },
        "listMigrationFindings" => Description {
            query: &[PAGE[0], NEXT_CURSOR],
            ..plain(
                "Every exception of a migration, by name",
                None,
                (200, Some("[Finding]")),
            )
        },
        "getMigrationReport" => Description {
            details: "Streamed. A document that breaks off is no JSON.",
            ..plain(
                "The whole report: the migration, every exception and every conversation",
                None,
                (200, Some("MigrationReport")),
            )
        },
        "listRouteOverrides" => plain(
            "Where migrations lead new conversations",
            None,
            (200, Some("[RouteOverride]")),
        ),
        "explainRoute" => Description {
            details: "Makes nothing. Each rule says which of its conditions do not fit, with what was wanted and found; `to` and `fallback` are what the first rule that fits leads to, after route overrides, with the backends left out that cannot take the conversation.",
            ..plain(
                "Where a new conversation would go, and why",
                Some("ExplainRouteRequest"),
                (200, Some("RouteExplanation")),
            )
        },
        "listShadowDifferences" => Description {
            query: &[
                PAGE[0],
                NEXT_CURSOR,
                ("conversation_id", "string", "Only of this conversation."),
                ("shadow", "string", "Only with this second backend."),
            ],
            details: "The newest first, at most 10,000 in all: of one conversation, backend and operation only the newest. No words of people: lengths and digests.",
            ..plain(
                "Reads that a second backend answered otherwise",
                None,
                (200, Some("[ShadowDifference]")),
            )
        },
        "exportArchive" => Description {
            query: &[
                ("backend", "string", "Only conversations on this backend."),
                ("tenant", "string", "Only of this tenant."),
                ("label", "string", "Only with this label."),
                (
                    "after",
                    "string",
                    "Only behind this conversation: an export that was cut goes on.",
                ),
            ],
            details: "A line for each conversation, attachment, message and end, in the order of the conversations' ids. What cannot be read is an `exception` line, and the export goes on. The last line is `over`: without it the stream was cut.",
            ..plain(
                "Export conversations as JSON Lines",
                None,
                (200, Some(LINES)),
            )
        },
        "openArchivedAttachment" => Description {
            query: &[
                (
                    "conversation!",
                    "string",
                    "The conversation that it belongs to.",
                ),
                ("id!", "string", "The attachment."),
            ],
            ..plain(
                "Read the bytes of an attachment that an export named",
                None,
                (200, Some(BYTES)),
            )
        },
        "restoreConversation" => Description {
            query: &RESTORE,
            details: "Under its own id. One that lives elsewhere, was deleted here or has other content is a `conflict` and stays as it is. The same call again changes nothing.",
            ..plain(
                "Begin to restore a conversation of an archive",
                Some("ArchivedConversation"),
                (200, Some("RestoreBegun")),
            )
        },
        "restoreMessages" => Description {
            query: &RESTORE,
            details: "What is there already is not written again.",
            ..plain(
                "Restore up to 1,000 messages, in their order",
                Some("RestoreRequest"),
                (200, Some("RestorePut")),
            )
        },
        "restoreAttachment" => Description {
            query: &[
                RESTORE[0],
                RESTORE[1],
                RESTORE[2],
                ("sha256!", "string", "SHA-256 of the bytes."),
                ("name", "string", "The file's name."),
                (
                    "media_type",
                    "string",
                    "Its media type; that of the body where absent.",
                ),
            ],
            ..plain(
                "Restore an attachment, before the messages that name it",
                Some(BYTES),
                (200, Some("RestorePut")),
            )
        },
        "endRestore" => Description {
            query: &RESTORE,
            details: "The conversation is read where it lives now, and compared with the archive. From then on everybody sees it.",
            ..plain(
                "End a conversation that is restored",
                Some("ArchivedEnd"),
                (200, Some("RestoreEnded")),
            )
        },
        "erasePerson" => Description {
            details: "Deletes the person's conversations with every copy, takes what they said and themselves out of others', and removes what is kept here. A vendor that fails is named, and the rest is done; the same call again tries what is left. 202 where it still runs: the same call again waits for it.",
            ..plain(
                "Erase one person",
                Some("EraseRequest"),
                (200, Some("ErasureReceipt")),
            )
        },
        "listCredentials" => Description {
            query: &[
                ("backend", "string", "Only at this backend."),
                ("tenant", "string", "Only of this tenant and its end users."),
            ],
            ..plain(
                "List whose credentials there are, without the secrets",
                None,
                (200, Some("[Credential]")),
            )
        },
        "putCredential" => plain(
            "Store or replace the credential of a tenant, or of one of its end users, at a backend",
            Some("NewCredential"),
            (200, Some("Credential")),
        ),
        "removeCredential" => Description {
            query: &[
                ("backend!", "string", "At which backend."),
                ("tenant!", "string", "Of which tenant."),
                (
                    "user",
                    "string",
                    "Of which end user; absent: the tenant's own.",
                ),
            ],
            ..plain("Remove a credential", None, (204, None))
        },
        "getConfiguration" => plain(
            "The configuration in use, without secrets",
            None,
            (200, Some("ConfigStatus")),
        ),
        "checkConfiguration" => plain(
            "Read the file and say whether it could be used",
            None,
            (200, Some("ConfigCheck")),
        ),
        "compareConfiguration" => plain(
            "Read the file and say what it would change",
            None,
            (200, Some("ConfigDiff")),
        ),
        "reloadConfiguration" => Description {
            details: "A file that cannot be used changes nothing: 422, with file, line, column and reason. Requests in \
                      work end on the configuration that they began with.",
            ..plain(
                "Bring what the file holds into use",
                None,
                (200, Some("ConfigOutcome")),
            )
        },
        "listConfigurations" => Description {
            query: &[(
                "limit",
                "integer",
                "The newest so many, 1 to 200; 20 where absent.",
            )],
            ..plain(
                "List the configurations that were in use",
                None,
                (200, Some("[ConfigVersion]")),
            )
        },
        "rollbackConfiguration" => Description {
            details: "The file is not written: its next change, a reload or a restart brings back what it holds.",
            ..plain(
                "Bring an earlier configuration into use again",
                Some("RollbackRequest"),
                (200, Some("ConfigOutcome")),
            )
        },
        "passThroughGet" | "passThroughPost" | "passThroughPut" | "passThroughPatch"
        | "passThroughDelete" => Description {
            details: "Path, query and body are the vendor's; its answer is passed on as it is, with its status also in \
                      Dragoman-Upstream-Status: a 401 with it is the vendor's and not ours. Nothing is stored, and \
                      nothing is sent twice. The backend must have `passthrough = true`, and every call is in the audit \
                      log.",
            ..plain(
                "Call the vendor's own API with the gateway's credentials",
                match id {
                    "passThroughGet" | "passThroughDelete" => None,
                    _ => Some(BYTES),
                },
                (200, Some(BYTES)),
            )
        },
        "listAudit" => Description {
            query: &[
                PAGE[0],
                NEXT_CURSOR,
                (
                    "action",
                    "string",
                    "Only of this action, such as `passthrough` or `config.reload`.",
                ),
                ("tenant", "string", "Only of this tenant's keys."),
            ],
            ..plain(
                "List who did what with the gateway itself, the newest first",
                None,
                (200, Some("[AuditEntry]")),
            )
        },
        "getExplanation" => Description {
            details: "Kept for an hour. Secrets are masked; the words of people are shown only where the request said \
                      `dragoman-explain: text`.",
            ..plain(
                "Show the way of a request that came with the header Dragoman-Explain",
                None,
                (200, Some("Explanation")),
            )
        },
        "listKeys" => Description {
            query: &[("tenant", "string", "Only keys of this tenant.")],
            ..plain("List keys", None, (200, Some("[Key]")))
        },
        "createKey" => plain(
            "Make a key; its secret is shown only in this answer",
            Some("NewKey"),
            (201, Some("CreatedKey")),
        ),
        "revokeKey" => plain("Revoke a key", None, (204, None)),
        _ => return None,
    })
}
