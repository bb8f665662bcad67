//! Whole lists as streams, the same for every backend.

use std::collections::HashSet;

use conversation::{Conversation, Message};
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};

use crate::{
    Backend, Context, ConversationQuery, Cursor, Error, Kind, Located, Location, Origin, Outcome,
    Page, PageRequest, Position, Result,
};

/// Sugar over [`Backend`] that no backend can override.
pub trait BackendExt: Backend {
    /// All messages of a conversation in the order of `first`, page after page.
    ///
    /// Fails with [`Kind::InvalidResponse`] when the backend gives a cursor for the second time.
    fn all_messages<'a>(
        &'a self,
        cx: &'a Context,
        at: &'a Location,
        first: PageRequest,
    ) -> BoxStream<'a, Result<Message>> {
        walk(first, move |page| async move {
            self.list_messages(cx, at, &page).await
        })
    }

    /// All conversations, page after page.
    ///
    /// Fails with [`Kind::InvalidResponse`] when the backend gives a cursor for the second time.
    fn all_conversations<'a>(
        &'a self,
        cx: &'a Context,
        query: ConversationQuery,
    ) -> BoxStream<'a, Result<Located>> {
        let first = query.page.clone();
        walk(first, move |page| {
            let query = ConversationQuery {
                page,
                ..query.clone()
            };
            async move { Ok(self.list_conversations(cx, &query).await?.page) }
        })
    }
}

impl<B: Backend + ?Sized> BackendExt for B {}

/// How many conversations are read at once where the backend reads only one at a time.
const READ_PARALLEL: usize = 8;

/// [`Backend::get_conversations`] of a backend that reads one at a time: at most 8 at once.
pub fn each_conversation<'a>(
    backend: &'a dyn Backend,
    cx: &'a Context,
    at: &'a [Location],
) -> BoxStream<'a, (usize, Result<Conversation>)> {
    stream::iter(at.iter().enumerate())
        .map(move |(place, location)| async move {
            (place, backend.get_conversation(cx, location).await)
        })
        .buffer_unordered(READ_PARALLEL)
        .boxed()
}

fn walk<'a, T, F, R>(first: PageRequest, read: F) -> BoxStream<'a, Result<T>>
where
    T: Send + 'a,
    F: Fn(PageRequest) -> R + Send + Sync + 'a,
    R: Future<Output = Result<Page<T>>> + Send + 'a,
{
    let read = std::sync::Arc::new(read);
    let start = Some((first, HashSet::<Cursor>::new()));
    stream::try_unfold(start, move |state| {
        let read = read.clone();
        async move {
            let Some((request, mut seen)) = state else {
                return Ok(None);
            };
            let page = read(request.clone()).await?;
            let next = match page.next {
                None => None,
                Some(cursor) if !seen.insert(cursor.clone()) => {
                    // Going on would never end; stopping would look like the end of the list.
                    return Err(
                        Error::new(Kind::InvalidResponse, "the backend repeats a cursor")
                            .origin(Origin::Upstream)
                            .outcome(Outcome::NotApplied),
                    );
                }
                Some(cursor) => Some((
                    PageRequest {
                        position: Some(Position::After(cursor)),
                        ..request
                    },
                    seen,
                )),
            };
            Ok(Some((stream::iter(page.items.into_iter().map(Ok)), next)))
        }
    })
    .try_flatten()
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list of 0..9 in pages of `limit`; the page after `stuck_at` points to itself.
    async fn page(request: PageRequest, stuck_at: Option<usize>) -> Result<Page<usize>> {
        let start = match &request.position {
            Some(Position::After(cursor)) => cursor.decode::<usize>("numbers")?,
            _ => 0,
        };
        let end = (start + request.limit).min(9);
        let next = if stuck_at == Some(start) { start } else { end };
        let next = if end < 9 {
            Some(Cursor::encode("numbers", &next)?)
        } else {
            None
        };
        Ok(Page {
            items: (start..end).collect(),
            next,
            previous: None,
        })
    }

    #[tokio::test]
    async fn a_walk_meets_every_item_once() {
        let all: Vec<usize> = walk(PageRequest::first(4), |request| page(request, None))
            .try_collect()
            .await
            .unwrap();
        assert_eq!(all, (0..9).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_walk_fails_when_a_cursor_repeats() {
        let walked: Result<Vec<usize>> =
            walk(PageRequest::first(4), |request| page(request, Some(4)))
                .try_collect()
                .await;
        assert_eq!(walked.unwrap_err().kind, Kind::InvalidResponse);
    }
}
