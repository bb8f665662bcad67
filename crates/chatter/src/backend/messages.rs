//! Messages: lists through an index of sequence numbers, single reads, deletes, votes.

use std::sync::Arc;

use adapterkit::{LeftOut, Listed, Unmappable, name_left_out};
use backend::{
    Context, Error, Freshness, Kind, Location, Page, PageRequest, Position, Precondition, Result,
};
use conversation::{Message, MessageId, Rating, Violation};

use super::{Chatter, Reach};
use crate::config::Generation;
use crate::error::Effect;
use crate::mapping::{Shown, message_to_canonical, shown};
use crate::wire::{ConversationResponse, MessageRatingUpdate, MessageResponse};

/// The messages of a conversation, and whether they are all.
pub(super) struct Index {
    /// In the order in which they were said.
    pub(super) messages: Vec<Shown>,
    /// Those that cannot be read.
    pub(super) left_out: Vec<LeftOut>,
}

impl Index {
    fn of(read: Listed<ConversationResponse>) -> Self {
        Self {
            messages: shown(read.answer.messages.into_value().unwrap_or_default()),
            left_out: read.left_out,
        }
    }

    /// Whether the message of this id may be among those that cannot be read.
    pub(super) fn may_lack(&self, id: &str) -> bool {
        let may_be = |record: &LeftOut| record.id.as_deref().is_none_or(|other| other == id);
        self.left_out.iter().any(may_be)
    }
}

impl Chatter {
    /// All messages in the order in which they were said.
    ///
    /// Read whole, because the vendor's own pages repeat and skip messages of equal time (measured on commit
    /// 56cfcd49).
    pub(super) async fn index(&self, reach: &Reach<'_>) -> Result<Index> {
        Ok(Index::of(self.read_whole(reach).await?))
    }

    /// The index for a page: read anew where a walk begins, kept where it goes on.
    async fn index_of_walk(&self, reach: &Reach<'_>, goes_on: bool) -> Result<Arc<Vec<Shown>>> {
        if goes_on {
            let row = self.read_row(reach).await?;
            if let Some(index) = self.0.indexes.get(reach.native(), &row.updated_at) {
                return Ok(index);
            }
        }
        let read = self.read_whole(reach).await?;
        let mark = read.answer.updated_at.clone();
        let messages = Arc::new(Index::of(read).messages);
        self.0
            .indexes
            .put(reach.native(), mark, Arc::clone(&messages));
        Ok(messages)
    }

    pub(super) async fn message_page(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
    ) -> Result<Page<Message>> {
        let reach = self.reach(cx, at, "list_messages").await?;
        let has_cursor = matches!(
            page.position,
            Some(Position::After(_) | Position::Before(_))
        );
        let goes_on = has_cursor && cx.freshness == Freshness::Cached;
        let messages = self.index_of_walk(&reach, goes_on).await?;
        let found = page
            .of_index(
                &format!("{}/messages/{}", self.name(), at.native),
                &messages,
                |shown| shown.message.sequence_number,
                |shown, id| shown.is(id.as_str()),
            )
            .map_err(|error| error.at(self.name(), reach.operation))?;
        let items = found
            .items
            .iter()
            .filter_map(|shown| {
                let message = message_to_canonical(&shown.message, at.id).ok();
                if message.is_none() {
                    name_left_out(self.name(), reach.operation, Some(&shown.message.id));
                }
                message
            })
            .collect();
        Ok(Page {
            items,
            next: found.next,
            previous: found.previous,
        })
    }

    pub(super) async fn find_message(&self, reach: &Reach<'_>, id: &MessageId) -> Result<Shown> {
        let index = self.index(reach).await?;
        // What is there but cannot be read is not to be called missing.
        let may_be_there = index.may_lack(id.as_str());
        let found = index
            .messages
            .into_iter()
            .find(|shown| shown.is(id.as_str()));
        found.ok_or_else(|| {
            if may_be_there {
                self.unmappable(Unmappable("messages"), reach.operation)
            } else {
                self.no_message(reach)
            }
        })
    }

    pub(super) fn canonical_message(
        &self,
        row: &MessageResponse,
        reach: &Reach<'_>,
    ) -> Result<Message> {
        message_to_canonical(row, reach.at.id)
            .map_err(|error| self.unmappable(error, reach.operation))
    }

    fn no_message(&self, reach: &Reach<'_>) -> Error {
        Error::message_not_found().at(self.name(), reach.operation)
    }

    pub(super) async fn remove_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        let reach = self.reach(cx, at, "delete_message").await?;
        let found = self.find_message(&reach, id).await?;
        if let Some(precondition) = precondition {
            precondition.check(&self.canonical_message(&found.message, &reach)?)?;
        }
        // The hidden copy goes first: should the second call fail, the message is still there to be deleted again.
        self.0.indexes.forget(reach.native());
        for row in found.copy.iter().chain([&found.message.id]) {
            self.client()
                .delete_message(&reach.caller, reach.prefix(), reach.native(), row)
                .await
                .map_err(|failure| self.failed(failure, reach.operation, Effect::Write))?;
        }
        Ok(())
    }

    /// One more vote: the vendor counts every one, whoever sends it.
    pub(super) async fn vote(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        value: f64,
    ) -> Result<Message> {
        let reach = self.reach(cx, at, "rate_message").await?;
        if reach.generation == Generation::V0 {
            return Err(self.unsupported(reach.operation));
        }
        if !(0.0..=5.0).contains(&value) {
            let detail = "a rating is a number from 0 to 5".to_owned();
            let violation = Violation {
                pointer: "/value".to_owned(),
                code: "out-of-range",
                detail: detail.clone(),
                exceeds: None,
            };
            return Err(Error::new(Kind::InvalidRequest, detail).violations(vec![violation]));
        }
        let found = self.find_message(&reach, id).await?;
        let mut message = self.canonical_message(&found.message, &reach)?;
        self.0.indexes.forget(reach.native());
        let vote = MessageRatingUpdate {
            rating: value,
            extra: Default::default(),
        };
        let voted = self
            .client()
            .rate_message(
                &reach.caller,
                reach.prefix(),
                reach.native(),
                &found.message.id,
                &vote,
            )
            .await
            .map_err(|failure| self.failed(failure, reach.operation, Effect::Write))?;
        let before = message.rating.take().unwrap_or_default();
        let rating = if found.copy.is_some() {
            // The answer counts the votes of one copy only.
            with_vote(&before, value)
        } else {
            Rating {
                mean: Some(voted.rating),
                count: voted.rating_count,
                mine: None,
            }
        };
        message.rating = Some(rating);
        Ok(message)
    }
}

fn with_vote(before: &Rating, value: f64) -> Rating {
    #[expect(clippy::cast_precision_loss, reason = "nobody votes 2^53 times")]
    let (count, sum) = (
        (before.count + 1) as f64,
        before.mean.unwrap_or_default() * before.count as f64 + value,
    );
    Rating {
        mean: Some(sum / count),
        count: before.count + 1,
        mine: None,
    }
}
