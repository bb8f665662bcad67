//! The conversations of a user, oldest first, with ids of conversations as cursors.

use std::time::Duration;

use backend::{Cursor, Located};
use conversation::Kind;
use http::StatusCode;
use moka::sync::Cache;

use super::answer::{Answer, Refused};
use super::call::Call;
use super::conversations::default_of;
use super::show;
use super::sources::{Mark, Source, order};
use crate::wire::{ConversationListResponse, Extra, Links, Member, Meta};

/// How many places are remembered, and for how long.
const PLACES_MAX: u64 = 100_000;
const PLACES_FOR: Duration = Duration::from_secs(600);

/// Which of whose lists, and right behind which conversation.
type Place = (Box<str>, Option<Box<str>>, Box<str>, Box<str>, usize);

/// Where pages ended: whoever goes on from there pays for a page only.
#[derive(Debug)]
pub(super) struct Places(Cache<Place, Cursor>);

impl Places {
    pub(super) fn new() -> Self {
        let cache = Cache::builder()
            .max_capacity(PLACES_MAX)
            .time_to_live(PLACES_FOR)
            .build();
        Self(cache)
    }
}

/// A page of all lists together.
#[derive(Default)]
struct Page {
    rows: Vec<Located>,
    /// Whether there is something before it, and behind it.
    has_before: bool,
    has_after: bool,
    /// For each list whose rows are all on the page, where it goes on.
    nexts: Vec<(usize, Cursor)>,
}

/// `GET …/conversations?filter[userId]=` or `?filter[userExternalId]=`
pub(super) async fn list(call: &Call) -> Result<Answer, Refused> {
    let wanted = (
        call.query.one("filter[userId]"),
        call.query.one("filter[userExternalId]"),
    );
    let query = call.query.page()?;
    let known = match wanted {
        (Some(id), None) => call.user_by_id(id).await?,
        (None, Some(external_id)) => call.user_by_external_id(external_id, None).await?,
        _ => {
            return Err(Refused::bad_request(
                "Exactly one of filter[userId] and filter[userExternalId] is required",
            ));
        }
    };
    let person = known.person();
    let size = query.size.map_or(1, |size| size as usize);
    let page = match (&query.after, &query.before) {
        (None, Some(cursor)) => backwards(call, person, cursor, size).await?,
        (after, None | Some(_)) => forwards(call, person, after.as_deref(), size).await?,
    };
    let rows: Vec<&conversation::Conversation> = page
        .rows
        .iter()
        .map(|located| &located.conversation)
        .collect();
    let ids = call.shared.ids.of(&rows).await?;
    let default = default_of(call, person).await?;
    let mut conversations = Vec::with_capacity(rows.len());
    for (row, id) in rows.iter().zip(&ids) {
        let is_default = row.kind != Kind::Group && default == Some(row.id);
        let read = call.business_read(row.id).await?;
        conversations.push(show::conversation(row, id, is_default, read)?);
    }
    if let Some(last) = ids.last() {
        for (number, next) in &page.nexts {
            let place = place(call, person, last, *number);
            call.shared.places.0.insert(place, next.clone());
        }
    }
    let before = ids.first().filter(|_| page.has_before).cloned();
    let after = ids.last().filter(|_| page.has_after).cloned();
    let has_more = match query.before {
        Some(_) => before.is_some(),
        None => after.is_some(),
    };
    let link = |name: &str, id: &Option<String>| id.as_ref().map(|id| call.link(name, id));
    let body = ConversationListResponse {
        conversations,
        links: Member::Value(Links {
            prev: link("page[before]", &before).into(),
            next: link("page[after]", &after).into(),
            extra: Extra::new(),
        }),
        meta: Member::Value(Meta {
            has_more: Member::Value(has_more),
            after_cursor: after.into(),
            before_cursor: before.into(),
            extra: Extra::new(),
        }),
        extra: Extra::new(),
    };
    Answer::json(StatusCode::OK, &body)
}

fn place(call: &Call, person: &str, spelled: &str, number: usize) -> Place {
    (
        call.tenant().into(),
        call.caller.principal.user.clone(),
        person.into(),
        spelled.into(),
        number,
    )
}

/// The rows of all lists in one order, each once.
fn merged(mut rows: Vec<Located>) -> Vec<Located> {
    rows.sort_by_key(|located| order(&located.conversation));
    rows.dedup_by_key(|located| located.conversation.id);
    rows
}

async fn forwards(
    call: &Call,
    person: &str,
    after: Option<&str>,
    size: usize,
) -> Result<Page, Refused> {
    let mark = match after {
        Some(cursor) => Some((cursor, call.mark(cursor).await?)),
        None => None,
    };
    let mut page = Page::default();
    let mut ends = Vec::new();
    for (number, source) in Source::all(call, person).iter().enumerate() {
        let (position, is_first) = match &mark {
            Some((cursor, mark)) => {
                let place = place(call, person, cursor, number);
                match call.shared.places.0.get(&place) {
                    Some(known) => (Some(known), false),
                    None => behind(call, source, mark).await?,
                }
            }
            None => (None, true),
        };
        page.has_before |= !is_first;
        let (rows, next) = source.read(call, &[], size, position).await?;
        if let Some(last) = rows.last() {
            ends.push((number, last.conversation.id, next.clone()));
        }
        page.has_after |= next.is_some();
        page.rows.extend(rows);
    }
    page.rows = merged(page.rows);
    page.has_after |= page.rows.len() > size;
    page.rows.truncate(size);
    let is_last = |id| {
        page.rows
            .last()
            .is_some_and(|row| row.conversation.id == id)
    };
    page.nexts = ends
        .into_iter()
        .filter(|(_, last, _)| is_last(*last))
        .filter_map(|(number, _, next)| Some((number, next?)))
        .collect();
    Ok(page)
}

/// The place in a list right behind a mark, and whether the list begins there.
async fn behind(
    call: &Call,
    source: &Source,
    mark: &Mark,
) -> Result<(Option<Cursor>, bool), Refused> {
    let skipped = source.number(call, mark, true).await?;
    let found = source.cursor_at(call, skipped).await?;
    if found.is_none() && skipped > 0 {
        // The list became shorter meanwhile.
        return Err(Refused::bad_page());
    }
    Ok((found, skipped == 0))
}

async fn backwards(call: &Call, person: &str, cursor: &str, size: usize) -> Result<Page, Refused> {
    let mark = call.mark(cursor).await?;
    let mut page = Page {
        // The conversation of the cursor, or what came behind it.
        has_after: true,
        ..Page::default()
    };
    for source in Source::all(call, person) {
        let number = source.number(call, &mark, false).await?;
        let skipped = number.saturating_sub(size as u64);
        page.has_before |= skipped > 0;
        let limit = usize::try_from(number - skipped).unwrap_or(size);
        if limit > 0 {
            let position = source.cursor_at(call, skipped).await?;
            let (rows, _) = source.read(call, &[], limit, position).await?;
            page.rows.extend(rows);
        }
    }
    page.rows = merged(page.rows);
    if page.rows.len() > size {
        page.has_before = true;
        page.rows.drain(..page.rows.len() - size);
    }
    Ok(page)
}
