//! Conversations: `/v2/apps/{appId}/conversations`.

use backend::Location;
use conversation::{
    Conversation, ConversationId, ConversationPatch, JsonMap, Kind, NewConversation, Participant,
    Patch, RawJson,
};
use http::StatusCode;

use super::answer::{Answer, Refused};
use super::call::Call;
use super::known::Known;
use super::sources::{Source, order};
use super::{checks, show};
use crate::limits::{PARTICIPANTS_MAX, TITLE_MAX_CHARS};
use crate::wire::{
    ConversationCreateBody, ConversationResponse, ConversationType, ConversationUpdateBody, Extra,
    Member, ParticipantSubSchema,
};

/// Every sort of conversation that is no group: to this vendor all of them are personal.
pub(super) const PERSONAL: [Kind; 3] = [Kind::Direct, Kind::Assistant, Kind::Mail];

/// `POST …/conversations`
pub(super) async fn create(call: &Call, body: &[u8]) -> Result<Answer, Refused> {
    let request: ConversationCreateBody = call.decode(body)?;
    let is_group = match request.kind {
        ConversationType::Personal => false,
        ConversationType::SdkGroup => true,
        ConversationType::Other(_) => {
            return Err(Refused::bad_request("The type is personal or sdkGroup"));
        }
    };
    check_texts(
        &request.display_name,
        &request.description,
        &request.icon_url,
    )?;
    let metadata = checks::metadata(&request.metadata)?.unwrap_or_default();
    let sent = request.participants.into_value().unwrap_or_default();
    checks::check(
        sent.len() <= PARTICIPANTS_MAX,
        "There are too many participants",
    )?;
    checks::check(
        is_group || sent.len() == 1,
        "A personal conversation has exactly one participant",
    )?;
    let mut participants: Vec<Participant> = Vec::new();
    for one in &sent {
        let known = user_of(call, one, is_group).await?;
        let participant = known.participant();
        if !participants.iter().any(|other| other.id == participant.id) {
            participants.push(participant);
        }
    }
    let text = |member: &Member<String>| member.value().map(|text| text.as_str().into());
    let new = NewConversation {
        kind: Some(if is_group { Kind::Group } else { Kind::Direct }),
        title: text(&request.display_name),
        description: text(&request.description),
        icon_url: text(&request.icon_url),
        participants,
        metadata,
        ..NewConversation::default()
    };
    // Whose conversation it is, is told to every backend: to some it decides who may come back to it.
    let owner = new.participants.first().and_then(|one| one.id.clone());
    let acting = owner
        .as_deref()
        .filter(|_| !is_group)
        .and_then(|owner| call.caller.acting_for(owner));
    if acting.is_none() && call.caller.principal.user.is_some() && !is_group {
        return Err(Refused::forbidden());
    }
    let is_default = match owner.as_deref() {
        Some(owner) if !is_group => default_of(call, owner).await?.is_none(),
        _ => false,
    };
    let caller = acting.as_ref().unwrap_or(&call.caller);
    let cx = caller.context(call.shared.parts.limits.request_timeout);
    let located = call.backend().create_conversation(&cx, new).await?;
    answer(call, StatusCode::CREATED, &located.conversation, is_default)
        .await
        .map_err(Refused::afterwards)
}

/// The user whom a participant names.
pub(super) async fn user_of(
    call: &Call,
    sent: &ParticipantSubSchema,
    is_group: bool,
) -> Result<Known, Refused> {
    checks::check(
        !is_group || sent.subscribe_sdk_client.value().is_some(),
        "subscribeSDKClient is required",
    )?;
    match (sent.user_id.value(), sent.user_external_id.value()) {
        (Some(id), None) => call.user_by_id(id).await,
        (None, Some(external_id)) => call.user_by_external_id(external_id, None).await,
        _ => Err(Refused::bad_request(
            "Exactly one of userId and userExternalId is required",
        )),
    }
}

fn check_texts(
    display_name: &Member<String>,
    description: &Member<String>,
    icon_url: &Member<String>,
) -> Result<(), Refused> {
    checks::text(
        display_name,
        TITLE_MAX_CHARS,
        "The displayName has 1 to 100 characters",
    )?;
    checks::text(
        description,
        TITLE_MAX_CHARS,
        "The description has 1 to 100 characters",
    )?;
    checks::url(icon_url, "The iconUrl is invalid")
}

