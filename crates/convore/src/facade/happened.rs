//! What this facade did to conversations, noted for those who poll. Messages need no note: they are read themselves.

use adapterkit::{Extra, Member};
use conversation::{ConversationId, Time};
use serde::{Deserialize, Serialize};

use super::App;
use super::answer::Problem;
use super::call::Call;
use super::ids::new_id;
use super::objects::{About, Objects};
use crate::wire::{ConversationStatus, Event, EventType, Label, ObjectType, spelled_time};

/// The kind of its objects. Their ids begin with their time, so that they are listed in their order.
pub(super) const EVENT: &str = "event";
/// Old events that each new one takes away at most.
const REMOVED_MAX: usize = 4;

/// An event as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Noted {
    /// The conversation that is touched: who may not see it is told nothing.
    pub(super) conversation: ConversationId,
    /// The event.
    pub(super) event: Event,
}

/// What a change of status is called: what is left, then what is entered.
fn changes(before: &ConversationStatus, after: &ConversationStatus) -> Vec<EventType> {
    if before == after {
        return Vec::new();
    }
    let left = match before {
        ConversationStatus::Trash => Some(EventType::ConversationRestoredFromTrash),
        ConversationStatus::Spam => Some(EventType::ConversationUnmarkedAsSpam),
        ConversationStatus::Done if *after == ConversationStatus::Open => {
            Some(EventType::ConversationReopened)
        }
        _ => None,
    };
    let entered = match after {
        ConversationStatus::Done => Some(EventType::ConversationDone),
        ConversationStatus::Trash => Some(EventType::ConversationMovedToTrash),
        ConversationStatus::Spam => Some(EventType::ConversationMarkedAsSpam),
        _ => None,
    };
    left.into_iter().chain(entered).collect()
}

/// A conversation before or after a change.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) status: &'a ConversationStatus,
    pub(super) labels: &'a [Label],
}

/// Notes what became of a conversation. The change is done: it does not fail for this.
pub(super) async fn note(
    app: &App,
    call: &Call,
    conversation: ConversationId,
    spelled: &str,
    before: Look<'_>,
    after: Look<'_>,
) {
    let mut events: Vec<Event> = Vec::new();
    for kind in changes(before.status, after.status) {
        events.push(event(kind, ObjectType::Conversation, spelled, spelled));
    }
    let lacks = |labels: &[Label], id: &str| labels.iter().all(|label| label.id != id);
    for label in after.labels {
        if lacks(before.labels, &label.id) {
            let kind = EventType::LabelAddedToConversation;
            events.push(event(kind, ObjectType::Label, &label.id, spelled));
        }
    }
    for label in before.labels {
        if lacks(after.labels, &label.id) {
            let kind = EventType::LabelRemovedFromConversation;
            events.push(event(kind, ObjectType::Label, &label.id, spelled));
        }
    }
    for event in events {
        let noted = Noted {
            conversation,
            event,
        };
        if let Err(problem) = insert(app, call, &noted).await {
            tracing::warn!(?problem, "an event could not be noted");
        }
    }
}

fn event(kind: EventType, object_type: ObjectType, object: &str, conversation: &str) -> Event {
    let label = (object_type == ObjectType::Label).then(|| object.to_owned());
    Event {
        id: new_id("event_"),
        kind,
        object_id: object.to_owned(),
        object_type,
        conversation_id: Member::Value(conversation.to_owned()),
        message_id: Member::Absent,
        label_id: Member::from(label),
        created_at: spelled_time(Time::now()),
        extra: Extra::new(),
    }
}

async fn insert(app: &App, call: &Call, noted: &Noted) -> Result<(), Problem> {
    let objects = Objects::new(app, call.tenant(), EVENT);
    let now = Time::now();
    let about = About {
        conversation: Some(noted.conversation),
        person: None,
    };
    let id = &noted.event.id;
    objects.insert(id, None, noted, now, about).await?;
    let kept = i64::try_from(app.config.events_kept.as_micros()).unwrap_or(i64::MAX);
    let end = now.saturating_add_micros(-kept);
    for old in objects.page::<Noted>(None, REMOVED_MAX).await? {
        if old.kept.created_at < end {
            objects.remove(&old.kept.name.id).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_of_status_has_its_events() {
        use ConversationStatus::{Done, Open, Spam, Trash};
        let words = |before, after| -> Vec<String> {
            let changes = changes(&before, &after);
            changes
                .iter()
                .map(|kind| kind.as_str().to_owned())
                .collect()
        };
        assert_eq!(words(Open, Open), Vec::<String>::new());
        assert_eq!(words(Open, Done), ["conversation_done"]);
        assert_eq!(words(Done, Open), ["conversation_reopened"]);
        assert_eq!(words(Open, Trash), ["conversation_moved_to_trash"]);
        assert_eq!(words(Trash, Open), ["conversation_restored_from_trash"]);
        assert_eq!(
            words(Spam, Done),
            ["conversation_unmarked_as_spam", "conversation_done"]
        );
    }
}
