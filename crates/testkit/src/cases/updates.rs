//! Changing conversations.

use backend::{Fate, Kind, Precondition, Write};
use conversation::{Conversation, ConversationPatch, NewConversation, Patch, RawJson, etag};

use crate::bench::Bench;
use crate::builders::{full_conversation, held_conversation};
use crate::case::{Case, Need, Outcome, is_held, skip};
use crate::expect::{Must, not_found, refused};
use crate::json::{assert_kept, assert_same, members, read};

const NEEDS: &[Need] = &[
    Need::Works("conversation_create"),
    Need::Works("conversation_get"),
    Need::Works("conversation_update"),
];

pub(super) const CASES: &[Case] = &[
    Case {
        rule: "an update changes what it names and keeps the rest",
        needs: NEEDS,
        run: |bench| Box::pin(named_fields_change(bench)),
    },
    Case {
        rule: "null in an update clears a field",
        needs: NEEDS,
        run: |bench| Box::pin(null_clears(bench)),
    },
    Case {
        rule: "metadata merges member by member",
        needs: &[
            Need::Works("conversation_create"),
            Need::Works("conversation_update"),
            Need::Held("conversation_metadata"),
        ],
        run: |bench| Box::pin(metadata_merges(bench)),
    },
    Case {
        rule: "an empty update changes nothing",
        needs: NEEDS,
        run: |bench| Box::pin(empty_update(bench)),
    },
    Case {
        rule: "an update of an unknown conversation is not found",
        needs: NEEDS,
        run: |bench| Box::pin(unknown(bench)),
    },
    Case {
        rule: "an update whose precondition fails changes nothing",
        needs: NEEDS,
        run: |bench| Box::pin(failed_precondition(bench)),
    },
    Case {
        rule: "an update whose precondition holds succeeds",
        needs: NEEDS,
        run: |bench| Box::pin(held_precondition(bench)),
    },
];

/// What changes by itself with every write. Where callers' extensions are not held, what stands there is the vendor's
/// own view of the same fields.
fn moves(bench: &Bench) -> Vec<&'static str> {
    if is_held(bench.capabilities.conversation_extensions) {
        vec!["updated_at"]
    } else {
        vec!["updated_at", "extensions"]
    }
}

