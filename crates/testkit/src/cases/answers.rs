//! Answers: what is stored, when there is nothing to answer, and whose turn it is.

use backend::{Event, Kind, Location, RespondRequest};
use conversation::{Message, Role, text_of};

use crate::bench::{Bench, asking, completed};
use crate::case::{Case, Need, Outcome, skip};
use crate::expect::{Must, not_found, refused};
use crate::json::{assert_same, members};

const NEEDS: &[Need] = &[
    Need::Works("conversation_create"),
    Need::Works("respond"),
    Need::Works("message_list"),
];

pub(super) const CASES: &[Case] = &[
    Case {
        rule: "respond stores input and answer",
        needs: NEEDS,
        run: |bench| Box::pin(stores_both(bench)),
    },
    Case {
        rule: "respond without anything to answer is refused",
        needs: NEEDS,
        run: |bench| Box::pin(nothing_to_answer(bench)),
    },
    Case {
        rule: "respond without input answers the unanswered messages",
        needs: NEEDS,
        run: |bench| Box::pin(answers_the_unanswered(bench)),
    },
    Case {
        rule: "respond in an unknown conversation is not found",
        needs: &[Need::Works("respond")],
        run: |bench| Box::pin(unknown(bench)),
    },
    Case {
        rule: "two answers in one conversation keep their turns in order",
        needs: NEEDS,
        run: |bench| Box::pin(turns_in_order(bench)),
    },
];

async fn stores_both(bench: &Bench) -> Outcome {
    let at = bench.conversation().await;
    let events = bench
        .answer(&at, asking("What is the answer?"))
        .await
        .must("asking for an answer");
    let answer = completed(&events);
    assert_eq!(answer.role, Role::Assistant);
    assert_eq!(answer.conversation_id, at.id);
    assert_ne!(text_of(&answer.parts), "", "an answer has words");
    let listed = bench.messages(&at).await;
    assert_eq!(
        listed.len(),
        2,
        "input and answer, each once: {:?}",
        roles(&listed)
    );
    assert_eq!(listed[0].role, Role::User);
    assert_eq!(text_of(&listed[0].parts), "What is the answer?");
    assert_eq!(
        listed[1].id, answer.id,
        "the last event's id is the one that counts"
    );
    assert_same(
        &members(answer),
        &members(&listed[1]),
        &[],
        "differs between the last event and the list",
    );
    for event in &events {
        if let Event::MessageStarted {
            input: Some(input), ..
        } = event
        {
            assert_eq!(
                input.id, listed[0].id,
                "the first event names the stored input"
            );
        }
    }
    Ok(())
}

fn roles(messages: &[Message]) -> Vec<&str> {
    messages
        .iter()
        .map(|message| message.role.as_str())
        .collect()
}

async fn nothing_to_answer(bench: &Bench) -> Outcome {
    let at = bench.conversation().await;
    let result = bench.answer(&at, RespondRequest::default()).await;
    refused(
        result,
        Kind::NothingToAnswer,
        "an answer in an empty conversation",
    );
    assert!(
        bench.messages(&at).await.is_empty(),
        "a refused answer stores nothing"
    );
    bench.answered(&at, "Say something.").await;
    let before = bench.messages(&at).await;
    let result = bench.answer(&at, RespondRequest::default()).await;
    refused(
        result,
        Kind::NothingToAnswer,
        "a second answer to what is answered",
    );
    assert_eq!(
        bench.messages(&at).await.len(),
        before.len(),
        "a refused answer stores nothing"
    );
    Ok(())
}

async fn answers_the_unanswered(bench: &Bench) -> Outcome {
    if !bench.capabilities.message_post.works() && !bench.capabilities.message_import.works() {
        return Err(skip(
            "backend cannot store a message without answering it (neither post nor import works)",
        ));
    }
    let at = bench.conversation().await;
    bench
        .say_text(&at, "First question.")
        .await
        .must("saying something");
    bench
        .say_text(&at, "Second question.")
        .await
        .must("saying more");
    let events = bench
        .answer(&at, RespondRequest::default())
        .await
        .must("asking for an answer without input");
    let answer = completed(&events);
    let listed = bench.messages(&at).await;
    assert_eq!(roles(&listed), ["user", "user", "assistant"]);
    assert_eq!(listed[2].id, answer.id);
    let result = bench.answer(&at, RespondRequest::default()).await;
    refused(
        result,
        Kind::NothingToAnswer,
        "an answer to what is answered",
    );
    Ok(())
}

async fn unknown(bench: &Bench) -> Outcome {
    let result = bench.answer(&bench.missing, asking("Anybody?")).await;
    not_found(result, "an answer in an unknown conversation");
    let result = bench
        .answer(&bench.missing, RespondRequest::default())
        .await;
    not_found(result, "an answer without input in an unknown conversation");
    Ok(())
}

async fn turns_in_order(bench: &Bench) -> Outcome {
    let at = bench.conversation().await;
    for text in ["one", "two"] {
        bench.answered(&at, text).await;
    }
    let listed = bench.messages(&at).await;
    assert_eq!(roles(&listed), ["user", "assistant", "user", "assistant"]);
    let asked: Vec<String> = listed
        .iter()
        .step_by(2)
        .map(|message| text_of(&message.parts))
        .collect();
    assert_eq!(asked, ["one", "two"]);
    at_the_same_time(bench).await;
    Ok(())
}

/// Two at the same time: each is done or refused as busy, and an answer stands after its question.
async fn at_the_same_time(bench: &Bench) {
    let at: Location = bench.conversation().await;
    let ask = |text: &'static str| {
        let at = &at;
        async move { (text, bench.answer(at, asking(text)).await) }
    };
    let (first, second) = futures_util::join!(ask("left"), ask("right"));
    let mut answered = Vec::new();
    for (text, result) in [first, second] {
        match result {
            Ok(events) => answered.push((text, completed(&events).id.clone())),
            Err(error) => assert_eq!(
                error.kind,
                Kind::Busy,
                "refused for another reason: {error:?}"
            ),
        }
    }
    assert!(!answered.is_empty(), "at least one of two is answered");
    let listed = bench.messages(&at).await;
    assert_eq!(
        listed.len(),
        answered.len() * 2,
        "each input and each answer once: {:?}",
        roles(&listed)
    );
    for (text, answer) in answered {
        let asked = listed
            .iter()
            .position(|message| message.role == Role::User && text_of(&message.parts) == text);
        let said = listed.iter().position(|message| message.id == answer);
        assert!(
            asked.is_some() && asked < said,
            "the answer stands after its question: {:?}",
            roles(&listed)
        );
    }
}
