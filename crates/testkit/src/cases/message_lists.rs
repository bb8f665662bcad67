//! Reading messages: what a list shows, and single messages.

use backend::{Order, PageRequest};
use conversation::{Message, Role, text_of};

use crate::bench::Bench;
use crate::case::{Case, Need, Outcome};
use crate::expect::{Must, not_found};
use crate::json::{assert_same, members};

const READS: &[Need] = &[
    Need::Works("conversation_create"),
    Need::Works("message_get"),
    Need::Grows,
];

pub(super) const CASES: &[Case] = &[
    Case {
        rule: "messages come in the order in which they were said",
        needs: &[Need::Works("conversation_create"), Need::Grows],
        run: |bench| Box::pin(order_of_speech(bench)),
    },
    Case {
        rule: "descending order is the exact reverse",
        needs: &[Need::Works("conversation_create"), Need::Grows],
        run: |bench| Box::pin(exact_reverse(bench)),
    },
    Case {
        rule: "an empty conversation has an empty page without cursors",
        needs: &[
            Need::Works("conversation_create"),
            Need::Works("message_list"),
        ],
        run: |bench| Box::pin(empty(bench)),
    },
    Case {
        rule: "messages of an unknown conversation are not found",
        needs: &[Need::Works("message_list")],
        run: |bench| Box::pin(unknown_conversation(bench)),
    },
    Case {
        rule: "reading a message gives what the list gives",
        needs: READS,
        run: |bench| Box::pin(read_equals_list(bench)),
    },
    Case {
        rule: "an unknown message is not found",
        needs: READS,
        run: |bench| Box::pin(unknown_message(bench)),
    },
    Case {
        rule: "a message of another conversation is not found",
        needs: READS,
        run: |bench| Box::pin(foreign_message(bench)),
    },
];

fn ids(messages: &[Message]) -> Vec<String> {
    messages
        .iter()
        .map(|message| message.id.to_string())
        .collect()
}

async fn order_of_speech(bench: &Bench) -> Outcome {
    let at = bench.conversation().await;
    let wanted: Vec<String> = (1..=6)
        .map(|number| format!("turn number {number}"))
        .collect();
    for text in &wanted {
        bench
            .say_text(&at, text.as_str())
            .await
            .must("saying something");
    }
    let messages = bench.messages(&at).await;
    let said = messages.iter().filter(|message| message.role == Role::User);
    let said: Vec<String> = said.map(|message| text_of(&message.parts)).collect();
    assert_eq!(said, wanted);
    for message in &messages {
        assert_eq!(
            message.conversation_id, at.id,
            "a message names its conversation"
        );
    }
    Ok(())
}

async fn exact_reverse(bench: &Bench) -> Outcome {
    let (at, messages) = bench.conversation_of(5).await;
    for limit in [2, 100] {
        let first = PageRequest {
            order: Order::Desc,
            ..PageRequest::first(bench.page_size(limit))
        };
        let mut reversed = bench.walk(&at, first).await;
        reversed.reverse();
        assert_eq!(ids(&reversed), ids(&messages), "pages of {limit}");
        for (descending, ascending) in reversed.iter().zip(&messages) {
            assert_same(
                &members(ascending),
                &members(descending),
                &[],
                "depends on the order of the list",
            );
        }
    }
    Ok(())
}

async fn empty(bench: &Bench) -> Outcome {
    let at = bench.conversation().await;
    for order in [Order::Asc, Order::Desc] {
        let request = PageRequest {
            order,
            ..PageRequest::first(bench.page_size(10))
        };
        let page = bench
            .backend
            .list_messages(&bench.cx(), &at, &request)
            .await
            .must("listing messages");
        assert_eq!(page.items, Vec::new(), "nobody said anything");
        assert_eq!(
            (page.next, page.previous),
            (None, None),
            "there is no other page"
        );
    }
    Ok(())
}

async fn unknown_conversation(bench: &Bench) -> Outcome {
    let page = PageRequest::first(bench.page_size(10));
    let result = bench
        .backend
        .list_messages(&bench.cx(), &bench.missing, &page)
        .await;
    not_found(result, "listing messages of an unknown conversation");
    Ok(())
}

async fn read_equals_list(bench: &Bench) -> Outcome {
    let (at, messages) = bench.conversation_of(3).await;
    for message in &messages {
        let read = bench
            .backend
            .get_message(&bench.cx(), &at, &message.id)
            .await
            .must("reading a message");
        assert_same(
            &members(message),
            &members(&read),
            &[],
            "differs between list and read",
        );
    }
    Ok(())
}

async fn unknown_message(bench: &Bench) -> Outcome {
    let (at, _) = bench.conversation_of(1).await;
    let result = bench
        .backend
        .get_message(&bench.cx(), &at, &bench.missing_message)
        .await;
    not_found(result, "reading an unknown message");
    let result = bench
        .backend
        .get_message(&bench.cx(), &bench.missing, &bench.missing_message)
        .await;
    not_found(result, "reading a message of an unknown conversation");
    Ok(())
}

async fn foreign_message(bench: &Bench) -> Outcome {
    let (here, mine) = bench.conversation_of(1).await;
    let (there, theirs) = bench.conversation_of(1).await;
    // Ids may be unique in their conversation only; then the same id may stand in both.
    if mine.iter().all(|message| message.id != theirs[0].id) {
        let result = bench
            .backend
            .get_message(&bench.cx(), &here, &theirs[0].id)
            .await;
        not_found(result, "reading a message of another conversation");
    }
    bench
        .backend
        .get_message(&bench.cx(), &there, &theirs[0].id)
        .await
        .must("reading it where it is");
    Ok(())
}
