//! What facades share. A facade speaks one vendor's API, exactly, over any backend; what is here knows no vendor.
//!
//! - [`Facade`]: what a server mounts. [`FacadeParts`]: what a facade is given.
//! - [`Caller`]: who calls, by whatever scheme the vendor has, and the context of what it asks for.
//! - [`read_body`]: bodies within their limits; what is wrong with one is a [`BodyFault`], and each facade says it in its
//!   vendor's words.
//! - [`Detached`]: work that goes on when its caller has left, and that a server which stops waits for.
//! - [`Spelling`]: ids of conversations in a vendor's spelling, which stay what they are wherever a conversation moves.
//! - [`Messages`]: messages by number, and by ids that only a facade has.

mod body;
mod caller;
mod detached;
mod facade;
mod messages;
mod parts;
mod spelling;

pub use body::{BodyFault, read_body};
pub use caller::{Caller, RequestId, Traced, Via, hint, visible_headers};
pub use detached::{Detached, Interrupted};
pub use facade::{Facade, Refusal};
pub use messages::{MessageSpelling, Messages};
pub use parts::{FacadeLimits, FacadeParts};
pub use spelling::{Spelling, hash48};
