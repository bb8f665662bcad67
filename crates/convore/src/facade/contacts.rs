//! `/v1/contacts`: people become known by being named, or by being told of.
//!
//! Who sees one user's conversations only sees the people of those only: such callers have contacts of their own.

use adapterkit::{Extra, Member};
use axum::extract::State;
use conversation::Time;
use http::StatusCode;

use super::App;
use super::answer::{Answer, Listed, Problem, Shown};
use super::body::Json;
use super::call::{Call, Id};
use super::ids::new_id;
use super::labels::{present, set};
use super::objects::{About, Objects};
use super::people;
use super::query::{PAGE_MAX, Query};
use crate::mapping::participant_id;
use crate::wire::{
    Contact, ContactCreate, ContactHandle, ContactUpdate, MessageParticipant, spelled_time,
};

const KNOWN: &[&str] = &["keyword", "contact_handle_token", "cursor", "limit"];

/// The most addresses of a contact.
const HANDLES_MAX: usize = 100;
/// For so long somebody may still be making the contact of an address.
const YOUNG_MICROS: i64 = 60 * 1_000_000;

/// The kinds of a caller's objects: the contacts, and which of them has an address.
struct Kinds {
    contact: String,
    handle: String,
}

impl Kinds {
    fn of(call: &Call) -> Self {
        let of = |kind: &str| match &call.cx.principal.user {
            Some(user) => format!("{kind}:{user}"),
            None => kind.to_owned(),
        };
        Self {
            contact: of("contact"),
            handle: of("handle"),
        }
    }
}

/// Whom an address and its contact are about: the user whose contacts these are, else whoever has the address.
fn person(call: &Call, handles: &[ContactHandle]) -> Option<Box<str>> {
    match &call.cx.principal.user {
        Some(user) => Some(user.clone()),
        None => handles.first().map(|handle| participant_id(handle).into()),
    }
}

fn about(call: &Call, handles: &[ContactHandle]) -> About {
    About {
        conversation: None,
        person: person(call, handles),
    }
}

/// An address as the id of an object.
fn token(handle: &ContactHandle) -> String {
    format!("{}:{}", handle.kind.as_str(), handle.value)
}

/// `GET /v1/contacts`
pub(super) async fn list(
    State(app): State<App>,
    call: Call,
    query: Query,
) -> Answer<Listed<Contact>> {
    let asked = query.read(KNOWN, &["contact_handle_token"])?;
    let limit = asked.limit(PAGE_MAX)?;
    let keyword = asked.one("keyword").map(str::to_lowercase);
    let mut wanted = Vec::new();
    for text in asked.all("contact_handle_token") {
        let handle = people::token(text)
            .ok_or_else(|| Problem::bad("contact_handle_token: TYPE:value is needed"))?;
        wanted.push(token(&handle));
    }
    let fits = |contact: &Contact| {
        let has = |handle: &ContactHandle| wanted.contains(&token(handle));
        let says = |keyword: &str| {
            contact.name.to_lowercase().contains(keyword)
                || contact
                    .handles
                    .iter()
                    .any(|handle| handle.value.to_lowercase().contains(keyword))
        };
        (wanted.is_empty() || contact.handles.iter().any(has))
            && keyword.as_deref().is_none_or(says)
    };
    let kinds = Kinds::of(&call);
    let objects = Objects::new(&app, call.tenant(), &kinds.contact);
    let (found, next) = objects.fitting(asked.cursor(), limit, fits).await?;
    let listed = Listed::new(found, next);
    Ok(Shown(
        match wanted.is_empty() && keyword.is_none() && asked.cursor().is_none() {
            true => listed.of_total(objects.count().await?),
            false => listed.counted(asked.cursor()),
        },
    ))
}

/// `POST /v1/contacts`
pub(super) async fn create(
    State(app): State<App>,
    call: Call,
    Json(request): Json<ContactCreate>,
) -> Answer<Contact> {
    check(Some(&request.name), Some(&request.handles))?;
    check_description(&request.description)?;
    let now = Time::now();
    let contact = Contact {
        id: new_id("cntct_"),
        name: request.name,
        description: present(request.description),
        handles: request.handles.iter().map(alone).collect(),
        created_at: spelled_time(now),
        extra: Extra::new(),
    };
    let kinds = Kinds::of(&call);
    take(&app, &call, &kinds, &contact.id, &contact.handles).await?;
    let objects = Objects::new(&app, call.tenant(), &kinds.contact);
    let about = about(&call, &contact.handles);
    objects
        .insert(&contact.id, None, &contact, now, about)
        .await?;
    Ok(Shown(contact))
}

/// `GET /v1/contacts/{contact_id}`
pub(super) async fn get(State(app): State<App>, call: Call, Id(id): Id) -> Answer<Contact> {
    let kinds = Kinds::of(&call);
    let objects = Objects::new(&app, call.tenant(), &kinds.contact);
    let found = objects.get(&id).await?;
    Ok(Shown(found.ok_or_else(not_found)?.document))
}

