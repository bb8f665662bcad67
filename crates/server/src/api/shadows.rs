//! `/admin/v1/shadows`: reads that a second backend answered otherwise.

use axum::extract::State;
use axum::response::Response;
use backend::ports::{ShadowDifference, ShadowQuery};
use backend::{Cursor, Page};
use http::Uri;
use uuid::Uuid;

use crate::call::Call;
use crate::gateway::App;
use crate::list::{List, forward_page};
use crate::problem::Problem;
use crate::query::Query;

/// `GET /admin/v1/shadows`
pub(crate) async fn list(
    State(app): State<App>,
    _: Call,
    uri: Uri,
    mut query: Query,
) -> Result<Response, Problem> {
    let shadow: Option<Box<str>> = query.one("shadow")?.map(Into::into);
    let conversation = super::conversation_filter(&mut query)?;
    let (limit, after) = forward_page(&mut query)?;
    query.finish()?;
    let described = format!("shadows {conversation:?} {shadow:?}");
    let before: Option<Uuid> = after.map(|cursor| cursor.decode(&described)).transpose()?;
    let wanted = ShadowQuery {
        conversation,
        shadow,
        before,
        // One more than is shown: it says whether there is a next page.
        limit: limit + 1,
    };
    let mut items: Vec<ShadowDifference> = app.gateway.shadows.differences(&wanted).await?;
    let has_more = items.len() > limit;
    items.truncate(limit);
    let last = items.last().filter(|_| has_more);
    let next = last
        .map(|difference| Cursor::encode(&described, &difference.id))
        .transpose()?;
    let page = Page {
        items,
        next,
        previous: None,
    };
    List::of(page).into_answer(&uri)
}
