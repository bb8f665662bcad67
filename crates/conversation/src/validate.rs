//! What a caller may send: the rules that hold on every backend, each violation with its JSON pointer.

use serde::{Deserialize, Serialize};

use crate::{
    Action, Extensions, Handle, Item, JsonMap, NewConversation, NewMessage, Part, Participant,
    Rating, too_large_integer,
};

/// A rule that a request breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer (RFC 6901) to the member.
    pub pointer: String,
    /// A stable word for the rule: `unknown-value`, `out-of-range`, `too-long`, `too-many`, `empty`, `integer-too-large`, `conflict`.
    pub code: &'static str,
    /// What is wrong and what is allowed.
    pub detail: String,
    /// The limit that is crossed, and by what, where it is a number.
    pub exceeds: Option<Exceeds>,
}

/// A limit, and the value that crosses it: characters, bytes or items, as the detail says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exceeds {
    /// The most that is allowed.
    pub limit: u64,
    /// What was sent, where it was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<u64>,
}

/// The longest title, label, name or id in characters.
const SHORT_MAX_CHARS: usize = 2_048;
/// The most labels or participants of one conversation, and recipients or parts of one message.
const LIST_MAX: usize = 1_000;
/// The longest `client_message_id`, in characters.
const CLIENT_ID_MAX_CHARS: usize = 255;

/// Collects violations.
struct Check(Vec<Violation>);

impl Check {
    fn add(&mut self, pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) {
        self.0.push(Violation {
            pointer: pointer.into(),
            code,
            detail: detail.into(),
            exceeds: None,
        });
    }

    fn known(&mut self, pointer: impl Into<String>, is_known: bool, known: &[&str]) {
        if !is_known {
            self.add(
                pointer,
                "unknown-value",
                format!("use one of: {}", known.join(", ")),
            );
        }
    }

    fn short(&mut self, pointer: &str, text: Option<&str>) {
        if text.is_some_and(|text| text.chars().count() > SHORT_MAX_CHARS) {
            self.add(
                pointer,
                "too-long",
                format!("at most {SHORT_MAX_CHARS} characters"),
            );
        }
    }

    fn count(&mut self, pointer: &str, length: usize) {
        if length > LIST_MAX {
            self.add(pointer, "too-many", format!("at most {LIST_MAX}"));
        }
    }

    fn range(&mut self, pointer: &str, value: Option<f64>, low: f64, high: f64) {
        if value.is_some_and(|value| !(low..=high).contains(&value)) {
            self.add(pointer, "out-of-range", format!("between {low} and {high}"));
        }
    }

    fn integers(&mut self, pointer: &str, map: &JsonMap) {
        for (key, value) in map {
            if let Some(below) = too_large_integer(value) {
                let key = key.replace('~', "~0").replace('/', "~1");
                self.add(
                    format!("{pointer}/{key}{below}"),
                    "integer-too-large",
                    "integers beyond ±9007199254740991 are not exact in JSON: send them as strings",
                );
            }
        }
    }

    fn participant(&mut self, pointer: &str, participant: &Participant) {
        self.known(
            format!("{pointer}/kind"),
            participant.kind.is_known(),
            crate::ParticipantKind::KNOWN,
        );
        if let Some(side) = &participant.side {
            self.known(
                format!("{pointer}/side"),
                side.is_known(),
                crate::Side::KNOWN,
            );
        }
        self.short(&format!("{pointer}/id"), participant.id.as_deref());
        self.short(&format!("{pointer}/name"), participant.name.as_deref());
        self.count(&format!("{pointer}/handles"), participant.handles.len());
        for (index, handle) in participant.handles.iter().enumerate() {
            self.handle(&format!("{pointer}/handles/{index}"), handle);
        }
    }

    fn handle(&mut self, pointer: &str, handle: &Handle) {
        self.short(&format!("{pointer}/type"), Some(&handle.kind));
        self.short(&format!("{pointer}/value"), Some(&handle.value));
        for (member, text) in [("type", &handle.kind), ("value", &handle.value)] {
            if text.is_empty() {
                self.add(format!("{pointer}/{member}"), "empty", "may not be empty");
            }
        }
    }

    fn rating(&mut self, pointer: &str, rating: &Rating) {
        self.range(&format!("{pointer}/mean"), rating.mean, 0.0, 5.0);
        self.range(&format!("{pointer}/mine"), rating.mine, 0.0, 5.0);
    }

    fn parts(&mut self, parts: &[Part]) {
        if parts.is_empty() {
            self.add("/parts", "empty", "a message needs at least one part");
        }
        self.count("/parts", parts.len());
        for (index, part) in parts.iter().enumerate() {
            self.part(&format!("/parts/{index}"), part);
        }
    }

