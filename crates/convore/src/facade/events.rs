//! `/v1/events`: first what was done to conversations, then what was said in them.
//!
//! Messages are events by being there, whoever stored them and through whatever API; so their events have their ids.

use std::collections::HashMap;

use adapterkit::{Extra, Member};
use axum::extract::State;
use backend::{Context, Cursor};
use conversation::{ConversationId, Direction, Message, Time};
use serde::{Deserialize, Serialize};

use super::answer::{Answer, Listed, Problem, Shown};
use super::body::unknown_word;
use super::call::{Call, Id};
use super::happened::{EVENT, Noted};
use super::ids::{self, typed_id};
use super::objects::Objects;
use super::query::Query;
use super::walk::{self, Spot, Walk};
use super::{App, KIND, places};
use crate::wire::{Event, EventType, ObjectType, spelled_time};

/// The most events of a page.
const EVENTS_MAX: usize = 500;
/// Noted events that are looked at together.
const LOG_PAGE: usize = 100;
/// How often for one page, which may be short and still not the last.
const LOG_PAGES_MAX: usize = 10;
const KNOWN: &[&str] = &[
    "types",
    "type",
    "object_id",
    "object_type",
    "created_at_before",
    "created_at_after",
    "cursor",
    "limit",
];

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Place {
    /// Behind a noted event.
    Noted(String),
    /// Among the messages.
    Said(Spot),
}

/// Which events are wanted.
struct Wanted {
    types: Vec<EventType>,
    object_id: Option<String>,
    object_type: Option<ObjectType>,
    before: Option<Time>,
    after: Option<Time>,
}

impl Wanted {
    fn read(asked: &super::query::Parameters) -> Result<Self, Problem> {
        let mut types = Vec::new();
        for name in ["types", "type"] {
            for word in asked.words(name) {
                match EventType::from(&*word) {
                    EventType::Other(_) => return Err(unknown_word(name)),
                    known => types.push(known),
                }
            }
        }
        let object_type = match asked.words("object_type").first() {
            None => None,
            Some(word) => match ObjectType::from(&**word) {
                ObjectType::Other(_) => return Err(unknown_word("object_type")),
                known => Some(known),
            },
        };
        Ok(Self {
            types,
            object_id: asked.one("object_id").map(str::to_owned),
            object_type,
            before: asked.time("created_at_before")?,
            after: asked.time("created_at_after")?,
        })
    }

    /// Whether any event of this sort of object can be wanted.
    fn wants(&self, is_message: bool) -> bool {
        let of_type = |kind: &EventType| is_of_message(kind) == is_message;
        let of_object = |kind: &ObjectType| (*kind == ObjectType::Message) == is_message;
        (self.types.is_empty() || self.types.iter().any(of_type))
            && self.object_type.as_ref().is_none_or(of_object)
    }

    fn fits(&self, event: &Event, at: Time) -> bool {
        (self.types.is_empty() || self.types.contains(&event.kind))
            && self
                .object_id
                .as_ref()
                .is_none_or(|id| *id == event.object_id)
            && self
                .object_type
                .as_ref()
                .is_none_or(|kind| *kind == event.object_type)
            && self.before.is_none_or(|before| at <= before)
            && self.after.is_none_or(|after| at >= after)
    }
}

fn is_of_message(kind: &EventType) -> bool {
    matches!(
        kind,
        EventType::MessageInboundReceived | EventType::MessageOutboundSent
    )
}

/// `GET /v1/events`
pub(super) async fn list(
    State(app): State<App>,
    call: Call,
    query: Query,
) -> Answer<Listed<Event>> {
    let asked = query.read(KNOWN, &[])?;
    let limit = asked.limit(EVENTS_MAX)?;
    let wanted = Wanted::read(&asked)?;
    let name = format!("{KIND}/{}/events", call.tenant());
    let mut place = match asked.cursor() {
        Some(cursor) => Some(Cursor::from(cursor).decode(&name)?),
        None => Some(first_place(&wanted)),
    };
    let mut events = Vec::new();
    if let Some(Place::Noted(after)) = &place {
        place = noted(&app, &call, &wanted, after, limit, &mut events).await?;
    }
    if let Some(Place::Said(spot)) = place.clone()
        && events.len() < limit
    {
        place = said(&app, &call.cx, &wanted, spot, limit, &mut events).await?;
    }
    let next = place
        .map(|place| Cursor::encode(&name, &place))
        .transpose()?;
    let next = next.map(|cursor| cursor.as_str().to_owned());
    Ok(Shown(Listed::new(events, next).counted(asked.cursor())))
}

fn first_place(wanted: &Wanted) -> Place {
    match wanted.wants(false) {
        true => {
            // Ids begin with their time.
            let millis = wanted.after.map_or(0, |time| time.as_millis() - 1);
            let millis = u128::try_from(millis).unwrap_or(0);
            Place::Noted(typed_id("event_", millis << 80))
        }
        false => Place::Said(Spot::default()),
    }
}

