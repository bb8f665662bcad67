//! Settling fields that drifted, on an operator's word.

use std::fmt::Debug;

use async_trait::async_trait;
use conversation::MessageId;
use serde::{Deserialize, Serialize};

use crate::{Context, Location, Result};

/// What becomes of a field that drifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// The backend's value is right: ours is dropped.
    KeepBackend,
    /// Ours is right: it is written to the backend again where that holds it, and shown in any case.
    SendOurs,
}

/// Which drifted fields are settled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepairSelection {
    /// Of this message; absent: of the conversation and all its messages.
    pub message: Option<MessageId>,
    /// This field; absent: all.
    pub pointer: Option<Box<str>>,
}

/// Settles drift. Implemented by the overlay.
#[async_trait]
pub trait Repair: Debug + Send + Sync + 'static {
    /// Settles drifted fields of a conversation and returns how many.
    async fn repair(
        &self,
        cx: &Context,
        at: &Location,
        selection: &RepairSelection,
        resolution: Resolution,
    ) -> Result<u64>;
}
