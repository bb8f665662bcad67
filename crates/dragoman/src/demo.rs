//! The demonstration: four simulated vendors and a gateway in one process, and a conversation on its way through them.

mod call;
mod moving;
mod reading;
mod stage;
mod tour;

pub(crate) use self::stage::Stage;
pub(crate) use self::tour::tour;
