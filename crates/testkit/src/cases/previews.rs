//! What a backend says of a write before it is sent.

use backend::{Fate, Level, RespondRequest, Write};
use conversation::{JsonMap, NewConversation, NewMessage, Part, RawJson, Role, text_of};

use crate::bench::Bench;
use crate::builders::{IMPORT_ONLY, every_part, full_conversation, full_message};
use crate::case::{Case, Need, Outcome, level, word};
use crate::expect::Must;
use crate::json::{fate_of, from_members, member, members};

pub(super) const CASES: &[Case] = &[Case {
    rule: "preview names every field that is not held exactly",
    needs: &[Need::Works("conversation_create")],
    run: |bench| Box::pin(preview_is_honest(bench)),
}];

/// The fates of a field that a capability allows; none where the level leaves it to the value.
fn promised(level: Level) -> &'static [Fate] {
    match level {
        Level::Full => &[Fate::Exact],
        // Held exactly, by the backend or beside it.
        Level::Overlay => &[Fate::Exact, Fate::Overlay],
        Level::Converted => &[Fate::Converted],
        Level::Rejected | Level::None => &[Fate::Rejected],
        Level::Partial => &[],
    }
}

/// Expects the fate of one field to be what its capability promises.
fn assert_promised(bench: &Bench, write: Write, pointer: &str, capability: &str) {
    let level = level(&bench.capabilities, capability);
    let projection = bench.backend.preview(&write);
    // What is kept as a whole is kept with all its fields, also with those that the backend could hold.
    let is_kept_whole = match &write {
        Write::PostMessage(_) => bench.capabilities.message_post == Level::Overlay,
        Write::ImportMessage(_) => bench.capabilities.message_import == Level::Overlay,
        _ => false,
    };
    let promised = match level {
        Level::Full if is_kept_whole => promised(Level::Overlay),
        _ => promised(level),
    };
    if !promised.is_empty() {
        let fate = fate_of(&projection.fates, pointer);
        assert!(
            promised.contains(&fate),
            "the fate {fate:?} of `{pointer}` where `{capability}` is {}: {write:?}",
            word(level)
        );
    }
    for fate in &projection.fates {
        assert!(fate.pointer.starts_with('/'), "a JSON pointer: {fate:?}");
        assert!(!fate.detail.is_empty(), "words for a person: {fate:?}");
    }
}

async fn preview_is_honest(bench: &Bench) -> Outcome {
    let full = members(&full_conversation());
    for (name, value) in &full {
        let alone: NewConversation =
            from_members(&[(name.clone(), value.clone())].into_iter().collect());
        let write = Write::CreateConversation(alone);
        assert_promised(
            bench,
            write,
            &format!("/{name}"),
            &format!("conversation_{name}"),
        );
    }
    let posts = bench.capabilities.message_post.works();
    let imports = bench.capabilities.message_import.works();
    for (name, value) in members(&full_message()) {
        if matches!(&*name, "parts" | "role" | "direction") {
            continue;
        }
        let mut alone = members(&NewMessage::text(Role::User, "words"));
        alone.insert(name.clone(), value);
        let (pointer, capability) = (format!("/{name}"), format!("message_{name}"));
        if posts && !IMPORT_ONLY.contains(&&*name) {
            assert_promised(
                bench,
                Write::PostMessage(from_members(&alone)),
                &pointer,
                &capability,
            );
        }
        if imports {
            assert_promised(
                bench,
                Write::ImportMessage(from_members(&alone)),
                &pointer,
                &capability,
            );
        }
    }
    for part in every_part() {
        let capability = format!("part_{}", part.type_name());
        let new = NewMessage::of(Role::User, vec![part]);
        if posts {
            assert_promised(
                bench,
                Write::PostMessage(new.clone()),
                "/parts",
                &capability,
            );
        }
        if imports {
            assert_promised(
                bench,
                Write::ImportMessage(new.clone()),
                "/parts",
                &capability,
            );
        }
        // A backend's AI answers words: nothing that is kept beside it makes a question of a part without any.
        let is_question = !text_of(&new.parts).is_empty()
            || level(&bench.capabilities, &capability) != Level::Overlay;
        if bench.capabilities.respond.works() && is_question {
            let request = RespondRequest {
                input: Some(new),
                ..RespondRequest::default()
            };
            assert_promised(bench, Write::Respond(request), "/input/parts", &capability);
        }
    }
    preview_and_what_is_read(bench, &full).await
}

/// Sends what preview would really send, and compares what is read with what was wanted.
async fn preview_and_what_is_read(bench: &Bench, wanted: &JsonMap) -> Outcome {
    let projection = bench
        .backend
        .preview(&Write::CreateConversation(full_conversation()));
    let Write::CreateConversation(sent) = projection.write else {
        panic!("preview turned a create into another write")
    };
    let created = bench.create(sent).await;
    let seen = bench
        .backend
        .get_conversation(&bench.cx(), &created.location)
        .await
        .must("reading it");
    assert_named(wanted, &members(&seen), &projection.fates);

    if bench.capabilities.message_post.works() {
        let mut posted = full_message();
        for name in IMPORT_ONLY {
            posted = without(&posted, name);
        }
        posted.parts = every_part();
        let projection = bench.backend.preview(&Write::PostMessage(posted.clone()));
        let Write::PostMessage(sent) = projection.write else {
            panic!("preview turned a post into another write")
        };
        if sent.parts.is_empty() {
            return Ok(());
        }
        let stored = bench
            .backend
            .post_message(&bench.cx(), &created.location, sent)
            .await
            .must("posting what preview said");
        assert_named(&members(&posted), &members(&stored), &projection.fates);
    }
    Ok(())
}

fn without(message: &NewMessage, name: &str) -> NewMessage {
    let mut members = members(message);
    members.remove(name);
    from_members(&members)
}

/// Expects every member that differs to be named, and every member that is not named to be equal.
#[track_caller]
fn assert_named(wanted: &JsonMap, seen: &JsonMap, fates: &[backend::FieldFate]) {
    for (name, value) in wanted {
        let fate = fate_of(fates, &format!("/{name}"));
        if &**name == "parts" {
            assert_parts_named(value, seen.get(name), fates);
        } else if matches!(fate, Fate::Exact | Fate::Overlay) {
            assert_eq!(
                member(seen, name),
                member(wanted, name),
                "`{name}` is not held as it was sent, and preview does not say so"
            );
        } else {
            assert_ne!(
                member(seen, name),
                member(wanted, name),
                "`{name}` is held as it was sent, and preview says {fate:?}"
            );
        }
    }
}

#[track_caller]
fn assert_parts_named(wanted: &RawJson, seen: Option<&RawJson>, fates: &[backend::FieldFate]) {
    let read = |json: Option<&RawJson>| -> Vec<Part> {
        json.and_then(|json| json.to().ok()).unwrap_or_default()
    };
    let (wanted, seen) = (read(Some(wanted)), read(seen));
    for (index, part) in wanted.iter().enumerate() {
        let kept = seen.contains(part);
        let named = !matches!(
            fate_of(fates, &format!("/parts/{index}")),
            Fate::Exact | Fate::Overlay
        ) || fates.iter().any(|fate| fate.pointer == "/parts");
        assert!(
            kept || named,
            "a part of type `{}` is not held, and preview does not say so",
            part.type_name()
        );
    }
}
