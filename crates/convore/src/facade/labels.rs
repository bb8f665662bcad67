//! `/v1/labels`.

use adapterkit::{Extra, Member};
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use backend::{ConversationFilter, ConversationQuery, Kind, Location, Order, PageRequest, SortKey};
use conversation::{ConversationPatch, Patch, Time};
use http::StatusCode;

use super::answer::{Answer, Listed, Problem, Shown};
use super::body::{Json, unknown_word};
use super::call::{Call, Id};
use super::ids::new_id;
use super::naming::{KeptLabel, LABEL, alias};
use super::objects::{About, Objects};
use super::query::{PAGE_MAX, Query};
use super::{App, people};
use crate::wire::{Label, LabelCreate, LabelType, LabelUpdate, spelled_time};

/// The longest name, in characters: labels of conversations have the same limit.
const NAME_MAX_CHARS: usize = 2_048;
const KNOWN: &[&str] = &["channel_id", "channel_ids", "type", "cursor", "limit"];

/// `GET /v1/labels`: shared ones belong to every channel.
pub(super) async fn list(
    State(app): State<App>,
    call: Call,
    query: Query,
) -> Answer<Listed<Label>> {
    let asked = query.read(KNOWN, &["channel_id", "channel_ids"])?;
    let limit = asked.limit(PAGE_MAX)?;
    let channels: Vec<&str> = asked
        .all("channel_id")
        .chain(asked.all("channel_ids"))
        .collect();
    let kind = asked.words("type").pop();
    if let Some(LabelType::Other(_)) = kind.as_deref().map(LabelType::from) {
        return Err(unknown_word("type"));
    }
    let objects = Objects::new(&app, call.tenant(), LABEL);
    let is_all = channels.is_empty()
        && kind.is_none()
        && asked.cursor().is_none()
        && call.cx.principal.user.is_none();
    let fits = |kept: &KeptLabel| {
        let label = &kept.label;
        let of_channel = match label.channel_id.value() {
            Some(channel) if label.kind == LabelType::ChannelPrivate => {
                channels.is_empty() || channels.contains(&channel.as_str())
            }
            _ => true,
        };
        may_see(&call, kept)
            && of_channel
            && kind
                .as_deref()
                .is_none_or(|kind| label.kind.as_str() == kind)
    };
    let (found, next) = objects.fitting(asked.cursor(), limit, fits).await?;
    let labels = found.into_iter().map(|kept: KeptLabel| kept.label);
    let listed = Listed::new(labels.collect(), next);
    Ok(Shown(match is_all {
        true => listed.of_total(objects.count().await?),
        false => listed.counted(asked.cursor()),
    }))
}

/// `POST /v1/labels`
pub(super) async fn create(
    State(app): State<App>,
    call: Call,
    Json(request): Json<LabelCreate>,
) -> Answer<Label> {
    of_all_users(&call)?;
    check_name(&request.name)?;
    check_texts(&request.description, &request.external_label_id)?;
    let kind = request.kind.into_value().unwrap_or(LabelType::Shared);
    let has_channel = request.channel_id.value().is_some_and(|id| !id.is_empty());
    match kind {
        LabelType::Other(_) => return Err(unknown_word("type")),
        LabelType::ChannelPrivate if !has_channel => {
            return Err(Problem::bad(
                "channel_id: a private label needs its channel",
            ));
        }
        LabelType::ChannelPrivate | LabelType::Shared => {}
    }
    let objects = Objects::new(&app, call.tenant(), LABEL);
    check_twin(&objects, &request.shared_label_id).await?;
    let now = Time::now();
    let label = Label {
        id: new_id("lbl_"),
        name: request.name,
        description: present(request.description),
        created_at: spelled_time(now),
        kind,
        channel_id: Member::from(request.channel_id.into_value().filter(|id| !id.is_empty())),
        external_label_id: present(request.external_label_id),
        shared_label_id: present(request.shared_label_id),
        extra: Extra::new(),
    };
    let kept = KeptLabel {
        label,
        was: Vec::new(),
        is_seen: false,
    };
    let alias = alias(&kept.label);
    let id = kept.label.id.clone();
    let about = About::nobody();
    let insert = objects.insert(&id, Some(&alias), &kept, now, about);
    if !insert.await? {
        let message = "there is a label with this name already";
        return Err(Problem::new(StatusCode::CONFLICT, message));
    }
    Ok(Shown(kept.label))
}

/// `GET /v1/labels/{label_id}`
pub(super) async fn get(State(app): State<App>, call: Call, Id(id): Id) -> Answer<Label> {
    let objects = Objects::new(&app, call.tenant(), LABEL);
    let found = objects.get::<KeptLabel>(&id).await?;
    let found = found.filter(|object| may_see(&call, &object.document));
    Ok(Shown(found.ok_or_else(not_found)?.document.label))
}

/// Names that were first seen in conversations are words of their users: who sees one user's conversations only finds
/// them there, and not in the list of all.
fn may_see(call: &Call, kept: &KeptLabel) -> bool {
    call.cx.principal.user.is_none() || !kept.is_seen
}

