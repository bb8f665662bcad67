//! Rating messages.

use backend::{Kind, Location};
use conversation::{Message, MessageId, Rating, Role};

use crate::bench::Bench;
use crate::case::{Case, Need, Outcome};
use crate::expect::{Must, not_found, refused};

const NEEDS: &[Need] = &[
    Need::Works("conversation_create"),
    Need::Works("message_rate"),
    Need::Grows,
];

pub(super) const CASES: &[Case] = &[
    Case {
        rule: "a rating is shown on the message",
        needs: NEEDS,
        run: |bench| Box::pin(shown(bench)),
    },
    Case {
        rule: "a rating out of range is refused",
        needs: NEEDS,
        run: |bench| Box::pin(out_of_range(bench)),
    },
    Case {
        rule: "a rating of an unknown message is not found",
        needs: NEEDS,
        run: |bench| Box::pin(unknown(bench)),
    },
];

async fn rate(
    bench: &Bench,
    at: &Location,
    id: &MessageId,
    value: f64,
) -> backend::Result<Message> {
    bench.backend.rate_message(&bench.cx(), at, id, value).await
}

/// A conversation and the message in it that is rated: an answer where there is one, else the last.
async fn ratable(bench: &Bench) -> (Location, Message) {
    let (at, messages) = bench.conversation_of(2).await;
    let answer = messages
        .iter()
        .rev()
        .find(|message| message.role == Role::Assistant);
    let message = answer.unwrap_or(&messages[messages.len() - 1]).clone();
    (at, message)
}

#[track_caller]
fn assert_rated(message: &Message, value: f64) {
    let Some(Rating { mean, count, mine }) = message.rating else {
        panic!("no rating is shown")
    };
    assert_eq!(count, 1, "one voter has voted: {:?}", message.rating);
    assert_eq!(
        mine.or(mean),
        Some(value),
        "the vote of who asks: {:?}",
        message.rating
    );
    assert_eq!(
        mean,
        Some(value),
        "the mean of one vote: {:?}",
        message.rating
    );
}

async fn shown(bench: &Bench) -> Outcome {
    let (at, message) = ratable(bench).await;
    assert_rated(
        &rate(bench, &at, &message.id, 4.0)
            .await
            .must("rating a message"),
        4.0,
    );
    let messages = bench.messages(&at).await;
    for listed in &messages {
        if listed.id == message.id {
            assert_rated(listed, 4.0);
        } else {
            assert_eq!(listed.rating, None, "nobody rated the others");
        }
    }
    for value in [0.0, 5.0] {
        let (at, message) = ratable(bench).await;
        assert_rated(
            &rate(bench, &at, &message.id, value)
                .await
                .must("rating at the ends of the scale"),
            value,
        );
    }
    Ok(())
}

async fn out_of_range(bench: &Bench) -> Outcome {
    let (at, message) = ratable(bench).await;
    for value in [
        -0.5,
        5.5,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        -1e300,
    ] {
        let result = rate(bench, &at, &message.id, value).await;
        refused(result, Kind::InvalidRequest, &format!("the rating {value}"));
    }
    let messages = bench.messages(&at).await;
    assert!(
        messages.iter().all(|message| message.rating.is_none()),
        "a refused rating is shown"
    );
    Ok(())
}

async fn unknown(bench: &Bench) -> Outcome {
    let (at, _) = bench.conversation_of(1).await;
    for at in [&at, &bench.missing] {
        not_found(
            rate(bench, at, &bench.missing_message, 3.0).await,
            "rating an unknown message",
        );
    }
    Ok(())
}
