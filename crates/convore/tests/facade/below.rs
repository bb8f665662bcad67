//! A conversation as another API made it.

use backend::{Context, Location};
use conversation::{NewConversation, NewMessage};
use serde_json::Value;

use crate::support::World;

/// A conversation below the facade.
pub(crate) struct Below<'a> {
    pub(crate) world: &'a World,
    pub(crate) cx: Context,
    pub(crate) at: Location,
    pub(crate) id: String,
}

impl<'a> Below<'a> {
    /// A new one.
    pub(crate) async fn new(world: &'a World, new: NewConversation) -> Self {
        let cx = world.cx();
        let made = world.backend.create_conversation(&cx, new).await.unwrap();
        Self {
            world,
            cx,
            id: made.location.id.to_string(),
            at: Location::unresolved(made.location.id),
        }
    }

    /// Says something in it.
    pub(crate) async fn say(&self, new: NewMessage) -> String {
        let said = self.world.backend.post_message(&self.cx, &self.at, new);
        said.await.unwrap().id.to_string()
    }

    /// The conversation as the vendor's client sees it.
    pub(crate) async fn shown(&self) -> Value {
        let path = format!("/v1/conversations/{}", self.id);
        self.world.get(&path).await.ok()
    }

    /// Its messages.
    pub(crate) async fn messages(&self) -> Vec<Value> {
        let path = format!("/v1/messages?conversation_id={}", self.id);
        let page = self.world.get(&path).await.ok();
        page["data"].as_array().unwrap().clone()
    }
}
