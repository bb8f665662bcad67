//! To the vendor's requests.

use std::collections::BTreeSet;

use adapterkit::{check_held, members, put_back_at, still_missing};
use backend::ports::Translated;
use backend::{Error, FieldFate, Kind, Result, Write};
use conversation::{JsonMap, Kind as ConversationKind, NewConversation, NewMessage, RawJson, Role};

use super::{VENDOR, unmappable};
use crate::config::ImportMode;
use crate::mapping::{Authorship, EXTENSION, create_body, message_post, preview};
use crate::wire::{Member, MessagePost, ParticipantSubSchema};

/// What a post has beside the members of canonical form.
const OF_A_POST: [&str; 4] = ["/destination", "/override", "/schema", "/author/brandId"];
/// What a content has beside them, whatever its type.
const OF_A_CONTENT: [&str; 5] = [
    "/content/blockChatInput",
    "/content/displaySettings",
    "/content/htmlText",
    "/content/markdownText",
    "/content/attachmentId",
];
/// Why an id is not the one that is sent.
const LOOKED_UP: &str =
    "which user this is there is looked up when it is sent: here the id as it is";

fn internal(what: &str) -> Error {
    Error::new(Kind::Internal, format!("{what} became another write"))
}

fn body_of(body: &JsonMap) -> Result<RawJson> {
    RawJson::from_serialize(body)
        .map_err(|error| Error::new(Kind::Internal, "a body could not be written").source(error))
}

pub(super) fn create(new: &NewConversation) -> Result<Translated<RawJson>> {
    let mut new = new.clone();
    let own = new.extensions.remove(EXTENSION).unwrap_or_default();
    let projection = preview(&Write::CreateConversation(new), ImportMode::Overlay);
    let Write::CreateConversation(held) = projection.write else {
        return Err(internal("a create"));
    };
    let mut fates = projection.fates;
    let ids: Vec<String> = held
        .participants
        .iter()
        .filter_map(|participant| participant.id.as_deref().map(str::to_owned))
        .collect();
    if held.participants.is_empty() {
        let detail = "whoever calls takes part, and is known when it is sent";
        fates.push(FieldFate::converted("/participants", detail));
    }
    let is_group = held.kind == Some(ConversationKind::Group) || held.participants.len() > 1;
    let mut request = create_body(&held, &ids, is_group, &held.metadata);
    let kept: Vec<ParticipantSubSchema> = own
        .get("participants")
        .and_then(|users| users.to::<Vec<_>>().ok())
        .unwrap_or_default();
    let known: BTreeSet<&str> = kept
        .iter()
        .filter_map(|user| user.user_id.value().map(String::as_str))
        .collect();
    match &mut request.participants {
        Member::Value(users) if users.is_empty() => request.participants = Member::Absent,
        Member::Value(users) => {
            for user in users {
                let id = user.user_external_id.value().cloned().unwrap_or_default();
                if known.contains(id.as_str()) {
                    user.user_external_id = Member::Absent;
                    user.user_id = Member::Value(id);
                }
            }
        }
        Member::Absent | Member::Null => {}
    }
    let body = members(&request).map_err(unmappable)?;
    fates.extend(still_missing(&own, &body, EXTENSION, VENDOR));
    Ok(Translated {
        body: body_of(&body)?,
        fates,
    })
}

pub(super) fn post(new: &NewMessage) -> Result<Translated<RawJson>> {
    let mut new = new.clone();
    let own = new.extensions.remove(EXTENSION).unwrap_or_default();
    let projection = preview(&Write::PostMessage(new), ImportMode::Overlay);
    check_held(&projection, VENDOR)?;
    let Write::PostMessage(held) = projection.write else {
        return Err(internal("a post"));
    };
    let mut fates = projection.fates;
    let authorship = authorship(&held, &own, &mut fates);
    let is_nobody = authorship == Authorship::ExternalUser(String::new());
    let mut request = message_post(&held, &authorship, &held.metadata);
    if is_nobody {
        request.author.user_external_id = Member::Absent;
    }
    let mut body = members(&request).map_err(unmappable)?;
    let mut whole = body.clone();
    put_back_at(&mut whole, &own, &OF_A_POST);
    if same_content(&whole, &own) {
        put_back_at(&mut whole, &own, &OF_A_CONTENT);
        if matches!(request.content, crate::wire::Content::Text(_)) {
            put_back_at(&mut whole, &own, &["/content/text"]);
        }
    }
    // Kept members may have been changed since: ones that no longer fit stay out.
    if body_of(&whole)?.to::<MessagePost>().is_ok() {
        body = whole;
    }
    fates.extend(still_missing(&own, &body, EXTENSION, VENDOR));
    Ok(Translated {
        body: body_of(&body)?,
        fates,
    })
}

/// Who writes: a user by the vendor's id where that was read, else by our own.
fn authorship(held: &NewMessage, own: &JsonMap, fates: &mut Vec<FieldFate>) -> Authorship {
    if held.role != Role::User {
        return Authorship::Business;
    }
    let Some(id) = held.author.as_ref().and_then(|author| author.id.as_deref()) else {
        let detail = "which user writes is found out when it is sent";
        fates.push(FieldFate::converted("/author", detail));
        return Authorship::ExternalUser(String::new());
    };
    if member_of(own, "author", "userId").is_some_and(|known| known == RawJson::string(id)) {
        return Authorship::User(id.to_owned());
    }
    fates.push(FieldFate::converted("/author/id", LOOKED_UP));
    Authorship::ExternalUser(id.to_owned())
}

/// Whether the content is still of the type of which members were kept.
fn same_content(body: &JsonMap, own: &JsonMap) -> bool {
    let kept = member_of(own, "content", "type");
    kept.is_some() && kept == member_of(body, "content", "type")
}

fn member_of(object: &JsonMap, name: &str, inner: &str) -> Option<RawJson> {
    object.get(name)?.to::<JsonMap>().ok()?.remove(inner)
}
