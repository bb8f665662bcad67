//! What the embedded backend can do: all but answer.

use backend::{Capabilities, Level, Limits, MessageOrder, PreconditionSupport, SettleSupport};

use super::attachments::ATTACHMENT_MAX_BYTES;
use super::messages::IMPORT_MAX_MESSAGES;
use crate::keyset::PAGE_MAX_ITEMS;

pub(super) fn capabilities() -> Capabilities {
    Capabilities {
        conversation_create: Level::Full,
        conversation_get: Level::Full,
        conversation_list: Level::Full,
        conversation_update: Level::Full,
        conversation_delete: Level::Full,
        message_list: Level::Full,
        message_get: Level::Full,
        message_post: Level::Full,
        message_import: Level::Full,
        message_update: Level::Full,
        message_delete: Level::Full,
        message_rate: Level::Full,
        participant_list: Level::Full,
        participant_add: Level::Full,
        participant_remove: Level::Full,
        activity: Level::Full,
        attachment_put: Level::Full,
        attachment_open: Level::Full,
        limits: Limits {
            page_max: Some(PAGE_MAX_ITEMS as u64),
            import_max_messages: Some(IMPORT_MAX_MESSAGES as u64),
            attachment_max_bytes: Some(ATTACHMENT_MAX_BYTES),
            ..Limits::default()
        },
        message_order: MessageOrder::Native,
        precondition: PreconditionSupport::Full,
        settle: SettleSupport::Certain,
        transactional: true,
        import_is_atomic: true,
        ..Capabilities::holds_everything()
    }
}
