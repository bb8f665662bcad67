//! A router that takes another one's place knows what that one knew.

use backend::ports::{Touched, Traffic};
use backend::{Applied, Backend, Intent, Location, Settled, Write};
use conversation::{NewConversation, Time};

use crate::world::{World, cx, down, rule};

#[tokio::test]
async fn followers_and_made_conversations_outlive_a_change_of_rules() {
    let world = World::new(vec![rule("r", &[("a", 1)], &[])]).await;
    let mut follower = world.router.follow();
    let making = cx();
    let made = world
        .create(&making, NewConversation::default())
        .await
        .unwrap();
    let world = world.with_rules(vec![rule("r", &[("b", 1)], &[])]);
    let at = Location::unresolved(made.location.id);
    world.router.get_conversation(&cx(), &at).await.unwrap();
    let touched = [
        follower.recv().await.unwrap(),
        follower.recv().await.unwrap(),
    ];
    assert_eq!(
        touched.map(|touch| touch.what),
        [Touched::Made, Touched::Read]
    );

    // What the create has made is known without asking its backend what it looks like.
    let now = Time::now();
    let intent = Intent {
        id: making.intent,
        location: None,
        write: Write::CreateConversation(NewConversation::default()),
        started_at: now,
        deadline_at: now,
    };
    world.vendors[1].fail(down());
    let settled = world.router.settle(&making, &intent).await.unwrap();
    let Settled::Applied(Applied::Conversation(found)) = settled else {
        panic!("{settled:?}")
    };
    assert_eq!(found.location, made.location);
}
