//! Messages: `C/{id}/messages…`.

use adapterkit::{wire_object, wire_word};

wire_word! {
    /// Who speaks. Only `user` and `assistant` are ever produced through this API.
    pub enum MessageRole {
        /// The caller.
        User = "user",
        /// The model.
        Assistant = "assistant",
        /// Instructions.
        System = "system",
        /// A tool's result.
        Tool = "tool",
    }
}

wire_object! {
    /// One stored message. V0 has no `rating` and no `rating_count`.
    pub struct MessageResponse {
        /// User or assistant.
        required role: MessageRole,
        /// Never empty.
        required content: String,
        /// ULID.
        required id: String,
        /// ULID.
        required conversation_id: String,
        /// From 0, per conversation; the only order that can be trusted. A deleted last number is given out again.
        required sequence_number: i64,
        /// Always null.
        optional prompt_tokens: u64,
        /// Always null.
        optional completion_tokens: u64,
        /// Always null.
        optional total_tokens: u64,
        /// Always null.
        optional model_used: String,
        /// Always null.
        optional provider_used: String,
        /// Milliseconds; always null.
        optional response_time_ms: u64,
        /// Always null.
        optional cost: f64,
        /// Always null.
        optional finish_reason: String,
        /// Mean of all votes, 0 to 5; null before the first.
        optional rating: f64,
        /// Number of votes.
        optional rating_count: u64,
        /// RFC 3339 UTC. On V1 all messages of one chat call share it.
        required created_at: String,
    }
}

wire_object! {
    /// Answer of `DELETE C/{id}/messages/{mid}`. The message is gone for good.
    pub struct MessageDeleteResponse {
        /// `Message deleted successfully`.
        required message: String,
    }
}

wire_object! {
    /// Body of `PATCH C/{id}/messages/{mid}/rating`: one more vote, never a replacement.
    pub struct MessageRatingUpdate {
        /// 0 to 5.
        required rating: f64,
    }
}

wire_object! {
    /// Answer of `PATCH C/{id}/messages/{mid}/rating`.
    pub struct MessageRatingResponse {
        /// `Message rating updated successfully`.
        required message: String,
        /// The mean of all votes.
        required rating: f64,
        /// The number of votes.
        required rating_count: u64,
    }
}

/// Query of `GET C/{id}/messages`. The answer is a bare array of the oldest messages, without a total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageListQuery {
    /// At least 1, no maximum; default 50.
    pub limit: Option<u64>,
    /// Messages to skip.
    pub offset: Option<u64>,
}

impl MessageListQuery {
    /// The parameters as they are sent.
    #[must_use]
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let limit = self.limit.map(|value| ("limit", value.to_string()));
        let offset = self.offset.map(|value| ("offset", value.to_string()));
        limit.into_iter().chain(offset).collect()
    }
}
