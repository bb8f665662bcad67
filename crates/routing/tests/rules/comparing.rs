//! Reads that are compared with a second backend.

use backend::ports::DifferenceKind;
use backend::{Backend, Location, PageRequest};
use conversation::{NewMessage, Role};
use routing::{Rule, ShadowRead, When};
use tokio::time::timeout;

use crate::world::{PATIENCE, World, cx, down, rule, titled};

fn compared(sample: f64) -> Rule {
    Rule {
        shadow: Some(ShadowRead {
            backend: "b".into(),
            sample,
        }),
        ..rule("compared", &[("a", 1)], &[])
    }
}

async fn conversation(world: &World) -> Location {
    let made = world.create(&cx(), titled("secret words")).await.unwrap();
    assert_eq!(&*made.location.backend, "a");
    made.location
}

/// Waits until a difference is noted.
async fn noted(world: &World) -> backend::ports::ShadowDifference {
    let noted = async {
        loop {
            if let Some(difference) = world.differences().await.pop() {
                return difference;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, noted).await.unwrap()
}

#[tokio::test]
async fn a_read_that_is_the_same_there_is_not_noted() {
    let world = World::new(vec![compared(1.0)]).await;
    let home = conversation(&world).await;
    world.copy_to_b(home.id, "secret words").await;
    let at = Location::unresolved(home.id);
    world.router.get_conversation(&cx(), &at).await.unwrap();
    timeout(PATIENCE, world.vendors[1].wait_for_reads(1))
        .await
        .unwrap();
    // A second read goes behind the first one's comparison; none of them is looked at again.
    let reads = world.vendors[0].reads();
    let page = PageRequest::first(10);
    world.router.list_messages(&cx(), &at, &page).await.unwrap();
    timeout(PATIENCE, world.vendors[1].wait_for_reads(2))
        .await
        .unwrap();
    assert_eq!(world.vendors[0].reads(), reads + 1);
    // A difference of theirs would be looked at again before that of a later read.
    let other = conversation(&world).await;
    world.copy_to_b(other.id, "other words").await;
    let at = Location::unresolved(other.id);
    world.router.get_conversation(&cx(), &at).await.unwrap();
    assert_eq!(noted(&world).await.conversation, other.id);
    assert_eq!(world.differences().await.len(), 1);
    // Two that are the same once each, the other one at first and looking again.
    assert_eq!(world.vendors[1].reads(), 2 + 2);
}

#[tokio::test]
async fn a_difference_is_explained_without_words_and_the_answer_is_the_homes() {
    let world = World::new(vec![compared(1.0)]).await;
    let home = conversation(&world).await;
    world.copy_to_b(home.id, "other words").await;
    let at = Location::unresolved(home.id);
    let reading = cx();
    let read = world.router.get_conversation(&reading, &at).await.unwrap();
    assert_eq!(read.title.as_deref(), Some("secret words"));
    assert_eq!(reading.trace.backend(), Some("a"));
    assert_eq!(reading.trace.attempts(), 1);
    let difference = noted(&world).await;
    assert_eq!(difference.conversation, home.id);
    assert_eq!(
        [
            &*difference.primary,
            &difference.shadow,
            &difference.rule,
            &difference.operation
        ],
        ["a", "b", "compared", "get_conversation"]
    );
    let [field] = &difference.fields[..] else {
        panic!("{difference:?}")
    };
    assert_eq!(
        (&*field.pointer, field.kind),
        ("/title", DifferenceKind::Changed)
    );
    let told = format!("{:?} {:?}", field.primary, field.shadow);
    assert!(
        told.contains("12 characters") && told.contains("11 characters"),
        "{told}"
    );
    assert!(!told.contains("words"), "{told}");
}

#[tokio::test]
async fn a_message_that_is_missing_there_is_named() {
    let world = World::new(vec![compared(1.0)]).await;
    let home = conversation(&world).await;
    let at = Location::unresolved(home.id);
    let said = NewMessage::text(Role::User, "hello");
    let said = world.router.post_message(&cx(), &at, said).await.unwrap();
    world.copy_to_b(home.id, "secret words").await;
    let page = PageRequest::first(10);
    world.router.list_messages(&cx(), &at, &page).await.unwrap();
    let difference = noted(&world).await;
    assert_eq!(&*difference.operation, "list_messages");
    let [field] = &difference.fields[..] else {
        panic!("{difference:?}")
    };
    assert_eq!(
        (field.message.as_ref(), field.kind),
        (Some(&said.id), DifferenceKind::Missing)
    );

    world
        .router
        .get_message(&cx(), &at, &said.id)
        .await
        .unwrap();
    let both = async {
        while world.differences().await.len() < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, both).await.unwrap();
    let newest = &world.differences().await[0];
    assert_eq!(&*newest.operation, "get_message");
    assert_eq!(newest.fields[0].kind, DifferenceKind::Unreadable);
    assert_eq!(newest.fields[0].message.as_ref(), Some(&said.id));
}

#[tokio::test]
async fn nobody_waits_for_a_second_backend_that_is_down_or_has_nothing() {
    let world = World::new(vec![compared(1.0)]).await;
    let absent = conversation(&world).await;
    let at = Location::unresolved(absent.id);
    world.router.get_conversation(&cx(), &at).await.unwrap();

    let copied = conversation(&world).await;
    world.copy_to_b(copied.id, "other words").await;
    world.vendors[1].fail(down());
    let at = Location::unresolved(copied.id);
    world.router.get_conversation(&cx(), &at).await.unwrap();
    timeout(PATIENCE, world.vendors[1].wait_for_reads(1))
        .await
        .unwrap();
    // The one that is absent was never asked for.
    assert_eq!(world.vendors[1].reads(), 1);
    // And neither is a difference: once it is back, that of a later read is the only one.
    world.vendors[1].fail(None);
    let other = conversation(&world).await;
    world.copy_to_b(other.id, "other words").await;
    let at = Location::unresolved(other.id);
    world.router.get_conversation(&cx(), &at).await.unwrap();
    assert_eq!(noted(&world).await.conversation, other.id);
    assert_eq!(world.differences().await.len(), 1);
    assert_eq!(world.vendors[1].reads(), 1 + 2);
}

#[tokio::test]
async fn only_reads_of_the_first_rule_that_fits_are_compared() {
    let first = Rule::to_one(
        "titled",
        When {
            metadata: vec![("plan".into(), "pro".into())],
            ..When::default()
        },
        "a",
    );
    let world = World::new(vec![first, compared(1.0)]).await;
    let mut new = titled("secret words");
    new.metadata = serde_json::from_str(r#"{"plan":"pro"}"#).unwrap();
    let made = world.create(&cx(), new).await.unwrap().location;
    world.copy_to_b(made.id, "other words").await;
    let at = Location::unresolved(made.id);
    world.router.get_conversation(&cx(), &at).await.unwrap();
    // Comparisons begin in their order, so this one ends behind whatever the first has begun.
    let other = conversation(&world).await;
    world.copy_to_b(other.id, "other words").await;
    let at = Location::unresolved(other.id);
    world.router.get_conversation(&cx(), &at).await.unwrap();
    assert_eq!(noted(&world).await.conversation, other.id);
    assert_eq!(world.differences().await.len(), 1);
}

#[tokio::test]
async fn a_sample_of_nothing_compares_nothing() {
    let world = World::new(vec![compared(0.0)]).await;
    let home = conversation(&world).await;
    world.copy_to_b(home.id, "other words").await;
    let at = Location::unresolved(home.id);
    for _ in 0..20 {
        world.router.get_conversation(&cx(), &at).await.unwrap();
    }
    // With a rule that compares all, the next one is.
    let world = world.with_rules(vec![compared(1.0)]);
    world.router.get_conversation(&cx(), &at).await.unwrap();
    let difference = noted(&world).await;
    assert_eq!(difference.conversation, home.id);
    // Once at first, once looking again: the twenty reads before were not compared.
    assert_eq!(world.vendors[1].reads(), 2);
}
