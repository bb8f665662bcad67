//! Participants: one address each, ids made of it.

use backend::{Backend, Kind};
use conversation::{ConversationPatch, Participant, ParticipantKind, Patch, Side};
use convore::wire::MessageParticipantRole;

use crate::fake::Fault;
use crate::support::{
    by_mail, create_with, cx, email, inbound, missing, outbound, pair, somebody, strict,
};

fn named(name: &str) -> Participant {
    Participant {
        name: Some(name.into()),
        side: Some(Side::Customer),
        ..Participant::default()
    }
}

#[tokio::test]
async fn addresses_make_ids_and_roles_make_sides() {
    let (_fake, convore) = pair().await;
    let at = create_with(&convore, by_mail()).await;
    let found = convore.list_participants(&cx(), &at).await.unwrap();
    let wanted = [
        Participant {
            id: Some("email:bo@example.test".into()),
            ..somebody("Bo", "bo@example.test", Side::Customer)
        },
        Participant {
            id: Some("email:ana@example.test".into()),
            ..somebody("Ana", "ana@example.test", Side::Business)
        },
    ];
    assert_eq!(found, wanted);
}

#[tokio::test]
async fn participants_are_added_and_removed() {
    let (_fake, convore) = pair().await;
    let at = create_with(&convore, by_mail()).await;
    let before = convore.list_participants(&cx(), &at).await.unwrap();
    // A name of its own, an id of its own, an address, and two that only have a name.
    let with_id = Participant {
        id: Some("observer-1".into()),
        ..named("Olga")
    };
    for new in [
        with_id.clone(),
        somebody("Cy", "cy@example.test", Side::Customer),
        named("Somebody"),
        named("Somebody"),
    ] {
        let known = convore.list_participants(&cx(), &at).await.unwrap();
        let all = convore
            .add_participants(&cx(), &at, vec![new.clone()])
            .await
            .unwrap();
        assert_eq!(all.len(), known.len() + 1);
        let added = all.last().unwrap();
        assert_eq!(added.name, new.name);
        assert!(added.id.is_some() && (new.id.is_none() || new.id == added.id));
        assert_eq!(convore.list_participants(&cx(), &at).await.unwrap(), all);
    }
    let error = convore
        .add_participants(&cx(), &at, vec![with_id])
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::Conflict);
    let same_address = somebody("Bob", "bo@example.test", Side::Customer);
    let error = convore
        .add_participants(&cx(), &at, vec![same_address])
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::Conflict);

    convore
        .remove_participant(&cx(), &at, "observer-1")
        .await
        .unwrap();
    for id in ["observer-1", "nobody", "", "a/b", "\0"] {
        let error = convore
            .remove_participant(&cx(), &at, id)
            .await
            .unwrap_err();
        assert_eq!(error.kind, Kind::NotFound, "{id:?}");
    }
    let left = convore.list_participants(&cx(), &at).await.unwrap();
    assert_eq!(left[..2], before);
    assert_eq!(left.len(), 5);
    let error = convore
        .list_participants(&cx(), &missing())
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
}

#[tokio::test]
async fn what_convore_does_not_hold_of_people_is_refused_by_name() {
    let (fake, convore) = pair().await;
    let at = create_with(&convore, by_mail()).await;
    let before = fake.requests().len();
    let full = Participant {
        id: Some("customer-1".into()),
        kind: ParticipantKind::Person,
        side: Some(Side::Customer),
        name: Some("Ann".into()),
        avatar_url: Some("https://files.example/ann.png".into()),
        handles: vec![
            email("ann@a.example"),
            email("ann@b.example"),
            conversation::Handle {
                kind: "phone".into(),
                value: "+41441234567".into(),
            },
        ],
    };
    let error = convore
        .add_participants(&cx(), &at, vec![full])
        .await
        .unwrap_err();
    let pointers: Vec<&str> = error
        .violations
        .iter()
        .map(|one| one.pointer.as_str())
        .collect();
    assert_eq!(
        pointers,
        [
            "/participants/0/avatar_url",
            "/participants/0/handles/1",
            "/participants/0/handles/2"
        ]
    );
    assert!(
        fake.requests()[before..]
            .iter()
            .all(|asked| asked.method == "GET")
    );
    // An id beside an address is converted: refused only where nothing may be.
    let with_both = Participant {
        id: Some("customer-1".into()),
        ..somebody("Ann", "ann@a.example", Side::Customer)
    };
    let error = convore
        .add_participants(&strict(), &at, vec![with_both.clone()])
        .await;
    assert_eq!(
        error.unwrap_err().violations[0].pointer,
        "/participants/0/id"
    );
    let all = convore
        .add_participants(&cx(), &at, vec![with_both])
        .await
        .unwrap();
    assert_eq!(all[2].id.as_deref(), Some("email:ann@a.example"));
}