/// `PATCH /v1/contacts/{contact_id}`
pub(super) async fn update(
    State(app): State<App>,
    call: Call,
    Id(id): Id,
    Json(request): Json<ContactUpdate>,
) -> Answer<Contact> {
    let handles = request.handles.value();
    check(
        request.name.value().map(String::as_str),
        handles.map(Vec::as_slice),
    )?;
    check_description(&request.description)?;
    let kinds = Kinds::of(&call);
    let objects = Objects::new(&app, call.tenant(), &kinds.contact);
    let before = objects.get::<Contact>(&id).await?;
    let before = before.ok_or_else(not_found)?.document;
    let handles: Option<Vec<ContactHandle>> =
        handles.map(|handles| handles.iter().map(alone).collect());
    let had: Vec<String> = before.handles.iter().map(token).collect();
    if let Some(handles) = &handles {
        let new = handles.iter().filter(|one| !had.contains(&token(one)));
        let new: Vec<ContactHandle> = new.cloned().collect();
        take(&app, &call, &kinds, &id, &new).await?;
    }
    let change = objects.change_with(
        &id,
        |contact: &mut Contact| {
            if let Some(name) = request.name.value() {
                contact.name.clone_from(name);
            }
            set(&mut contact.description, &request.description);
            if let Some(handles) = &handles {
                contact.handles.clone_from(handles);
            }
            None
        },
        |contact| person(&call, &contact.handles),
    );
    let changed = change.await?.ok_or_else(not_found)?;
    if handles.is_some() {
        let has: Vec<String> = changed.handles.iter().map(token).collect();
        let tokens = Objects::new(&app, call.tenant(), &kinds.handle);
        for token in had.iter().filter(|token| !has.contains(token)) {
            tokens.remove(token).await?;
        }
    }
    Ok(Shown(changed))
}

/// Gives addresses to a contact, all or none: nobody else may have one.
async fn take(
    app: &App,
    call: &Call,
    kinds: &Kinds,
    id: &str,
    handles: &[ContactHandle],
) -> Result<(), Problem> {
    let tokens = Objects::new(app, call.tenant(), &kinds.handle);
    let mut taken: Vec<String> = Vec::new();
    for handle in handles {
        let token = token(handle);
        if taken.contains(&token) {
            continue;
        }
        let about = about(call, std::slice::from_ref(handle));
        let insert = tokens.insert(&token, None, &id, Time::now(), about);
        if !insert.await? {
            if take_over(app, call, kinds, id, &token).await? {
                taken.push(token);
                continue;
            }
            for token in &taken {
                tokens.remove(token).await?;
            }
            let message = "a contact has one of these handles already";
            return Err(Problem::new(StatusCode::CONFLICT, message));
        }
        taken.push(token);
    }
    Ok(())
}

/// Takes an address over that a contact has only by name: what broke off between the two left it so.
async fn take_over(
    app: &App,
    call: &Call,
    kinds: &Kinds,
    id: &str,
    address: &str,
) -> Result<bool, Problem> {
    let tokens = Objects::new(app, call.tenant(), &kinds.handle);
    let contacts = Objects::new(app, call.tenant(), &kinds.contact);
    let Some(token_of) = tokens.get::<String>(address).await? else {
        return Ok(false);
    };
    let is_young = token_of.kept.updated_at > Time::now().saturating_add_micros(-YOUNG_MICROS);
    let holder = contacts.get::<Contact>(&token_of.document).await?;
    let is_held = holder.is_some_and(|holder| {
        let handles = &holder.document.handles;
        handles.iter().any(|handle| token(handle) == address)
    });
    if is_held || is_young {
        return Ok(false);
    }
    let changed = tokens.change(address, |holder: &mut String| {
        id.clone_into(holder);
        None
    });
    Ok(changed.await?.is_some())
}

/// Makes contacts of people who were named in a request. What they were named in is done: it does not fail for this.
pub(super) async fn note(app: &App, call: &Call, named: &[MessageParticipant]) {
    for one in named {
        if let Err(problem) = note_one(app, call, one).await {
            tracing::warn!(?problem, "a contact could not be noted");
        }
    }
}

async fn note_one(app: &App, call: &Call, one: &MessageParticipant) -> Result<(), Problem> {
    let kinds = Kinds::of(call);
    let token = token(&one.handle);
    let known = format!("{}/{}/{token}", call.tenant(), kinds.handle);
    if app.memory.get(&known).is_some() {
        return Ok(());
    }
    let id = new_id("cntct_");
    let now = Time::now();
    let tokens = Objects::new(app, call.tenant(), &kinds.handle);
    let of = || about(call, std::slice::from_ref(&one.handle));
    if tokens.insert(&token, None, &id, now, of()).await? {
        let contact = Contact {
            id: id.clone(),
            name: one
                .name
                .value()
                .filter(|name| !name.is_empty())
                .unwrap_or(&one.handle.value)
                .clone(),
            description: Member::Absent,
            handles: vec![alone(&one.handle)],
            created_at: spelled_time(now),
            extra: Extra::new(),
        };
        let objects = Objects::new(app, call.tenant(), &kinds.contact);
        objects.insert(&id, None, &contact, now, of()).await?;
    }
    app.memory.put(&known, "");
    Ok(())
}

/// An address without what else was sent with it.
fn alone(handle: &ContactHandle) -> ContactHandle {
    people::handle(handle.kind.clone(), &handle.value)
}

fn check(name: Option<&str>, handles: Option<&[ContactHandle]>) -> Result<(), Problem> {
    if let Some(name) = name {
        people::check_length("name", name)?;
    }
    let handles = handles.unwrap_or_default();
    if handles.len() > HANDLES_MAX {
        return Err(Problem::bad(format!("handles: at most {HANDLES_MAX}")));
    }
    for (index, handle) in handles.iter().enumerate() {
        people::check_handle(&format!("handles/{index}"), handle)?;
    }
    Ok(())
}

fn check_description(description: &Member<String>) -> Result<(), Problem> {
    match description.value() {
        Some(text) => people::check_length("description", text),
        None => Ok(()),
    }
}

fn not_found() -> Problem {
    Problem::not_found("contact not found")
}
