//! Lists: every one is paged alike.

use adapterkit::{Raw, wire_object};

wire_object! {
    /// A page of any list. Records are read one by one, so that a bad one does not spoil the page.
    pub struct Page {
        /// The records.
        required data: Vec<Raw>,
        /// To the next page; absent, `null` or (by mistake) empty on the last one.
        optional next_cursor: String,
        /// How many records there are on all pages.
        optional total_count: Raw,
    }
}