/// `PATCH /v1/labels/{label_id}`: a new name goes to every conversation that has the label.
pub(super) async fn update(
    State(app): State<App>,
    call: Call,
    Id(id): Id,
    Json(request): Json<LabelUpdate>,
) -> Answer<Label> {
    let objects = Objects::new(&app, call.tenant(), LABEL);
    of_all_users(&call)?;
    if let Some(name) = request.name.value() {
        check_name(name)?;
    }
    check_texts(&request.description, &Member::Absent)?;
    check_twin(&objects, &request.shared_label_id).await?;
    let changed = objects
        .change(&id, |kept: &mut KeptLabel| {
            if let Some(name) = request.name.value()
                && *name != kept.label.name
            {
                let before = std::mem::replace(&mut kept.label.name, name.clone());
                kept.was.retain(|was| was != name && *was != before);
                kept.was.push(before);
            }
            set(&mut kept.label.description, &request.description);
            set(&mut kept.label.shared_label_id, &request.shared_label_id);
            Some(alias(&kept.label))
        })
        .await?;
    let changed = changed.ok_or_else(not_found)?;
    // What broke off is gone on with by the next update.
    for was in &changed.was {
        rename(&app, &call, was, Some(&changed.label.name)).await?;
        objects
            .change(&id, |kept: &mut KeptLabel| {
                kept.was.retain(|other| other != was);
                Some(alias(&kept.label))
            })
            .await?;
    }
    Ok(Shown(changed.label))
}

/// `DELETE /v1/labels/{label_id}`: every conversation loses it.
pub(super) async fn remove(
    State(app): State<App>,
    call: Call,
    Id(id): Id,
) -> Result<Response, Problem> {
    of_all_users(&call)?;
    let objects = Objects::new(&app, call.tenant(), LABEL);
    let found = objects.get::<KeptLabel>(&id).await?;
    let kept = found.ok_or_else(not_found)?.document;
    for name in kept.was.iter().chain([&kept.label.name]) {
        rename(&app, &call, name, None).await?;
    }
    objects.remove(&id).await?;
    Ok(Response::new(Body::empty()))
}

/// Gives every conversation with this label another one instead, or none.
async fn rename(app: &App, call: &Call, from: &str, to: Option<&str>) -> Result<(), Problem> {
    let mut query = ConversationQuery {
        filter: ConversationFilter {
            label: vec![from.into()],
            ..ConversationFilter::default()
        },
        // Complete whatever is written meanwhile.
        sort: SortKey::Id,
        page: PageRequest {
            limit: PAGE_MAX,
            order: Order::Asc,
            position: None,
        },
    };
    let backend = &app.parts.backend;
    let mut first_failure = None;
    loop {
        let page = backend.list_conversations(&call.cx, &query).await?.page;
        for located in page.items {
            let at = Location::unresolved(located.location.id);
            match rename_in(app, call, &at, from, to).await {
                // It has gone since the list was made.
                Err(error) if error.kind == Kind::NotFound => {}
                // The others get the name all the same, and this one with the next try.
                Err(error) => first_failure = first_failure.or(Some(error)),
                Ok(()) => {}
            }
        }
        match (page.next, first_failure) {
            (Some(next), failure) => {
                query.page = query.page.after(next);
                first_failure = failure;
            }
            (None, Some(failure)) => return Err(failure.into()),
            (None, None) => return Ok(()),
        }
    }
}

/// The same for one conversation, as it is now.
async fn rename_in(
    app: &App,
    call: &Call,
    at: &Location,
    from: &str,
    to: Option<&str>,
) -> backend::Result<()> {
    let backend = &app.parts.backend;
    let mut labels = backend.get_conversation(&call.cx, at).await?.labels;
    if !labels.iter().any(|label| **label == *from) {
        return Ok(());
    }
    labels.retain(|label| **label != *from);
    labels.extend(to.map(Box::<str>::from));
    labels.sort_unstable();
    labels.dedup();
    let patch = ConversationPatch {
        labels: Patch::Set(labels),
        ..ConversationPatch::default()
    };
    let update = backend.update_conversation(&call.cx, at, patch, None);
    update.await.map(drop)
}

/// Labels and channels are the tenant's: who sees one user's conversations only cannot change them for all.
pub(super) fn of_all_users(call: &Call) -> Result<(), Problem> {
    match call.cx.principal.user {
        None => Ok(()),
        Some(_) => {
            let message = "labels and channels belong to all users: this needs a key that is not limited to one";
            Err(Problem::new(StatusCode::FORBIDDEN, message))
        }
    }
}

fn check_name(name: &str) -> Result<(), Problem> {
    match name.chars().count() {
        1..=NAME_MAX_CHARS => Ok(()),
        _ => Err(Problem::bad(format!(
            "name: 1 to {NAME_MAX_CHARS} characters"
        ))),
    }
}

fn check_texts(description: &Member<String>, external: &Member<String>) -> Result<(), Problem> {
    let texts = [
        ("description", description),
        ("external_label_id", external),
    ];
    for (name, text) in texts {
        if let Some(text) = text.value() {
            people::check_length(name, text)?;
        }
    }
    Ok(())
}

async fn check_twin(objects: &Objects<'_>, id: &Member<String>) -> Result<(), Problem> {
    let Some(id) = id.value() else { return Ok(()) };
    let found = objects.get::<KeptLabel>(id).await?;
    found.map(drop).ok_or_else(not_found)
}

fn not_found() -> Problem {
    Problem::not_found("label not found")
}

/// A member without null: the older client cannot read it.
pub(super) fn present<T>(member: Member<T>) -> Member<T> {
    Member::from(member.into_value())
}

/// Null changes nothing, as if it had not been sent.
pub(super) fn set<T: Clone>(field: &mut Member<T>, sent: &Member<T>) {
    if let Member::Value(value) = sent {
        *field = Member::Value(value.clone());
    }
}
