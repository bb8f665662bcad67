//! The list of drifted fields.

use backend::ports::{Change, Drift, DriftQuery, KeptAt, KeptField, OverlayState as _};
use backend::{Cursor, Kind};
use conversation::RawJson;
use store::State;

use crate::support::{beside, field, id, open, seconds};

fn drifted(message: Option<&str>, pointer: &str) -> KeptField {
    KeptField {
        drift: Some(Drift {
            since: seconds(7),
            value: Some(RawJson::default()),
        }),
        ..field(message.map(id).as_ref(), pointer)
    }
}

async fn walk(state: &State, query: DriftQuery) -> Vec<(KeptAt, KeptField)> {
    let mut found = Vec::new();
    let mut after: Option<Cursor> = None;
    loop {
        let query = DriftQuery {
            after: after.take(),
            ..query.clone()
        };
        let page = state.drifted(&query).await.unwrap();
        assert!(page.items.len() <= query.limit && page.previous.is_none());
        found.extend(page.items.into_iter().map(|item| (item.at, item.field)));
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

#[tokio::test]
async fn drifted_fields_are_listed_by_conversation_in_pages() {
    let (_directory, _store, state) = open();
    let long = format!("/metadata/{}", "k".repeat(5_000));
    let ats = [beside("one"), beside("two"), beside("one")];
    let mut wanted = Vec::new();
    for at in &ats {
        let fields = [
            drifted(None, "/title"),
            drifted(None, &long),
            drifted(Some("m1"), "/parts"),
            field(None, "/status"),
        ];
        wanted.extend(fields[..3].iter().map(|field| (at.clone(), field.clone())));
        let changes = fields.into_iter().map(Change::Field).collect();
        state.apply(at, None, changes).await.unwrap();
    }
    let query = |limit| DriftQuery {
        limit,
        ..DriftQuery::default()
    };
    for limit in [1, 2, 3, 8, 9, 10, 5_000] {
        assert_eq!(walk(&state, query(limit)).await, wanted, "{limit}");
    }
    let of_two = DriftQuery {
        backend: Some("two".into()),
        ..query(2)
    };
    assert_eq!(walk(&state, of_two).await, wanted[3..6]);
    let of_last = DriftQuery {
        conversation: Some(ats[2].conversation),
        ..query(2)
    };
    assert_eq!(walk(&state, of_last.clone()).await, wanted[6..]);
    let of_none = DriftQuery {
        backend: Some("two".into()),
        ..of_last.clone()
    };
    assert_eq!(walk(&state, of_none).await, []);
    // A cursor belongs to its list.
    let next = state.drifted(&of_last).await.unwrap().next;
    for (after, kind) in [
        (next.clone(), Kind::InvalidCursor),
        (Some("x".into()), Kind::InvalidCursor),
    ] {
        let foreign = DriftQuery { after, ..query(2) };
        assert_eq!(state.drifted(&foreign).await.unwrap_err().kind, kind);
    }
    let error = state.drifted(&query(0)).await.unwrap_err();
    assert_eq!(error.kind, Kind::InvalidRequest);
    // Back at its base, a field is listed no longer.
    let changes = vec![
        Change::Field(field(None, "/title")),
        Change::DropField {
            message: None,
            pointer: long.into(),
        },
    ];
    state.apply(&ats[0], None, changes).await.unwrap();
    assert_eq!(walk(&state, query(2)).await, wanted[2..]);
}
