//! The conversations of a migration, and every exception by name.

use axum::extract::State;
use axum::response::Response;
use backend::ports::{Finding, Item, ItemQuery, ItemState, MigrationId, Sign};
use backend::{Cursor, Page};
use conversation::ConversationId;
use http::Uri;
use serde::Serialize;

use crate::call::Call;
use crate::gateway::App;
use crate::list::{List, forward_page};
use crate::path::PathIds;
use crate::problem::Problem;
use crate::query::{Query, invalid_query};

/// `GET /admin/v1/migrations/{migration_id}/items`
pub(crate) async fn list(
    State(app): State<App>,
    _: Call,
    ids: PathIds,
    uri: Uri,
    mut query: Query,
) -> Result<Response, Problem> {
    let id = ids.migration()?;
    let states = chosen(&mut query, "state", &ItemState::ALL, ItemState::as_str)?;
    let signs = chosen(&mut query, "sign", &Sign::ALL, Sign::as_str)?;
    let (limit, cursor) = forward_page(&mut query)?;
    query.finish()?;
    let name = format!("migrations/{id}/items/{states:?}/{signs:?}");
    let after = place_of::<ConversationId>(cursor, &name)?;
    let query = ItemQuery {
        states,
        signs,
        after,
        limit: limit + 1,
    };
    let items = app.gateway.migrations.items(id, &query).await?;
    let page = page_of(items, limit, &name, |item: &Item| item.conversation)?;
    List::of(page).into_answer(&uri)
}

/// `GET /admin/v1/migrations/{migration_id}/findings`
pub(crate) async fn findings(
    State(app): State<App>,
    _: Call,
    ids: PathIds,
    uri: Uri,
    mut query: Query,
) -> Result<Response, Problem> {
    let id = ids.migration()?;
    let (limit, cursor) = forward_page(&mut query)?;
    query.finish()?;
    let name = format!("migrations/{id}/findings");
    let after = place_of::<u64>(cursor, &name)?;
    let found = findings_after(&app, id, after, limit + 1).await?;
    let page = page_of(found, limit, &name, |(number, _)| *number)?;
    List::of(page.map(|(_, finding)| finding)).into_answer(&uri)
}

pub(super) async fn findings_after(
    app: &App,
    id: MigrationId,
    after: Option<u64>,
    limit: usize,
) -> Result<Vec<(u64, Finding)>, Problem> {
    Ok(app.gateway.migrations.findings(id, after, limit).await?)
}

/// Words of a closed list, any number of them.
fn chosen<T: Copy>(
    query: &mut Query,
    name: &'static str,
    all: &[T],
    word: fn(T) -> &'static str,
) -> Result<Vec<T>, Problem> {
    let values = query.all(name).into_iter();
    values
        .map(|value| {
            let known = all.iter().copied().find(|one| word(*one) == value);
            known.ok_or_else(|| {
                let words: Vec<&str> = all.iter().map(|one| word(*one)).collect();
                invalid_query(name, format!("use one of: {}", words.join(", ")))
            })
        })
        .collect()
}

fn place_of<T: serde::de::DeserializeOwned>(
    cursor: Option<Cursor>,
    list: &str,
) -> Result<Option<T>, Problem> {
    Ok(cursor.map(|cursor| cursor.decode(list)).transpose()?)
}

/// A page of what was read with one more than fits.
fn page_of<T, P: Serialize>(
    mut items: Vec<T>,
    limit: usize,
    list: &str,
    place: impl Fn(&T) -> P,
) -> Result<Page<T>, Problem> {
    let has_more = items.len() > limit;
    items.truncate(limit);
    let next = match items.last().filter(|_| has_more) {
        Some(last) => Some(Cursor::encode(list, &place(last))?),
        None => None,
    };
    Ok(Page {
        items,
        next,
        previous: None,
    })
}
