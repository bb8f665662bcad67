//! Kept fields: values that may be absent or null, and pages of them.

use backend::ports::{Change, Drift, KeptField, OverlayState as _};
use conversation::RawJson;

use crate::support::{beside, field, id, kept, open, open_in, seconds};

#[tokio::test]
async fn absent_and_null_stay_two_things() {
    let (directory, store, state) = open();
    let at = beside("vendor");
    let null = || Some(RawJson::default());
    let values = [None, null(), Some(RawJson::string("null"))];
    let mut wanted = Vec::new();
    for (number, value) in values.iter().enumerate() {
        for (other, base) in values.iter().enumerate() {
            wanted.push(KeptField {
                message: None,
                pointer: format!("/metadata/{number}{other}").into(),
                value: value.clone(),
                base: base.clone(),
                unexpected: number == other,
                drift: (number == 1).then(|| Drift {
                    since: seconds(5),
                    value: base.clone(),
                }),
            });
        }
    }
    let changes = wanted.iter().cloned().map(Change::Field).collect();
    state.apply(&at, None, changes).await.unwrap();
    drop((state, store));
    let (_store, state) = open_in(&directory);
    let found = kept(&state, &at).await.fields;
    assert_eq!(found, wanted);
    // Equality of values is by canonical JSON; here the text matters too.
    for (found, wanted) in found.iter().zip(&wanted) {
        let text = |value: &Option<RawJson>| value.as_ref().map(|value| value.get().to_owned());
        assert_eq!(text(&found.value), text(&wanted.value));
        assert_eq!(text(&found.base), text(&wanted.base));
    }
}

#[tokio::test]
async fn a_field_is_kept_once_and_its_values_as_they_came() {
    let (_directory, _store, state) = open();
    let at = beside("vendor");
    let mut long = field(None, &format!("/metadata/{}", "k".repeat(5_000)));
    long.value = Some(RawJson::parse("{\"n\":12345678901234567890.10,\"t\":\"\\u0000\"}").unwrap());
    state
        .apply(
            &at,
            None,
            vec![
                Change::Field(field(None, "/title")),
                Change::Field(long.clone()),
            ],
        )
        .await
        .unwrap();
    let mut changed = field(None, "/title");
    changed.value = None;
    changed.base = Some(RawJson::string("theirs"));
    changed.unexpected = true;
    state
        .apply(&at, None, vec![Change::Field(changed.clone())])
        .await
        .unwrap();
    let found = kept(&state, &at).await;
    assert_eq!(found.fields, [long.clone(), changed]);
    assert_eq!(
        found.fields[0].value.as_ref().unwrap().get(),
        long.value.unwrap().get()
    );
    assert!(!found.has_message_fields);
    let dropped = Change::DropField {
        message: None,
        pointer: "/title".into(),
    };
    state.apply(&at, None, vec![dropped]).await.unwrap();
    assert_eq!(kept(&state, &at).await.fields.len(), 1);
}

#[tokio::test]
async fn fields_of_messages_are_read_for_a_page() {
    let (_directory, _store, state) = open();
    let (at, other) = (beside("vendor"), beside("vendor"));
    let (one, two) = (id("one"), id("two"));
    let changes = vec![
        Change::Field(field(Some(&one), "/metadata/a")),
        Change::Field(field(Some(&one), "/metadata/b")),
        Change::Field(field(Some(&two), "/parts")),
        Change::Field(field(None, "/title")),
    ];
    state.apply(&at, None, changes).await.unwrap();
    state
        .apply(&other, None, vec![Change::Field(field(Some(&one), "/x"))])
        .await
        .unwrap();
    let found = kept(&state, &at).await;
    assert!(found.has_message_fields);
    assert_eq!(found.fields, [field(None, "/title")]);
    let found = state
        .message_fields(&at, &[two.clone(), id("none"), one.clone()])
        .await
        .unwrap();
    assert_eq!(
        found,
        [
            field(Some(&two), "/parts"),
            field(Some(&one), "/metadata/a"),
            field(Some(&one), "/metadata/b")
        ]
    );
    let dropped = |message: &str, pointer: &str| Change::DropField {
        message: Some(id(message)),
        pointer: pointer.into(),
    };
    let drops = vec![
        dropped("two", "/parts"),
        dropped("one", "/metadata/a"),
        dropped("one", "/metadata/b"),
    ];
    state.apply(&at, None, drops).await.unwrap();
    assert!(!kept(&state, &at).await.has_message_fields);
}
