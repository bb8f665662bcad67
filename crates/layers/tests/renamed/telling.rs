//! What became of fields is told of public ids.

use std::sync::Arc;

use backend::Backend as _;
use conversation::{MessagePatch, NewMessage, Part, Patch, Role};
use overlay::{Overlay, OverlaySettings};
use store::{SealingKey, Store, StoreConfig};

use crate::below::Below;
use crate::support::{Bench, cx, id};

#[tokio::test]
async fn fates_are_told_of_public_ids_once() {
    let files = tempfile::tempdir().unwrap();
    let own = Store::open(StoreConfig::at(files.path().join("own.db"))).unwrap();
    let state = Arc::new(own.state(&SealingKey::from_bytes([7; 32])).unwrap());
    let bench = Bench::over(|store| {
        let below = Below::without_imports(store);
        let settings = OverlaySettings::default();
        Arc::new(Overlay::new(
            below,
            settings,
            state.clone(),
            state.clone(),
            state,
        ))
    });
    let at = bench.create().await;
    let new = NewMessage::text(Role::User, "kept");
    let results = bench
        .renamed
        .import_messages(&cx(), &at, vec![new])
        .await
        .unwrap();
    let native = results.into_iter().next().unwrap().unwrap().id;
    bench.names.note("public", native.as_str());
    let of = |cx: &backend::Context| -> Vec<String> {
        let fates = cx.trace.fates().into_iter();
        fates.map(|(of, _)| of.into_string()).collect()
    };
    let reading = cx();
    bench
        .renamed
        .get_message(&reading, &at, &id("public"))
        .await
        .unwrap();
    assert_eq!(of(&reading), ["public"]);
    let patch = MessagePatch {
        parts: Patch::Set(vec![Part::text("edited")]),
        ..MessagePatch::default()
    };
    let writing = cx();
    bench
        .renamed
        .update_message(&writing, &at, &id("public"), patch, None)
        .await
        .unwrap();
    assert_eq!(of(&writing), ["public"]);
}
