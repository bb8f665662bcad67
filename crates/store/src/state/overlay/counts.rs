//! How many messages are shown, and how many more those are than the backend counts: kept with every change, so that
//! no read has to count.

use crate::failure::Attempt;
use crate::sql::{Connection, params};

/// The two counts of a conversation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// How many messages are shown.
    pub(super) messages: i64,
    /// How many more those are than the backend counts.
    pub(super) beside: i64,
}

impl Counts {
    pub(super) fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.beside += other.beside;
    }

    pub(super) fn subtract(&mut self, other: Self) {
        self.messages -= other.messages;
        self.beside -= other.beside;
    }

    /// Counts anew, with `native` as in [`Standing::counts`].
    pub(super) fn of_all(
        connection: &Connection,
        conversation: i64,
        native: Option<&str>,
    ) -> Attempt<Self> {
        let (messages, counted): (i64, i64) = connection
            .prepare_cached(
                "SELECT (SELECT count(*) FROM overlay_messages WHERE conversation = ?1 AND hidden = 0 AND gone = 0), \
                 (SELECT count(*) FROM overlay_messages WHERE conversation = ?1 AND native IS NOT NULL \
                 AND gone = 0 AND (native = ?2 OR ?2 IS NULL)) + \
                 (SELECT count(DISTINCT carrier) FROM overlay_bindings WHERE conversation = ?1 \
                 AND gone = 0 AND (native = ?2 OR native IS NULL OR ?2 IS NULL))",
            )?
            .query_row(params![conversation, native], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Self {
            messages,
            beside: messages - counted,
        })
    }

    /// What a message of the backend adds that carries words of ours, and is there still.
    pub(super) fn of_carrier() -> Self {
        Self {
            messages: 0,
            beside: -1,
        }
    }
}

/// What decides how a message of the index is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    /// The native id of the conversation that holds it.
    pub(super) native: Option<Box<str>>,
    pub(super) is_hidden: bool,
    pub(super) is_gone: bool,
}

impl Standing {
    /// What it adds to the counts. The backend counts what it has in the conversation `native`, where the index says
    /// which that is: messages of an earlier home are shown, but not counted there.
    pub(super) fn counts(&self, native: Option<&str>) -> Counts {
        let is_shown = !self.is_hidden && !self.is_gone;
        let is_counted = !self.is_gone
            && self
                .native
                .as_deref()
                .is_some_and(|holder| native.is_none_or(|native| native == holder));
        Counts {
            messages: i64::from(is_shown),
            beside: i64::from(is_shown) - i64::from(is_counted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_counted_by_who_has_it_and_who_sees_it() {
        let standing = |native: Option<&str>, is_hidden, is_gone| Standing {
            native: native.map(Into::into),
            is_hidden,
            is_gone,
        };
        for (standing, wanted) in [
            (standing(None, false, false), (1, 1)),
            (standing(None, true, false), (0, 0)),
            (standing(Some("here"), false, false), (1, 0)),
            (standing(Some("here"), true, false), (0, -1)),
            (standing(Some("here"), false, true), (0, 0)),
            (standing(Some("here"), true, true), (0, 0)),
            (standing(Some("before"), false, false), (1, 1)),
            (standing(Some("before"), true, false), (0, 0)),
        ] {
            let counts = standing.counts(Some("here"));
            assert_eq!((counts.messages, counts.beside), wanted, "{standing:?}");
        }
        // Where no index says which conversation it is, every message of the backend counts.
        let counts = standing(Some("before"), false, false).counts(None);
        assert_eq!((counts.messages, counts.beside), (1, 0));
    }
}
