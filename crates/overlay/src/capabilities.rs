//! What the stack can do: everything that the backend below can do, and every field.

use backend::{Capabilities, Level, Limits, MessageOrder, PreconditionSupport, SettleSupport};

use crate::Overlay;
use crate::attachments::ATTACHMENT_MAX_BYTES;

impl Overlay {
    /// What the backend below can do, and what is done beside it.
    pub(crate) fn what_it_can(&self) -> Capabilities {
        effective(self.below().capabilities())
    }
}

/// What `native` becomes with an overlay: fields and parts are held, exactly below or beside it; messages are stored and
/// changed here where the backend cannot. Answers, templates, tools and the conversations themselves are the backend's.
fn effective(native: Capabilities) -> Capabilities {
    let kept = |level: Level| {
        if level == Level::Full {
            level
        } else {
            Level::Overlay
        }
    };
    // Beyond its limit a field is kept here, however exactly the backend holds a shorter one.
    let within = |limit: Option<u64>, level: Level| match limit {
        Some(_) => Level::Overlay,
        None => kept(level),
    };
    let limits = &native.limits;
    Capabilities {
        conversation_create: native.conversation_create,
        conversation_get: native.conversation_get,
        conversation_list: native.conversation_list,
        conversation_update: kept(native.conversation_update),
        conversation_delete: native.conversation_delete,
        message_list: kept(native.message_list),
        message_get: kept(native.message_get),
        message_post: kept(native.message_post),
        message_import: kept(native.message_import),
        message_update: kept(native.message_update),
        message_delete: kept(native.message_delete),
        message_rate: kept(native.message_rate),
        respond: native.respond,
        respond_stream: native.respond_stream,
        respond_template: native.respond_template,
        templates: native.templates,
        tools: native.tools,
        status: native.status,
        statistics: native.statistics,
        participant_list: kept(native.participant_list),
        participant_add: kept(native.participant_add),
        participant_remove: kept(native.participant_remove),
        activity: kept(native.activity),
        attachment_put: kept(native.attachment_put),
        attachment_open: kept(native.attachment_open),
        conversation_kind: kept(native.conversation_kind),
        conversation_title: within(limits.title_max_chars, native.conversation_title),
        conversation_description: kept(native.conversation_description),
        conversation_status: kept(native.conversation_status),
        conversation_priority: kept(native.conversation_priority),
        conversation_labels: kept(native.conversation_labels),
        conversation_participants: kept(native.conversation_participants),
        conversation_owner: kept(native.conversation_owner),
        conversation_icon_url: kept(native.conversation_icon_url),
        conversation_assistant: kept(native.conversation_assistant),
        conversation_metadata: within(limits.metadata_max_bytes, native.conversation_metadata),
        conversation_extensions: kept(native.conversation_extensions),
        // Made by the backend, for whom nobody else can speak.
        conversation_unread: native.conversation_unread,
        conversation_counts: native.conversation_counts,
        conversation_usage: native.conversation_usage,
        message_role: kept(native.message_role),
        message_author: kept(native.message_author),
        message_direction: kept(native.message_direction),
        message_recipients: kept(native.message_recipients),
        message_subject: kept(native.message_subject),
        message_in_reply_to: kept(native.message_in_reply_to),
        message_status: kept(native.message_status),
        message_rating: kept(native.message_rating),
        message_usage: kept(native.message_usage),
        message_model: kept(native.message_model),
        message_provider: kept(native.message_provider),
        message_finish_reason: kept(native.message_finish_reason),
        message_latency_ms: kept(native.message_latency_ms),
        message_source: kept(native.message_source),
        message_metadata: within(limits.metadata_max_bytes, native.message_metadata),
        message_client_message_id: kept(native.message_client_message_id),
        message_sent_at: kept(native.message_sent_at),
        message_edited_at: kept(native.message_edited_at),
        message_extensions: kept(native.message_extensions),
        part_text: within(limits.text_max_chars, native.part_text),
        part_image: kept(native.part_image),
        part_file: kept(native.part_file),
        part_audio: kept(native.part_audio),
        part_video: kept(native.part_video),
        part_location: kept(native.part_location),
        part_carousel: kept(native.part_carousel),
        part_list: kept(native.part_list),
        part_form: kept(native.part_form),
        part_form_response: kept(native.part_form_response),
        part_template: kept(native.part_template),
        part_actions: kept(native.part_actions),
        part_tool_call: kept(native.part_tool_call),
        part_tool_result: kept(native.part_tool_result),
        part_reasoning: kept(native.part_reasoning),
        part_quote: kept(native.part_quote),
        part_activity: kept(native.part_activity),
        part_unknown: kept(native.part_unknown),
        text_nul: kept(native.text_nul),
        limits: Limits {
            // What is too long for the backend is kept beside it.
            title_max_chars: None,
            text_max_chars: None,
            metadata_max_bytes: None,
            import_max_messages: None,
            attachment_max_bytes: Some(ATTACHMENT_MAX_BYTES),
            page_max: native.limits.page_max,
            body_max_bytes: native.limits.body_max_bytes,
            conversation_max_messages: native.limits.conversation_max_messages,
            requests_per_minute: native.limits.requests_per_minute,
        },
        enumerates: native.enumerates,
        message_order: MessageOrder::Native,
        precondition: PreconditionSupport::Partial,
        settle: match native.settle {
            SettleSupport::None => SettleSupport::Likely,
            found => found,
        },
        change_mark: native.change_mark,
        access_expires: false,
        transactional: false,
        delivers: native.delivers,
        create_requests: native.create_requests,
        // What is kept here costs the vendor nothing, and is written in one step.
        import_requests: if native.message_import.works() {
            native.import_requests
        } else {
            0
        },
        import_is_atomic: native.import_is_atomic || !native.message_import.works(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_and_part_is_held_over_any_backend() {
        let made_there = [
            "conversation_unread",
            "conversation_counts",
            "conversation_usage",
        ];
        for (name, level) in effective(Capabilities::default()).levels() {
            let is_field = ["conversation_", "message_", "part_", "text_"]
                .iter()
                .any(|group| name.starts_with(group));
            let operations =
                ["create", "get", "list", "delete"].map(|one| format!("conversation_{one}"));
            let is_native = made_there.contains(&name) || operations.iter().any(|one| one == name);
            if is_field && !is_native {
                assert_eq!(level, Level::Overlay, "{name}");
            }
        }
        let all = Capabilities::holds_everything();
        for ((name, over), (_, native)) in effective(all.clone()).levels().iter().zip(all.levels())
        {
            assert!(*over == native || native == Level::None, "{name}");
        }
    }
}
