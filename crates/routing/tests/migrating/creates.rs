//! Where new conversations go while overrides are in force, and what is noted of them.

use backend::ports::Ledger as _;
use backend::{Applied, Backend, Context, Located, Location, Outcome, Settled, Write};
use conversation::{ConversationPatch, NewConversation, Patch, Time};

use crate::line::Event;
use crate::world::{Is, World, cx, intent, wishing};

fn create() -> Write {
    Write::CreateConversation(NewConversation::default())
}

#[tokio::test]
async fn overrides_lead_new_conversations_until_they_end() {
    for (from, to) in [(Is::Embedded, Is::Vendor), (Is::Vendor, Is::Embedded)] {
        let world = World::new(from, to).await;
        world.lead("a", "b").await;
        let cx_of = cx();
        let made = world.create(&cx_of).await.unwrap();
        assert_eq!(&*made.backend, "b");
        let route = format!("default, override {}", world.migration);
        assert_eq!(cx_of.trace.route(), Some(&*route));
        assert!(world.is_born(made.id).await);
        // Who wishes a backend gets it, and was not led there.
        for backend in ["a", "b"] {
            let made = world.create(&wishing(backend)).await.unwrap();
            assert_eq!(&*made.backend, backend);
            assert!(!world.is_born(made.id).await, "{backend}");
        }
        world.state.end_override(world.migration).await.unwrap();
        let at = world.conversation(&[]).await;
        let places = world.state.places(at.id).await.unwrap();
        assert_eq!(&*places[0].backend, "a");
        assert!(!world.is_born(at.id).await);
        assert_eq!(world.noted().await, []);
    }
}

/// A create at `b` whose answer is lost.
async fn lost_create(world: &World, cx: &backend::Context) {
    world.b.on("create_conversation", Event::LosesAnswer);
    let lost = world.create(cx).await;
    assert_eq!(lost.unwrap_err().outcome, Outcome::Unknown);
}

#[tokio::test]
async fn a_lost_create_was_born_of_what_led_it_and_of_nothing_else() {
    for to in [Is::Vendor, Is::Embedded] {
        for repeats in [false, true] {
            for is_wished in [false, true] {
                let world = World::new(Is::Embedded, to).await;
                world.lead("a", "b").await;
                let cx = if is_wished { wishing("b") } else { cx() };
                lost_create(&world, &cx).await;
                // Where rules lead by now says nothing of where they led then.
                world.state.end_override(world.migration).await.unwrap();
                let id = if repeats {
                    let repeated = intent(&cx, None, create());
                    let settled = world.router.settle(&cx, &repeated).await.unwrap();
                    let Settled::Applied(Applied::Conversation(found)) = settled else {
                        panic!("{to:?}: {settled:?}");
                    };
                    found.location.id
                } else {
                    world.recover().await;
                    let query = backend::ConversationQuery::all(10);
                    let listed = world.router.list_conversations(&cx, &query).await;
                    listed.unwrap().page.items[0].location.id
                };
                assert_eq!(
                    world.is_born(id).await,
                    !is_wished,
                    "{to:?}, repeats {repeats}"
                );
                assert_eq!(world.noted().await, []);
                assert_eq!(world.held_by(&world.b).await, 1);
            }
        }
    }
}

#[tokio::test]
async fn who_was_born_is_noted_later_where_it_could_not_be_at_once() {
    for to in [Is::Vendor, Is::Embedded] {
        let world = World::new(Is::Embedded, to).await;
        world.lead("a", "b").await;
        world.births.fail(true);
        let failed = world.create(&cx()).await;
        assert_eq!(failed.unwrap_err().outcome, Outcome::Applied, "{to:?}");
        let noted = world.noted().await;
        assert_eq!(noted.len(), 1, "{to:?}");
        assert_eq!(noted[0].led_by, [world.migration]);
        let id = noted[0].intent.location.as_ref().unwrap().id;
        assert!(!world.is_born(id).await);
        world.births.fail(false);
        assert_eq!(world.recover().await.settled, 1, "{to:?}");
        assert!(world.is_born(id).await, "{to:?}");
        assert_eq!(world.noted().await, []);
    }
}

