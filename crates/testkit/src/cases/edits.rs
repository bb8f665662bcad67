//! Changing and deleting single messages.

use backend::{Kind, Location, Precondition};
use conversation::{Message, MessagePatch, NewMessage, Part, Patch, Role, etag};

use crate::bench::Bench;
use crate::case::{Case, Need, Outcome, is_held};
use crate::expect::{Must, not_found, refused};
use crate::json::{assert_same, members, read};

const UPDATES: &[Need] = &[
    Need::Works("conversation_create"),
    Need::Works("message_update"),
    Need::Grows,
];
const DELETES: &[Need] = &[
    Need::Works("conversation_create"),
    Need::Works("message_delete"),
    Need::Grows,
];

pub(super) const CASES: &[Case] = &[
    Case {
        rule: "an edited message has its new parts and the time of the edit",
        needs: UPDATES,
        run: |bench| Box::pin(edited(bench)),
    },
    Case {
        rule: "metadata of a message merges member by member",
        needs: &[
            Need::Works("conversation_create"),
            Need::Works("message_update"),
            Need::Held("message_metadata"),
            Need::Grows,
        ],
        run: |bench| Box::pin(metadata_merges(bench)),
    },
    Case {
        rule: "an update of an unknown message is not found",
        needs: UPDATES,
        run: |bench| Box::pin(unknown_update(bench)),
    },
    Case {
        rule: "a message update whose precondition fails changes nothing",
        needs: UPDATES,
        run: |bench| Box::pin(failed_precondition(bench)),
    },
    Case {
        rule: "a deleted message is gone from lists and reads",
        needs: DELETES,
        run: |bench| Box::pin(deleted_is_gone(bench)),
    },
    Case {
        rule: "deleting a message leaves its neighbours alone",
        needs: DELETES,
        run: |bench| Box::pin(neighbours_stay(bench)),
    },
    Case {
        rule: "deleting an unknown message is not found",
        needs: DELETES,
        run: |bench| Box::pin(unknown_delete(bench)),
    },
    Case {
        rule: "deleting a message twice is not found the second time",
        needs: DELETES,
        run: |bench| Box::pin(deleted_twice(bench)),
    },
];

fn new_words(text: &str) -> MessagePatch {
    MessagePatch {
        parts: Patch::Set(vec![Part::text(text)]),
        ..MessagePatch::default()
    }
}

async fn update(
    bench: &Bench,
    at: &Location,
    message: &Message,
    patch: MessagePatch,
) -> backend::Result<Message> {
    bench
        .backend
        .update_message(&bench.cx(), at, &message.id, patch, None)
        .await
}

async fn listed(bench: &Bench, at: &Location, wanted: &Message) -> Message {
    let messages = bench.messages(at).await;
    let found = messages.into_iter().find(|message| message.id == wanted.id);
    found.unwrap_or_else(|| panic!("the message is no longer listed"))
}

async fn edited(bench: &Bench) -> Outcome {
    let (at, before) = bench.conversation_of(3).await;
    let answer = update(bench, &at, &before[1], new_words("better words"))
        .await
        .must("editing a message");
    let after = listed(bench, &at, &before[1]).await;
    for message in [&answer, &after] {
        assert_eq!(message.parts, [Part::text("better words")]);
        if is_held(bench.capabilities.message_edited_at) {
            let edited_at = message
                .edited_at
                .unwrap_or_else(|| panic!("an edited message says when"));
            assert!(
                edited_at >= before[1].sent_at,
                "it was said before it was edited"
            );
        }
        let mut moves = vec!["parts", "edited_at"];
        if !is_held(bench.capabilities.message_extensions) {
            // What stands there is the vendor's own view of the parts.
            moves.push("extensions");
        }
        assert_same(
            &members(&before[1]),
            &members(message),
            &moves,
            "changed though only the words were edited",
        );
    }
    let all = bench.messages(&at).await;
    let ids = |messages: &[Message]| {
        messages
            .iter()
            .map(|message| message.id.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&all), ids(&before), "an edit moves nothing");
    assert_eq!(
        all[0].parts, before[0].parts,
        "an edit touches no other message"
    );
    assert_eq!(
        all[2].parts, before[2].parts,
        "an edit touches no other message"
    );
    Ok(())
}

