//! Work under a lease that is over.

use std::time::Duration;

use backend::ports::{Held, ItemState};

use super::*;
use crate::records::Records;
use crate::testing::{World, spec};

#[tokio::test]
async fn nothing_is_written_once_the_lease_is_over() {
    let bench = World::new();
    let run = bench.migration().await;
    let leases = bench.parts.leases.clone();
    let held = Held::take(&leases, "migration/x", Duration::ZERO)
        .await
        .unwrap();
    let fenced = Fenced::new(bench.parts.ledger.clone(), held.term());
    let item = |id: u128, state| Item {
        conversation: ConversationId::from_bits(id),
        state,
        mark: None,
        messages: 0,
        bytes: 0,
        sign: None,
        source: None,
        target: None,
    };
    let pending = [item(1, ItemState::Pending)];
    fenced.put_items(run.migration, &pending).await.unwrap();
    let records = Records::new(bench.parts.ledger.clone(), leases).within(held.term());
    held.release().await;

    let copied = [item(1, ItemState::Copied)];
    let refused = fenced.put_items(run.migration, &copied).await;
    assert!(refused.is_err());
    let change = ItemChange {
        state: Some(ItemState::Switched),
        ..ItemChange::default()
    };
    let refused = fenced
        .change_item(run.migration, pending[0].conversation, &change)
        .await;
    assert!(refused.is_err());
    let refused = records
        .edit(run.migration, |record| {
            record.mirror = true;
            Ok(())
        })
        .await;
    assert!(refused.is_err());
    let noted = fenced
        .item(run.migration, pending[0].conversation)
        .await
        .unwrap();
    assert_eq!(noted.as_ref(), pending.first());
    let record = fenced.migration(run.migration).await.unwrap().unwrap();
    assert_eq!((record.mirror, record.spec), (false, spec()));
}

#[tokio::test]
async fn replicas_that_change_one_record_lose_no_change() {
    let bench = World::new();
    let run = bench.migration().await;
    // Each has a memory of its own.
    let replicas: Vec<Records> = (0..3)
        .map(|_| Records::new(bench.parts.ledger.clone(), bench.parts.leases.clone()))
        .collect();
    let edits = (0..30).map(|number: usize| {
        replicas[number % 3].edit(run.migration, move |record| {
            crate::records::set_note(record, &format!("note {number}"), &number)
        })
    });
    for edited in futures_util::future::join_all(edits).await {
        edited.unwrap();
    }
    let record = replicas[0].get(run.migration).await.unwrap();
    assert_eq!(record.notes.len(), 30);
}
