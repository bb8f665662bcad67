//! Places of messages in an index, and pages by them.

use backend::Order;
use backend::ports::{Change, KeptAt, KeptMessage, KeptPage, OverlayState as _, Place};
use store::State;

use crate::support::{beside, id, message, open, open_in, seconds};

fn names(messages: &[KeptMessage]) -> Vec<&str> {
    messages
        .iter()
        .map(|message| message.message.id.as_str())
        .collect()
}

async fn page(
    state: &State,
    at: &KeptAt,
    order: Order,
    after: Option<Place>,
    limit: usize,
) -> Vec<KeptMessage> {
    let page = KeptPage {
        order,
        after,
        limit,
    };
    state.messages(at, &page).await.unwrap()
}

#[tokio::test]
async fn messages_come_by_time_then_by_arrival_in_both_orders() {
    let (directory, store, state) = open();
    let at = beside("vendor");
    let changes = vec![
        message(&at, "late", 9, None),
        message(&at, "first-of-five", 5, Some("native")),
        message(&at, "early", -1, None),
        message(&at, "second-of-five", 5, None),
    ];
    state.apply(&at, None, changes).await.unwrap();
    drop((state, store));
    let (_store, state) = open_in(&directory);
    let wanted = ["early", "first-of-five", "second-of-five", "late"];
    let up = page(&state, &at, Order::Asc, None, 10).await;
    assert_eq!(names(&up), wanted);
    let places: Vec<_> = up
        .iter()
        .map(|message| (message.place.time, message.place.arrival))
        .collect();
    assert_eq!(
        places,
        [
            (seconds(-1), 3),
            (seconds(5), 2),
            (seconds(5), 4),
            (seconds(9), 1)
        ]
    );
    let mut down = page(&state, &at, Order::Desc, None, 10).await;
    down.reverse();
    assert_eq!(down, up);
    let index = state.index(&at).await.unwrap();
    let indexed: Vec<_> = index.iter().map(|message| message.id.as_str()).collect();
    assert_eq!(indexed, wanted);
    for limit in 1..=5 {
        for order in [Order::Asc, Order::Desc] {
            let mut walked = Vec::new();
            let mut after = None;
            loop {
                let items = page(&state, &at, order, after, limit).await;
                assert!(items.len() <= limit);
                let Some(last) = items.last() else {
                    break;
                };
                after = Some(last.place);
                walked.extend(items);
            }
            if order == Order::Desc {
                walked.reverse();
            }
            assert_eq!(walked, up, "{limit}");
        }
    }
}

#[tokio::test]
async fn a_message_that_is_put_in_again_keeps_its_place_and_takes_the_rest() {
    let (_directory, _store, state) = open();
    let at = beside("vendor");
    let changes = vec![
        message(&at, "one", 5, None),
        message(&at, "two", 6, Some("native")),
    ];
    state.apply(&at, None, changes).await.unwrap();
    let before = state.message(&at, &id("one")).await.unwrap().unwrap();
    let Change::Message {
        time,
        holder,
        message: mut changed,
    } = message(&at, "one", 99, Some("native"))
    else {
        unreachable!()
    };
    changed.subject = Some("new".into());
    let again = Change::Message {
        time,
        holder: holder.clone(),
        message: changed.clone(),
    };
    state.apply(&at, None, vec![again]).await.unwrap();
    let after = state.message(&at, &id("one")).await.unwrap().unwrap();
    assert_eq!(after.place, before.place);
    assert_eq!(after.message, *changed);
    assert_eq!(after.holder, holder);
    let digest = |index: &[backend::ports::Indexed]| index[0].digest;
    let index = state.index(&at).await.unwrap();
    let text = serde_json::to_vec(&changed).unwrap();
    assert_eq!(digest(&index), conversation::Digest::of(&text));
    // A place that was given is not given again.
    state
        .apply(&at, None, vec![Change::Remove(id("two"))])
        .await
        .unwrap();
    state
        .apply(&at, None, vec![message(&at, "two", 6, None)])
        .await
        .unwrap();
    let two = state.message(&at, &id("two")).await.unwrap().unwrap();
    assert_eq!(two.place.arrival, 3);
}

#[tokio::test]
async fn a_walk_meets_every_message_once_while_others_come() {
    let (_directory, _store, state) = open();
    let at = beside("vendor");
    let fill = (0..60)
        .map(|number| message(&at, &format!("m{number}"), 10 * number, None))
        .collect();
    state.apply(&at, None, fill).await.unwrap();
    for order in [Order::Asc, Order::Desc] {
        let mut met = Vec::new();
        let mut after = None;
        let mut round = 0;
        loop {
            let items = page(&state, &at, order, after, 7).await;
            let Some(last) = items.last() else {
                break;
            };
            after = Some(last.place);
            met.extend(names(&items).into_iter().map(str::to_owned));
            // Before and behind the place where the walk stands.
            let tag = format!("{order:?}{round}");
            let others = vec![
                message(&at, &format!("{tag}-a"), -1 - round, None),
                message(&at, &format!("{tag}-z"), 10_000 + round, Some("native")),
                Change::Hide(id(&format!("{tag}-a"))),
            ];
            if round < 8 {
                state.apply(&at, None, others).await.unwrap();
            }
            round += 1;
        }
        let old: Vec<_> = met.iter().filter(|name| name.starts_with('m')).collect();
        assert_eq!(old.len(), 60);
        let distinct: std::collections::HashSet<_> = met.iter().collect();
        assert_eq!(distinct.len(), met.len());
    }
}
