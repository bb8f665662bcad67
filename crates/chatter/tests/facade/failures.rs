//! What fails half way is told as what it is: done, not done, or unknown.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use backend::Backend;
use chatter::FacadeConfig;
use conversation::{Message, Role, text_of};
use responders::Answering;
use serde_json::json;

use crate::answerers::Breaking;
use crate::support::World;
use crate::wrapped::{Faults, Wrapped};

fn unlimited() -> FacadeConfig {
    FacadeConfig {
        requests_per_minute: 0,
        ..FacadeConfig::default()
    }
}

async fn said(world: &World, id: &str) -> Vec<Message> {
    let page = backend::PageRequest::first(10);
    let at = world.location(id);
    let list = world.router.list_messages(&world.cx(), &at, &page).await;
    list.unwrap().items
}

#[tokio::test]
async fn what_fails_behind_a_stored_answer_is_not_worth_a_repeat() {
    let faults = Faults::default();
    let answerer = Breaking {
        sets: Some(faults.reads.clone()),
        ..Breaking::default()
    };
    let world = World::over(unlimited(), |store, _| {
        let wrapped = Arc::new(Wrapped::failing(store, &faults));
        Arc::new(Answering::new(wrapped, Arc::new(answerer)))
    })
    .await;
    let id = world.conversation("Half way").await;
    let body = json!({"message": "once", "conversation_id": id});
    let answer = world.post("chat/chat", body).send().await;
    answer.problem(502, "bad-gateway");
    assert_eq!(answer.header("retry-after"), None);
    assert_eq!(said(&world, &id).await.len(), 2);
    // Before anything is done, the same failure is worth one.
    let body = json!({"message": "twice", "conversation_id": id});
    let answer = world.post("chat/chat", body).send().await;
    answer.problem(503, "service-unavailable");
    assert!(answer.header("retry-after").is_some());
    assert_eq!(said(&world, &id).await.len(), 2);
    faults.reads.store(false, Ordering::SeqCst);
    let read = world.get(&format!("conversations/{id}")).send().await;
    read.expect(200);
}

#[tokio::test]
async fn a_model_that_is_limited_does_not_have_the_question_said_twice() {
    let answerer = Breaking {
        is_limited: true,
        ..Breaking::default()
    };
    let world = World::answered_by(unlimited(), Some(Arc::new(answerer))).await;
    let id = world.conversation("Limited").await;
    let body = json!({"message": "once", "conversation_id": id});
    let answer = world.post("chat/chat", body).send().await;
    answer.problem(502, "bad-gateway");
    assert_eq!(answer.header("retry-after"), None);
    assert_eq!(said(&world, &id).await[0].role, Role::User);
}

#[tokio::test]
async fn half_an_answer_is_a_failure_and_kept() {
    let answerer = Breaking {
        breaks_off: true,
        ..Breaking::default()
    };
    let world = World::answered_by(unlimited(), Some(Arc::new(answerer))).await;
    let id = world.conversation("Half").await;
    let body = json!({"message": "m", "conversation_id": id});
    let answer = world.post("chat/chat", body.clone()).send().await;
    answer.problem(502, "bad-gateway");
    let answer = world.post("chat/streaming", body).send().await;
    let frames = answer.frames();
    let kinds: Vec<&str> = frames
        .iter()
        .map(|frame| frame["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["start", "start", "token", "error"]);
    let kept = said(&world, &id).await;
    assert_eq!(text_of(&kept[1].parts), "half ");
}

#[tokio::test]
async fn a_fault_of_the_gateway_is_told_without_a_word_about_it() {
    let faults = Faults::default();
    let world = World::over(unlimited(), |store, _| {
        Arc::new(Wrapped::failing(store, &faults))
    })
    .await;
    faults.status.store(true, Ordering::SeqCst);
    let answer = world.get("chat/mcp/status").may_fail().send().await;
    let problem = answer.problem(500, "internal-server-error");
    assert_eq!(problem["detail"], "An internal server error occurred");
    assert!(!answer.text.contains("sealed"));
}