    fn part(&mut self, pointer: &str, part: &Part) {
        match part {
            Part::Text(text) => self.known(
                format!("{pointer}/format"),
                text.format.is_known(),
                crate::TextFormat::KNOWN,
            ),
            Part::Image(media) | Part::File(media) | Part::Audio(media) | Part::Video(media) => {
                if media.url.is_some() == media.attachment_id.is_some() {
                    self.add(pointer, "conflict", "give either `url` or `attachment_id`");
                }
            }
            Part::Location(location) => {
                self.range(
                    &format!("{pointer}/latitude"),
                    Some(location.latitude),
                    -90.0,
                    90.0,
                );
                self.range(
                    &format!("{pointer}/longitude"),
                    Some(location.longitude),
                    -180.0,
                    180.0,
                );
            }
            Part::Carousel(items) | Part::List(items) => self.items(pointer, items),
            Part::Actions(actions) => self.actions(pointer, actions),
            Part::Activity(activity) => {
                self.known(
                    format!("{pointer}/activity"),
                    activity.activity.is_known(),
                    crate::ActivityKind::KNOWN,
                );
            }
            Part::Form(fields) | Part::FormResponse(fields) => {
                self.count(&format!("{pointer}/fields"), fields.len());
            }
            Part::Template(_)
            | Part::ToolCall(_)
            | Part::ToolResult(_)
            | Part::Reasoning(_)
            | Part::Quote(_)
            | Part::Unknown(_) => {}
        }
    }

    fn items(&mut self, pointer: &str, items: &[Item]) {
        self.count(&format!("{pointer}/items"), items.len());
        for (index, item) in items.iter().enumerate() {
            self.actions(&format!("{pointer}/items/{index}"), &item.actions);
            self.integers(&format!("{pointer}/items/{index}/metadata"), &item.metadata);
        }
    }

    fn actions(&mut self, pointer: &str, actions: &[Action]) {
        self.count(&format!("{pointer}/actions"), actions.len());
        for (index, action) in actions.iter().enumerate() {
            self.known(
                format!("{pointer}/actions/{index}/type"),
                action.kind.is_known(),
                crate::ActionKind::KNOWN,
            );
            self.integers(
                &format!("{pointer}/actions/{index}/metadata"),
                &action.metadata,
            );
        }
    }

    fn extensions(&mut self, extensions: &Extensions) {
        self.count("/extensions", extensions.len());
    }
}

/// The rules of a new conversation, all that are broken.
#[must_use]
pub fn validate_conversation(new: &NewConversation) -> Vec<Violation> {
    let mut check = Check(Vec::new());
    if let Some(kind) = &new.kind {
        check.known("/kind", kind.is_known(), crate::Kind::KNOWN);
    }
    if let Some(status) = &new.status {
        check.known("/status", status.is_known(), crate::Status::KNOWN);
    }
    if let Some(priority) = &new.priority {
        check.known("/priority", priority.is_known(), crate::Priority::KNOWN);
    }
    check.short("/title", new.title.as_deref());
    check.short("/owner", new.owner.as_deref());
    check.short("/icon_url", new.icon_url.as_deref());
    check.count("/labels", new.labels.len());
    for (index, label) in new.labels.iter().enumerate() {
        if label.is_empty() {
            check.add(
                format!("/labels/{index}"),
                "empty",
                "a label may not be empty",
            );
        }
        check.short(&format!("/labels/{index}"), Some(label));
    }
    check.count("/participants", new.participants.len());
    for (index, participant) in new.participants.iter().enumerate() {
        check.participant(&format!("/participants/{index}"), participant);
    }
    if let Some(assistant) = &new.assistant {
        check.range("/assistant/temperature", assistant.temperature, 0.0, 2.0);
        check.range("/assistant/top_p", assistant.top_p, 0.0, 1.0);
        if assistant.max_tokens == Some(0) {
            check.add("/assistant/max_tokens", "out-of-range", "at least 1");
        }
    }
    check.integers("/metadata", &new.metadata);
    check.extensions(&new.extensions);
    check.0
}

/// The rules of a new message, all that are broken.
#[must_use]
pub fn validate_message(new: &NewMessage) -> Vec<Violation> {
    let mut check = Check(Vec::new());
    check.known("/role", new.role.is_known(), crate::Role::KNOWN);
    if let Some(direction) = &new.direction {
        check.known("/direction", direction.is_known(), crate::Direction::KNOWN);
    }
    if let Some(status) = &new.status {
        check.known("/status", status.is_known(), crate::MessageStatus::KNOWN);
    }
    if let Some(author) = &new.author {
        check.participant("/author", author);
    }
    check.count("/recipients", new.recipients.len());
    for (index, recipient) in new.recipients.iter().enumerate() {
        check.known(
            format!("/recipients/{index}/kind"),
            recipient.kind.is_known(),
            crate::RecipientKind::KNOWN,
        );
        if let Some(handle) = &recipient.handle {
            check.handle(&format!("/recipients/{index}/handle"), handle);
        }
    }
    check.short("/subject", new.subject.as_deref());
    check.parts(&new.parts);
    if let Some(reply) = &new.in_reply_to {
        check.known(
            "/in_reply_to/kind",
            reply.kind.is_known(),
            crate::ReplyKind::KNOWN,
        );
    }
    if let Some(rating) = &new.rating {
        check.rating("/rating", rating);
    }
    if new
        .client_message_id
        .as_deref()
        .is_some_and(|id| id.is_empty() || id.chars().count() > CLIENT_ID_MAX_CHARS)
    {
        check.add(
            "/client_message_id",
            "too-long",
            format!("1 to {CLIENT_ID_MAX_CHARS} characters"),
        );
    }
    check.integers("/metadata", &new.metadata);
    check.extensions(&new.extensions);
    check.0
}
