//! What an operator is told of where a new conversation would go.

use backend::FieldFate;
use backend::ports::{RouteTable, Share};
use conversation::NewConversation;
use routing::{Require, Rule, When};

use crate::world::{World, cx, rule, titled};

fn share(backend: &str, weight: u32) -> Share {
    Share {
        backend: backend.into(),
        weight,
    }
}

#[tokio::test]
async fn every_rule_says_why_it_does_not_place_the_conversation() {
    let when = When {
        tenant: Some("other".into()),
        label: Some("vip".into()),
        ..When::default()
    };
    let rules = vec![
        Rule::to_one("others", when, "c"),
        rule("canary", &[("a", 90), ("b", 10)], &["c", "a"]),
        rule("rest", &[("c", 1)], &[]),
    ];
    let world = World::new(rules).await;
    let explained = world
        .router
        .explain_route(&cx(), &NewConversation::default())
        .await
        .unwrap();
    assert_eq!(&*explained.route, "canary");
    assert_eq!(explained.to, [share("a", 90), share("b", 10)]);
    assert_eq!(explained.fallback, ["c".into(), "a".into()]);
    let told = |position: usize| {
        let rule = &explained.rules[position];
        (&*rule.rule, rule.fits, &rule.why_not[..])
    };
    let others = [
        "tenant must be `other`, it is `acme`".to_owned(),
        "label `vip` is absent".to_owned(),
    ];
    assert_eq!(told(0), ("others", false, &others[..]));
    assert_eq!(told(1), ("canary", true, &[][..]));
    let rest = ["the rule `canary` fits before it".to_owned()];
    assert_eq!(told(2), ("rest", true, &rest[..]));
    assert!(explained.overrides.is_empty());
    assert_eq!(world.creates(), [0, 0, 0]);
}

#[tokio::test]
async fn overrides_are_followed_and_shown() {
    let world = World::new(vec![rule("r", &[("a", 3), ("b", 1)], &["a"])]).await;
    world.lead("a", "b").await;
    let new = NewConversation::default();
    let explained = world.router.explain_route(&cx(), &new).await.unwrap();
    assert_eq!(explained.to, [share("b", 4)]);
    assert_eq!(explained.fallback, ["b".into()]);
    assert_eq!(explained.rules[0].to, [share("a", 3), share("b", 1)]);
    let shown: Vec<_> = explained
        .overrides
        .iter()
        .map(|one| one.migration)
        .collect();
    assert_eq!(shown, [world.migration]);

    let mut wishing = cx();
    std::sync::Arc::make_mut(&mut wishing.route).backend = Some("a".into());
    let explained = world.router.explain_route(&wishing, &new).await.unwrap();
    assert_eq!(&*explained.route, "header");
    assert_eq!(explained.to, [share("a", 1)]);
    assert_eq!(explained.rules[0].why_not, ["the caller names a backend"]);
}

#[tokio::test]
async fn backends_that_are_passed_over_are_named_with_the_fields() {
    let rules = vec![Rule {
        require: Some(Require::Native),
        ..rule("whole", &[("a", 1)], &["b"])
    }];
    let world = World::new(rules).await;
    world.vendors[0].treat_titles(Some(FieldFate::rejected("/title", "no titles")));
    let new = titled("words");
    let explained = world.router.explain_route(&cx(), &new).await.unwrap();
    assert!(explained.to.is_empty());
    assert_eq!(explained.fallback, ["b".into()]);
    let [why] = &explained.rules[0].why_not[..] else {
        panic!("{explained:?}")
    };
    assert!(
        why.contains("`a`") && why.contains("/title") && why.contains("native"),
        "{why}"
    );
}
