//! Generated conversations and messages that a caller may send: any value of every field and part, the same in every
//! run with one seed.

use std::collections::BTreeSet;

use conversation::{
    Action, ActionKind, ActivityKind, Assistant, Direction, Item, JsonMap, Kind, Media,
    MessageStatus, NewConversation, NewMessage, Part, Participant, ParticipantKind, Priority,
    Rating, RecipientKind, ReplyKind, Role, Side, Status, TextFormat, too_large_integer,
    validate_conversation, validate_message,
};
use proptest::strategy::{BoxedStrategy, Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::values;

/// Chooses another run.
const SEED: &str = "DRAGOMAN_TEST_SEED";

/// The seed of this run: that of the environment, else always the same.
pub(crate) fn seed() -> u64 {
    let given = std::env::var(SEED).ok();
    given.map_or(4, |seed| seed.parse().expect("a number"))
}

/// Makes the values of one run, one after the other.
pub(crate) struct Generator(TestRunner);

impl Generator {
    /// The one of a seed. `name` tells it from others of the same seed.
    pub(crate) fn new(name: &str, seed: u64) -> Self {
        let mut bytes = [0; 32];
        for (byte, from) in bytes.iter_mut().zip(name.bytes()) {
            *byte = from;
        }
        bytes[24..].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        Self(TestRunner::new_with_rng(Config::default(), rng))
    }

    pub(crate) fn any<T: std::fmt::Debug>(&mut self, strategy: &impl Strategy<Value = T>) -> T {
        let tree = strategy.new_tree(&mut self.0);
        tree.expect("a value that fits").current()
    }
}

/// A conversation that breaks no rule.
pub(crate) fn conversation() -> BoxedStrategy<NewConversation> {
    values::new_conversation()
        .prop_map(|mut new| {
            mend(&mut new);
            new
        })
        .prop_filter("a rule is broken", |new| {
            validate_conversation(new).is_empty()
        })
        .boxed()
}

/// A message that breaks no rule, as an import takes it.
pub(crate) fn message() -> BoxedStrategy<NewMessage> {
    values::new_message()
        .prop_map(|mut new| {
            mend_message(&mut new);
            new
        })
        .prop_filter("a rule is broken", |new| validate_message(new).is_empty())
        .boxed()
}

/// The same message as a post takes it: what became of it is not the caller's to say.
pub(crate) fn posted(new: NewMessage) -> NewMessage {
    NewMessage {
        status: None,
        rating: None,
        usage: None,
        sent_at: None,
        edited_at: None,
        ..new
    }
}

/// Unknown words become a known one.
macro_rules! known {
    ($word:expr, $instead:expr) => {
        if !$word.is_known() {
            $word = $instead;
        }
    };
}

fn mend(new: &mut NewConversation) {
    if let Some(kind) = &mut new.kind {
        known!(*kind, Kind::Group);
    }
    if let Some(status) = &mut new.status {
        known!(*status, Status::Closed);
    }
    if let Some(priority) = &mut new.priority {
        known!(*priority, Priority::High);
    }
    new.labels.retain(|label| !label.is_empty());
    new.labels.sort_unstable();
    new.labels.dedup();
    let mut ids = BTreeSet::new();
    for (place, participant) in new.participants.iter_mut().enumerate() {
        mend_participant(participant);
        // Without an id it is given one, which no two backends choose alike.
        let id = participant.id.take().filter(|id| !id.is_empty());
        let id = id.filter(|id| !ids.contains(id));
        let id = id.unwrap_or_else(|| format!("participant-{place}").into());
        ids.insert(id.clone());
        participant.id = Some(id);
    }
    if let Some(assistant) = &mut new.assistant {
        mend_assistant(assistant);
    }
    mend_map(&mut new.metadata);
}

fn mend_assistant(assistant: &mut Assistant) {
    let within = |value: &mut Option<f64>, most: f64| {
        *value = value.map(|value| value.abs() % most);
    };
    within(&mut assistant.temperature, 2.0);
    within(&mut assistant.top_p, 1.0);
    assistant.max_tokens = assistant.max_tokens.filter(|tokens| *tokens > 0);
}

fn mend_participant(participant: &mut Participant) {
    known!(participant.kind, ParticipantKind::Person);
    if let Some(side) = &mut participant.side {
        known!(*side, Side::Customer);
    }
    let is_whole =
        |handle: &conversation::Handle| !handle.kind.is_empty() && !handle.value.is_empty();
    participant.handles.retain(is_whole);
}

fn mend_message(new: &mut NewMessage) {
    known!(new.role, Role::User);
    if let Some(direction) = &mut new.direction {
        known!(*direction, Direction::Internal);
    }
    if let Some(status) = &mut new.status {
        known!(*status, MessageStatus::Delivered);
    }
    if let Some(author) = &mut new.author {
        mend_participant(author);
    }
    for recipient in &mut new.recipients {
        known!(recipient.kind, RecipientKind::Cc);
        let whole = recipient.handle.take();
        recipient.handle =
            whole.filter(|handle| !handle.kind.is_empty() && !handle.value.is_empty());
    }
    if let Some(reply) = &mut new.in_reply_to {
        known!(reply.kind, ReplyKind::Reply);
    }
    if let Some(rating) = &mut new.rating {
        mend_rating(rating);
    }
    new.client_message_id = new.client_message_id.take().filter(|id| !id.is_empty());
    mend_map(&mut new.metadata);
    if new.parts.is_empty() {
        new.parts.push(Part::text("words"));
    }
    new.parts.iter_mut().for_each(mend_part);
}

/// Whole votes of nobody in particular: whose `mine` is depends on who asks.
fn mend_rating(rating: &mut Rating) {
    rating.mine = None;
    rating.mean = rating.mean.map(|mean| mean.abs() % 5.0);
    rating.count = (rating.count % 100) + 1;
}

fn mend_part(part: &mut Part) {
    match part {
        Part::Text(text) => known!(text.format, TextFormat::Markdown),
        Part::Image(media) | Part::File(media) | Part::Audio(media) | Part::Video(media) => {
            mend_media(media);
        }
        Part::Location(location) => {
            location.latitude %= 90.0;
            location.longitude %= 180.0;
        }
        Part::Carousel(items) | Part::List(items) => items.iter_mut().for_each(mend_item),
        Part::Actions(actions) => actions.iter_mut().for_each(mend_action),
        Part::Activity(activity) => known!(activity.activity, ActivityKind::Read),
        _ => {}
    }
}

fn mend_media(media: &mut Media) {
    // Attachments that were never stored belong to no conversation.
    media.attachment_id = None;
    let url = media.url.take().unwrap_or_default();
    media.url = Some(if url.is_empty() {
        "https://files.example/a.png".into()
    } else {
        url
    });
}

fn mend_item(item: &mut Item) {
    item.actions.iter_mut().for_each(mend_action);
    mend_map(&mut item.metadata);
}

fn mend_action(action: &mut Action) {
    known!(action.kind, ActionKind::Reply);
    mend_map(&mut action.metadata);
}

fn mend_map(map: &mut JsonMap) {
    map.retain(|_, value| too_large_integer(value).is_none());
}
