//! Users and participants.

use backend::{Backend, Kind, Outcome};
use conversation::{Handle, NewMessage, Participant, ParticipantKind, Role, Side};

use crate::fake::{FakeOptions, Fault};
use crate::support::{asked, create, cx, cx_of, new, pair, pair_with};

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

#[tokio::test]
async fn who_was_there_and_is_gone_is_made_again_to_join() {
    let (fake, sunshine) = pair().await;
    let at = group(&sunshine).await;
    let join = async || {
        sunshine
            .add_participants(&cx(), &at, vec![person("bob")])
            .await
    };
    join().await.unwrap();
    sunshine
        .remove_participant(&cx(), &at, "bob")
        .await
        .unwrap();
    for code in ["user_not_found", "not_found"] {
        let before = fake.received().len();
        fake.inject("JoinConversation", Fault::Refuse { status: 404, code });
        assert_eq!(ids(&join().await.unwrap()), ["ann", "bob"]);
        let asked = asked(&fake, before);
        assert!(asked.contains(&"CreateUser".to_owned()), "{asked:?}");
        sunshine
            .remove_participant(&cx(), &at, "bob")
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn who_has_left_writes_no_more_although_somebody_read_meanwhile() {
    let (fake, sunshine) = pair().await;
    let group = new(r#"{"participants":[{"id":"bob"},{"id":"eve"}]}"#);
    let at = sunshine
        .create_conversation(&cx(), group)
        .await
        .unwrap()
        .location;
    let said = NewMessage::text(Role::User, "a");
    let first = sunshine
        .post_message(&cx_of(None), &at, said.clone())
        .await
        .unwrap();
    assert_eq!(first.author.unwrap().id.as_deref(), Some("ann"));
    fake.inject(
        "LeaveConversation",
        Fault::Slow(std::time::Duration::from_millis(300)),
    );
    let cx = cx();
    let leaving = sunshine.remove_participant(&cx, &at, "ann");
    let reading = async {
        while fake
            .operations()
            .last()
            .is_none_or(|last| last != "LeaveConversation")
        {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        sunshine.list_participants(&cx, &at).await
    };
    let (left, read) = tokio::join!(leaving, reading);
    left.unwrap();
    assert_eq!(read.unwrap().len(), 3);
    let second = sunshine
        .post_message(&cx_of(None), &at, said)
        .await
        .unwrap();
    assert_eq!(second.author.unwrap().id.as_deref(), Some("bob"));
}

#[tokio::test]
async fn participants_leave_by_whichever_id_they_have() {
    let (fake, sunshine) = pair().await;
    let at = group(&sunshine).await;
    let only_ours = |body: &mut serde_json::Value| {
        for participant in body["participants"].as_array_mut().unwrap() {
            participant.as_object_mut().unwrap().remove("id");
            participant["userId"] = serde_json::Value::Null;
        }
    };
    fake.inject("ListParticipants", Fault::Edit(only_ours));
    sunshine
        .remove_participant(&cx(), &at, "ann")
        .await
        .unwrap();
    let sent = fake.received();
    assert_eq!(sent[sent.len() - 1].body, r#"{"userExternalId":"t:ann"}"#);
}

#[tokio::test]
async fn a_user_writes_under_the_vendors_own_id() {
    let (fake, sunshine) = pair().await;
    let at = create(&sunshine).await;
    let user_id = fake.users()[0].id.value().cloned().unwrap();
    let posted = sunshine
        .post_message(&cx(), &at, NewMessage::text(Role::User, "a"))
        .await
        .unwrap();
    assert_eq!(posted.author.unwrap().id.as_deref(), Some("ann"));
    let sent = fake.received();
    let body = &sent[sent.len() - 1].body;
    assert!(
        body.contains(&user_id) && !body.contains("userExternalId"),
        "{body}"
    );
}

#[tokio::test]
async fn a_changed_profile_is_shown_at_once() {
    let (_fake, sunshine) = pair().await;
    let at = group(&sunshine).await;
    for name in ["Bob", "Robert"] {
        let bob = Participant {
            name: Some(name.into()),
            ..person("bob")
        };
        let all = sunshine
            .add_participants(&cx(), &at, vec![bob])
            .await
            .unwrap();
        assert_eq!(all[1].name.as_deref(), Some(name));
        sunshine
            .remove_participant(&cx(), &at, "bob")
            .await
            .unwrap();
    }
}
