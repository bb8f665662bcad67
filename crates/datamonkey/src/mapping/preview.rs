//! What would really be sent for a write, and the fate of each of its fields.

use adapterkit::{Fates, member_pointer};
use backend::{Projection, RespondRequest, Write};
use conversation::{
    Assistant, ConversationPatch, JsonMap, Kind, NewConversation, NewMessage, Patch, RawJson,
    Status, text_of,
};

use crate::wire::SendRequest;

/// Why nothing can be stored without an answer.
pub const POST_IS_IMPOSSIBLE: &str =
    "datamonkey stores messages only together with an answer of its ai";

/// Why nothing can be changed.
const NO_UPDATE: &str = "datamonkey cannot change a conversation";

/// Why nobody can join or leave.
const NO_PARTICIPANTS: &str = "datamonkey has no participants";

/// The fate of a write.
#[must_use]
pub fn preview(write: &Write) -> Projection {
    let mut fates = Fates::new("datamonkey");
    let write = match write {
        Write::CreateConversation(new) => Write::CreateConversation(create(new, &mut fates)),
        Write::UpdateConversation(patch) => Write::UpdateConversation(update(patch, &mut fates)),
        Write::Respond(request) => Write::Respond(respond(request, &mut fates)),
        Write::PostMessage(_) | Write::ImportMessage(_) => {
            fates.refuse("/parts", POST_IS_IMPOSSIBLE);
            write.clone()
        }
        Write::UpdateMessage { patch, .. } => {
            fates.refuse_edit(patch);
            write.clone()
        }
        Write::DeleteMessage { .. } => {
            fates.refuse("/id", "datamonkey cannot delete a message");
            write.clone()
        }
        Write::RateMessage { .. } => {
            fates.refuse("/value", "datamonkey has no ratings");
            write.clone()
        }
        Write::AddParticipants(_) => {
            fates.refuse("/participants", NO_PARTICIPANTS);
            write.clone()
        }
        Write::RemoveParticipant { .. } => {
            fates.refuse("/id", NO_PARTICIPANTS);
            write.clone()
        }
        Write::PutAttachment { .. } => {
            fates.refuse("/attachment", "datamonkey stores no files");
            write.clone()
        }
        // Nothing of a delete can be left out.
        Write::DeleteConversation | Write::ImportMessages(_) => write.clone(),
    };
    fates.into_projection(write)
}

/// The body that sends a message. Takes what [`preview`] left over.
#[must_use]
pub fn send_request(input: &NewMessage) -> SendRequest {
    SendRequest::new(text_of(&input.parts))
}

/// Rejects every setting of an assistant, and takes them out.
fn take_assistant(assistant: &mut Option<Assistant>, fates: &mut Fates) {
    let Some(assistant) = assistant.take() else {
        return;
    };
    let settings = RawJson::from_serialize(&assistant)
        .and_then(|settings| settings.to::<JsonMap>())
        .unwrap_or_default();
    for name in settings.keys() {
        fates.reject(
            member_pointer("/assistant", name),
            "datamonkey's ai cannot be set up",
        );
    }
}

fn create(new: &NewConversation, fates: &mut Fates) -> NewConversation {
    let mut new = new.clone();
    if new
        .kind
        .as_ref()
        .is_some_and(|kind| *kind != Kind::Assistant)
    {
        new.kind = None;
        fates.convert(
            "/kind",
            "datamonkey knows conversations with its ai only: this one reads as `assistant`",
        );
    }
    if new.title.as_deref() == Some("") {
        new.title = None;
        fates.convert("/title", "an empty title counts as none");
    }
    if new
        .status
        .as_ref()
        .is_some_and(|status| *status != Status::Open)
    {
        new.status = None;
        fates.reject("/status", "datamonkey knows open conversations only");
    }
    fates.take("/description", &mut new.description);
    fates.take("/priority", &mut new.priority);
    fates.take("/labels", &mut new.labels);
    fates.take("/participants", &mut new.participants);
    fates.take("/owner", &mut new.owner);
    fates.take("/icon_url", &mut new.icon_url);
    fates.take_because(
        "/created_at",
        &mut new.created_at,
        "datamonkey says itself when a conversation was made",
    );
    fates.take_extensions("/extensions", &mut new.extensions);
    fates.take_members("/metadata", &mut new.metadata);
    take_assistant(&mut new.assistant, fates);
    new
}

/// Nothing of a conversation changes: what an update sets is refused, and it as a whole with it; what it leaves as it
/// always is goes through.
fn update(patch: &ConversationPatch, fates: &mut Fates) -> ConversationPatch {
    let mut patch = patch.clone();
    if patch
        .kind
        .set()
        .is_some_and(|kind| *kind != Kind::Assistant)
    {
        fates.reject("/kind", "datamonkey knows conversations with its ai only");
    }
    patch.kind = Patch::Keep;
    if patch
        .status
        .set()
        .is_some_and(|status| *status != Status::Open)
    {
        fates.reject("/status", "datamonkey knows open conversations only");
    }
    patch.status = Patch::Keep;
    if !patch.title.is_keep() {
        patch.title = Patch::Keep;
        fates.reject("/title", NO_UPDATE);
    }
    // Clearing what was never there changes nothing.
    fates.patch("/description", &mut patch.description);
    fates.patch("/priority", &mut patch.priority);
    fates.patch("/labels", &mut patch.labels);
    fates.patch("/participants", &mut patch.participants);
    fates.patch("/owner", &mut patch.owner);
    fates.patch("/icon_url", &mut patch.icon_url);
    fates.patch_members("/assistant", &mut patch.assistant);
    fates.patch_members("/metadata", &mut patch.metadata);
    fates.patch_extensions("/extensions", &mut patch.extensions);
    fates.refuse_if_rejected();
    patch
}

fn respond(request: &RespondRequest, fates: &mut Fates) -> RespondRequest {
    let mut request = request.clone();
    fates.take_members("/metadata", &mut request.metadata);
    take_assistant(&mut request.assistant, fates);
    if request.template.take().is_some() {
        fates.reject("/template", "datamonkey has no templates");
    }
    request.input = request.input.map(|input| fates.question(&input));
    request
}
