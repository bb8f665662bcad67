//! How much the vendor takes, as stated in its OpenAPI description 17.12.1 and its prose.

/// The longest title and the longest description of a conversation, in characters.
pub(crate) const TITLE_MAX_CHARS: usize = 100;
/// The longest text of a message, in characters: plain, HTML or Markdown.
pub(crate) const TEXT_MAX_CHARS: usize = 4_096;
/// The longest title, description, label, name or alternative text inside a content, in characters.
pub(crate) const LABEL_MAX_CHARS: usize = 128;
/// The longest URL of a picture, in characters.
pub(crate) const URL_MAX_CHARS: usize = 2_048;
/// The longest id of ours for a user, in characters.
pub(crate) const EXTERNAL_ID_MAX_CHARS: usize = 1_024;
/// The most items of a carousel or list.
pub(crate) const ITEMS_MAX: usize = 10;
/// The most actions of an item.
pub(crate) const ITEM_ACTIONS_MAX: usize = 3;
/// The most actions of a list.
pub(crate) const LIST_ACTIONS_MAX: usize = 10;
/// The most fields of a form.
pub(crate) const FIELDS_MAX: usize = 20;
/// The most options of a field.
pub(crate) const OPTIONS_MAX: usize = 200;
/// The longest answer that a field can ask for, in characters.
pub(crate) const ANSWER_MAX_CHARS: u64 = 256;
/// The most participants of a new conversation.
pub(crate) const PARTICIPANTS_MAX: usize = 10;
/// The largest metadata, in bytes of JSON.
pub(crate) const METADATA_MAX_BYTES: usize = 4_096;
/// What is left of it for callers, in bytes of JSON: the rest is for the members of our own.
pub(crate) const CALLER_METADATA_MAX_BYTES: usize = METADATA_MAX_BYTES - 196;
/// The largest JSON request, in bytes. The vendor says 100 kB; the smaller reading is the safe one.
pub(crate) const BODY_MAX_BYTES: usize = 100_000;
/// What is left of it for the content of a message: the rest is for the author and the metadata.
pub(crate) const CONTENT_MAX_BYTES: usize = BODY_MAX_BYTES - 20_000;
/// The largest attachment, in bytes. The vendor says 50 MB; the smaller reading is the safe one.
pub(crate) const ATTACHMENT_MAX_BYTES: usize = 50_000_000;
/// The largest page of anything; of messages the only one.
pub(crate) const PAGE_MAX: usize = 100;
/// The most messages of a conversation.
pub(crate) const CONVERSATION_MAX_MESSAGES: u64 = 30_000;
/// The most messages of one import, which posts them one after the other.
pub(crate) const IMPORT_MAX_MESSAGES: usize = 100;
