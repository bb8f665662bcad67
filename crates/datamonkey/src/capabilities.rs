//! What a Datamonkey server can do by itself.

use backend::{
    Capabilities, Enumerates, Level, Limits, MessageOrder, PreconditionSupport, SettleSupport,
};

/// What a server can do, where copies are paced for so many requests in a minute; `access_expires` where nobody can renew
/// its tokens.
pub(crate) fn capabilities(access_expires: bool, requests_per_minute: Option<u64>) -> Capabilities {
    Capabilities {
        conversation_create: Level::Full,
        conversation_get: Level::Full,
        conversation_list: Level::Full,
        conversation_update: Level::None,
        conversation_delete: Level::Full,
        message_list: Level::Full,
        message_get: Level::Full,
        message_post: Level::Rejected,
        message_import: Level::Rejected,
        message_update: Level::None,
        message_delete: Level::None,
        message_rate: Level::None,
        respond: Level::Full,
        // One delta: the vendor answers in one piece.
        respond_stream: Level::Converted,
        respond_template: Level::None,
        templates: Level::None,
        tools: Level::None,
        status: Level::None,
        statistics: Level::None,
        participant_list: Level::None,
        participant_add: Level::None,
        participant_remove: Level::None,
        activity: Level::None,
        attachment_put: Level::None,
        attachment_open: Level::None,

        // Conversations with the AI.
        conversation_kind: Level::Partial,
        conversation_title: Level::Full,
        conversation_description: Level::Rejected,
        // Open.
        conversation_status: Level::Partial,
        conversation_priority: Level::Rejected,
        conversation_labels: Level::Rejected,
        conversation_participants: Level::Rejected,
        conversation_owner: Level::Rejected,
        conversation_icon_url: Level::Rejected,
        conversation_assistant: Level::Rejected,
        conversation_metadata: Level::Rejected,
        conversation_extensions: Level::Rejected,
        conversation_unread: Level::None,
        conversation_counts: Level::None,
        conversation_usage: Level::None,

        // User, and the assistant's answers.
        message_role: Level::Partial,
        message_author: Level::Rejected,
        message_direction: Level::Converted,
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
        message_metadata: Level::Rejected,
        message_client_message_id: Level::Rejected,
        message_sent_at: Level::Rejected,
        message_edited_at: Level::None,
        message_extensions: Level::Rejected,

        // Plain text; Markdown and HTML lose their format.
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
        text_nul: Level::Full,

        limits: Limits {
            requests_per_minute,
            ..Limits::default()
        },
        enumerates: Enumerates::User,
        message_order: MessageOrder::None,
        precondition: PreconditionSupport::Partial,
        settle: SettleSupport::Likely,
        change_mark: true,
        access_expires,
        transactional: false,
        delivers: false,
        create_requests: 1,
        import_requests: 0,
        import_is_atomic: false,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn the_readme_shows_the_levels() {
        let mut table = String::from("| | level |\n|---|---|\n");
        for (name, level) in capabilities(true, None).levels() {
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
