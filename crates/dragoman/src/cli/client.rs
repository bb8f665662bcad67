//! Commands on conversations are clients of the admin API: of the server that serves from this database, else of a
//! gateway in this process.

mod api;
mod keys;
mod reach;

pub(super) use self::api::{Answer, Api, Asking, Refusal};
pub(super) use self::reach::{Database, Reached, with_gateway};
