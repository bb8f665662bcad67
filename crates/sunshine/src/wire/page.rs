//! Cursor pages: what a query asks for and what an answer says about its neighbours.

use adapterkit::wire_object;

/// The length of every cursor: cursors are ids of records, and their schema allows exactly this many characters.
pub const CURSOR_CHARS: usize = 24;

wire_object! {
    /// Which page this is. The whole object may be missing.
    pub struct Meta {
        /// Whether there are more records in the direction of travel.
        optional has_more = "hasMore": bool,
        /// The id to go on from; absent where nothing follows.
        optional after_cursor = "afterCursor": String,
        /// The id to go back from; absent where nothing precedes.
        optional before_cursor = "beforeCursor": String,
    }
}

wire_object! {
    /// The neighbours as absolute URLs. The whole object may be missing.
    pub struct Links {
        /// The page before.
        optional prev: String,
        /// The page after.
        optional next: String,
    }
}

/// The parameters `page[…]`, as a deep object. `after` and `before` exclude each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageQuery {
    /// Records after this one; exactly [`CURSOR_CHARS`] characters.
    pub after: Option<String>,
    /// Records before this one; exactly [`CURSOR_CHARS`] characters.
    pub before: Option<String>,
    /// 1 to 100, default 25. Does not apply to messages, whose pages hold 100.
    pub size: Option<u32>,
}

impl PageQuery {
    /// The parameters as they are sent.
    #[must_use]
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let after = self.after.clone().map(|id| ("page[after]", id));
        let before = self.before.clone().map(|id| ("page[before]", id));
        let size = self.size.map(|size| ("page[size]", size.to_string()));
        after.into_iter().chain(before).chain(size).collect()
    }
}
