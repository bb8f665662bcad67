//! Where new conversations go.

use std::collections::BTreeSet;

use backend::{Backend, FieldFate, Kind, Location};
use conversation::NewConversation;
use routing::{Require, RouterSettings, Rule, Slot};
use uuid::Uuid;

use crate::world::{World, cx, rule, titled};

#[tokio::test]
async fn new_conversations_are_shared_by_weight_and_stay_where_they_are() {
    let shares = |a, b| vec![rule("canary", &[("a", a), ("b", b), ("c", 0)], &[])];
    let world = World::new(shares(50, 50)).await;
    let mut homes = Vec::new();
    for number in 0..40_u128 {
        let mut cx = cx();
        cx.intent = Uuid::from_u128(number);
        let made = world.create(&cx, NewConversation::default()).await.unwrap();
        assert_eq!(cx.trace.route(), Some("canary"));
        assert_eq!(cx.trace.backend(), Some(&*made.location.backend));
        homes.push(made.location);
    }
    let backends: BTreeSet<&str> = homes.iter().map(|home| &*home.backend).collect();
    assert_eq!(backends, ["a", "b"].into());
    assert_eq!(world.creates()[2], 0);

    let world = world.with_rules(shares(0, 100));
    for home in &homes {
        let cx = cx();
        let at = Location::unresolved(home.id);
        world.router.get_conversation(&cx, &at).await.unwrap();
        assert_eq!(cx.trace.backend(), Some(&*home.backend));
    }
    let before = world.creates();
    for _ in 0..10 {
        world
            .create(&cx(), NewConversation::default())
            .await
            .unwrap();
    }
    assert_eq!(world.creates(), [before[0], before[1] + 10, 0]);
}

#[tokio::test]
async fn overrides_lead_each_share_and_each_fallback() {
    let world = World::new(vec![rule("r", &[("a", 1), ("b", 1)], &[])]).await;
    world.lead("a", "c").await;
    let led = format!("r, override {}", world.migration);
    for _ in 0..30 {
        let cx = cx();
        let made = world.create(&cx, NewConversation::default()).await.unwrap();
        let wanted = match &*made.location.backend {
            "b" => "r",
            "c" => &led,
            other => panic!("{other}"),
        };
        assert_eq!(cx.trace.route(), Some(wanted));
    }
    let [_, to_b, to_c] = world.creates();
    assert_eq!(world.creates(), [0, to_b, 30 - to_b]);
    assert!(to_b > 0 && to_c > 0);

    let world = world.with_rules(vec![rule("r", &[("b", 1)], &["a"])]);
    world.vendors[1].fail(crate::world::down());
    let cx = cx();
    let made = world.create(&cx, NewConversation::default()).await.unwrap();
    assert_eq!(&*made.location.backend, "c");
    let route = format!("r, fallback, override {}", world.migration);
    assert_eq!(cx.trace.route(), Some(&*route));
}

/// What a rule requires, what becomes of a field, and whether that is enough.
type Case = (Require, fn() -> FieldFate, bool);

/// A rule whose backends must hold everything.
fn requiring(require: Require) -> Vec<Rule> {
    vec![Rule {
        require: Some(require),
        ..rule("whole", &[("a", 1)], &["b"])
    }]
}

#[tokio::test]
async fn backends_that_do_not_hold_what_is_required_are_passed_over() {
    let cases: [Case; 6] = [
        (
            Require::Native,
            || FieldFate::overlay("/title", "kept"),
            false,
        ),
        (
            Require::Native,
            || FieldFate::converted("/title", "cut"),
            false,
        ),
        (
            Require::Native,
            || FieldFate::rejected("/title", "none"),
            false,
        ),
        (
            Require::Effective,
            || FieldFate::overlay("/title", "kept"),
            true,
        ),
        (
            Require::Effective,
            || FieldFate::converted("/title", "cut"),
            false,
        ),
        (
            Require::Effective,
            || FieldFate::rejected("/title", "none"),
            false,
        ),
    ];
    for (require, fate, is_enough) in cases {
        let world = World::new(requiring(require)).await;
        world.vendors[0].treat_titles(Some(fate()));
        let cx = cx();
        let made = world.create(&cx, titled("words")).await.unwrap();
        let expected = if is_enough {
            ("a", "whole")
        } else {
            ("b", "whole, fallback")
        };
        let found = (&*made.location.backend, cx.trace.route().unwrap());
        assert_eq!(found, expected, "{require:?} {:?}", fate().fate);
        // Without the field it fits everywhere.
        let untitled = crate::world::cx();
        let made = world.create(&untitled, NewConversation::default()).await;
        assert_eq!(&*made.unwrap().location.backend, "a");
    }
}

#[tokio::test]
async fn where_no_backend_holds_what_is_required_the_fields_are_named() {
    let world = World::new(requiring(Require::Native)).await;
    for vendor in &world.vendors[..2] {
        vendor.treat_titles(Some(FieldFate::rejected("/title", "no titles")));
    }
    let error = world.create(&cx(), titled("words")).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotHeld);
    assert!(error.message.contains("`whole`"), "{}", error.message);
    let named = error.violations.iter();
    let named: Vec<(&str, &str)> = named
        .map(|violation| (&*violation.pointer, &*violation.detail))
        .collect();
    assert_eq!(
        named,
        [
            ("/title", "backend `a`: no titles"),
            ("/title", "backend `b`: no titles")
        ]
    );
    assert_eq!(world.creates(), [0, 0, 0]);
    assert!(world.noted().await.is_empty());
}

#[tokio::test]
async fn a_router_is_not_made_of_rules_that_cannot_be_followed() {
    let world = World::new(Vec::new()).await;
    let shadow = |backend: &str, sample| Rule {
        shadow: Some(routing::ShadowRead {
            backend: backend.into(),
            sample,
        }),
        ..rule("r", &[("a", 1)], &[])
    };
    for (rule, words) in [
        (rule("r", &[("nowhere", 1)], &[]), "`nowhere`"),
        (rule("r", &[("a", 1)], &["nowhere"]), "`nowhere`"),
        (shadow("nowhere", 0.5), "`nowhere`"),
        (shadow("b", 2.0), "`r`"),
        (rule("r", &[("a", 0)], &[]), "`r`"),
        (rule("r", &[], &[]), "`r`"),
    ] {
        let error = world.succeeded(vec![rule]).unwrap_err();
        assert_eq!(error.kind, Kind::InvalidRequest);
        assert!(error.message.contains(words), "{}", error.message);
    }
    let slots: Vec<Slot> = Vec::new();
    assert!(
        world
            .router
            .succeeded_by(slots, RouterSettings::new("a"))
            .is_err()
    );
}
