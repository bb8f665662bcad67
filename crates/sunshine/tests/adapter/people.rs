//! Users and participants.

use backend::{Backend, Kind, Outcome};
use conversation::{Handle, Participant, ParticipantKind, Side};

use crate::fake::{FakeOptions, Fault};
use crate::support::{asked, create, cx, new, pair, pair_with};

fn person(id: &str) -> Participant {
    Participant {
        id: Some(id.into()),
        kind: ParticipantKind::Person,
        ..Participant::default()
    }
}

async fn group(sunshine: &sunshine::Sunshine) -> backend::Location {
    let new = new(r#"{"kind":"group"}"#);
    let created = sunshine.create_conversation(&cx(), new).await;
    created.unwrap().location
}

fn ids(participants: &[Participant]) -> Vec<&str> {
    participants
        .iter()
        .filter_map(|participant| participant.id.as_deref())
        .collect()
}

#[tokio::test]
async fn people_join_and_leave_a_group() {
    let (fake, sunshine) = pair().await;
    let at = group(&sunshine).await;
    let bob = Participant {
        name: Some("Bob".into()),
        handles: vec![Handle {
            kind: "email".into(),
            value: "bob@a.example".into(),
        }],
        ..person("bob")
    };
    let all = sunshine
        .add_participants(&cx(), &at, vec![bob.clone()])
        .await
        .unwrap();
    assert_eq!(ids(&all), ["ann", "bob"]);
    let wanted = Participant {
        side: Some(Side::Customer),
        ..bob
    };
    assert_eq!(all[1], wanted);
    assert_eq!(sunshine.list_participants(&cx(), &at).await.unwrap(), all);
    sunshine
        .remove_participant(&cx(), &at, "bob")
        .await
        .unwrap();
    let left = sunshine.list_participants(&cx(), &at).await.unwrap();
    assert_eq!(ids(&left), ["ann"]);
    let again = sunshine.remove_participant(&cx(), &at, "bob").await;
    assert_eq!(again.unwrap_err().kind, Kind::NotFound);
    assert_eq!(fake.users().len(), 2, "a user stays a user");
}

#[tokio::test]
async fn who_has_no_id_gets_one() {
    let (_fake, sunshine) = pair().await;
    let at = group(&sunshine).await;
    let nameless = || Participant {
        name: Some("Somebody".into()),
        kind: ParticipantKind::Person,
        ..Participant::default()
    };
    let all = sunshine
        .add_participants(&cx(), &at, vec![nameless(), nameless()])
        .await
        .unwrap();
    let ids = ids(&all);
    assert_eq!(ids.len(), 3);
    assert_ne!(ids[1], ids[2]);
}

#[tokio::test]
async fn an_id_that_is_taken_is_a_conflict_and_changes_nobody() {
    let (fake, sunshine) = pair().await;
    let at = group(&sunshine).await;
    let impostor = Participant {
        name: Some("An impostor".into()),
        ..person("ann")
    };
    for new in [vec![impostor], vec![person("eve"), person("eve")]] {
        let error = sunshine
            .add_participants(&cx(), &at, new)
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, error.outcome),
            (Kind::Conflict, Outcome::NotApplied)
        );
    }
    assert_eq!(fake.users().len(), 1);
}

#[tokio::test]
async fn nobody_joins_or_leaves_a_direct_conversation() {
    let (fake, sunshine) = pair().await;
    let at = create(&sunshine).await;
    let joined = sunshine
        .add_participants(&cx(), &at, vec![person("bob")])
        .await;
    assert_eq!(joined.unwrap_err().kind, Kind::NotHeld);
    let left = sunshine.remove_participant(&cx(), &at, "ann").await;
    assert_eq!(left.unwrap_err().kind, Kind::NotHeld);
    assert_eq!(fake.users().len(), 1, "nobody is made for a refusal");
}

#[tokio::test]
async fn the_business_takes_no_part() {
    let (fake, sunshine) = pair().await;
    let at = group(&sunshine).await;
    let before = fake.received().len();
    for side in [None, Some(Side::Business)] {
        let bot = Participant {
            kind: ParticipantKind::Bot,
            side,
            ..person("bot")
        };
        let error = sunshine
            .add_participants(&cx(), &at, vec![bot])
            .await
            .unwrap_err();
        assert_eq!(error.violations[0].pointer, "/participants/0");
    }
    assert_eq!(fake.received().len(), before);
}

#[tokio::test]
async fn a_group_that_is_full_takes_nobody() {
    let options = FakeOptions {
        participants_max: 1,
        ..FakeOptions::default()
    };
    let (_fake, sunshine) = pair_with(options).await;
    let at = group(&sunshine).await;
    let error = sunshine
        .add_participants(&cx(), &at, vec![person("bob")])
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::InvalidRequest, Outcome::NotApplied)
    );
}

#[tokio::test]
async fn a_join_that_breaks_off_half_way_is_unknown() {
    let (fake, sunshine) = pair().await;
    let at = group(&sunshine).await;
    let status = 503;
    fake.inject("JoinConversation", Fault::Slow(std::time::Duration::ZERO));
    fake.inject(
        "JoinConversation",
        Fault::Refuse {
            status,
            code: "unavailable",
        },
    );
    let error = sunshine
        .add_participants(&cx(), &at, vec![person("bob"), person("eve")])
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::Unavailable, Outcome::Unknown)
    );
    let listed = sunshine.list_participants(&cx(), &at).await.unwrap();
    assert_eq!(ids(&listed), ["ann", "bob"]);
}

#[tokio::test]
async fn a_user_without_an_id_of_ours_has_the_vendors() {
    let (fake, sunshine) = pair().await;
    let user = fake.add_user(None);
    let native = fake.add_conversation(&user);
    let at = crate::support::at(&native);
    let listed = sunshine.list_participants(&cx(), &at).await.unwrap();
    assert_eq!(ids(&listed), [user.as_str()]);
    let other = fake.add_user(Some("other tenant:bob"));
    let native = fake.add_conversation(&other);
    let listed = sunshine
        .list_participants(&cx(), &crate::support::at(&native))
        .await
        .unwrap();
    assert_eq!(
        ids(&listed),
        [other.as_str()],
        "another tenant's id stays there"
    );
}

#[tokio::test]
async fn a_user_who_is_gone_is_still_a_participant() {
    let (fake, sunshine) = pair().await;
    let at = create(&sunshine).await;
    let code = "user_not_found";
    fake.inject("GetUser", Fault::Refuse { status: 404, code });
    let listed = sunshine.list_participants(&cx(), &at).await.unwrap();
    assert_eq!(ids(&listed), ["ann"]);
}

#[tokio::test]
async fn a_failed_user_leaves_the_conversation_unmade() {
    let (fake, sunshine) = pair().await;
    fake.inject("CreateUser", Fault::CutAfter);
    let error = sunshine
        .create_conversation(&cx(), Default::default())
        .await
        .unwrap_err();
    assert_eq!(error.outcome, Outcome::NotApplied);
    // The user is there; trying again finds it.
    create(&sunshine).await;
    assert_eq!(asked(&fake, 1), ["CreateUser", "CreateConversation"]);
    assert_eq!(fake.users().len(), 1);
}
