//! Comparisons over the embedded store: what differs is named, and nothing else.

use backend::ports::{Finding, Sign};
use backend::{AttachmentContent, Context, Error, Kind, Location};
use conversation::{
    ConversationPatch, Digest, MessageId, NewConversation, Part, strict_digest,
    strict_message_digest,
};

use super::*;
use crate::testing::{Changed, World, cx, said, shown, subject};

/// Compares a conversation of a migration.
async fn compared(run: &Run, at: &Location) -> Compared {
    compare(run, &subject(run, at).await, Scope::Whole)
        .await
        .unwrap()
}

/// Findings as the lines of a check: sign, reason and message.
fn lines(findings: &[Finding]) -> Vec<String> {
    let line = |finding: &Finding| {
        let message = finding.message.as_ref().map(MessageId::to_string);
        format!(
            "{} {} {}",
            finding.sign.as_str(),
            finding.reason,
            message.unwrap_or_default()
        )
    };
    findings.iter().map(line).collect()
}

fn copying() -> Context {
    Context {
        copying: true,
        ..cx()
    }
}

/// A conversation with so many messages, its copy, and the ids of its messages.
async fn copied(world: &World, messages: usize) -> (Run, Location, Location, Vec<MessageId>) {
    let run = world.migration().await;
    let from = world.talk(messages).await;
    let to = world.copy(&run, &from).await;
    let ids = world.messages(&from).await;
    (run, from, to, ids.into_iter().map(|one| one.id).collect())
}

#[tokio::test]
async fn a_copy_is_equal_by_public_ids_and_its_digest_is_the_conversations() {
    let world = World::new();
    let run = world.migration().await;
    let new: NewConversation = testkit::builders::full_conversation();
    let from = world.conversation(new).await;
    world
        .say(
            &from,
            (0..450).map(|number| said(number, "words")).collect(),
        )
        .await;
    let to = world.copy(&run, &from).await;
    assert!(to.renamed);
    let found = compared(&run, &from).await;
    assert_eq!(lines(&found.findings), [""; 0]);
    assert_eq!((found.sign, found.messages), (Sign::Same, 450));
    let own = world.end("old").get_conversation(&cx(), &from).await;
    let messages = world.messages(&from).await;
    let digest = conversation::conversation_digest(
        Some(strict_digest(&own.unwrap())),
        messages.iter().map(strict_message_digest),
    );
    assert_eq!((found.source, found.target), (Some(digest), Some(digest)));
}

