//! Deleting conversations.

use backend::{Kind, PageRequest, Precondition};
use conversation::etag;

use crate::bench::Bench;
use crate::case::{Case, Need, Outcome};
use crate::expect::{Must, not_found, refused};

const NEEDS: &[Need] = &[
    Need::Works("conversation_create"),
    Need::Works("conversation_delete"),
];

pub(super) const CASES: &[Case] = &[
    Case {
        rule: "deleting an unknown conversation is not found",
        needs: NEEDS,
        run: |bench| Box::pin(unknown(bench)),
    },
    Case {
        rule: "deleting twice is not found the second time",
        needs: NEEDS,
        run: |bench| Box::pin(twice(bench)),
    },
    Case {
        rule: "a delete whose precondition fails deletes nothing",
        needs: &[
            Need::Works("conversation_create"),
            Need::Works("conversation_get"),
            Need::Works("conversation_delete"),
        ],
        run: |bench| Box::pin(failed_precondition(bench)),
    },
    Case {
        rule: "the messages of a deleted conversation are not found",
        needs: &[
            Need::Works("conversation_create"),
            Need::Works("conversation_delete"),
            Need::Grows,
        ],
        run: |bench| Box::pin(messages_are_gone(bench)),
    },
];

async fn unknown(bench: &Bench) -> Outcome {
    let result = bench
        .backend
        .delete_conversation(&bench.cx(), &bench.missing, None)
        .await;
    not_found(result, "deleting an unknown conversation");
    Ok(())
}

async fn twice(bench: &Bench) -> Outcome {
    let at = bench.conversation().await;
    bench
        .backend
        .delete_conversation(&bench.cx(), &at, None)
        .await
        .must("deleting it");
    not_found(
        bench
            .backend
            .delete_conversation(&bench.cx(), &at, None)
            .await,
        "deleting it again",
    );
    Ok(())
}

async fn failed_precondition(bench: &Bench) -> Outcome {
    let at = bench.conversation().await;
    let other = Precondition::Matches(vec![etag(b"another representation")]);
    let result = bench
        .backend
        .delete_conversation(&bench.cx(), &at, Some(&other))
        .await;
    refused(result, Kind::PreconditionFailed, "deleting another state");
    let still = bench
        .backend
        .get_conversation(&bench.cx().fresh(), &at)
        .await
        .must("reading what was not deleted");
    let text = serde_json::to_string(&still).unwrap_or_default();
    let current = Precondition::Matches(vec![etag(text.as_bytes())]);
    bench
        .backend
        .delete_conversation(&bench.cx(), &at, Some(&current))
        .await
        .must("deleting the state that was read");
    not_found(
        bench.backend.get_conversation(&bench.cx(), &at).await,
        "reading what was deleted",
    );
    Ok(())
}

async fn messages_are_gone(bench: &Bench) -> Outcome {
    let (at, messages) = bench.conversation_of(2).await;
    bench
        .backend
        .delete_conversation(&bench.cx(), &at, None)
        .await
        .must("deleting it");
    let page = PageRequest::first(bench.page_size(10));
    not_found(
        bench.backend.list_messages(&bench.cx(), &at, &page).await,
        "listing messages of a deleted conversation",
    );
    if bench.capabilities.message_get.works() {
        let result = bench
            .backend
            .get_message(&bench.cx(), &at, &messages[0].id)
            .await;
        not_found(result, "reading a message of a deleted conversation");
    }
    not_found(
        bench.say_text(&at, "too late").await,
        "saying something in a deleted conversation",
    );
    Ok(())
}
