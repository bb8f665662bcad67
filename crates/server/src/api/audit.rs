//! `/admin/v1/audit`: who did what with the gateway itself.

use axum::extract::State;
use axum::response::Response;
use backend::ports::AuditQuery;
use backend::{Cursor, Error, Kind, Page};
use conversation::Digest;
use http::Uri;
use uuid::Uuid;

use crate::call::Call;
use crate::gateway::App;
use crate::list::{List, forward_page};
use crate::problem::Problem;
use crate::query::Query;

/// `GET /admin/v1/audit`: the newest first.
pub(crate) async fn list(
    State(app): State<App>,
    _: Call,
    uri: Uri,
    mut query: Query,
) -> Result<Response, Problem> {
    let action = query.one("action")?;
    let tenant = query.one("tenant")?;
    let (limit, after) = forward_page(&mut query)?;
    query.finish()?;
    let list = name_of(action.as_deref(), tenant.as_deref());
    let before = after.map(|cursor| place_of(&cursor, &list)).transpose()?;
    let mut entries = app
        .gateway
        .audit
        .entries(&AuditQuery {
            action: action.map(Into::into),
            tenant: tenant.map(Into::into),
            before,
            // One more tells whether there is a next page.
            limit: limit + 1,
        })
        .await?;
    let has_more = entries.len() > limit;
    entries.truncate(limit);
    let last = entries.last().filter(|_| has_more);
    let next = last.map(|entry| Cursor::from(&*format!("{}.{list}", entry.id.simple())));
    List::of(Page {
        items: entries,
        next,
        previous: None,
    })
    .into_answer(&uri)
}

/// What a cursor carries so that it fits no list of other entries.
fn name_of(action: Option<&str>, tenant: Option<&str>) -> String {
    let mut name = Digest::of(format!("{action:?} {tenant:?}").as_bytes()).to_string();
    name.truncate(16);
    name
}

fn place_of(cursor: &Cursor, list: &str) -> Result<Uuid, Problem> {
    let place = cursor.as_str().split_once('.');
    place
        .filter(|(_, of)| *of == list)
        .and_then(|(id, _)| Uuid::parse_str(id).ok())
        .ok_or_else(|| {
            Error::new(Kind::InvalidCursor, "not a cursor that this list returned").into()
        })
}
