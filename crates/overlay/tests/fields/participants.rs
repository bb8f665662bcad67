//! Labels and participants: sets that both sides add to; activity.

use backend::{Backend as _, Kind, Level};
use conversation::{Activity, ActivityKind, Participant};

use crate::below::Below;
use crate::support::{Bench, cx, strict, told};

const TWO: &str = r#"{"participants":[{"id":"p1","kind":"person","name":"Ann"},{"id":"p2","kind":"bot","name":"Bob"}]}"#;

fn one(json: &str) -> Participant {
    serde_json::from_str(json).unwrap()
}

fn ids(participants: &[Participant]) -> Vec<&str> {
    participants
        .iter()
        .map(|one| one.id.as_deref().unwrap())
        .collect()
}

fn without_participants(below: &mut Below) {
    below.refuses = &["participants"];
    below.can.conversation_participants = Level::Rejected;
    below.can.participant_list = Level::None;
    below.can.participant_add = Level::None;
    below.can.participant_remove = Level::None;
}

#[tokio::test]
async fn labels_survive_additions_at_the_backend() {
    let bench = Bench::new(|below| {
        below.spoils = |conversation| {
            conversation.labels.retain(|label| &**label != "ours");
        };
    });
    let at = bench.create(r#"{"labels":["ours","both"]}"#).await;
    bench
        .changed_there(&at, r#"{"labels":["both","theirs"]}"#)
        .await;
    let labels = bench.get(&at).await.labels;
    assert_eq!(
        labels.iter().map(|label| &**label).collect::<Vec<_>>(),
        ["both", "ours", "theirs"]
    );
    bench.update(&at, r#"{"labels":["theirs"]}"#).await;
    assert_eq!(bench.get(&at).await.labels, ["theirs".into()]);
    assert_eq!(bench.drifted(&at).await, Vec::new());
}

#[tokio::test]
async fn participants_survive_additions_at_the_backend() {
    let bench = Bench::new(|below| {
        below.spoils = |conversation| {
            conversation
                .participants
                .retain(|one| one.id.as_deref() != Some("p2"));
        };
    });
    let at = bench.create(TWO).await;
    let new = one(r#"{"id":"p9","kind":"person"}"#);
    bench
        .below
        .store
        .add_participants(&cx(), &at, vec![new])
        .await
        .unwrap();
    assert_eq!(ids(&bench.get(&at).await.participants), ["p1", "p9", "p2"]);
    bench
        .below
        .store
        .remove_participant(&cx(), &at, "p1")
        .await
        .unwrap();
    assert_eq!(ids(&bench.get(&at).await.participants), ["p9", "p2"]);
}

#[tokio::test]
async fn a_participant_keeps_its_id_where_the_backend_gives_another() {
    let bench = Bench::new(|below| {
        below.spoils = |conversation| {
            for one in &mut conversation.participants {
                one.id = one.id.take().map(|id| format!("native-{id}").into());
                one.name = None;
            }
        };
    });
    let json =
        r#"{"participants":[{"id":"p1","name":"Ann","handles":[{"type":"email","value":"a@x"}]}]}"#;
    let at = bench.create(json).await;
    let read = bench.get(&at).await.participants;
    assert_eq!(
        (ids(&read), read[0].name.as_deref()),
        (vec!["p1"], Some("Ann"))
    );
    let rows = bench.rows(&at).await;
    let base: Participant = rows[0].base.as_ref().unwrap().to().unwrap();
    assert_eq!(base.id.as_deref(), Some("native-p1"));
}

#[tokio::test]
async fn who_was_there_under_another_id_is_not_who_was_added() {
    let bench = Bench::new(|below| {
        below.spoils = |conversation| {
            for one in &mut conversation.participants {
                one.id = one.id.take().map(|id| format!("native-{id}").into());
            }
        };
    });
    let ann = r#"{"id":"p1","name":"Ann","handles":[{"type":"email","value":"a@x"}]}"#;
    let at = bench
        .create(&format!(r#"{{"participants":[{ann}]}}"#))
        .await;
    assert_eq!(ids(&bench.get(&at).await.participants), ["p1"]);
    let alike = one(r#"{"name":"Ann at work","handles":[{"type":"email","value":"a@x"}]}"#);
    let all = bench
        .overlay
        .add_participants(&cx(), &at, vec![alike])
        .await
        .unwrap();
    let there = bench
        .below
        .store
        .list_participants(&cx(), &at)
        .await
        .unwrap();
    let native = format!("native-{}", there[1].id.as_deref().unwrap());
    assert_eq!(ids(&all), ["p1", native.as_str()]);
    assert_eq!(bench.get(&at).await.participants, all);
}

#[tokio::test]
async fn participants_come_and_go_where_the_backend_has_none() {
    let bench = Bench::new(without_participants);
    let at = bench.create(TWO).await;
    let new = vec![
        one(r#"{"kind":"person","name":"Somebody"}"#),
        one(r#"{"id":"p3"}"#),
    ];
    let noted = cx();
    let all = bench
        .overlay
        .add_participants(&noted, &at, new.clone())
        .await
        .unwrap();
    assert_eq!(all.len(), 4);
    assert!(all[2].id.is_some(), "who comes without an id gets one");
    assert!(
        told(&noted)
            .iter()
            .all(|field| field.starts_with("/participants"))
    );
    assert_eq!(
        bench.overlay.list_participants(&cx(), &at).await.unwrap(),
        all
    );
    assert_eq!(bench.get(&at).await.participants, all);
    let again = bench
        .overlay
        .add_participants(&cx(), &at, new)
        .await
        .unwrap_err();
    assert_eq!(again.kind, Kind::Conflict);
    let twins = vec![one(r#"{"id":"t"}"#), one(r#"{"id":"t"}"#)];
    let error = bench
        .overlay
        .add_participants(&cx(), &at, twins)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::InvalidRequest);

    bench
        .overlay
        .remove_participant(&cx(), &at, "p1")
        .await
        .unwrap();
    for gone in ["p1", "nobody", "", "a/b"] {
        let error = bench
            .overlay
            .remove_participant(&cx(), &at, gone)
            .await
            .unwrap_err();
        assert_eq!(error.kind, Kind::NotFound, "{gone}");
    }
    assert_eq!(ids(&bench.get(&at).await.participants)[0], "p2");
    assert_eq!(bench.below.writes(), ["create"]);
}

#[tokio::test]
async fn participants_are_added_and_removed_there_where_that_works() {
    let bench = Bench::new(|_| {});
    let at = bench.create(TWO).await;
    let all = bench
        .overlay
        .add_participants(&strict(), &at, vec![one(r#"{"name":"New"}"#)])
        .await
        .unwrap();
    let there = bench
        .below
        .store
        .list_participants(&cx(), &at)
        .await
        .unwrap();
    assert_eq!(all, there);
    assert_eq!(bench.rows(&at).await, Vec::new());
    bench
        .overlay
        .remove_participant(&strict(), &at, "p1")
        .await
        .unwrap();
    let there = bench
        .below
        .store
        .list_participants(&cx(), &at)
        .await
        .unwrap();
    assert_eq!(
        bench.overlay.list_participants(&cx(), &at).await.unwrap(),
        there
    );
    assert_eq!(there.len(), 2);
}

#[tokio::test]
async fn who_cannot_be_removed_is_hidden_and_strict_refuses() {
    let bench = Bench::new(|below| below.can.participant_remove = Level::None);
    let at = bench.create(TWO).await;
    let error = bench
        .overlay
        .remove_participant(&strict(), &at, "p1")
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NotHeld);
    bench
        .overlay
        .remove_participant(&cx(), &at, "p1")
        .await
        .unwrap();
    assert_eq!(ids(&bench.get(&at).await.participants), ["p2"]);
    assert_eq!(
        bench
            .below
            .store
            .list_participants(&cx(), &at)
            .await
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn activity_is_accepted_where_nobody_is_told() {
    let bench = Bench::new(|below| below.can.activity = Level::None);
    let at = bench.create("{}").await;
    let activity = |activity| Activity {
        activity,
        participant_id: None,
    };
    let noted = cx();
    bench
        .overlay
        .send_activity(&noted, &at, activity(ActivityKind::TypingStart))
        .await
        .unwrap();
    assert_eq!(told(&noted), ["/activity"]);
    let error = bench
        .overlay
        .send_activity(&strict(), &at, activity(ActivityKind::Read))
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NotHeld);
    let error = bench
        .overlay
        .send_activity(&cx(), &at, activity(ActivityKind::Joined))
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::InvalidRequest);
    let nowhere = backend::Location {
        native: "nowhere".into(),
        ..at
    };
    let error = bench
        .overlay
        .send_activity(&cx(), &nowhere, activity(ActivityKind::Read))
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
}
