//! What a Convore account can do by itself.

use backend::{
    Capabilities, Enumerates, Level, Limits, MessageOrder, PreconditionSupport, SettleSupport,
};

/// The most messages of one import: each is a request of its own.
pub(crate) const IMPORT_MAX: usize = 100;

/// What an account can do, where copies are paced for so many requests in a minute.
pub(crate) fn capabilities(requests_per_minute: Option<u64>) -> Capabilities {
    Capabilities {
        conversation_create: Level::Full,
        conversation_get: Level::Full,
        conversation_list: Level::Full,
        conversation_update: Level::Full,
        conversation_delete: Level::Full,
        message_list: Level::Full,
        message_get: Level::Full,
        // Inbound is imported, outbound is sent; nothing internal.
        message_post: Level::Full,
        message_import: Level::Full,
        // Text and subject; which messages may be edited is not known.
        message_update: Level::Partial,
        message_delete: Level::None,
        message_rate: Level::None,
        respond: Level::None,
        respond_stream: Level::None,
        respond_template: Level::None,
        templates: Level::None,
        tools: Level::None,
        status: Level::None,
        statistics: Level::None,
        participant_list: Level::Full,
        participant_add: Level::Full,
        participant_remove: Level::Full,
        // Read, by the business.
        activity: Level::Partial,
        // For a stored message.
        attachment_put: Level::Partial,
        attachment_open: Level::Full,

        // Mail.
        conversation_kind: Level::Partial,
        conversation_title: Level::Full,
        conversation_description: Level::Rejected,
        // Open, closed and spam.
        conversation_status: Level::Partial,
        conversation_priority: Level::Full,
        conversation_labels: Level::Full,
        // One address and a name.
        conversation_participants: Level::Partial,
        conversation_owner: Level::Rejected,
        conversation_icon_url: Level::Rejected,
        conversation_assistant: Level::Rejected,
        conversation_metadata: Level::Rejected,
        conversation_extensions: Level::Rejected,
        // Whether, not how many.
        conversation_unread: Level::Converted,
        conversation_counts: Level::Full,
        conversation_usage: Level::None,

        // User and assistant.
        message_role: Level::Partial,
        message_author: Level::Partial,
        message_direction: Level::Partial,
        message_recipients: Level::Partial,
        message_subject: Level::Full,
        message_in_reply_to: Level::Full,
        message_status: Level::Partial,
        message_rating: Level::Rejected,
        message_usage: Level::Rejected,
        message_model: Level::Rejected,
        message_provider: Level::Rejected,
        message_finish_reason: Level::Rejected,
        message_latency_ms: Level::Rejected,
        message_source: Level::Rejected,
        message_metadata: Level::Rejected,
        message_client_message_id: Level::Rejected,
        // From 1970 to now, in milliseconds.
        message_sent_at: Level::Partial,
        message_edited_at: Level::Rejected,
        message_extensions: Level::Rejected,

        // Plain exactly; HTML may be rewritten, Markdown loses its format.
        part_text: Level::Partial,
        part_image: Level::Converted,
        part_file: Level::Converted,
        part_audio: Level::Converted,
        part_video: Level::Converted,
        part_location: Level::Converted,
        part_carousel: Level::Converted,
        part_list: Level::Converted,
        part_form: Level::Converted,
        part_form_response: Level::Converted,
        part_template: Level::Converted,
        part_actions: Level::Converted,
        part_tool_call: Level::Rejected,
        part_tool_result: Level::Converted,
        part_reasoning: Level::Rejected,
        part_quote: Level::Converted,
        part_activity: Level::Rejected,
        part_unknown: Level::Rejected,
        text_nul: Level::Rejected,

        limits: Limits {
            import_max_messages: Some(IMPORT_MAX as u64),
            requests_per_minute,
            ..Limits::default()
        },
        enumerates: Enumerates::Account,
        message_order: MessageOrder::None,
        precondition: PreconditionSupport::Partial,
        settle: SettleSupport::Likely,
        // Counts may be missing, and a message of the past does not move the time of the newest one.
        change_mark: false,
        access_expires: false,
        transactional: false,
        delivers: true,
        create_requests: 1,
        // Imported one by one, as copies are: the conversation is read before and after each, to put back what an import
        // changes of it.
        import_requests: 3,
        import_is_atomic: false,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn the_readme_shows_the_levels() {
        let mut table = String::from("| | |\n|---|---|\n");
        for (name, level) in capabilities(None).levels() {
            let word = serde_json::to_string(&level).unwrap();
            let _ = writeln!(table, "| `{name}` | {} |", word.trim_matches('"'));
        }
        let readme = include_str!("../README.md");
        assert!(
            readme.contains(&table),
            "the README's table should read:\n{table}"
        );
    }
}
