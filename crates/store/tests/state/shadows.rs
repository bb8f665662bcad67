//! Reads that a second backend answered otherwise: the newest ones, and none of an erased conversation.

use crate::home;
use backend::ports::{
    DifferenceKind, Erasure as _, FieldDifference, ShadowDifference, ShadowLog, ShadowQuery,
};
use conversation::ConversationId;
use store::State;
use uuid::Uuid;

use crate::support::{id, open, seconds};

/// How many are kept.
const KEPT: i64 = 10_000;

fn difference(number: u128, of: ConversationId, shadow: &str, operation: &str) -> ShadowDifference {
    ShadowDifference {
        id: Uuid::from_u128(number),
        at: seconds(1),
        conversation: of,
        primary: "a".into(),
        shadow: shadow.into(),
        rule: "rule".into(),
        operation: operation.into(),
        fields: vec![FieldDifference {
            message: Some(id("m")),
            pointer: "/parts".into(),
            kind: DifferenceKind::Changed,
            primary: Some("1 characters".into()),
            shadow: None,
        }],
    }
}

async fn listed(state: &State, query: ShadowQuery) -> Vec<u128> {
    let found = state.differences(&query).await.unwrap();
    found.iter().map(|one| one.id.as_u128()).collect()
}

fn all() -> ShadowQuery {
    ShadowQuery {
        limit: 100,
        ..ShadowQuery::default()
    }
}

#[tokio::test]
async fn the_newest_come_first_and_in_pages() {
    let (_directory, _store, state) = open();
    let (one, other) = (ConversationId::from_bits(1), ConversationId::from_bits(2));
    let noted = [
        difference(1, one, "b", "get_conversation"),
        difference(2, one, "c", "get_conversation"),
        difference(3, one, "b", "list_messages"),
        difference(4, other, "b", "list_messages"),
    ];
    for difference in &noted {
        ShadowLog::note(&state, difference).await.unwrap();
    }
    let found = state.differences(&all()).await.unwrap();
    assert_eq!(found[0], noted[3]);
    assert_eq!(listed(&state, all()).await, [4, 3, 2, 1]);
    let page = |before: Option<u128>| ShadowQuery {
        before: before.map(Uuid::from_u128),
        limit: 3,
        ..all()
    };
    assert_eq!(listed(&state, page(None)).await, [4, 3, 2]);
    assert_eq!(listed(&state, page(Some(2))).await, [1]);
    let of_one = ShadowQuery {
        conversation: Some(one),
        ..all()
    };
    assert_eq!(listed(&state, of_one.clone()).await, [3, 2, 1]);
    let with_b = ShadowQuery {
        shadow: Some("b".into()),
        ..of_one
    };
    assert_eq!(listed(&state, with_b).await, [3, 1]);
}

#[tokio::test]
async fn of_one_read_only_the_newest_is_kept() {
    let (_directory, _store, state) = open();
    let conversation = ConversationId::from_bits(1);
    for number in [1, 2] {
        let noted = difference(number, conversation, "b", "get_message");
        ShadowLog::note(&state, &noted).await.unwrap();
    }
    assert_eq!(listed(&state, all()).await, [2]);
}

#[tokio::test]
async fn no_more_are_kept_than_the_newest() {
    let (_directory, store, state) = open();
    let document = serde_json::to_string(&difference(
        1,
        ConversationId::from_bits(1),
        "b",
        "get_message",
    ))
    .unwrap();
    let last = KEPT;
    let sql = match store.path() {
        Some(_) => format!(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {last}) \
             INSERT INTO shadow_differences (id, conversation, shadow, operation, document) \
             SELECT CAST(printf('%016d', n) AS BLOB), 'conversation ' || n, 'b', 'get_message', '{document}' FROM n"
        ),
        None => format!(
            "INSERT INTO shadow_differences (id, conversation, shadow, operation, document) \
             SELECT convert_to(lpad(n::text, 16, '0'), 'UTF8'), 'conversation ' || n, 'b', 'get_message', \
             '{document}' FROM generate_series(1, {last}) n"
        ),
    };
    home::beside(&store, &sql);
    assert_eq!(
        home::number(&store, "SELECT count(*) FROM shadow_differences"),
        10_000
    );
    let newest = difference(u128::MAX, ConversationId::from_bits(2), "b", "get_message");
    ShadowLog::note(&state, &newest).await.unwrap();
    let count = |of: &str| {
        home::number(
            &store,
            &format!("SELECT count(*) FROM shadow_differences {of}"),
        )
    };
    assert_eq!(count(""), KEPT);
    assert_eq!(count("WHERE conversation = 'conversation 1'"), 0);
    assert_eq!(count("WHERE conversation = 'conversation 2'"), 1);
}

#[tokio::test]
async fn an_erased_conversation_leaves_none() {
    let (_directory, _store, state) = open();
    let (gone, other) = (ConversationId::from_bits(1), ConversationId::from_bits(2));
    for (number, of) in [(1, gone), (2, other)] {
        let noted = difference(number, of, "b", "get_conversation");
        ShadowLog::note(&state, &noted).await.unwrap();
    }
    state.erase_conversation(gone).await.unwrap();
    assert_eq!(listed(&state, all()).await, [2]);
}