#[tokio::test]
async fn what_is_missing_extra_or_different_is_named_by_its_public_id() {
    let world = World::new();
    let (run, from, to, ids) = copied(&world, 450).await;
    let target = world.end("new");
    target
        .delete_message(&cx(), &to, &ids[3], None)
        .await
        .unwrap();
    let extra = world.say(&to, vec![said(200, "only there")]).await;
    let patch = serde_json::from_str(r#"{"metadata":{"odd":1}}"#).unwrap();
    target
        .update_message(&copying(), &to, &ids[7], patch, None)
        .await
        .unwrap();
    let found = compared(&run, &from).await;
    assert_eq!(found.sign, Sign::Different);
    assert_eq!(
        lines(&found.findings),
        [
            format!("* message-different {}", ids[7]),
            format!("- message-missing {}", ids[3]),
            format!("+ message-extra {}", extra[0]),
        ]
    );
    assert!(found.findings[0].detail.contains("/metadata"), "{found:?}");
    assert!(!found.findings[0].detail.contains("odd"));
    assert!(found.source.is_some() && found.target.is_some() && found.source != found.target);
}

#[tokio::test]
async fn one_at_another_place_is_named_once() {
    let world = World::new();
    let (run, from, to, ids) = copied(&world, 20).await;
    // Deleted and imported again with a time of its own, it stands at the end.
    let target = world.end("new");
    let message = target.get_message(&cx(), &to, &ids[2]).await.unwrap();
    target
        .delete_message(&cx(), &to, &ids[2], None)
        .await
        .unwrap();
    let mut again = crate::plan::new_message(message.clone());
    again.sent_at = said(5_000, "").sent_at;
    let put = target.import_messages(&copying(), &to, vec![again]).await;
    let native = put.unwrap().remove(0).unwrap().id;
    let step = backend::ports::Step {
        copied: vec![backend::ports::NewCopy {
            public: ids[2].clone(),
            native,
            digest: Digest::of(b""),
        }],
        ..backend::ports::Step::default()
    };
    let at = run.copy_at(from.id);
    let ledger = &run.parts.ledger;
    ledger.record(run.migration, &at, &step).await.unwrap();
    let found = compared(&run, &from).await;
    assert_eq!(
        lines(&found.findings),
        [
            format!("* message-out-of-order {}", ids[2]),
            format!("* message-different {}", ids[2]),
        ]
    );
    assert!(found.findings[1].detail.contains("/sent_at"));
}

#[tokio::test]
async fn own_fields_that_differ_are_named_without_what_they_hold() {
    let world = World::new();
    let (run, from, to, _) = copied(&world, 2).await;
    let patch: ConversationPatch =
        serde_json::from_str(r#"{"title":"a secret","labels":["x"]}"#).unwrap();
    let target = world.end("new");
    target
        .update_conversation(&cx(), &to, patch, None)
        .await
        .unwrap();
    for scope in [Scope::Whole, Scope::Newest] {
        let found = compare(&run, &subject(&run, &from).await, scope).await;
        let found = found.unwrap();
        assert_eq!(lines(&found.findings), ["* fields-different "]);
        assert_eq!(&*found.findings[0].detail, "differs in /labels, /title");
    }
}

#[tokio::test]
async fn files_are_compared_by_their_bytes() {
    let mut world = World::new();
    let run = world.migration().await;
    let from = world.talk(1).await;
    let (one, other) = (
        world.file_of(&from, "the same bytes").await,
        world.file_of(&from, "those of the source").await,
    );
    let shown = vec![shown(100, &one), shown(101, &other), shown(102, &other)];
    let ids = world.say(&from, shown).await;
    world.copy(&run, &from).await;
    assert_eq!(compared(&run, &from).await.sign, Sign::Same);
    world.wrap("new", |below| {
        let flipped = |content: AttachmentContent| {
            let mut bytes = content.bytes.to_vec();
            if bytes.starts_with(b"those") {
                bytes[9] ^= 1;
            }
            Ok(AttachmentContent {
                bytes: bytes.into(),
                ..content
            })
        };
        Changed::new(below).opening(flipped).shared()
    });
    let run = world.run(run.migration, crate::testing::spec());
    let found = compared(&run, &from).await;
    // Named once, where it is first shown.
    let expected = [format!("* attachment-different {}", ids[1])];
    assert_eq!(
        (found.sign, lines(&found.findings)),
        (Sign::Different, expected.into())
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_has_failed_and_is_not_equal() {
    let mut world = World::new();
    let from = world.talk(1).await;
    let file = world.file_of(&from, "bytes").await;
    let ids = world.say(&from, vec![shown(100, &file)]).await;
    let run = world.migration().await;
    world.copy(&run, &from).await;
    world.wrap("new", |below| {
        let refused = |_| Err(Error::new(Kind::Forbidden, "no such right"));
        Changed::new(below).opening(refused).shared()
    });
    let run = world.run(run.migration, crate::testing::spec());
    let found = compared(&run, &from).await;
    assert_eq!(found.sign, Sign::Failed);
    assert_eq!(
        lines(&found.findings),
        [format!("! attachment-unreadable {}", ids[0])]
    );
    assert!(found.findings[0].detail.contains("no such right"));
}

#[tokio::test]
async fn a_side_that_breaks_off_is_incomplete_and_nothing_is_missing() {
    let mut world = World::new();
    let (run, from, to, ids) = copied(&world, 450).await;
    let patch = serde_json::from_str(r#"{"metadata":{"odd":1}}"#).unwrap();
    let target = world.end("new");
    target
        .update_message(&copying(), &to, &ids[7], patch, None)
        .await
        .unwrap();
    for side in ["old", "new"] {
        let whole = world.parts.ends.get(side).unwrap();
        world.wrap(side, |below| {
            let error = Error::new(Kind::UpstreamAuth, "no longer yours");
            Changed::new(below).breaking_off(error).shared()
        });
        let run = world.run(run.migration, crate::testing::spec());
        let found = compared(&run, &from).await;
        assert_eq!(found.sign, Sign::Failed);
        assert_eq!((found.source, found.target), (None, None));
        assert_eq!(
            lines(&found.findings),
            [
                format!("* message-different {}", ids[7]),
                "! incomplete ".to_owned(),
            ]
        );
        let words = &found.findings[1].detail;
        assert!(words.contains("no longer yours"), "{words}");
        assert!(words.contains(if side == "old" { "source" } else { "target" }));
        world.parts.ends.put(side, whole);
    }
}

#[tokio::test]
async fn a_thousand_are_named_and_the_rest_is_counted() {
    let world = World::new();
    let (run, from, to, _) = copied(&world, 3).await;
    let more = (10..1_310).map(|number| said(number, "late")).collect();
    world.say(&from, more).await;
    let found = compared(&run, &from).await;
    assert_eq!(found.findings.len(), 1_001);
    let last = found.findings.last().unwrap();
    assert_eq!(
        (&*last.reason, &*last.detail),
        ("more", "300 more message-missing")
    );
    assert_eq!(found.messages, 1_303);
    drop(to);
}

#[tokio::test]
async fn the_newest_page_is_compared_by_itself() {
    let world = World::new();
    let (run, from, to, ids) = copied(&world, 120).await;
    let newest = async || {
        let found = compare(&run, &subject(&run, &from).await, Scope::Newest).await;
        found.unwrap()
    };
    let same = newest().await;
    assert_eq!((same.sign, same.messages), (Sign::Same, 50));
    // What is further back is no matter here.
    let target = world.end("new");
    target
        .delete_message(&cx(), &to, &ids[3], None)
        .await
        .unwrap();
    assert_eq!(newest().await.sign, Sign::Same);
    target
        .delete_message(&cx(), &to, &ids[118], None)
        .await
        .unwrap();
    let late = world.say(&from, vec![said(900, "late")]).await;
    assert_eq!(
        lines(&newest().await.findings),
        [
            format!("- message-missing {}", late[0]),
            format!("- message-missing {}", ids[118]),
        ]
    );
}

#[tokio::test]
async fn a_conversation_of_one_side_has_that_sides_digest() {
    let world = World::new();
    let (run, from, to, _) = copied(&world, 3).await;
    let never = world.talk(2).await;
    let found = compared(&run, &never).await;
    assert_eq!(lines(&found.findings), ["- conversation-missing "]);
    assert!(found.source.is_some() && found.target.is_none());
    world
        .end("new")
        .delete_conversation(&cx(), &to, None)
        .await
        .unwrap();
    let found = compared(&run, &from).await;
    assert_eq!(lines(&found.findings), ["- conversation-missing "]);
    assert_eq!((found.sign, found.messages), (Sign::Missing, 3));
}

#[tokio::test]
async fn a_byte_changed_in_the_database_names_its_message() {
    let world = World::new();
    let run = world.migration().await;
    let from = world.talk(120).await;
    let needle = "the one that is changed";
    let ids = world.say(&from, vec![said(60, needle)]).await;
    world.copy(&run, &from).await;
    assert_eq!(compared(&run, &from).await.sign, Sign::Same);
    let mut world = world;
    // Both sides lie in one file: one of the two, then the other one.
    for place in 0..2 {
        world = world
            .reopened(|file| flip(&file, needle.as_bytes(), place))
            .await;
        let run = world.run(run.migration, crate::testing::spec());
        let found = compared(&run, &from).await;
        assert_eq!(
            lines(&found.findings),
            [format!("* message-different {}", ids[0])]
        );
        assert_eq!(&*found.findings[0].detail, "differs in /parts");
        world = world
            .reopened(|file| flip(&file, needle.as_bytes(), place))
            .await;
    }
}

/// Changes, or changes back, the last byte of the words at the `place`th place where they stand in a file.
fn flip(file: &std::path::Path, words: &[u8], place: usize) {
    let mut bytes = std::fs::read(file).unwrap();
    let stem = &words[..words.len() - 1];
    let places: Vec<usize> = bytes
        .windows(stem.len())
        .enumerate()
        .filter_map(|(at, window)| (window == stem).then_some(at))
        .collect();
    assert_eq!(places.len(), 2, "the words stand once on each side");
    bytes[places[place] + stem.len()] ^= 1;
    std::fs::write(file, bytes).unwrap();
}

#[tokio::test]
async fn every_part_is_compared() {
    let world = World::new();
    let run = world.migration().await;
    let from = world.talk(0).await;
    let mut whole = testkit::builders::full_message();
    whole.in_reply_to = None;
    whole.parts.retain(|part| !matches!(part, Part::Quote(_)));
    world.say(&from, vec![whole]).await;
    world.copy(&run, &from).await;
    let found = compared(&run, &from).await;
    assert_eq!(found.findings, []);
}
