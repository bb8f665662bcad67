//! Answers within the vendor's description: programs that were generated from it read nothing else. What was kept of the
//! vendor's own objects passes, unless it has another shape than the description's.

use super::fit::{as_text, label, text};
use super::ids::is_object_id;
use super::{checks, finish};
use crate::limits::TITLE_MAX_CHARS;
use crate::wire::{
    ActivityMessageType, Author, AuthorSubtype, AuthorType, Conversation, ConversationType, Extra,
    Member, Message, Raw, Reference, Source,
};

/// Where messages come from that were posted through the API.
const SOURCE: &str = "api:conversations";
/// The most sources of an answer.
const REFERENCES_MAX: usize = 10;
/// The longest description of one, in characters.
const REFERENCE_MAX_CHARS: usize = 256;

/// Whether an activity is one that the vendor knows.
pub(super) fn is_activity(word: &str) -> bool {
    !matches!(
        ActivityMessageType::from(word),
        ActivityMessageType::Other(_)
    )
}

fn is_object(raw: &Raw) -> bool {
    raw.text().starts_with('{')
}

/// A conversation that is shown.
pub(super) fn conversation(shown: &mut Conversation) {
    if !matches!(
        shown.kind.value(),
        Some(ConversationType::Personal | ConversationType::SdkGroup)
    ) {
        shown.kind = Member::Value(ConversationType::Personal);
    }
    text(&mut shown.display_name, TITLE_MAX_CHARS);
    text(&mut shown.description, TITLE_MAX_CHARS);
    if !shown
        .icon_url
        .value()
        .is_some_and(|url| checks::is_url(url))
    {
        shown.icon_url = Member::Absent;
    }
    if shown.business_last_read.value().is_none() {
        shown.business_last_read = Member::Absent;
    }
}

/// A message that is shown.
pub(super) fn message(shown: &mut Message, is_user: bool) {
    let mut by = std::mem::take(&mut shown.author)
        .into_value()
        .unwrap_or_else(|| nobody(is_user));
    author(&mut by, is_user);
    shown.author = Member::Value(by);
    let activity = std::mem::take(&mut shown.activity).into_value();
    let activity = activity.filter(|one| is_activity(one.kind.as_str()));
    shown.activity = Member::from(activity.map(|mut one| {
        one.data = Member::from(one.data.into_value().filter(is_object));
        one
    }));
    shown.source = Member::Value(source(std::mem::take(&mut shown.source).into_value()));
    shown.deleted = Member::from(shown.deleted.into_value().filter(|is_deleted| *is_deleted));
    let references = std::mem::take(&mut shown.references).into_value();
    let references: Vec<Reference> = references
        .into_iter()
        .flatten()
        .filter(|one| checks::is_url(&one.uri))
        .map(reference)
        .take(REFERENCES_MAX)
        .collect();
    shown.references = Member::from(Some(references).filter(|all| !all.is_empty()));
    let content = std::mem::take(&mut shown.content).into_value();
    let content = content.map(finish::content);
    // What neither happened nor was said is said without a word.
    let is_nothing = content.is_none() && shown.activity.value().is_none();
    shown.content = Member::from(content.or_else(|| is_nothing.then(|| as_text(""))));
}

fn nobody(is_user: bool) -> Author {
    Author {
        kind: side(is_user),
        subtypes: Member::Absent,
        user_id: Member::Absent,
        user_external_id: Member::Absent,
        brand_id: Member::Absent,
        display_name: Member::Absent,
        avatar_url: Member::Absent,
        extra: Extra::new(),
    }
}

fn side(is_user: bool) -> AuthorType {
    if is_user {
        AuthorType::User
    } else {
        AuthorType::Business
    }
}

fn author(author: &mut Author, is_user: bool) {
    author.kind = side(is_user);
    let subtypes = std::mem::take(&mut author.subtypes).into_value();
    let known = subtypes.into_iter().flatten();
    let known = known.filter(|one| !matches!(one, AuthorSubtype::Other(_)));
    let known: Vec<AuthorSubtype> = known.take(1).collect();
    author.subtypes = Member::from(Some(known).filter(|known| !known.is_empty()));
    let user_id = std::mem::take(&mut author.user_id).into_value();
    author.user_id = Member::from(user_id.filter(|id| is_user && is_object_id(id)));
    author.user_external_id = Member::Absent;
    author.brand_id = Member::Absent;
    label(&mut author.display_name);
    if !author
        .avatar_url
        .value()
        .is_some_and(|url| checks::is_url(url))
    {
        author.avatar_url = Member::Absent;
    }
}

fn source(kept: Option<Source>) -> Source {
    let mut source = kept.unwrap_or_else(|| Source {
        kind: String::new(),
        integration_id: Member::Absent,
        original_message_id: Member::Absent,
        original_message_timestamp: Member::Absent,
        client: Member::Absent,
        device: Member::Absent,
        extra: Extra::new(),
    });
    if source.kind.is_empty() {
        SOURCE.clone_into(&mut source.kind);
    }
    // Webhooks alone tell these.
    source.client = Member::Absent;
    source.device = Member::Absent;
    source
}

fn reference(mut one: Reference) -> Reference {
    label(&mut one.title);
    text(&mut one.description, REFERENCE_MAX_CHARS);
    one
}
