//! What a person said in somebody else's conversation, at each of its places.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use backend::ports::{Erased, Erasure, KeptAt, Ledger as _, NewCopy, RosterEntry, Step};
use backend::{Context, Location, Result};
use conversation::{
    ConversationId, MessageId, NewConversation, NewMessage, Participant, strict_message_digest,
};
use serde_json::Value;

use super::{Erasing, Receipt};
use crate::run::Run;
use crate::testing::{World, cx, said};

fn bob() -> RosterEntry {
    RosterEntry {
        tenant: "acme".into(),
        user: "bob".into(),
    }
}

fn participant() -> Participant {
    Participant {
        id: Some("bob".into()),
        ..Participant::default()
    }
}

fn by_bob(second: usize, text: &str) -> NewMessage {
    NewMessage {
        author: Some(participant()),
        ..said(second, text)
    }
}

/// Ada's conversation with Bob in it.
async fn conversation(world: &World) -> Location {
    let new = NewConversation {
        participants: vec![participant()],
        ..NewConversation::default()
    };
    world.conversation(new).await
}

async fn erase(world: &World) -> Receipt {
    let erasing = Erasing {
        parts: Arc::new(world.parts.clone()),
        paces: Arc::default(),
        person: bob(),
    };
    erasing.all().await.unwrap();
    erasing.receipt().await.unwrap()
}

/// Notes what is erased beside a place while the message is there still.
#[derive(Debug)]
struct Watching {
    below: Arc<dyn Erasure>,
    world: crate::parts::Parts,
    too_early: Mutex<Vec<String>>,
}

#[async_trait]
impl Erasure for Watching {
    async fn conversations_of(&self, person: &RosterEntry) -> Result<Vec<(ConversationId, bool)>> {
        self.below.conversations_of(person).await
    }

    async fn erase_conversation(&self, id: ConversationId) -> Result<Erased> {
        self.below.erase_conversation(id).await
    }

    async fn erase_message(&self, kept: &KeptAt, id: &MessageId) -> Result<Erased> {
        let places = self.world.ledger.places(kept.conversation).await?;
        for at in places.iter().filter(|at| at.backend == kept.backend) {
            let end = self.world.ends.get(&at.backend).unwrap().stack;
            if end.get_message(&cx(), at, id).await.is_ok() {
                let what = format!("{id} beside {}", at.backend);
                self.too_early.lock().unwrap().push(what);
            }
        }
        self.below.erase_message(kept, id).await
    }

    async fn erase_person(&self, person: &RosterEntry) -> Result<Erased> {
        self.below.erase_person(person).await
    }

    async fn note(&self, person: &RosterEntry, what: &str, note: &Value) -> Result<()> {
        self.below.note(person, what, note).await
    }

    async fn notes(&self, person: &RosterEntry) -> Result<Vec<(Box<str>, Value)>> {
        self.below.notes(person).await
    }

    async fn scrub(&self) -> Result<()> {
        self.below.scrub().await
    }
}

#[tokio::test]
async fn what_is_kept_beside_a_place_goes_only_after_the_message_there() {
    let mut world = World::new();
    let run = world.migration().await;
    let at = conversation(&world).await;
    world
        .say(
            &at,
            vec![by_bob(0, "mine"), said(1, "ada's"), by_bob(2, "mine too")],
        )
        .await;
    let copy = world.copy(&run, &at).await;
    let watching = Arc::new(Watching {
        below: world.parts.erasure.clone(),
        world: world.parts.clone(),
        too_early: Mutex::default(),
    });
    world.parts.erasure = watching.clone();
    let receipt = erase(&world).await;
    assert_eq!(*watching.too_early.lock().unwrap(), Vec::<String>::new());
    assert!(receipt.is_complete, "{receipt:#?}");
    assert_eq!(receipt.conversations[0].messages, 2, "{receipt:#?}");
    assert_eq!(receipt.conversations[0].places.len(), 2, "{receipt:#?}");
    for place in [&at, &copy] {
        assert_eq!(world.messages(place).await.len(), 1, "{place:?}");
    }
}

/// Puts Ada's copy of a message of Bob's at `new`, where nothing tells who wrote it.
async fn put_bare(world: &World, run: &Run, copy: &Location, public: &MessageId) {
    let copying = Context {
        copying: true,
        ..cx()
    };
    let end = world.end("new");
    let stored = end.import_messages(&copying, copy, vec![said(0, "mine")]);
    let stored = stored.await.unwrap().remove(0).unwrap();
    let copied = NewCopy {
        public: public.clone(),
        native: stored.id.clone(),
        digest: strict_message_digest(&stored),
    };
    let step = Step {
        copied: vec![copied],
        ..Step::default()
    };
    let copy_at = run.copy_at(copy.id);
    let recorded = world.state.record(run.migration, &copy_at, &step).await;
    recorded.unwrap();
}

#[tokio::test]
async fn a_place_that_failed_is_asked_again_for_what_only_another_place_told() {
    let world = World::new();
    let run = world.migration().await;
    let at = conversation(&world).await;
    let copy = world.copy(&run, &at).await;
    let public = world.say(&at, vec![by_bob(0, "mine")]).await.remove(0);
    put_bare(&world, &run, &copy, &public).await;
    assert_eq!(world.messages(&copy).await[0].id, public);

    let gone = world.parts.ends.take("new").unwrap();
    let first = erase(&world).await;
    assert!(!first.is_complete, "{first:#?}");
    world.parts.ends.put("new", gone);
    assert!(world.messages(&at).await.is_empty());
    assert_eq!(world.messages(&copy).await.len(), 1);

    let second = erase(&world).await;
    assert!(second.is_complete, "{second:#?}");
    assert_eq!(second.conversations[0].messages, 1, "{second:#?}");
    assert!(world.messages(&copy).await.is_empty());
}
