//! Error bodies. An unknown route answers plain text instead, a crashed handler nothing at all.

use adapterkit::wire_object;

wire_object! {
    /// What every handler answers that refuses or fails. The documentation shows other shapes; none of them was seen.
    pub struct Problem {
        /// For people. May quote the request and the server's insides.
        required error: String,
    }
}
