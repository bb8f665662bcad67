//! What the stored rows of a conversation say: their order, answers stored twice, apologies in place of answers.

use crate::wire::{Member, MessageResponse, MessageRole};

/// How the server begins what it stores in place of an answer when its model fails (measured on commits 56cfcd49 and
/// fe43ba0b).
pub const APOLOGY: &str = "I'm sorry, I encountered an error:";

/// A message as it is shown, and the rows that are hidden behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// The row that is shown: of two copies the second, which the chat call's own answer names. Carries the votes of
    /// both.
    pub message: MessageResponse,
    /// The id of the hidden first copy.
    pub copy: Option<String>,
}

impl Shown {
    /// Whether this id names the shown row or its hidden copy.
    #[must_use]
    pub fn is(&self, id: &str) -> bool {
        self.message.id == id || self.copy.as_deref() == Some(id)
    }
}

/// Whether this is the server's apology and no answer.
#[must_use]
pub fn is_apology(message: &MessageResponse) -> bool {
    message.role == MessageRole::Assistant && message.content.starts_with(APOLOGY)
}

/// The messages in the order in which they were said, each answer once.
///
/// The server orders by `created_at`, which all rows of one chat call share on V1; only `sequence_number` tells the
/// order. V1 stores each answer twice: adjacent rows of the assistant with equal content and equal time.
#[must_use]
pub fn shown(mut rows: Vec<MessageResponse>) -> Vec<Shown> {
    rows.sort_by_key(|row| row.sequence_number);
    let mut shown: Vec<Shown> = Vec::with_capacity(rows.len());
    for row in rows {
        match shown.last_mut() {
            Some(last) if last.copy.is_none() && is_copy(&last.message, &row) => {
                let first = std::mem::replace(&mut last.message, row);
                add_votes(&mut last.message, &first);
                last.copy = Some(first.id);
            }
            _ => shown.push(Shown {
                message: row,
                copy: None,
            }),
        }
    }
    shown
}

fn is_copy(first: &MessageResponse, second: &MessageResponse) -> bool {
    first.role == MessageRole::Assistant
        && second.role == MessageRole::Assistant
        && second.sequence_number == first.sequence_number + 1
        && first.created_at == second.created_at
        && first.content == second.content
}

/// Votes for the hidden copy count for the shown one.
fn add_votes(shown: &mut MessageResponse, hidden: &MessageResponse) {
    let votes = |row: &MessageResponse| {
        let count = row.rating_count.into_value().unwrap_or_default();
        (row.rating.into_value().unwrap_or_default(), count)
    };
    let ((mean, count), (hidden_mean, hidden_count)) = (votes(shown), votes(hidden));
    if hidden_count == 0 {
        return;
    }
    #[expect(clippy::cast_precision_loss, reason = "nobody votes 2^53 times")]
    let mean =
        (mean * count as f64 + hidden_mean * hidden_count as f64) / (count + hidden_count) as f64;
    shown.rating = Member::Value(mean);
    shown.rating_count = Member::Value(count + hidden_count);
}
