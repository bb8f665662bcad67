//! Explanations of requests: kept for a while, one for each request, and erased with what they are about.

use backend::ports::{Erasure, Explanation, Explanations};
use conversation::ConversationId;
use serde_json::json;

use crate::persons::person;
use crate::support::{open, seconds};

fn explanation(request_id: &str, tenant: &str, at: i64, text: &str) -> Explanation {
    Explanation {
        request_id: request_id.into(),
        tenant: tenant.into(),
        at: seconds(at),
        document: json!({"canonical": [{"conversation_id": text}]}),
    }
}

#[tokio::test]
async fn the_newest_of_a_request_is_found_and_one_of_the_same_tenant_replaced() {
    let (_directory, _store, state) = open();
    let first = explanation("r-1", "acme", 1, "a");
    state.keep(&first).await.unwrap();
    assert_eq!(state.explanation("r-1").await.unwrap(), Some(first));
    assert_eq!(state.explanation("r-2").await.unwrap(), None);
    let again = explanation("r-1", "acme", 2, "b");
    state.keep(&again).await.unwrap();
    // Another tenant's caller may have chosen the same id.
    let others = explanation("r-1", "other", 3, "c");
    state.keep(&others).await.unwrap();
    assert_eq!(state.explanation("r-1").await.unwrap(), Some(others));
    assert_eq!(state.forget_before(seconds(10)).await.unwrap(), 2);
}

#[tokio::test]
async fn older_ones_are_removed_and_no_others() {
    let (_directory, _store, state) = open();
    for at in 1..=4 {
        let kept = explanation(&format!("r-{at}"), "acme", at, "a");
        state.keep(&kept).await.unwrap();
    }
    assert_eq!(state.forget_before(seconds(3)).await.unwrap(), 2);
    assert_eq!(state.forget_before(seconds(3)).await.unwrap(), 0);
    assert_eq!(state.explanation("r-2").await.unwrap(), None);
    assert!(state.explanation("r-3").await.unwrap().is_some());
}

#[tokio::test]
async fn they_go_with_the_conversation_that_they_name_and_with_a_person_of_their_tenant() {
    let (_directory, _store, state) = open();
    let gone = ConversationId::generate();
    let stays = ConversationId::generate();
    for (request_id, tenant, id) in [
        ("r-1", "acme", gone),
        ("r-2", "acme", stays),
        ("r-3", "other", stays),
    ] {
        let kept = explanation(request_id, tenant, 1, &id.to_string());
        state.keep(&kept).await.unwrap();
    }
    state.erase_conversation(gone).await.unwrap();
    assert_eq!(state.explanation("r-1").await.unwrap(), None);
    assert!(state.explanation("r-2").await.unwrap().is_some());
    state.erase_person(&person("acme", "ann")).await.unwrap();
    assert_eq!(state.explanation("r-2").await.unwrap(), None);
    assert!(state.explanation("r-3").await.unwrap().is_some());
}
