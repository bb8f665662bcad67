//! Messages: `…/conversations/{conversationId}/messages`. There is no read of one message and no change.

use std::collections::HashMap;

use adapterkit::to_new_message;
use backend::{Error, Kind as ErrorKind, Location};
use conversation::{Conversation, Kind, Message, NewMessage, Role, Time};
use http::StatusCode;

use super::answer::{Answer, Refused};
use super::call::Call;
use super::contents::check_content;
use super::ids::MESSAGES;
use super::known::Known;
use super::{checks, history, show};
use crate::mapping::{EXTENSION, message_to_canonical};
use crate::wire::{
    self, Author, AuthorSubtype, AuthorType, Extra, Links, Member, MessageListResponse,
    MessagePost, MessagePostResponse, Meta, Source,
};

/// An id for what has none yet.
const NO_ID: &str = "000000000000000000000000";

/// `POST …/messages`
pub(super) async fn post(call: &Call, spelled: &str, body: &[u8]) -> Result<Answer, Refused> {
    let request: MessagePost = call.decode(body)?;
    check_author(&request.author)?;
    check_content(&request.content)?;
    let metadata = checks::metadata(&request.metadata)?.unwrap_or_default();
    let at = Location::unresolved(call.conversation_id(spelled).await?);
    let conversation = call.backend().get_conversation(&call.cx(), &at).await?;
    let is_business = request.author.kind == AuthorType::Business;
    checks::check(
        request.destination.value().is_none() || is_business && conversation.kind != Kind::Group,
        "A destination is for messages of the business in personal conversations",
    )?;
    let user = if is_business {
        None
    } else {
        Some(author_of(call, &at, &request.author).await?)
    };
    let mut new = canonical(request, user.as_ref(), &conversation)?;
    new.metadata = metadata;
    call.store_media(&at, &mut new.parts).await?;
    let stored = call.backend().post_message(&call.cx(), &at, new).await?;
    let stored = vec![stored];
    call.shared.messages.remember(&MESSAGES, at.id, &stored);
    let messages = shown(call, &at, stored)
        .await
        .map_err(Refused::afterwards)?;
    let body = MessagePostResponse {
        messages,
        extra: Extra::new(),
    };
    Answer::json(StatusCode::CREATED, &body)
}

fn check_author(author: &Author) -> Result<(), Refused> {
    let is_business = match author.kind {
        AuthorType::Business => true,
        AuthorType::User => false,
        AuthorType::Other(_) => {
            return Err(Refused::bad_request("The author is a business or a user"));
        }
    };
    let ids = [&author.user_id, &author.user_external_id];
    let count = ids.iter().filter(|id| id.value().is_some()).count();
    checks::check(
        is_business && count == 0 || !is_business && count == 1,
        "A user has exactly one of userId and userExternalId, a business none",
    )?;
    let subtypes = author.subtypes.value().map_or(&[][..], Vec::as_slice);
    checks::check(
        matches!(subtypes, [] | [AuthorSubtype::Ai | AuthorSubtype::Activity]),
        "The subtypes are invalid",
    )?;
    checks::url(&author.avatar_url, "The avatarUrl is invalid")
}

/// The user who writes or reads: one who takes part, where the conversation says who does, or to whom it belongs.
pub(super) async fn author_of(
    call: &Call,
    at: &Location,
    author: &Author,
) -> Result<Known, Refused> {
    let brand = author.brand_id.value().map(String::as_str);
    let known = match (author.user_id.value(), author.user_external_id.value()) {
        (Some(id), None) => call.user_by_id(id).await?,
        (None, Some(external_id)) => call.user_by_external_id(external_id, brand).await?,
        _ => {
            return Err(Refused::bad_request(
                "Exactly one of userId and userExternalId is required",
            ));
        }
    };
    let customers = call.customers(at).await?;
    let takes_part = customers
        .iter()
        .any(|one| one.id.as_deref() == Some(known.person()));
    if takes_part || customers.is_empty() {
        return Ok(known);
    }
    let owner = call.owner_of(at.id).await?;
    checks::check(
        owner.as_deref() == Some(known.person()),
        "The author is not a participant",
    )?;
    Ok(known)
}

