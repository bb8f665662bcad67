//! What the adapters share: objects and words of a wire, members that are kept for their vendor, what a call that
//! brought no usable answer means, lists of which a record cannot be read, bodies to be translated, and the table of a
//! vendor's operations.
//!
//! It deliberately knows no vendor: a name of a vendor's field belongs into that adapter's `wire`.
//!
//! ```
//! use adapterkit::wire_object;
//!
//! wire_object! {
//!     /// A greeting.
//!     pub struct Greeting {
//!         /// The words.
//!         required text: String,
//!         /// When they were said.
//!         optional said_at = "saidAt": String,
//!     }
//! }
//!
//! let sent = r#"{"text":"hello","saidAt":null,"mood":1.50}"#;
//! let greeting: Greeting = serde_json::from_str(sent).unwrap();
//! assert_eq!(greeting.text, "hello");
//! assert_eq!(serde_json::to_string(&greeting).unwrap(), sent);
//! ```

mod body;
mod credentials;
mod failure;
mod fates;
mod kept;
mod leaves;
mod listed;
mod operation;
mod passthrough;
mod settling;
mod wire;

pub use body::{
    check_held, homeless_fates, keep_members, kept_fates, put_back, read_body, to_new_conversation,
    to_new_message, unmappable_body, wrong_body,
};
pub use credentials::{Chosen, Looks, chosen, named, of_tenant, possible};
pub use failure::{Effect, Failure, Refusal, from_refusal, from_transport};
pub use fates::{Fates, member_pointer};
pub use kept::{Unmappable, difference, lacking, members, with_kept};
pub use leaves::{differing, put_back_at, still_missing, without_home};
pub use listed::{LeftOut, Listed, name_left_out, read_list, read_named, without_unreadable};
pub use operation::Operation;
pub use passthrough::{answer_of, method_of, relayed};
pub use settling::{paired, settle_by_reading};
pub use wire::{Extra, Member, Raw};

/// What the macros need at the place where they are used.
#[doc(hidden)]
pub mod private {
    pub use serde;

    pub use crate::wire::Key;
}
