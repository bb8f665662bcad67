//! What a vendor's JSON is made of.

mod object;
mod values;
mod word;

pub use object::Key;
pub use values::{Extra, Member, Raw};