/// A post in canonical form: read as the message that the vendor would make of it, so that every member without a
/// canonical home is kept for the way back.
fn canonical(
    request: MessagePost,
    user: Option<&Known>,
    conversation: &Conversation,
) -> Result<NewMessage, Refused> {
    let mut author = request.author;
    author.user_external_id = Member::Absent;
    author.brand_id = Member::Absent;
    author.user_id = Member::from(user.map(|known| known.id().to_owned()));
    if let Some(known) = user
        && author.display_name.value().is_none()
    {
        let name = known.participant().name;
        author.display_name = Member::from(name.map(String::from));
    }
    let message = wire::Message {
        id: Member::Value(NO_ID.to_owned()),
        received: Member::Value(Time::now().to_millis().to_string()),
        author: Member::Value(author),
        activity: Member::Absent,
        content: Member::Value(request.content),
        source: Member::Value(source()),
        quoted_message: Member::Absent,
        // The caller's own, whatever its names: the mapping would read some as the adapter's.
        metadata: Member::Absent,
        deleted: Member::Absent,
        references: Member::Absent,
        extra: Extra::new(),
    };
    let person = |_: &str| user.map(|known| known.person().into());
    let message = message_to_canonical(&message, conversation.id, &person).map_err(|error| {
        Error::new(ErrorKind::InvalidRequest, "the message cannot be read").source(error)
    })?;
    let mut new = to_new_message(message);
    new.sent_at = None;
    if let Some(kept) = new.extensions.get_mut(EXTENSION) {
        // Who wrote it is told by the author.
        kept.remove("userId");
        if kept.is_empty() {
            new.extensions.remove(EXTENSION);
        }
    }
    Ok(new)
}

/// What every message posted through the API has as its source.
fn source() -> Source {
    Source {
        kind: "api:conversations".to_owned(),
        integration_id: Member::Absent,
        original_message_id: Member::Absent,
        original_message_timestamp: Member::Absent,
        client: Member::Absent,
        device: Member::Absent,
        extra: Extra::new(),
    }
}

/// `GET …/messages`. An unknown conversation has a code of its own here.
pub(super) async fn list(call: &Call, spelled: &str) -> Result<Answer, Refused> {
    let query = call.query.page()?;
    let id = call.shared.ids.read(spelled).await?;
    let at = Location::unresolved(id.ok_or_else(Refused::not_found)?);
    let found = match call.backend().get_conversation(&call.cx(), &at).await {
        Err(error) if error.kind == ErrorKind::NotFound => return Err(Refused::not_found()),
        found => found?,
    };
    let page = history::page(call, &at, found.created_at, &query).await?;
    let messages = shown(call, &at, page.messages).await?;
    let link = |name: &str, cursor: &Option<String>| {
        let cursor = cursor.as_deref()?;
        Some(call.link(name, cursor))
    };
    let body = MessageListResponse {
        messages,
        links: Member::Value(Links {
            prev: link("page[before]", &page.before).into(),
            next: link("page[after]", &page.after).into(),
            extra: Extra::new(),
        }),
        meta: Member::Value(Meta {
            has_more: Member::Value(page.has_more),
            after_cursor: page.after.into(),
            before_cursor: page.before.into(),
            extra: Extra::new(),
        }),
        extra: Extra::new(),
    };
    Answer::json(StatusCode::OK, &body)
}

impl Call {
    /// The absolute URL of a neighbouring page: the same query with another cursor.
    pub(super) fn link(&self, name: &str, cursor: &str) -> String {
        let query = self.query.with_cursor(name, cursor);
        format!("{}{}?{query}", self.base, self.path)
    }
}

/// Messages as answers show them; some are not shown at all.
async fn shown(
    call: &Call,
    at: &Location,
    messages: Vec<Message>,
) -> Result<Vec<wire::Message>, Refused> {
    let mut users: HashMap<Box<str>, Option<String>> = HashMap::new();
    let mut only: Option<Option<String>> = None;
    let mut answers = Vec::new();
    for message in messages.iter().filter(|message| show::is_shown(message)) {
        let mut seen = show::seen(message);
        call.link_media(at, &mut seen.parts).await?;
        let author = message.author.as_ref().filter(|_| seen.role == Role::User);
        let person = author.and_then(|author| Some((author.id.clone()?, author)));
        let user_id = match person {
            Some((id, author)) => match users.get(&id) {
                Some(known) => known.clone(),
                None => {
                    let known = call.user_of(author).await?;
                    let known = known.map(|known| known.id().to_owned());
                    users.insert(id, known.clone());
                    known
                }
            },
            None if seen.role == Role::User && !has_native_user(&seen) => match &only {
                Some(known) => known.clone(),
                None => only.insert(only_customer(call, at).await?).clone(),
            },
            None => None,
        };
        answers.push(show::message(seen, user_id.as_deref())?);
    }
    Ok(answers)
}

fn has_native_user(message: &Message) -> bool {
    message
        .extensions
        .get(EXTENSION)
        .is_some_and(|kept| kept.contains_key("userId"))
}

/// Who wrote what names no author: the one customer, where there is just one.
async fn only_customer(call: &Call, at: &Location) -> Result<Option<String>, Refused> {
    let customers = call.customers(at).await?;
    let [only] = customers.as_slice() else {
        return Ok(None);
    };
    let known = call.user_of(only).await?;
    Ok(known.map(|known| known.id().to_owned()))
}
