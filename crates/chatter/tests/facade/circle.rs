//! The circle: the adapter on the facade, as on any server of the vendor.

use std::sync::Arc;
use std::time::Duration;

use backend::{
    Backend, Context, ConversationQuery, Event, Kind, PageRequest, Principal, RespondRequest, Scope,
};
use chatter::{Chatter, ChatterConfig, ChatterCredentials, Generation};
use conversation::{NewConversation, NewMessage, Role, text_of};
use futures_util::StreamExt;

use crate::support::World;

fn cx() -> Context {
    let principal = Principal {
        tenant: "t".into(),
        key: "k".into(),
        user: None,
        scopes: Scope::ALL.to_vec(),
    };
    Context::new(Arc::new(principal), "request-1", Duration::from_secs(30))
}

fn adapter(world: &World, generation: Option<Generation>) -> Chatter {
    let credentials = ChatterCredentials::Token(world.key.as_str().into());
    let config = ChatterConfig {
        generation,
        ..ChatterConfig::new(world.base_url(), credentials)
    };
    Chatter::new("circle", &config, None).unwrap()
}

#[tokio::test]
async fn the_adapter_lives_on_the_facade_in_every_generation_that_answers() {
    for generation in [None, Some(Generation::V1), Some(Generation::V2)] {
        let world = World::start().await;
        let adapter = adapter(&world, generation);
        let cx = cx();
        let new = NewConversation {
            title: Some("circle".into()),
            ..NewConversation::default()
        };
        let located = adapter.create_conversation(&cx, new).await.unwrap();
        let at = located.location;
        let read = adapter.get_conversation(&cx, &at).await.unwrap();
        assert_eq!(read.title.as_deref(), Some("circle"));

        let request = RespondRequest {
            input: Some(NewMessage::text(Role::User, "one two")),
            ..RespondRequest::default()
        };
        let mut events = adapter.respond(&cx, &at, request).await.unwrap();
        let mut answer = None;
        while let Some(event) = events.next().await {
            if let Event::MessageCompleted(message) = event {
                answer = Some(message);
            }
        }
        let answer = answer.unwrap();
        assert_eq!(text_of(&answer.parts), "echo: one two");

        let page = adapter
            .list_messages(&cx, &at, &PageRequest::first(10))
            .await
            .unwrap();
        let ids: Vec<_> = page.items.iter().map(|message| &message.id).collect();
        assert_eq!((ids.len(), ids[1]), (2, &answer.id));
        let rated = adapter.rate_message(&cx, &at, &answer.id, 4.0).await;
        assert_eq!(rated.unwrap().rating.unwrap().mean, Some(4.0));

        let listed = adapter
            .list_conversations(&cx, &ConversationQuery::all(10))
            .await
            .unwrap();
        assert_eq!(listed.page.items.len(), 1);
        adapter.delete_conversation(&cx, &at, None).await.unwrap();
        let gone = adapter.get_conversation(&cx, &at).await.unwrap_err();
        assert_eq!(gone.kind, Kind::NotFound, "{generation:?}");
    }
}
