//! Lists of conversations.

use std::collections::BTreeMap;

use backend::{BackendExt, ConversationQuery, Position};
use conversation::ConversationId;
use futures_util::TryStreamExt;

use crate::bench::Bench;
use crate::case::{Case, Need, Outcome};
use crate::expect::Must;

const NEEDS: &[Need] = &[
    Need::Works("conversation_create"),
    Need::Works("conversation_list"),
];

pub(super) const CASES: &[Case] = &[
    Case {
        rule: "a walk over all conversations meets each created one exactly once",
        needs: NEEDS,
        run: |bench| Box::pin(whole_walk(bench)),
    },
    Case {
        rule: "a walk of conversations is complete while others are created",
        needs: NEEDS,
        run: |bench| Box::pin(walk_under_creates(bench)),
    },
    Case {
        rule: "deleted conversations are not listed",
        needs: &[
            Need::Works("conversation_create"),
            Need::Works("conversation_list"),
            Need::Works("conversation_delete"),
        ],
        run: |bench| Box::pin(deleted_are_gone(bench)),
    },
    Case {
        rule: "a page holds at most the limit",
        needs: NEEDS,
        run: |bench| Box::pin(page_limit(bench)),
    },
];

/// The most pages of one walk: a backend that is shared by all cases holds some hundred conversations.
const PAGES_MAX: usize = 10_000;

/// How often each conversation of the whole list appears.
async fn walk(bench: &Bench, limit: usize) -> BTreeMap<ConversationId, usize> {
    let cx = bench.cx();
    let query = ConversationQuery::all(bench.page_size(limit));
    let listed: Vec<_> = bench
        .backend
        .all_conversations(&cx, query)
        .try_collect()
        .await
        .must("listing conversations");
    let mut seen = BTreeMap::new();
    for located in listed {
        assert_eq!(
            located.location.id, located.conversation.id,
            "a conversation and its place have one id"
        );
        *seen.entry(located.location.id).or_insert(0) += 1;
    }
    seen
}

async fn whole_walk(bench: &Bench) -> Outcome {
    let mut created = Vec::new();
    for _ in 0..7 {
        created.push(bench.conversation().await);
    }
    for limit in [1, 3, 100] {
        let seen = walk(bench, limit).await;
        for at in &created {
            assert_eq!(
                seen.get(&at.id),
                Some(&1),
                "how often a walk with pages of {limit} meets a conversation"
            );
        }
        assert!(
            seen.values().all(|times| *times == 1),
            "a walk with pages of {limit} meets one twice"
        );
    }
    // What a list shows is what a read shows, and its places work.
    let cx = bench.cx();
    let listed: Vec<_> = bench
        .backend
        .all_conversations(&cx, ConversationQuery::all(bench.page_size(100)))
        .try_collect()
        .await
        .must("listing conversations");
    for located in listed
        .into_iter()
        .filter(|located| created.iter().any(|at| at.id == located.location.id))
    {
        let read = bench
            .backend
            .get_conversation(&bench.cx(), &located.location)
            .await
            .must("reading a listed one");
        assert_eq!(read.id, located.conversation.id);
        assert_eq!(read.title, located.conversation.title);
    }
    Ok(())
}

async fn walk_under_creates(bench: &Bench) -> Outcome {
    let mut created = Vec::new();
    for _ in 0..6 {
        created.push(bench.conversation().await.id);
    }
    let mut seen: BTreeMap<ConversationId, usize> = BTreeMap::new();
    let mut query = ConversationQuery::all(bench.page_size(2));
    let mut late = 0;
    for pages in 0.. {
        assert!(pages < PAGES_MAX, "the list of conversations has an end");
        let page = bench
            .backend
            .list_conversations(&bench.cx(), &query)
            .await
            .must("listing conversations")
            .page;
        for located in page.items {
            *seen.entry(located.location.id).or_insert(0) += 1;
        }
        let Some(next) = page.next else { break };
        query.page.position = Some(Position::After(next));
        if late < 5 {
            bench.conversation().await;
            late += 1;
        }
    }
    for id in created {
        assert_eq!(
            seen.get(&id),
            Some(&1),
            "how often the walk met a conversation that was there before"
        );
    }
    Ok(())
}

async fn deleted_are_gone(bench: &Bench) -> Outcome {
    let kept = bench.conversation().await;
    let deleted = bench.conversation().await;
    bench
        .backend
        .delete_conversation(&bench.cx(), &deleted, None)
        .await
        .must("deleting one");
    let seen = walk(bench, 50).await;
    assert_eq!(
        seen.get(&deleted.id),
        None,
        "a deleted conversation is listed"
    );
    assert_eq!(seen.get(&kept.id), Some(&1), "its neighbour is listed");
    Ok(())
}

async fn page_limit(bench: &Bench) -> Outcome {
    for _ in 0..3 {
        bench.conversation().await;
    }
    for limit in [1, 2] {
        let query = ConversationQuery::all(limit);
        let page = bench
            .backend
            .list_conversations(&bench.cx(), &query)
            .await
            .must("listing conversations")
            .page;
        assert!(
            page.items.len() <= limit,
            "a page of {limit} holds {}",
            page.items.len()
        );
        assert!(
            page.next.is_some(),
            "three conversations do not fit on a page of {limit}"
        );
        assert_eq!(page.previous, None, "nothing is before the first page");
    }
    Ok(())
}
