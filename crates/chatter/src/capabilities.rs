//! What a Chatter server can do by itself, by generation.

use backend::{
    Capabilities, Enumerates, Level, Limits, MessageOrder, PreconditionSupport, SettleSupport,
};

use crate::config::Generation;
use crate::mapping::TITLE_MAX_CHARS;

/// The most requests in a minute for one path, as the server counts them by default. The path of a conversation is its
/// own: only those that make conversations share one.
const REQUESTS_PER_MINUTE: u64 = 100;

/// What a server of this generation can do, where copies are paced for so many requests in a minute. Until the generation is known nothing is promised that one of those with
/// answers (V1, V2) does not hold.
pub(crate) fn capabilities(
    generation: Option<Generation>,
    requests_per_minute: Option<u64>,
) -> Capabilities {
    let answers = generation != Some(Generation::V0);
    let if_it_answers = |level| if answers { level } else { Level::None };
    Capabilities {
        conversation_create: Level::Full,
        conversation_get: Level::Full,
        conversation_list: Level::Full,
        conversation_update: Level::Full,
        conversation_delete: Level::Full,
        message_list: Level::Full,
        message_get: Level::Full,
        message_post: Level::Rejected,
        message_import: Level::Rejected,
        message_update: Level::None,
        message_delete: Level::Full,
        // One more vote, whoever votes.
        message_rate: if_it_answers(Level::Partial),
        respond: if_it_answers(Level::Full),
        respond_stream: match generation {
            Some(Generation::V2) => Level::Full,
            Some(Generation::V0) => Level::None,
            Some(Generation::V1) | None => Level::Converted,
        },
        respond_template: if_it_answers(Level::Full),
        templates: Level::Full,
        tools: Level::Full,
        // Both are there, and both answer 500 on every release that was measured.
        status: Level::Partial,
        statistics: Level::Partial,
        participant_list: Level::None,
        participant_add: Level::None,
        participant_remove: Level::None,
        activity: Level::None,
        attachment_put: Level::None,
        attachment_open: Level::None,

        conversation_kind: Level::Partial,
        conversation_title: Level::Full,
        conversation_description: Level::Rejected,
        // Open and archived.
        conversation_status: Level::Partial,
        conversation_priority: Level::Rejected,
        conversation_labels: Level::Rejected,
        conversation_participants: Level::Rejected,
        conversation_owner: Level::Rejected,
        conversation_icon_url: Level::Rejected,
        // Temperature, max_tokens, profile_id and workflow_config.
        conversation_assistant: Level::Partial,
        // Written once.
        conversation_metadata: Level::Partial,
        conversation_extensions: Level::Rejected,
        conversation_unread: Level::None,
        conversation_counts: Level::None,
        conversation_usage: Level::None,

        message_role: Level::Partial,
        message_author: Level::Rejected,
        message_direction: Level::Converted,
        message_recipients: Level::Rejected,
        message_subject: Level::Rejected,
        message_in_reply_to: Level::Rejected,
        message_status: Level::Rejected,
        message_rating: if_it_answers(Level::Partial),
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
        text_nul: Level::Rejected,

        limits: Limits {
            title_max_chars: Some(TITLE_MAX_CHARS as u64),
            requests_per_minute: requests_per_minute.or(Some(REQUESTS_PER_MINUTE)),
            ..Limits::default()
        },
        enumerates: Enumerates::Account,
        message_order: MessageOrder::None,
        precondition: PreconditionSupport::Partial,
        settle: SettleSupport::Likely,
        change_mark: true,
        access_expires: false,
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
    fn the_readme_shows_the_levels_of_each_generation() {
        let levels = |generation| capabilities(Some(generation), None).levels();
        let [v0, v1, v2] = [Generation::V0, Generation::V1, Generation::V2].map(levels);
        let mut table = String::from("| | V0 | V1 | V2 |\n|---|---|---|---|\n");
        for ((name, v0), ((_, v1), (_, v2))) in v0.into_iter().zip(v1.into_iter().zip(v2)) {
            let word = |level: Level| {
                serde_json::to_string(&level)
                    .unwrap()
                    .trim_matches('"')
                    .to_owned()
            };
            let _ = writeln!(
                table,
                "| `{name}` | {} | {} | {} |",
                word(v0),
                word(v1),
                word(v2)
            );
        }
        let readme = include_str!("../README.md");
        assert!(
            readme.contains(&table),
            "the README's table should read:\n{table}"
        );
    }

    #[test]
    fn nothing_is_promised_before_the_generation_is_known_that_v1_or_v2_does_not_hold() {
        let before = capabilities(None, None).levels();
        for generation in [Generation::V1, Generation::V2] {
            for ((name, promised), (_, held)) in before
                .iter()
                .zip(capabilities(Some(generation), None).levels())
            {
                assert!(
                    !promised.works() || held.works(),
                    "{name} on {generation:?}"
                );
            }
        }
    }
}