/// One patch for each field, as JSON: a new value, none at its default.
const CHANGES: &[(&str, &str)] = &[
    ("title", r#"{"title":"changed title"}"#),
    ("description", r#"{"description":"changed description"}"#),
    ("status", r#"{"status":"archived"}"#),
    ("priority", r#"{"priority":"urgent"}"#),
    ("labels", r#"{"labels":["changed","second"]}"#),
    (
        "participants",
        r#"{"participants":[{"id":"changed-1","kind":"person","side":"customer","name":"Bob"}]}"#,
    ),
    ("owner", r#"{"owner":"changed-owner"}"#),
    (
        "icon_url",
        r#"{"icon_url":"https://files.example/changed.png"}"#,
    ),
    ("kind", r#"{"kind":"mail"}"#),
];

/// The patches that the backend carries out exactly.
fn exact_changes(bench: &Bench) -> Vec<(&'static str, ConversationPatch)> {
    let patches = CHANGES
        .iter()
        .map(|(name, patch)| (*name, read::<ConversationPatch>(patch)));
    patches
        .filter(|(_, patch)| is_exact(bench, patch))
        .collect()
}

fn is_exact(bench: &Bench, patch: &ConversationPatch) -> bool {
    let fates = bench
        .backend
        .preview(&Write::UpdateConversation(patch.clone()))
        .fates;
    fates
        .iter()
        .all(|fate| matches!(fate.fate, Fate::Exact | Fate::Overlay))
}

/// A patch that the backend carries out exactly, and the field that it changes.
fn some_change(bench: &Bench) -> Result<(&'static str, ConversationPatch), crate::case::Skip> {
    exact_changes(bench)
        .into_iter()
        .next()
        .ok_or_else(|| skip("backend can change no field of a conversation exactly"))
}

async fn created(bench: &Bench) -> backend::Located {
    bench
        .create(held_conversation(&full_conversation(), &bench.capabilities))
        .await
}

async fn get(bench: &Bench, at: &backend::Location) -> Conversation {
    bench
        .backend
        .get_conversation(&bench.cx().fresh(), at)
        .await
        .must("reading the conversation")
}

async fn update(
    bench: &Bench,
    at: &backend::Location,
    patch: ConversationPatch,
    precondition: Option<&Precondition>,
) -> backend::Result<Conversation> {
    bench
        .backend
        .update_conversation(&bench.cx(), at, patch, precondition)
        .await
}

fn representation_etag(conversation: &Conversation) -> String {
    etag(
        serde_json::to_string(conversation)
            .unwrap_or_default()
            .as_bytes(),
    )
}

async fn named_fields_change(bench: &Bench) -> Outcome {
    some_change(bench)?;
    let at = created(bench).await.location;
    for (name, patch) in exact_changes(bench) {
        let before = members(&get(bench, &at).await);
        let wanted = members(&patch);
        let answer = members(
            &update(bench, &at, patch, None)
                .await
                .must(&format!("changing `{name}`")),
        );
        let after = members(&get(bench, &at).await);
        assert_kept(&wanted, &after, &[], "the conversation after the update");
        assert_same(
            &answer,
            &after,
            &[],
            "differs between the update's answer and a read",
        );
        let mut moves = moves(bench);
        moves.push(name);
        assert_same(
            &before,
            &after,
            &moves,
            &format!("changed though only `{name}` was named"),
        );
    }
    Ok(())
}

async fn null_clears(bench: &Bench) -> Outcome {
    let full = held_conversation(&full_conversation(), &bench.capabilities);
    let mut cleared = 0;
    for name in [
        "title",
        "description",
        "priority",
        "labels",
        "participants",
        "owner",
        "icon_url",
        "assistant",
        "metadata",
    ] {
        let patch: ConversationPatch = read(&format!("{{\"{name}\":null}}"));
        let sent = members(&full).contains_key(name);
        if !sent || !is_exact(bench, &patch) {
            continue;
        }
        cleared += 1;
        let at = bench.create(full.clone()).await.location;
        let before = members(&get(bench, &at).await);
        assert!(before.contains_key(name), "`{name}` was set");
        update(bench, &at, patch, None)
            .await
            .must(&format!("clearing `{name}`"));
        let after = members(&get(bench, &at).await);
        assert_eq!(after.get(name), None, "`{name}` after it was cleared");
        let mut moves = moves(bench);
        moves.push(name);
        assert_same(
            &before,
            &after,
            &moves,
            &format!("changed though only `{name}` was cleared"),
        );
    }
    if cleared == 0 {
        return Err(skip("backend can clear no field of a conversation exactly"));
    }
    Ok(())
}

async fn metadata_merges(bench: &Bench) -> Outcome {
    let new = NewConversation {
        metadata: read(r#"{"a":1,"b":{"c":2,"d":[3,4]},"kept":"x \" y"}"#),
        ..NewConversation::default()
    };
    let at = bench.create(new).await.location;
    let patch = ConversationPatch {
        metadata: Patch::Set(read(r#"{"a":null,"b":{"c":9,"e":{"f":1}},"g":[5]}"#)),
        ..ConversationPatch::default()
    };
    update(bench, &at, patch, None)
        .await
        .must("merging metadata");
    let after = bench
        .backend
        .get_conversation(&bench.cx().fresh(), &at)
        .await
        .must("reading it");
    let wanted: conversation::JsonMap =
        read(r#"{"b":{"c":9,"d":[3,4],"e":{"f":1}},"g":[5],"kept":"x \" y"}"#);
    assert_eq!(after.metadata, wanted);
    let patch = ConversationPatch {
        metadata: Patch::Set(
            [("b".into(), RawJson::string("flat"))]
                .into_iter()
                .collect(),
        ),
        ..ConversationPatch::default()
    };
    let changed = update(bench, &at, patch, None)
        .await
        .must("replacing one member");
    assert_eq!(changed.metadata.get("b"), Some(&RawJson::string("flat")));
    assert_eq!(changed.metadata.len(), 3, "the other members stay");
    Ok(())
}

async fn empty_update(bench: &Bench) -> Outcome {
    let at = created(bench).await.location;
    let before = members(&get(bench, &at).await);
    let answer = update(bench, &at, ConversationPatch::default(), None)
        .await
        .must("an empty update");
    assert_same(
        &before,
        &members(&answer),
        &[],
        "changed by an empty update",
    );
    assert_same(
        &before,
        &members(&get(bench, &at).await),
        &[],
        "changed by an empty update",
    );
    Ok(())
}

async fn unknown(bench: &Bench) -> Outcome {
    let patch =
        some_change(bench).map_or_else(|_| ConversationPatch::default(), |(_, patch)| patch);
    not_found(
        update(bench, &bench.missing, patch, None).await,
        "changing an unknown conversation",
    );
    Ok(())
}

async fn failed_precondition(bench: &Bench) -> Outcome {
    let (name, patch) = some_change(bench)?;
    let at = created(bench).await.location;
    let before = get(bench, &at).await;
    let other = Precondition::Matches(vec!["0".repeat(32), etag(b"another representation")]);
    let result = update(bench, &at, patch.clone(), Some(&other)).await;
    refused(
        result,
        Kind::PreconditionFailed,
        &format!("changing `{name}` of another state"),
    );
    assert_same(
        &members(&before),
        &members(&get(bench, &at).await),
        &[],
        "changed though the precondition failed",
    );
    // A validator is good once: what it stood for is gone after the first change.
    let current = Precondition::Matches(vec![representation_etag(&before)]);
    update(bench, &at, patch, Some(&current))
        .await
        .must("changing the state that was read");
    let late = read::<ConversationPatch>(
        CHANGES
            .iter()
            .find(|(field, _)| *field == name)
            .map_or("{}", |(_, json)| json),
    );
    refused(
        update(bench, &at, late, Some(&current)).await,
        Kind::PreconditionFailed,
        "using the old validator again",
    );
    Ok(())
}

async fn held_precondition(bench: &Bench) -> Outcome {
    let (name, patch) = some_change(bench)?;
    let at = created(bench).await.location;
    let before = get(bench, &at).await;
    let wanted = members(&patch);
    let current = Precondition::Matches(vec!["0".repeat(32), representation_etag(&before)]);
    let changed = update(bench, &at, patch.clone(), Some(&current))
        .await
        .must("changing the state that was read");
    assert_kept(&wanted, &members(&changed), &[], "the changed conversation");
    assert_ne!(
        members(&changed).get(name),
        members(&before).get(name),
        "`{name}` changed"
    );
    update(bench, &at, patch, Some(&Precondition::Exists))
        .await
        .must("changing one that exists");
    Ok(())
}