#[tokio::test]
async fn an_update_keeps_what_is_known_of_those_who_stay() {
    let (fake, convore) = pair().await;
    let at = create_with(&convore, by_mail()).await;
    fake.change(&at.native, |row| {
        let mut copied = row.participants[0].clone();
        copied.handle.value = "cy@example.test".to_owned();
        copied.role = MessageParticipantRole::Bcc;
        row.participants.push(copied);
    });
    let mut participants = convore.list_participants(&cx(), &at).await.unwrap();
    participants.remove(0);
    participants[1].name = Some("Cyril".into());
    let patch = ConversationPatch {
        participants: Patch::Set(participants),
        ..ConversationPatch::default()
    };
    convore
        .update_conversation(&cx(), &at, patch, None)
        .await
        .unwrap();
    let stored = fake.conversation(&at.native).unwrap().participants;
    let shown: Vec<(&str, &str)> = stored
        .iter()
        .map(|one| (one.handle.value.as_str(), one.role.as_str()))
        .collect();
    assert_eq!(
        shown,
        [("ana@example.test", "to"), ("cy@example.test", "bcc")]
    );
    assert_eq!(stored[1].name.value().map(String::as_str), Some("Cyril"));
}

#[tokio::test]
async fn nothing_that_only_answers_have_is_sent_back() {
    let (fake, convore) = pair().await;
    let at = create_with(&convore, by_mail()).await;
    // `null` for a name, members that the vendor adds, and somebody in two roles. The fake's description refuses the
    // first two in requests.
    let edit = |row: &mut serde_json::Value| {
        let people = row["participants"].as_array_mut().unwrap();
        people[0]["name"] = serde_json::Value::Null;
        people[0]["contact_id"] = "cntct_1".into();
        people[0]["handle"]["verified"] = true.into();
        if people.len() == 2 {
            people.push(people[0].clone());
            people[2]["role"] = "cc".into();
        }
    };
    let odd = || fake.inject("GET", "/v1/conversations/", Fault::Edited(edit));
    let roles = || {
        let stored = fake.conversation(&at.native).unwrap().participants;
        let roles = stored.iter().map(|one| one.role.as_str().to_owned());
        roles.collect::<Vec<_>>()
    };
    odd();
    let cy = somebody("Cy", "cy@example.test", Side::Customer);
    convore
        .add_participants(&cx(), &at, vec![cy])
        .await
        .unwrap();
    assert_eq!(roles(), ["from", "to", "cc", "from"]);
    odd();
    convore
        .remove_participant(&cx(), &at, "email:cy@example.test")
        .await
        .unwrap();
    assert_eq!(roles(), ["from", "to", "cc"]);
    odd();
    let patch = ConversationPatch {
        participants: Patch::Set(convore.list_participants(&cx(), &at).await.unwrap()),
        ..ConversationPatch::default()
    };
    odd();
    convore
        .update_conversation(&cx(), &at, patch, None)
        .await
        .unwrap();
    // As sender of what a customer says, and as recipient of a first message.
    for new in [outbound("welcome"), inbound("hello")] {
        odd();
        convore.post_message(&cx(), &at, new).await.unwrap();
    }
}

#[tokio::test]
async fn a_kind_of_participant_tells_the_side_and_is_not_kept() {
    let (_fake, convore) = pair().await;
    let of_kind = |kind, address: &str| Participant {
        kind,
        side: None,
        ..somebody("X", address, Side::Customer)
    };
    let new = conversation::NewConversation {
        participants: vec![
            of_kind(ParticipantKind::Person, "a@example.test"),
            of_kind(ParticipantKind::Assistant, "b@example.test"),
        ],
        ..by_mail()
    };
    let error = convore
        .create_conversation(&strict(), new.clone())
        .await
        .unwrap_err();
    assert_eq!(error.violations[0].pointer, "/participants/0/kind");
    let at = create_with(&convore, new).await;
    let found = convore.list_participants(&cx(), &at).await.unwrap();
    let sides: Vec<_> = found.iter().map(|one| one.side.clone()).collect();
    assert_eq!(sides, [Some(Side::Customer), Some(Side::Business)]);
    assert!(found.iter().all(|one| one.kind == ParticipantKind::Unknown));
}
