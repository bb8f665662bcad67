//! What an app of the vendor can do by itself.

use backend::{
    Capabilities, Enumerates, Level, Limits, MessageOrder, PreconditionSupport, SettleSupport,
};

use crate::config::ImportMode;
use crate::limits::{
    ATTACHMENT_MAX_BYTES, BODY_MAX_BYTES, CALLER_METADATA_MAX_BYTES, CONVERSATION_MAX_MESSAGES,
    IMPORT_MAX_MESSAGES, PAGE_MAX, TEXT_MAX_CHARS, TITLE_MAX_CHARS,
};

/// What an app can do, where copies are paced for so many requests in a minute.
pub(crate) fn capabilities(
    import_mode: ImportMode,
    requests_per_minute: Option<u64>,
) -> Capabilities {
    let if_it_imports = |level| match import_mode {
        ImportMode::Post => level,
        ImportMode::Overlay => Level::Rejected,
    };
    Capabilities {
        conversation_create: Level::Full,
        conversation_get: Level::Full,
        conversation_list: Level::Full,
        conversation_update: Level::Full,
        // A user's first conversation is emptied and marked; the vendor keeps it.
        conversation_delete: Level::Full,
        message_list: Level::Full,
        message_get: Level::Full,
        message_post: Level::Full,
        // Silent for the business only, and in the order of import.
        message_import: if_it_imports(Level::Partial),
        message_update: Level::None,
        message_delete: Level::Full,
        message_rate: Level::None,
        respond: Level::None,
        respond_stream: Level::None,
        respond_template: Level::None,
        templates: Level::None,
        tools: Level::None,
        status: Level::None,
        statistics: Level::None,
        participant_list: Level::Full,
        // Groups only.
        participant_add: Level::Partial,
        participant_remove: Level::Partial,
        // A user can say that they read, not that they type.
        activity: Level::Partial,
        attachment_put: Level::Full,
        // The bytes are at the attachment's URL.
        attachment_open: Level::None,

        // Direct and group.
        conversation_kind: Level::Partial,
        conversation_title: Level::Full,
        conversation_description: Level::Full,
        // Open is all that there is.
        conversation_status: Level::Rejected,
        conversation_priority: Level::Rejected,
        conversation_labels: Level::Rejected,
        // Customers, as users; the conversation itself does not name them.
        conversation_participants: Level::Partial,
        conversation_owner: Level::Rejected,
        conversation_icon_url: Level::Full,
        conversation_assistant: Level::Rejected,
        // Flat, strings, numbers and booleans.
        conversation_metadata: Level::Partial,
        conversation_extensions: Level::Rejected,
        conversation_unread: Level::None,
        conversation_counts: Level::None,
        conversation_usage: Level::None,

        // User and assistant.
        message_role: Level::Partial,
        // A name and a picture, and which user.
        message_author: Level::Partial,
        message_direction: Level::Partial,
        message_recipients: Level::Rejected,
        message_subject: Level::Rejected,
        message_in_reply_to: Level::Rejected,
        message_status: Level::Rejected,
        message_rating: Level::Rejected,
        message_usage: Level::Rejected,
        message_model: Level::Rejected,
        message_provider: Level::Rejected,
        message_finish_reason: Level::Rejected,
        message_latency_ms: Level::Rejected,
        message_source: Level::Rejected,
        // Flat, strings, numbers and booleans.
        message_metadata: Level::Partial,
        message_client_message_id: Level::Rejected,
        // Kept in the metadata; the place is that of the import.
        message_sent_at: if_it_imports(Level::Partial),
        message_edited_at: Level::None,
        message_extensions: Level::Rejected,

        // Plain text and HTML; Markdown comes back as HTML.
        part_text: Level::Partial,
        part_image: Level::Partial,
        part_file: Level::Partial,
        part_audio: Level::Converted,
        part_video: Level::Converted,
        part_location: Level::Full,
        part_carousel: Level::Partial,
        part_list: Level::Partial,
        part_form: Level::Partial,
        part_form_response: Level::Rejected,
        part_template: Level::Partial,
        part_actions: Level::Partial,
        part_tool_call: Level::Rejected,
        part_tool_result: Level::Converted,
        part_reasoning: Level::Rejected,
        part_quote: Level::Converted,
        part_activity: Level::Rejected,
        part_unknown: Level::Rejected,
        text_nul: Level::Rejected,

        limits: Limits {
            title_max_chars: Some(TITLE_MAX_CHARS as u64),
            text_max_chars: Some(TEXT_MAX_CHARS as u64),
            metadata_max_bytes: Some(CALLER_METADATA_MAX_BYTES as u64),
            body_max_bytes: Some(BODY_MAX_BYTES as u64),
            page_max: Some(PAGE_MAX as u64),
            conversation_max_messages: Some(CONVERSATION_MAX_MESSAGES),
            import_max_messages: match import_mode {
                ImportMode::Post => Some(IMPORT_MAX_MESSAGES as u64),
                ImportMode::Overlay => None,
            },
            attachment_max_bytes: Some(ATTACHMENT_MAX_BYTES as u64),
            requests_per_minute,
        },
        enumerates: Enumerates::User,
        message_order: MessageOrder::Native,
        precondition: PreconditionSupport::Partial,
        settle: SettleSupport::Certain,
        change_mark: false,
        access_expires: false,
        transactional: false,
        delivers: true,
        create_requests: 1,
        import_requests: match import_mode {
            ImportMode::Post => 1,
            ImportMode::Overlay => 0,
        },
        import_is_atomic: false,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn the_readme_shows_the_levels_of_each_import_mode() {
        let levels = |import_mode| capabilities(import_mode, None).levels();
        let overlay = levels(ImportMode::Overlay);
        let post = levels(ImportMode::Post);
        let mut table = String::from("| | `overlay` | `post` |\n|---|---|---|\n");
        for ((name, overlay), (_, post)) in overlay.into_iter().zip(post) {
            let word = |level: Level| {
                serde_json::to_string(&level)
                    .unwrap()
                    .trim_matches('"')
                    .to_owned()
            };
            let _ = writeln!(table, "| `{name}` | {} | {} |", word(overlay), word(post));
        }
        let readme = include_str!("../README.md");
        assert!(
            readme.contains(&table),
            "the README's table should read:\n{table}"
        );
    }
}
