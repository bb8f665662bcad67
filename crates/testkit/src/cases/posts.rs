//! Saying something now.

use std::collections::BTreeSet;
use std::time::Duration;

use conversation::{Direction, InReplyTo, NewMessage, ReplyKind, Role, text_of};
use futures_util::future::join_all;

use crate::bench::Bench;
use crate::builders::{full_message, held_post};
use crate::case::{Case, Need, Outcome, is_held, level};
use crate::expect::{Must, not_found};
use crate::json::{assert_kept, assert_same, members};

const POSTS: &[Need] = &[
    Need::Works("conversation_create"),
    Need::Works("message_post"),
    Need::Works("message_list"),
];

pub(super) const CASES: &[Case] = &[
    Case {
        rule: "a posted message has every held field that was sent",
        needs: POSTS,
        run: |bench| Box::pin(posted_fields(bench)),
    },
    Case {
        rule: "role and direction are derived from each other",
        needs: &[Need::Works("conversation_create"), Need::Grows],
        run: |bench| Box::pin(role_and_direction(bench)),
    },
    Case {
        rule: "equal messages are two messages",
        needs: POSTS,
        run: |bench| Box::pin(equal_messages(bench)),
    },
    Case {
        rule: "parallel posts are all stored",
        needs: POSTS,
        run: |bench| Box::pin(parallel_posts(bench)),
    },
    Case {
        rule: "a post moves the conversation's times and counts",
        needs: POSTS,
        run: |bench| Box::pin(times_and_counts(bench)),
    },
    Case {
        rule: "a post to an unknown conversation is not found",
        needs: POSTS,
        run: |bench| Box::pin(unknown(bench)),
    },
    Case {
        rule: "a post never runs an AI",
        needs: POSTS,
        run: |bench| Box::pin(nobody_answers(bench)),
    },
];

async fn posted_fields(bench: &Bench) -> Outcome {
    let at = bench.conversation().await;
    let first = bench.say_text(&at, "to be answered").await.must("posting");
    let mut new = held_post(&full_message(), &bench.capabilities);
    if is_held(bench.capabilities.message_in_reply_to) {
        new.in_reply_to = Some(InReplyTo {
            id: first.id,
            kind: ReplyKind::ReplyAll,
        });
    }
    let posted = bench
        .backend
        .post_message(&bench.cx(), &at, new.clone())
        .await
        .must("posting every held field");
    assert_kept(&members(&new), &members(&posted), &[], "the posted message");
    assert_eq!(posted.conversation_id, at.id);
    let listed = bench.messages(&at).await;
    let listed = listed.iter().find(|message| message.id == posted.id);
    let listed = listed.unwrap_or_else(|| panic!("a posted message is not listed"));
    assert_same(
        &members(&posted),
        &members(listed),
        &[],
        "differs between post and list",
    );
    Ok(())
}

async fn role_and_direction(bench: &Bench) -> Outcome {
    let at = bench.conversation().await;
    bench
        .say_text(&at, "whose turn is it?")
        .await
        .must("saying something");
    if bench.capabilities.message_post.works()
        && is_held(level(&bench.capabilities, "message_role"))
    {
        for role in [Role::Assistant, Role::System, Role::Tool] {
            let posted = bench
                .backend
                .post_message(&bench.cx(), &at, NewMessage::text(role.clone(), "mine"))
                .await
                .must("posting in another role");
            assert_eq!(posted.role, role);
        }
    }
    for message in bench.messages(&at).await {
        let wanted = match message.role {
            Role::User => Direction::Inbound,
            Role::Assistant => Direction::Outbound,
            Role::System | Role::Tool | Role::Other(_) => Direction::Internal,
        };
        assert_eq!(
            message.direction, wanted,
            "the direction of the {} message",
            message.role
        );
    }
    Ok(())
}

async fn equal_messages(bench: &Bench) -> Outcome {
    let at = bench.conversation().await;
    let first = bench.say_text(&at, "the same").await.must("posting");
    let second = bench
        .say_text(&at, "the same")
        .await
        .must("posting it again");
    assert_ne!(first.id, second.id);
    let listed: Vec<_> = bench
        .messages(&at)
        .await
        .into_iter()
        .map(|message| message.id)
        .collect();
    assert_eq!(listed, [first.id, second.id]);
    Ok(())
}

async fn parallel_posts(bench: &Bench) -> Outcome {
    const POSTERS: usize = 12;
    let at = bench.conversation().await;
    let posts = (0..POSTERS).map(|number| {
        let (backend, cx, at) = (bench.backend.clone(), bench.cx(), at.clone());
        let new = NewMessage::text(Role::User, format!("voice {number}"));
        // Tasks of their own, so that they run beside each other.
        tokio::spawn(async move { backend.post_message(&cx, &at, new).await })
    });
    let posted: Vec<_> = join_all(posts)
        .await
        .into_iter()
        .map(|task| task.unwrap_or_else(|error| panic!("posting beside others: {error}")))
        .map(|result| result.must("posting beside others"))
        .collect();
    let wanted: BTreeSet<String> = (0..POSTERS)
        .map(|number| format!("voice {number}"))
        .collect();
    let listed = bench.messages(&at).await;
    assert_eq!(listed.len(), POSTERS, "each post is stored once");
    let texts: BTreeSet<String> = listed
        .iter()
        .map(|message| text_of(&message.parts))
        .collect();
    assert_eq!(texts, wanted);
    let ids: BTreeSet<_> = posted.iter().map(|message| &message.id).collect();
    assert_eq!(
        ids,
        listed.iter().map(|message| &message.id).collect(),
        "each answer names its own message"
    );
    Ok(())
}

async fn times_and_counts(bench: &Bench) -> Outcome {
    let at = bench.conversation().await;
    let before = bench
        .backend
        .get_conversation(&bench.cx().fresh(), &at)
        .await
        .must("reading it");
    let posted = bench.say_text(&at, "now").await.must("posting");
    let after = bench
        .backend
        .get_conversation(&bench.cx().fresh(), &at)
        .await
        .must("reading it again");
    assert!(
        after.updated_at >= before.updated_at,
        "{} is before {}",
        after.updated_at,
        before.updated_at
    );
    assert!(
        after.updated_at >= posted.sent_at,
        "it changed at {}, and not since {}",
        posted.sent_at,
        after.updated_at
    );
    assert_eq!(
        after.last_message_at,
        Some(posted.sent_at),
        "when the newest message was said"
    );
    assert_eq!(after.created_at, before.created_at, "when it began");
    if is_held(bench.capabilities.conversation_counts) {
        assert_eq!(
            after.counts.and_then(|counts| counts.messages),
            Some(1),
            "messages that are counted"
        );
    }
    Ok(())
}

async fn unknown(bench: &Bench) -> Outcome {
    let new = NewMessage::text(Role::User, "into the void");
    let result = bench
        .backend
        .post_message(&bench.cx(), &bench.missing, new)
        .await;
    not_found(result, "posting to an unknown conversation");
    Ok(())
}

async fn nobody_answers(bench: &Bench) -> Outcome {
    let at = bench.conversation().await;
    bench
        .say_text(&at, "is anybody there?")
        .await
        .must("posting");
    // An answer would come late: look more than once.
    for _ in 0..5 {
        let listed = bench.messages(&at).await;
        assert_eq!(listed.len(), 1, "somebody answered a post");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
