//! Whole lists as streams, the same for every backend.

use std::collections::HashSet;

use conversation::Message;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};

use crate::{
    Backend, Context, ConversationQuery, Cursor, Error, Kind, Located, Location, Origin, Outcome, Page, PageRequest,
    Position, Result,
};

/// Sugar over [`Backend`] that no backend can override.
pub trait BackendExt: Backend {
    /// All messages of a conversation in the order of `first`, page after page.
    ///
    /// Fails with [`Kind::InvalidResponse`] when the backend gives a cursor for the second time.
    fn all_messages<'a>(&'a self, cx: &'a Context, at: &'a Location, first: PageRequest) -> BoxStream<'a, Result<Message>> {
        walk(first, move |page| async move { self.list_messages(cx, at, &page).await })
    }

    /// All conversations, page after page.
    ///
    /// Fails with [`Kind::InvalidResponse`] when the backend gives a cursor for the second time.
    fn all_conversations<'a>(&'a self, cx: &'a Context, query: ConversationQuery) -> BoxStream<'a, Result<Located>> {
        let first = query.page.clone();
        walk(first, move |page| {
            let query = ConversationQuery { page, ..query.clone() };
            async move { Ok(self.list_conversations(cx, &query).await?.page) }
        })
    }
}

impl<B: Backend + ?Sized> BackendExt for B {}

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
            let Some((request, mut seen)) = state else { return Ok(None) };
            let page = read(request.clone()).await?;
            let next = match page.next {
                None => None,
                Some(cursor) if !seen.insert(cursor.clone()) => {
                    // Going on would never end; stopping would look like the end of the list.
                    return Err(Error::new(Kind::InvalidResponse, "the backend repeats a cursor")
                        .origin(Origin::Upstream)
                        .outcome(Outcome::NotApplied));
                }
                Some(cursor) => Some((PageRequest { position: Some(Position::After(cursor)), ..request }, seen)),
            };
            Ok(Some((stream::iter(page.items.into_iter().map(Ok)), next)))
        }
    })
    .try_flatten()
    .boxed()
}
