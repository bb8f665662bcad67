//! Who takes part.

use backend::{Kind, Location, Result};
use conversation::{NewConversation, Participant, ParticipantKind};

use crate::bench::Bench;
use crate::builders::full_conversation;
use crate::case::{Case, Need, Outcome};
use crate::expect::{Must, not_found, refused};

const CHANGES: &[Need] = &[
    Need::Works("conversation_create"),
    Need::Held("conversation_participants"),
    Need::Works("participant_list"),
    Need::Works("participant_add"),
];
const REMOVES: &[Need] = &[
    Need::Works("conversation_create"),
    Need::Held("conversation_participants"),
    Need::Works("participant_list"),
    Need::Works("participant_remove"),
];

pub(super) const CASES: &[Case] = &[
    Case {
        rule: "participants of a created conversation are listed",
        needs: &[
            Need::Works("conversation_create"),
            Need::Held("conversation_participants"),
            Need::Works("participant_list"),
        ],
        run: |bench| Box::pin(created(bench)),
    },
    Case {
        rule: "an added participant is listed and has an id",
        needs: CHANGES,
        run: |bench| Box::pin(added(bench)),
    },
    Case {
        rule: "adding a participant whose id is taken is a conflict",
        needs: CHANGES,
        run: |bench| Box::pin(taken(bench)),
    },
    Case {
        rule: "a removed participant is no longer listed",
        needs: REMOVES,
        run: |bench| Box::pin(removed(bench)),
    },
    Case {
        rule: "removing an unknown participant is not found",
        needs: REMOVES,
        run: |bench| Box::pin(unknown(bench)),
    },
];

/// A conversation with two participants.
async fn with_two(bench: &Bench) -> (Location, Vec<Participant>) {
    let participants = full_conversation().participants;
    let new = NewConversation {
        participants: participants.clone(),
        ..NewConversation::default()
    };
    (bench.create(new).await.location, participants)
}

async fn list(bench: &Bench, at: &Location) -> Vec<Participant> {
    bench
        .backend
        .list_participants(&bench.cx(), at)
        .await
        .must("listing participants")
}

async fn add(bench: &Bench, at: &Location, new: Participant) -> Result<Vec<Participant>> {
    bench
        .backend
        .add_participants(&bench.cx(), at, vec![new])
        .await
}

fn nameless(name: &str) -> Participant {
    Participant {
        kind: ParticipantKind::Person,
        name: Some(name.into()),
        ..Participant::default()
    }
}

async fn created(bench: &Bench) -> Outcome {
    let (at, participants) = with_two(bench).await;
    assert_eq!(list(bench, &at).await, participants);
    let conversation = bench
        .backend
        .get_conversation(&bench.cx(), &at)
        .await
        .must("reading it");
    assert_eq!(
        conversation.participants, participants,
        "the conversation names the same"
    );
    let alone = bench.conversation().await;
    assert_ne!(
        list(bench, &alone).await,
        participants,
        "each conversation has its own"
    );
    not_found(
        bench
            .backend
            .list_participants(&bench.cx(), &bench.missing)
            .await,
        "participants of nothing",
    );
    let new = NewConversation {
        participants: vec![nameless("No id")],
        ..NewConversation::default()
    };
    let made = bench.create(new).await.location;
    assert!(
        list(bench, &made)
            .await
            .iter()
            .all(|participant| participant.id.is_some()),
        "everybody has an id"
    );
    Ok(())
}

async fn added(bench: &Bench) -> Outcome {
    let (at, before) = with_two(bench).await;
    let with_id = Participant {
        id: Some("observer-1".into()),
        ..nameless("Olga")
    };
    for new in [with_id.clone(), nameless("Somebody"), nameless("Somebody")] {
        let known = list(bench, &at).await;
        let all = add(bench, &at, new.clone())
            .await
            .must("adding a participant");
        assert_eq!(list(bench, &at).await, all, "adding returns all");
        assert_eq!(all.len(), known.len() + 1);
        let added: Vec<&Participant> = all
            .iter()
            .filter(|participant| !known.contains(participant))
            .collect();
        let [added] = added[..] else {
            panic!("one is new: {added:?}")
        };
        assert_eq!(added.name, new.name);
        let id = added.id.as_deref().unwrap_or_default();
        assert_ne!(id, "", "an added participant has an id");
        assert!(new.id.is_none() || new.id == added.id, "a given id is kept");
    }
    let all = list(bench, &at).await;
    assert!(
        before.iter().all(|participant| all.contains(participant)),
        "the others stay as they are"
    );
    not_found(
        add(bench, &bench.missing, with_id).await,
        "adding to an unknown conversation",
    );
    Ok(())
}

async fn taken(bench: &Bench) -> Outcome {
    let (at, before) = with_two(bench).await;
    let new = Participant {
        id: before[0].id.clone(),
        ..nameless("An impostor")
    };
    refused(
        add(bench, &at, new).await,
        Kind::Conflict,
        "adding a participant whose id is taken",
    );
    assert_eq!(list(bench, &at).await, before, "a refusal changes nothing");
    let twin = Participant {
        id: Some("twin".into()),
        ..nameless("Twin")
    };
    let result = bench
        .backend
        .add_participants(&bench.cx(), &at, vec![twin.clone(), twin])
        .await;
    // A request at odds with itself: wrong as such, or in conflict with its first half.
    let error = result.expect_err("two participants with one id");
    let fits = matches!(error.kind, Kind::Conflict | Kind::InvalidRequest);
    assert!(fits, "adding two participants with one id: {error:?}");
    assert_eq!(list(bench, &at).await, before, "a refusal changes nothing");
    Ok(())
}

async fn removed(bench: &Bench) -> Outcome {
    let (at, before) = with_two(bench).await;
    let id = before[0].id.clone().unwrap_or_default();
    bench
        .backend
        .remove_participant(&bench.cx(), &at, &id)
        .await
        .must("removing a participant");
    assert_eq!(list(bench, &at).await, before[1..], "the other stays");
    not_found(
        bench
            .backend
            .remove_participant(&bench.cx(), &at, &id)
            .await,
        "removing it again",
    );
    Ok(())
}

async fn unknown(bench: &Bench) -> Outcome {
    let (at, before) = with_two(bench).await;
    for id in ["nobody", "", "a/b", "\0"] {
        let result = bench.backend.remove_participant(&bench.cx(), &at, id).await;
        not_found(result, &format!("removing the participant {id:?}"));
    }
    let result = bench
        .backend
        .remove_participant(&bench.cx(), &bench.missing, "nobody")
        .await;
    not_found(result, "removing from an unknown conversation");
    assert_eq!(list(bench, &at).await, before, "nobody was removed");
    Ok(())
}
