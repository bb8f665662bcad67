//! What would really be sent for a write, and the fate of each of its fields.

use backend::{FieldFate, Projection, RespondRequest, Write};
use conversation::{
    Assistant, ConversationPatch, JsonMap, Kind, NewConversation, NewMessage, Part, Patch, RawJson,
    Role, Status, TextFormat, text_of,
};

use crate::wire::SendRequest;

/// Why nothing can be stored without an answer.
pub const POST_IS_IMPOSSIBLE: &str =
    "datamonkey stores messages only together with an answer of its ai";

/// Why nothing can be changed.
const NO_UPDATE: &str = "datamonkey cannot change a conversation";
/// Why a field is refused.
const NO_PLACE: &str = "datamonkey has no place for this";

/// The fate of a write.
#[must_use]
pub fn preview(write: &Write) -> Projection {
    let mut fates = Fates::default();
    let write = match write {
        Write::CreateConversation(new) => Write::CreateConversation(create(new, &mut fates)),
        Write::UpdateConversation(patch) => Write::UpdateConversation(update(patch, &mut fates)),
        Write::Respond(request) => Write::Respond(respond(request, &mut fates)),
        Write::PostMessage(_) | Write::ImportMessage(_) => {
            fates.reject("/parts", POST_IS_IMPOSSIBLE);
            write.clone()
        }
        Write::UpdateMessage(_) => {
            fates.reject("/parts", "datamonkey cannot change a message");
            write.clone()
        }
    };
    Projection {
        write,
        fates: fates.0,
    }
}

/// The body that sends a message. Takes what [`preview`] left over.
#[must_use]
pub fn send_request(input: &NewMessage) -> SendRequest {
    SendRequest::new(text_of(&input.parts))
}

#[derive(Default)]
struct Fates(Vec<FieldFate>);

impl Fates {
    fn reject(&mut self, pointer: impl Into<String>, detail: &str) {
        self.0.push(FieldFate::rejected(pointer, detail));
    }

    fn convert(&mut self, pointer: impl Into<String>, detail: &str) {
        self.0.push(FieldFate::converted(pointer, detail));
    }

    /// Rejects a field that the vendor has no place for, and takes it out.
    fn take<T: Default + PartialEq>(&mut self, pointer: &str, field: &mut T) {
        if *field != T::default() {
            *field = T::default();
            self.reject(pointer, NO_PLACE);
        }
    }

    /// Rejects every member of a map, and takes them out.
    fn map(&mut self, pointer: &str, map: &mut JsonMap) {
        for name in std::mem::take(map).keys() {
            self.reject(member(pointer, name), NO_PLACE);
        }
    }

    /// Rejects every setting of an assistant, and takes them out.
    fn assistant(&mut self, assistant: &mut Option<Assistant>) {
        let Some(assistant) = assistant.take() else {
            return;
        };
        let settings = RawJson::from_serialize(&assistant)
            .and_then(|settings| settings.to::<JsonMap>())
            .unwrap_or_default();
        for name in settings.keys() {
            self.reject(
                member("/assistant", name),
                "datamonkey's ai cannot be set up",
            );
        }
    }
}

fn member(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
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
    fates.take("/extensions", &mut new.extensions);
    fates.map("/metadata", &mut new.metadata);
    fates.assistant(&mut new.assistant);
    new
}

/// Nothing of a conversation changes: what an update sets is refused, what it leaves as it always is goes through.
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
    clear(&mut patch.description, "/description", fates);
    clear(&mut patch.priority, "/priority", fates);
    clear(&mut patch.labels, "/labels", fates);
    clear(&mut patch.participants, "/participants", fates);
    clear(&mut patch.owner, "/owner", fates);
    clear(&mut patch.icon_url, "/icon_url", fates);
    clear(&mut patch.assistant, "/assistant", fates);
    clear(&mut patch.metadata, "/metadata", fates);
    clear(&mut patch.extensions, "/extensions", fates);
    patch
}

fn clear<T>(field: &mut Patch<T>, pointer: &str, fates: &mut Fates) {
    if field.set().is_some() {
        fates.reject(pointer, NO_PLACE);
    }
    *field = Patch::Keep;
}

fn respond(request: &RespondRequest, fates: &mut Fates) -> RespondRequest {
    let mut request = request.clone();
    fates.map("/metadata", &mut request.metadata);
    fates.assistant(&mut request.assistant);
    if request.template.take().is_some() {
        fates.reject("/template", "datamonkey has no templates");
    }
    request.input = request.input.map(|input| self::input(&input, fates));
    request
}

/// The vendor takes one text of the user; everything else about the message has no place.
fn input(sent: &NewMessage, fates: &mut Fates) -> NewMessage {
    let mut input = sent.clone();
    if input.role != Role::User {
        input.role = Role::User;
        fates.reject(
            "/input/role",
            "datamonkey answers messages of the user only",
        );
    }
    let direction = input.direction.take();
    if direction.is_some_and(|direction| direction != Role::User.direction()) {
        fates.reject(
            "/input/direction",
            "datamonkey derives the direction from the role",
        );
    }
    fates.take("/input/author", &mut input.author);
    fates.take("/input/recipients", &mut input.recipients);
    fates.take("/input/subject", &mut input.subject);
    fates.take("/input/in_reply_to", &mut input.in_reply_to);
    fates.take("/input/status", &mut input.status);
    fates.take("/input/rating", &mut input.rating);
    fates.take("/input/usage", &mut input.usage);
    fates.take("/input/model", &mut input.model);
    fates.take("/input/provider", &mut input.provider);
    fates.take("/input/finish_reason", &mut input.finish_reason);
    fates.take("/input/latency_ms", &mut input.latency_ms);
    fates.take("/input/client_message_id", &mut input.client_message_id);
    fates.take("/input/sent_at", &mut input.sent_at);
    fates.take("/input/edited_at", &mut input.edited_at);
    fates.take("/input/extensions", &mut input.extensions);
    fates.map("/input/source", &mut input.source);
    fates.map("/input/metadata", &mut input.metadata);
    for (index, part) in input.parts.iter().enumerate() {
        let plain = matches!(part, Part::Text(text) if text.format == TextFormat::Plain);
        if !plain && text_of(std::slice::from_ref(part)).is_empty() {
            fates.reject(
                format!("/input/parts/{index}"),
                "datamonkey holds text only, and this part has no words",
            );
        } else if !plain {
            fates.convert(
                format!("/input/parts/{index}"),
                "datamonkey holds plain text only",
            );
        }
    }
    let plain_parts = input
        .parts
        .iter()
        .filter(|part| matches!(part, Part::Text(_)))
        .count();
    if plain_parts > 1 && plain_parts == input.parts.len() {
        fates.convert(
            "/input/parts",
            "datamonkey holds one text: the parts are joined by an empty line",
        );
    }
    let text = text_of(&input.parts);
    if text.is_empty() {
        fates.reject("/input/parts", "datamonkey refuses an empty message");
    }
    input.parts = vec![Part::text(text)];
    input
}
