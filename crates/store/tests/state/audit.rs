//! The audit log: what is added stays, and is listed newest first.

use backend::ports::{AuditEntry, AuditLog, AuditQuery};
use uuid::Uuid;

use crate::support::{open, open_in, seconds};

fn entry(number: u32, tenant: Option<&str>, action: &str) -> AuditEntry {
    AuditEntry {
        id: Uuid::from_u128(u128::from(number)),
        at: seconds(i64::from(number)),
        tenant: tenant.map(Into::into),
        by: "k1".into(),
        user: (number == 1).then(|| "ann".into()),
        request_id: Some("r-1".into()),
        action: action.into(),
        target: "support GET /v1/labels".into(),
        outcome: "200".into(),
    }
}

fn newest(limit: usize) -> AuditQuery {
    AuditQuery {
        limit,
        ..AuditQuery::default()
    }
}

#[tokio::test]
async fn entries_are_kept_whole_and_survive_a_restart() {
    let (directory, store, state) = open();
    let added = [
        entry(1, Some("acme"), "passthrough"),
        entry(2, None, "config.reload"),
    ];
    for entry in &added {
        state.append(entry).await.unwrap();
    }
    store.close().await.unwrap();
    drop(state);
    let (_store, state) = open_in(&directory);
    let found = state.entries(&newest(10)).await.unwrap();
    assert_eq!(found, [added[1].clone(), added[0].clone()]);
}

#[tokio::test]
async fn an_entry_is_never_replaced() {
    let (_directory, _store, state) = open();
    let first = entry(1, Some("acme"), "passthrough");
    state.append(&first).await.unwrap();
    let second = AuditEntry {
        outcome: "changed".into(),
        ..first.clone()
    };
    assert!(state.append(&second).await.is_err());
    assert_eq!(state.entries(&newest(10)).await.unwrap(), [first]);
}

#[tokio::test]
async fn pages_and_filters_find_each_entry_once() {
    let (_directory, _store, state) = open();
    for number in 1..=9 {
        let tenant = (number % 3 != 0).then_some(if number % 2 == 0 { "acme" } else { "other" });
        let action = if number < 5 {
            "passthrough"
        } else {
            "config.reload"
        };
        state.append(&entry(number, tenant, action)).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut query = newest(4);
    loop {
        let page = state.entries(&query).await.unwrap();
        let Some(last) = page.last() else {
            break;
        };
        query.before = Some(last.id);
        seen.extend(page.iter().map(|entry| entry.id.as_u128()));
    }
    assert_eq!(seen, (1..=9).rev().collect::<Vec<u128>>());
    let numbers = async |action: Option<&str>, tenant: Option<&str>| {
        let query = AuditQuery {
            action: action.map(Into::into),
            tenant: tenant.map(Into::into),
            ..newest(10)
        };
        let found = state.entries(&query).await.unwrap();
        let numbers = found.iter().map(|entry| entry.id.as_u128());
        numbers.collect::<Vec<u128>>()
    };
    assert_eq!(numbers(Some("passthrough"), None).await, [4, 3, 2, 1]);
    assert_eq!(numbers(None, Some("acme")).await, [8, 4, 2]);
    assert_eq!(numbers(Some("config.reload"), Some("acme")).await, [8]);
    assert_eq!(numbers(Some("nothing"), None).await, [] as [u128; 0]);
}