#[tokio::test]
async fn a_repeated_create_is_found_where_it_was_made_whatever_leads_elsewhere_now() {
    for other in [Is::Embedded, Is::Vendor] {
        // Made at `a` before an override leads away from it.
        let world = World::new(Is::Embedded, other).await;
        let cx = cx();
        world.a.on("create_conversation", Event::LosesAnswer);
        let lost = world.create(&cx).await;
        assert_eq!(lost.unwrap_err().outcome, Outcome::Unknown);
        assert_eq!(world.noted().await, [], "a transaction needs no note");
        world.lead("a", "b").await;
        let repeated = intent(&cx, None, create());
        let settled = world.router.settle(&cx, &repeated).await.unwrap();
        let Settled::Applied(Applied::Conversation(found)) = settled else {
            panic!("{other:?}: {settled:?}");
        };
        assert_eq!(&*found.location.backend, "a");
        let at = Location::unresolved(found.location.id);
        world.router.get_conversation(&cx, &at).await.unwrap();
        assert_eq!(world.held_by(&world.b).await, 0, "{other:?}");
        // One that was never made is made where new ones are led.
        let never = crate::world::cx();
        let repeated = intent(&never, None, create());
        let settled = world.router.settle(&never, &repeated).await;
        assert_eq!(settled.unwrap(), Settled::NotApplied, "{other:?}");
    }
}

#[tokio::test]
async fn a_repeated_create_is_found_after_the_way_back_too() {
    // Wished, so that nothing is noted of it.
    let world = World::new(Is::Vendor, Is::Embedded).await;
    let cx = wishing("b");
    lost_create(&world, &cx).await;
    assert_eq!(world.noted().await, []);
    let repeating = backend::Context {
        route: Default::default(),
        ..cx.clone()
    };
    let repeated = intent(&repeating, None, create());
    let settled = world.router.settle(&repeating, &repeated).await.unwrap();
    let Settled::Applied(Applied::Conversation(found)) = settled else {
        panic!("{settled:?}");
    };
    assert_eq!(&*found.location.backend, "b");
    assert_eq!(world.held_by(&world.a).await, 0);
}

async fn repeated(router: &impl Backend, of: &Context) -> Located {
    let settled = router.settle(of, &intent(of, None, create())).await;
    match settled.unwrap() {
        Settled::Applied(Applied::Conversation(found)) => *found,
        settled => panic!("{settled:?}"),
    }
}

#[tokio::test]
async fn a_repeated_create_is_answered_from_where_its_conversation_lives_now() {
    for (from, to) in [
        (Is::Vendor, Is::Embedded),
        (Is::Vendor, Is::Vendor),
        (Is::Embedded, Is::Vendor),
        (Is::Embedded, Is::Embedded),
    ] {
        let world = World::new(from, to).await;
        let cx = wishing("a");
        world.a.on("create_conversation", Event::LosesAnswer);
        let lost = world.create(&cx).await;
        assert_eq!(lost.unwrap_err().outcome, Outcome::Unknown);
        world.recover().await;
        let made = repeated(&*world.router, &cx).await.location;
        assert_eq!(&*made.backend, "a");
        world.switching(&made).await;
        let title = ConversationPatch {
            title: Patch::Set("what it is now".into()),
            ..ConversationPatch::default()
        };
        let at = Location::unresolved(made.id);
        let router = &world.router;
        let changed = router.update_conversation(&cx, &at, title, None).await;
        changed.unwrap();
        // Its old home tells nothing of it.
        world.a.on("get_conversation", Event::IsDown);
        let found = repeated(&*world.router, &cx).await;
        assert_eq!(&*found.location.backend, "b", "{from:?} to {to:?}");
        assert_eq!(found.location.id, made.id);
        let title = found.conversation.title.as_deref();
        assert_eq!(title, Some("what it is now"), "{from:?} to {to:?}");
        let query = backend::ConversationQuery::all(10);
        let listed = world.router.list_conversations(&cx, &query).await;
        assert_eq!(listed.unwrap().page.items.len(), 1);
    }
}

#[tokio::test]
async fn a_noted_create_is_settled_though_its_backend_is_not_configured_any_more() {
    for settles in ["repeated", "recovered"] {
        let world = World::new(Is::Vendor, Is::Vendor).await;
        world.lead("a", "b").await;
        world.births.fail(true);
        let cx = cx();
        let failed = world.create(&cx).await;
        assert_eq!(failed.unwrap_err().outcome, Outcome::Applied);
        let noted = world.noted().await;
        assert_eq!((noted.len(), &*noted[0].backend), (1, "b"));
        let id = noted[0].intent.location.as_ref().unwrap().id;
        world.births.fail(false);
        world.switching_back(&Location::unresolved(id)).await;
        let router = world.without_b();
        if settles == "repeated" {
            let found = repeated(&router, &cx).await.location;
            assert_eq!((found.id, &*found.backend), (id, "a"));
        } else {
            let now = Time::now().saturating_add_micros(120_000_000);
            assert_eq!(router.recover(now).await.unwrap().settled, 1);
        }
        assert_eq!(world.noted().await, [], "{settles}");
    }
}
