//! Making and reading conversations.

use backend::{Kind, Write};
use conversation::{NewConversation, Status};
use futures_util::StreamExt as _;

use crate::bench::Bench;
use crate::builders::{full_conversation, held_conversation};
use crate::case::{Case, Need, Outcome, is_refused, level, nothing_to_say, word};
use crate::expect::{Must, not_found, refused};
use crate::json::{assert_kept, assert_same, from_members, members};

pub(super) const CASES: &[Case] = &[
    Case {
        rule: "the minimal create succeeds and gives an open conversation",
        needs: &[Need::Works("conversation_create")],
        run: |bench| Box::pin(minimal_create(bench)),
    },
    Case {
        rule: "a created conversation has every held field that was sent",
        needs: &[Need::Works("conversation_create")],
        run: |bench| Box::pin(created_fields(bench)),
    },
    Case {
        rule: "two creates make two conversations",
        needs: &[
            Need::Works("conversation_create"),
            Need::Works("conversation_get"),
        ],
        run: |bench| Box::pin(two_creates(bench)),
    },
    Case {
        rule: "a create that the backend cannot hold is refused and names the fields",
        needs: &[Need::Works("conversation_create")],
        run: |bench| Box::pin(refused_create(bench)),
    },
    Case {
        rule: "reading a created conversation gives what create gave",
        needs: &[
            Need::Works("conversation_create"),
            Need::Works("conversation_get"),
        ],
        run: |bench| Box::pin(read_created(bench)),
    },
    Case {
        rule: "several conversations are each read as if alone",
        needs: &[
            Need::Works("conversation_create"),
            Need::Works("conversation_get"),
        ],
        run: |bench| Box::pin(read_several(bench)),
    },
    Case {
        rule: "an unknown conversation is not found",
        needs: &[Need::Works("conversation_get")],
        run: |bench| Box::pin(unknown(bench)),
    },
    Case {
        rule: "a deleted conversation is not found",
        needs: &[
            Need::Works("conversation_get"),
            Need::Works("conversation_delete"),
        ],
        run: |bench| Box::pin(deleted(bench)),
    },
];

async fn read_several(bench: &Bench) -> Outcome {
    let (first, second) = (
        bench.create(NewConversation::default()).await,
        bench
            .create(held_conversation(&full_conversation(), &bench.capabilities))
            .await,
    );
    let at = [
        second.location.clone(),
        bench.missing.clone(),
        first.location.clone(),
    ];
    let cx = bench.cx();
    let mut several: Vec<_> = bench.backend.get_conversations(&cx, &at).collect().await;
    several.sort_by_key(|(place, _)| *place);
    let places: Vec<usize> = several.iter().map(|(place, _)| *place).collect();
    assert_eq!(places, [0, 1, 2], "each is told once");
    for (location, (_, read)) in at.iter().zip(several) {
        let alone = bench.backend.get_conversation(&bench.cx(), location).await;
        match (alone, read) {
            (Ok(alone), Ok(read)) => assert_eq!(read, alone),
            (Err(_), read) => not_found(read, "one of several that does not exist"),
            (Ok(_), read) => panic!("it can be read alone, and among others gives {read:?}"),
        }
    }
    Ok(())
}

async fn minimal_create(bench: &Bench) -> Outcome {
    let new: NewConversation = crate::json::read("{}");
    let created = bench.create(new).await;
    let conversation = created.conversation;
    assert_eq!(conversation.status, Status::Open);
    assert_eq!(
        conversation.id, created.location.id,
        "the conversation and its place have one id"
    );
    assert_eq!(
        conversation.backend, created.location.backend,
        "the conversation and its place have one backend"
    );
    assert_ne!(
        &*created.location.backend, "",
        "the place names its backend"
    );
    assert_ne!(
        &*created.location.native, "",
        "the place names the conversation there"
    );
    assert_eq!(conversation.title, None, "nobody gave it a title");
    assert!(
        conversation.updated_at >= conversation.created_at,
        "it did not change before it began"
    );
    Ok(())
}