async fn metadata_merges(bench: &Bench) -> Outcome {
    let at = bench.conversation().await;
    let new = NewMessage {
        metadata: read(r#"{"a":1,"b":{"c":2,"d":3}}"#),
        ..NewMessage::text(Role::User, "words")
    };
    let said = bench.say(&at, new).await.must("saying something");
    let patch = MessagePatch {
        metadata: Patch::Set(read(r#"{"a":null,"b":{"c":9},"e":[1]}"#)),
        ..MessagePatch::default()
    };
    update(bench, &at, &said, patch)
        .await
        .must("merging metadata");
    let after = listed(bench, &at, &said).await;
    let wanted: conversation::JsonMap = read(r#"{"b":{"c":9,"d":3},"e":[1]}"#);
    assert_eq!(after.metadata, wanted);
    assert_eq!(after.parts, said.parts, "the words stay");
    assert_eq!(after.edited_at, said.edited_at, "metadata is no content");
    Ok(())
}

async fn unknown_update(bench: &Bench) -> Outcome {
    let (at, _) = bench.conversation_of(1).await;
    for at in [&at, &bench.missing] {
        let result = bench
            .backend
            .update_message(
                &bench.cx(),
                at,
                &bench.missing_message,
                new_words("x"),
                None,
            )
            .await;
        not_found(result, "editing an unknown message");
    }
    Ok(())
}

async fn failed_precondition(bench: &Bench) -> Outcome {
    let (at, messages) = bench.conversation_of(1).await;
    let message = &messages[0];
    let other = Precondition::Matches(vec![etag(b"another representation")]);
    let patch = new_words("never");
    let result = bench
        .backend
        .update_message(&bench.cx(), &at, &message.id, patch.clone(), Some(&other))
        .await;
    refused(result, Kind::PreconditionFailed, "editing another state");
    let still = listed(bench, &at, message).await;
    assert_same(
        &members(message),
        &members(&still),
        &[],
        "changed though the precondition failed",
    );
    let text = serde_json::to_string(&still).unwrap_or_default();
    let current = Precondition::Matches(vec![etag(text.as_bytes())]);
    let result = bench
        .backend
        .update_message(&bench.cx(), &at, &message.id, patch, Some(&current))
        .await;
    assert_eq!(
        result.must("editing the state that was read").parts,
        [Part::text("never")]
    );
    Ok(())
}

async fn delete(bench: &Bench, at: &Location, message: &Message) -> backend::Result<()> {
    bench
        .backend
        .delete_message(&bench.cx(), at, &message.id, None)
        .await
}

async fn deleted_is_gone(bench: &Bench) -> Outcome {
    let (at, messages) = bench.conversation_of(3).await;
    for victim in [messages.len() - 1, 0] {
        let victim = &messages[victim];
        delete(bench, &at, victim).await.must("deleting a message");
        let left = bench.messages(&at).await;
        assert!(
            left.iter().all(|message| message.id != victim.id),
            "a deleted message is listed"
        );
        if bench.capabilities.message_get.works() {
            let result = bench
                .backend
                .get_message(&bench.cx(), &at, &victim.id)
                .await;
            not_found(result, "reading a deleted message");
        }
    }
    Ok(())
}

async fn neighbours_stay(bench: &Bench) -> Outcome {
    let (at, before) = bench.conversation_of(5).await;
    delete(bench, &at, &before[2])
        .await
        .must("deleting a message");
    let after = bench.messages(&at).await;
    let wanted: Vec<&Message> = before
        .iter()
        .filter(|message| message.id != before[2].id)
        .collect();
    assert_eq!(after.len(), wanted.len());
    for (wanted, seen) in wanted.into_iter().zip(&after) {
        assert_same(
            &members(wanted),
            &members(seen),
            &[],
            "changed when its neighbour was deleted",
        );
    }
    bench
        .say_text(&at, "life goes on")
        .await
        .must("saying something after a delete");
    assert!(bench.messages(&at).await.len() > after.len());
    Ok(())
}

async fn unknown_delete(bench: &Bench) -> Outcome {
    let (at, messages) = bench.conversation_of(1).await;
    for at in [&at, &bench.missing] {
        let result = bench
            .backend
            .delete_message(&bench.cx(), at, &bench.missing_message, None)
            .await;
        not_found(result, "deleting an unknown message");
    }
    assert_eq!(
        bench.messages(&at).await.len(),
        messages.len(),
        "nothing was deleted"
    );
    Ok(())
}

async fn deleted_twice(bench: &Bench) -> Outcome {
    let (at, messages) = bench.conversation_of(2).await;
    delete(bench, &at, &messages[0])
        .await
        .must("deleting a message");
    not_found(delete(bench, &at, &messages[0]).await, "deleting it again");
    Ok(())
}
