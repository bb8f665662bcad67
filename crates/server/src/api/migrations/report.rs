//! The whole report of a migration as one JSON document, streamed: it has a line for each conversation.

use std::io;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use backend::ports::{ItemQuery, MigrationId};
use bytes::Bytes;
use conversation::ConversationId;
use futures_util::stream;
use http::header::CONTENT_TYPE;

use super::MigrationDocument;
use super::items::findings_after;
use crate::answer::{JSON, to_json};
use crate::call::Call;
use crate::gateway::App;
use crate::path::PathIds;
use crate::problem::Problem;
use crate::query::NoQuery;

/// Items or findings that are read at once.
const PAGE: usize = 200;

/// `GET /admin/v1/migrations/{migration_id}/report`
pub(crate) async fn report(
    State(app): State<App>,
    _: Call,
    ids: PathIds,
    _: NoQuery,
) -> Result<Response, Problem> {
    let id = ids.migration()?;
    let status = app.gateway.migrations.status(id).await?;
    let migration = to_json(&MigrationDocument::of(&app, status).await?)?;
    let mut head = b"{\"migration\":".to_vec();
    head.extend_from_slice(&migration);
    head.extend_from_slice(b",\"findings\":[");
    let begin = Next::Findings {
        head: Some(head),
        after: None,
    };
    let pieces = stream::unfold((app, begin), move |(app, next)| async move {
        let (piece, next) = match next.piece(&app, id).await {
            Ok(Some((piece, next))) => (Ok(Bytes::from(piece)), next),
            Ok(None) => return None,
            // A document that breaks off is no JSON: nobody takes it for whole.
            Err(_told) => (
                Err(io::Error::from(io::ErrorKind::ConnectionAborted)),
                Next::Over,
            ),
        };
        Some((piece, (app, next)))
    });
    let mut response = Response::new(Body::from_stream(pieces));
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    Ok(response)
}

/// What of the report comes next.
enum Next {
    Findings {
        /// What stands before the first.
        head: Option<Vec<u8>>,
        after: Option<u64>,
    },
    Items {
        is_first: bool,
        after: Option<ConversationId>,
    },
    Over,
}

impl Next {
    async fn piece(self, app: &App, id: MigrationId) -> Result<Option<(Vec<u8>, Next)>, Problem> {
        match self {
            Next::Findings { head, after } => {
                let found = findings_after(app, id, after, PAGE).await?;
                let is_first = head.is_some();
                let mut piece = head.unwrap_or_default();
                let last = found.last().map(|(number, _)| *number);
                let is_over = found.len() < PAGE;
                join(
                    &mut piece,
                    is_first,
                    found.iter().map(|(_, finding)| finding),
                )?;
                let next = match is_over {
                    true => {
                        piece.extend_from_slice(b"],\"items\":[");
                        Next::Items {
                            is_first: true,
                            after: None,
                        }
                    }
                    false => Next::Findings {
                        head: None,
                        after: last,
                    },
                };
                Ok(Some((piece, next)))
            }
            Next::Items { is_first, after } => {
                let query = ItemQuery {
                    after,
                    limit: PAGE,
                    ..ItemQuery::default()
                };
                let items = app.gateway.migrations.items(id, &query).await?;
                let mut piece = Vec::new();
                join(&mut piece, is_first, items.iter())?;
                let next = match items.last() {
                    Some(last) if items.len() == PAGE => Next::Items {
                        is_first: false,
                        after: Some(last.conversation),
                    },
                    _ => {
                        piece.extend_from_slice(b"]}\n");
                        Next::Over
                    }
                };
                Ok(Some((piece, next)))
            }
            Next::Over => Ok(None),
        }
    }
}

/// Writes elements of an array, each on a line of its own.
fn join<'a, T: serde::Serialize + 'a>(
    piece: &mut Vec<u8>,
    mut is_first: bool,
    elements: impl Iterator<Item = &'a T>,
) -> Result<(), Problem> {
    for element in elements {
        piece.extend_from_slice(if is_first { b"\n" } else { b",\n" });
        piece.extend_from_slice(&to_json(element)?);
        is_first = false;
    }
    Ok(())
}