async fn created_fields(bench: &Bench) -> Outcome {
    let new = held_conversation(&full_conversation(), &bench.capabilities);
    let created = bench.create(new.clone()).await;
    assert_kept(
        &members(&new),
        &members(&created.conversation),
        &[],
        "the created conversation",
    );
    let read = bench
        .backend
        .get_conversation(&bench.cx(), &created.location)
        .await
        .must("reading it");
    assert_kept(
        &members(&new),
        &members(&read),
        &[],
        "the conversation when read",
    );
    // A field whose neighbours are absent is held alone as well.
    for (name, value) in members(&new) {
        let alone: NewConversation = from_members(&[(name, value)].into_iter().collect());
        let created = bench.create(alone.clone()).await;
        assert_kept(
            &members(&alone),
            &members(&created.conversation),
            &[],
            "a conversation with only that",
        );
    }
    Ok(())
}

async fn two_creates(bench: &Bench) -> Outcome {
    let new = held_conversation(&full_conversation(), &bench.capabilities);
    let first = bench.create(new.clone()).await;
    let second = bench.create(new).await;
    assert_ne!(first.location.id, second.location.id);
    assert_ne!(first.location.native, second.location.native);
    for created in [&first, &second] {
        let read = bench
            .backend
            .get_conversation(&bench.cx(), &created.location)
            .await
            .must("reading one of them");
        assert_eq!(read.id, created.location.id);
    }
    Ok(())
}

async fn refused_create(bench: &Bench) -> Outcome {
    let mut tried = 0;
    for (name, value) in members(&full_conversation()) {
        let level = level(&bench.capabilities, &format!("conversation_{name}"));
        if !is_refused(level) {
            continue;
        }
        tried += 1;
        let pointer = format!("/{name}");
        let new: NewConversation = from_members(&[(name, value)].into_iter().collect());
        let what = format!("a conversation with `{pointer}` ({})", word(level));
        let error = refused(
            bench.backend.create_conversation(&bench.cx(), new).await,
            Kind::NotHeld,
            &what,
        );
        let named = error
            .violations
            .iter()
            .any(|violation| violation.pointer.starts_with(&pointer));
        assert!(named, "the refusal of {what} names the field: {error:?}");
    }
    if let Some(max) = bench.capabilities.limits.title_max_chars {
        tried += 1;
        let title = "é".repeat(usize::try_from(max).unwrap_or(usize::MAX).saturating_add(1));
        let new = NewConversation {
            title: Some(title.into()),
            ..NewConversation::default()
        };
        if bench
            .backend
            .preview(&Write::CreateConversation(new.clone()))
            .fates
            .is_empty()
        {
            panic!("preview says that a title beyond the limit of {max} characters is held");
        }
        let error = bench.backend.create_conversation(&bench.cx(), new).await;
        if let Err(error) = error {
            assert!(
                error
                    .violations
                    .iter()
                    .any(|violation| violation.pointer == "/title"),
                "{error:?}"
            );
        }
    }
    if tried == 0 {
        return Err(nothing_to_say(
            "backend holds every field of a conversation, without a limit",
        ));
    }
    Ok(())
}

async fn read_created(bench: &Bench) -> Outcome {
    for new in [
        NewConversation::default(),
        held_conversation(&full_conversation(), &bench.capabilities),
    ] {
        let created = bench.create(new).await;
        let read = bench
            .backend
            .get_conversation(&bench.cx(), &created.location)
            .await
            .must("reading it");
        assert_same(
            &members(&created.conversation),
            &members(&read),
            &[],
            "changed between create and read",
        );
        let again = bench
            .backend
            .get_conversation(&bench.cx().fresh(), &created.location)
            .await
            .must("reading it again");
        assert_same(
            &members(&read),
            &members(&again),
            &[],
            "changed between two reads",
        );
    }
    Ok(())
}

async fn unknown(bench: &Bench) -> Outcome {
    not_found(
        bench
            .backend
            .get_conversation(&bench.cx(), &bench.missing)
            .await,
        "reading an unknown conversation",
    );
    Ok(())
}

async fn deleted(bench: &Bench) -> Outcome {
    let at = bench.conversation().await;
    let other = bench.conversation().await;
    bench
        .backend
        .delete_conversation(&bench.cx(), &at, None)
        .await
        .must("deleting it");
    not_found(
        bench.backend.get_conversation(&bench.cx(), &at).await,
        "reading a deleted conversation",
    );
    not_found(
        bench
            .backend
            .get_conversation(&bench.cx().fresh(), &at)
            .await,
        "reading it past the cache",
    );
    bench
        .backend
        .get_conversation(&bench.cx(), &other)
        .await
        .must("reading another conversation");
    Ok(())
}