/// `GET …/conversations/{conversationId}`
pub(super) async fn get(call: &Call, spelled: &str) -> Result<Answer, Refused> {
    let at = Location::unresolved(call.conversation_id(spelled).await?);
    let found = call.backend().get_conversation(&call.cx(), &at).await?;
    let is_default = is_default(call, &found).await?;
    answer(call, StatusCode::OK, &found, is_default).await
}

/// `PATCH …/conversations/{conversationId}`. Null clears; metadata is replaced whole.
pub(super) async fn update(call: &Call, spelled: &str, body: &[u8]) -> Result<Answer, Refused> {
    let request: ConversationUpdateBody = call.decode(body)?;
    check_texts(
        &request.display_name,
        &request.description,
        &request.icon_url,
    )?;
    let metadata = checks::metadata(&request.metadata)?;
    let at = Location::unresolved(call.conversation_id(spelled).await?);
    let found = call
        .backend()
        .get_conversation(&call.cx().fresh(), &at)
        .await?;
    let is_default = is_default(call, &found).await?;
    let metadata = metadata.map_or(Patch::Keep, |new| {
        Patch::Set(replacing(&found.metadata, new))
    });
    let text = |member: Member<String>| match member {
        Member::Absent => Patch::Keep,
        Member::Null => Patch::Clear,
        Member::Value(text) => Patch::Set(text.into()),
    };
    let patch = ConversationPatch {
        title: text(request.display_name),
        description: text(request.description),
        icon_url: text(request.icon_url),
        metadata,
        ..ConversationPatch::default()
    };
    let changed = call
        .backend()
        .update_conversation(&call.cx(), &at, patch, None)
        .await?;
    answer(call, StatusCode::OK, &changed, is_default)
        .await
        .map_err(Refused::afterwards)
}

/// What makes `new` of the metadata that was shown. Members that this vendor could not show stay.
fn replacing(old: &JsonMap, new: JsonMap) -> JsonMap {
    let gone = show::flat(old)
        .into_keys()
        .map(|name| (name, RawJson::default()));
    let mut patch: JsonMap = gone.collect();
    patch.extend(new);
    patch
}

/// `DELETE …/conversations/{conversationId}`. A user's default conversation stays.
pub(super) async fn delete(call: &Call, spelled: &str) -> Result<Answer, Refused> {
    let at = Location::unresolved(call.conversation_id(spelled).await?);
    let found = call.backend().get_conversation(&call.cx(), &at).await?;
    if is_default(call, &found).await? {
        return Err(Refused::bad_request(
            "The default conversation cannot be deleted",
        ));
    }
    call.backend()
        .delete_conversation(&call.cx(), &at, None)
        .await?;
    call.forget_marks(at.id).await?;
    Answer::empty_object()
}

/// Whether a conversation is its user's first personal one.
async fn is_default(call: &Call, conversation: &Conversation) -> Result<bool, Refused> {
    if conversation.kind == Kind::Group {
        return Ok(false);
    }
    let named = conversation.participants.iter().find_map(|one| {
        let is_customer = one.side != Some(conversation::Side::Business);
        one.id.clone().filter(|_| is_customer)
    });
    let person = match named {
        None => call.owner_of(conversation.id).await?,
        named => named,
    };
    match person {
        Some(person) => Ok(default_of(call, &person).await? == Some(conversation.id)),
        None => Ok(false),
    }
}

/// Somebody's first personal conversation.
pub(super) async fn default_of(
    call: &Call,
    person: &str,
) -> Result<Option<ConversationId>, Refused> {
    let mut first: Option<Conversation> = None;
    for source in Source::all(call, person) {
        let (found, _) = source.read(call, &PERSONAL, 1, None).await?;
        let found = found.into_iter().map(|located| located.conversation);
        first = first.into_iter().chain(found).min_by_key(order);
    }
    Ok(first.map(|conversation| conversation.id))
}

async fn answer(
    call: &Call,
    status: StatusCode,
    conversation: &Conversation,
    is_default: bool,
) -> Result<Answer, Refused> {
    let spelled = call.shared.ids.of_one(conversation).await?;
    let body = ConversationResponse {
        conversation: show::conversation(
            conversation,
            &spelled,
            is_default,
            call.business_read(conversation.id).await?,
        )?,
        extra: Extra::new(),
    };
    Answer::json(status, &body)
}