/// What comes when nothing that was noted is left.
fn then_said(wanted: &Wanted) -> Option<Place> {
    wanted.wants(true).then(|| Place::Said(Spot::default()))
}

async fn noted(
    app: &App,
    call: &Call,
    wanted: &Wanted,
    after: &str,
    limit: usize,
    events: &mut Vec<Event>,
) -> Result<Option<Place>, Problem> {
    let objects = Objects::new(app, call.tenant(), EVENT);
    let mut after = after.to_owned();
    let mut known = HashMap::new();
    for _ in 0..LOG_PAGES_MAX {
        let page = objects.page::<Noted>(Some(&after), LOG_PAGE).await?;
        let is_last = page.len() < LOG_PAGE;
        for object in page {
            if events.len() == limit {
                return Ok(Some(Place::Noted(after)));
            }
            after = object.kept.name.id.to_string();
            let Noted {
                conversation,
                event,
            } = object.document;
            if !wanted.fits(&event, object.kept.created_at) {
                continue;
            }
            let may_see = match known.get(&conversation) {
                Some(known) => *known,
                None => may_see(app, &call.cx, conversation).await?,
            };
            known.insert(conversation, may_see);
            if may_see {
                events.push(event);
            }
        }
        if is_last {
            return Ok(then_said(wanted));
        }
    }
    Ok(Some(Place::Noted(after)))
}

/// Whether a caller may be told of a conversation, which is not deleted.
async fn may_see(app: &App, cx: &Context, id: ConversationId) -> Result<bool, Problem> {
    let binding = app.parts.directory.locate(id).await?;
    Ok(binding.is_some_and(|binding| {
        let owner = binding.owner.as_deref();
        !binding.deleted && cx.principal.may_see(binding.tenant.as_deref(), owner)
    }))
}

async fn said(
    app: &App,
    cx: &Context,
    wanted: &Wanted,
    spot: Spot,
    limit: usize,
    events: &mut Vec<Event>,
) -> Result<Option<Place>, Problem> {
    if !wanted.wants(true) {
        return Ok(None);
    }
    // One message is found without looking at the others.
    if let Some(id) = wanted.object_id.as_deref() {
        match places::message(app, cx, id).await {
            Ok((at, message)) => {
                let place = places::place(app, cx, at.id).await?;
                let event = event_of(&message, &place.id);
                if wanted.fits(&event, message.sent_at) {
                    events.push(event);
                }
            }
            Err(problem) if problem.is_not_found() => {}
            Err(problem) => return Err(problem),
        }
        return Ok(None);
    }
    let fits = |message: &Message| wanted.fits(&event_of(message, ""), message.sent_at);
    let walk = Walk::Since(wanted.after);
    let (found, next) = walk::page(app, cx, &walk, spot, limit - events.len(), fits).await?;
    let mut new = Vec::new();
    for (at, messages) in found {
        // Who is told of a message asks for it next.
        places::note(app, at, &messages).await?;
        let place = places::place(app, cx, at).await?;
        new.extend(messages.iter().map(|message| event_of(message, &place.id)));
    }
    new.sort_by(|one, other| (&one.created_at, &one.id).cmp(&(&other.created_at, &other.id)));
    events.extend(new);
    Ok(next.map(Place::Said))
}

fn event_of(message: &Message, conversation: &str) -> Event {
    let spelled = (ids::MESSAGES.spell)(message);
    let kind = match message.direction {
        Direction::Inbound => EventType::MessageInboundReceived,
        _ => EventType::MessageOutboundSent,
    };
    Event {
        id: spelled.replacen("msg_", "event_", 1),
        kind,
        object_id: spelled.clone(),
        object_type: ObjectType::Message,
        conversation_id: Member::Value(conversation.to_owned()),
        message_id: Member::Value(spelled),
        label_id: Member::Absent,
        created_at: spelled_time(message.sent_at),
        extra: Extra::new(),
    }
}

/// `GET /v1/events/{event_id}`
pub(super) async fn get(State(app): State<App>, call: Call, Id(id): Id) -> Answer<Event> {
    let not_found = || Problem::not_found("event not found");
    let objects = Objects::new(&app, call.tenant(), EVENT);
    if let Some(object) = objects.get::<Noted>(&id).await? {
        let may_see = may_see(&app, &call.cx, object.document.conversation).await?;
        return match may_see {
            true => Ok(Shown(object.document.event)),
            false => Err(not_found()),
        };
    }
    let rest = id.strip_prefix("event_").ok_or_else(not_found)?;
    match places::message(&app, &call.cx, &format!("msg_{rest}")).await {
        Ok((at, message)) => {
            let place = places::place(&app, &call.cx, at.id).await?;
            Ok(Shown(event_of(&message, &place.id)))
        }
        Err(problem) if problem.is_not_found() => Err(not_found()),
        Err(problem) => Err(problem),
    }
}
