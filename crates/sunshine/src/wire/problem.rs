//! Error bodies. More than one entry comes with status 400 only.

use adapterkit::wire_object;

wire_object! {
    /// The body of an answer that is no success.
    pub struct ErrorResponse {
        /// What was wrong.
        required errors: Vec<ErrorEntry>,
    }
}

wire_object! {
    /// One error. There is no pointer to the field.
    pub struct ErrorEntry {
        /// For example `bad_request`, `conversation_not_found`, `locked`; for many statuses none is documented.
        optional code: String,
        /// For people.
        optional title: String,
    }
}
