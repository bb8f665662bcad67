//! The index of messages: what is bound, hidden, removed or gone, and how that is counted.

use backend::Order;
use backend::ports::{Change, Holder, IndexState, KeptAt, KeptPage, OverlayState as _};
use conversation::MessageId;
use store::State;

use crate::home;
use crate::support::{beside, field, id, index_of, kept, message, open, seconds};

async fn shown(state: &State, at: &KeptAt) -> Vec<String> {
    let page = KeptPage {
        order: Order::Asc,
        after: None,
        limit: 1_000,
    };
    let messages = state.messages(at, &page).await.unwrap();
    messages
        .into_iter()
        .map(|message| message.message.id.to_string())
        .collect()
}

async fn counts(state: &State, at: &KeptAt) -> (u64, i64) {
    let kept = kept(state, at).await;
    (kept.messages, kept.beside)
}

fn bind(native: &str, to: &[&str]) -> Change {
    Change::Bind {
        native: id(native),
        to: to.iter().map(|name| id(name)).collect(),
    }
}

fn gone(name: &str, is_gone: bool) -> Change {
    Change::Gone {
        id: id(name),
        is_gone,
    }
}

#[tokio::test]
async fn a_bound_message_stands_behind_those_whose_words_it_carries() {
    let (_directory, _store, state) = open();
    let at = beside("vendor");
    let changes = vec![
        message(&at, "a", 1, None),
        message(&at, "b", 2, None),
        message(&at, "question", 3, Some("native")),
        message(&at, "answer", 4, Some("native")),
        Change::Field(field(Some(&id("question")), "/metadata/x")),
        Change::Field(field(Some(&id("a")), "/metadata/x")),
        Change::Index(index_of("native")),
    ];
    state.apply(&at, None, changes).await.unwrap();
    assert_eq!(counts(&state, &at).await, (4, 2));
    state
        .apply(&at, None, vec![bind("question", &["a", "b"])])
        .await
        .unwrap();
    assert_eq!(shown(&state, &at).await, ["a", "b", "answer"]);
    // Three are shown; the backend counts question and answer.
    assert_eq!(counts(&state, &at).await, (3, 1));
    let fields = state
        .message_fields(&at, &[id("question"), id("a")])
        .await
        .unwrap();
    assert_eq!(fields, [field(Some(&id("a")), "/metadata/x")]);
    // Its id leads to the newest whose words it carries.
    for (asked, found) in [("question", "b"), ("b", "b"), ("a", "a")] {
        let message = state.message(&at, &id(asked)).await.unwrap().unwrap();
        assert_eq!(message.message.id, id(found));
        assert_eq!(message.natives, [id("question")]);
    }
    let index = state.index(&at).await.unwrap();
    let natives: Vec<&[MessageId]> = index.iter().map(|message| &*message.natives).collect();
    assert_eq!(natives, [&[id("question")][..], &[id("question")], &[]]);
    // Bound and put in once more, it changes nothing.
    let again = vec![
        bind("question", &["a", "b"]),
        message(&at, "question", 3, Some("native")),
    ];
    state.apply(&at, None, again).await.unwrap();
    assert_eq!(shown(&state, &at).await, ["a", "b", "answer"]);
    assert_eq!(counts(&state, &at).await, (3, 1));
    // A second message may carry the same words.
    let resent = vec![
        message(&at, "resent", 5, Some("native")),
        bind("resent", &["b"]),
    ];
    state.apply(&at, None, resent).await.unwrap();
    let message = state.message(&at, &id("b")).await.unwrap().unwrap();
    assert_eq!(message.natives, [id("question"), id("resent")]);
    assert_eq!(counts(&state, &at).await, (3, 0));
}

#[tokio::test]
async fn a_message_may_be_bound_before_it_is_there_and_to_none_of_ours() {
    let (_directory, _store, state) = open();
    let at = beside("vendor");
    let changes = vec![
        bind("carrier", &["ours"]),
        bind("nobodys", &[]),
        bind("itself", &["itself"]),
        message(&at, "carrier", 1, Some("native")),
        message(&at, "nobodys", 2, Some("native")),
        message(&at, "itself", 3, Some("native")),
        message(&at, "ours", 4, None),
        Change::Index(index_of("native")),
    ];
    state.apply(&at, None, changes).await.unwrap();
    assert_eq!(shown(&state, &at).await, ["itself", "ours"]);
    // The backend counts three.
    assert_eq!(counts(&state, &at).await, (2, -1));
    assert_eq!(state.message(&at, &id("nobodys")).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_hidden_stays_hidden() {
    let (_directory, _store, state) = open();
    let at = beside("vendor");
    let changes = vec![
        message(&at, "ours", 1, None),
        message(&at, "theirs", 2, Some("native")),
        Change::Index(index_of("native")),
        Change::Hide(id("ours")),
        Change::Hide(id("theirs")),
        Change::Hide(id("theirs")),
    ];
    state.apply(&at, None, changes).await.unwrap();
    assert_eq!(counts(&state, &at).await, (0, -1));
    let again = vec![
        message(&at, "ours", 1, None),
        message(&at, "theirs", 2, Some("native")),
        gone("theirs", true),
        gone("theirs", false),
        // The words of a hidden message do not come back in another one.
        message(&at, "carrier", 3, Some("native")),
        bind("carrier", &["ours"]),
    ];
    state.apply(&at, None, again).await.unwrap();
    assert_eq!(shown(&state, &at).await, Vec::<String>::new());
    assert_eq!(counts(&state, &at).await, (0, -2));
    let hidden = state.message(&at, &id("carrier")).await.unwrap().unwrap();
    assert!(hidden.is_hidden && hidden.message.id == id("ours"));
}

#[tokio::test]
async fn what_is_hidden_is_found_by_its_time_and_put_in_anew_behind_what_came_since() {
    let (_directory, _store, state) = open();
    let at = beside("vendor");
    let changes = vec![
        message(&at, "early", 1, Some("native")),
        message(&at, "theirs", 2, Some("native")),
        message(&at, "later", 3, Some("native")),
        message(&at, "gone", 4, Some("native")),
        message(&at, "ours", 5, None),
        message(&at, "shown", 6, Some("native")),
        Change::Index(index_of("native")),
        Change::Hide(id("early")),
        Change::Hide(id("theirs")),
        Change::Hide(id("later")),
        Change::Hide(id("gone")),
        Change::Hide(id("ours")),
        gone("gone", true),
    ];
    state.apply(&at, None, changes).await.unwrap();
    let hidden = async |from, limit| {
        let found = state.hidden(&at, seconds(from), limit).await.unwrap();
        let found = found.into_iter().map(|row| row.message.id.to_string());
        found.collect::<Vec<_>>()
    };
    assert_eq!(hidden(2, 10).await, ["theirs", "later"]);
    assert_eq!(hidden(2, 1).await, ["theirs"]);
    assert_eq!(hidden(4, 10).await, Vec::<String>::new());
    let elsewhere = beside("vendor");
    let none = state.hidden(&elsewhere, seconds(0), 10).await.unwrap();
    assert_eq!(none, []);
    let before = counts(&state, &at).await;
    let anew = vec![
        message(&at, "between", 2, Some("native")),
        Change::Remove(id("theirs")),
        message(&at, "theirs", 2, Some("native")),
    ];
    state.apply(&at, None, anew).await.unwrap();
    assert_eq!(shown(&state, &at).await, ["between", "theirs", "shown"]);
    let after = counts(&state, &at).await;
    // Two more are shown; of them the backend counted one before, which was hidden.
    assert_eq!((after.0 - before.0, after.1 - before.1), (2, 1));
    assert_eq!(hidden(0, 10).await, ["early", "later"]);
}

#[tokio::test]
async fn what_is_gone_may_come_back() {
    let (_directory, _store, state) = open();
    let at = beside("vendor");
    let changes = vec![
        message(&at, "ours", 1, None),
        message(&at, "theirs", 2, Some("native")),
        message(&at, "carrier", 3, Some("native")),
        bind("carrier", &["ours"]),
        Change::Index(index_of("native")),
    ];
    state.apply(&at, None, changes).await.unwrap();
    assert_eq!(counts(&state, &at).await, (2, 0));
    state
        .apply(&at, None, vec![gone("theirs", true)])
        .await
        .unwrap();
    assert_eq!(shown(&state, &at).await, ["ours"]);
    assert_eq!(counts(&state, &at).await, (1, 0));
    assert!(state.index(&at).await.unwrap()[1].is_gone);
    state
        .apply(&at, None, vec![message(&at, "theirs", 9, Some("native"))])
        .await
        .unwrap();
    assert_eq!(shown(&state, &at).await, ["ours", "theirs"]);
    // Where what carries our words is gone, they are shown and no longer counted.
    for (change, wanted) in [
        (gone("carrier", true), (2, 1)),
        (gone("carrier", true), (2, 1)),
        (message(&at, "carrier", 3, Some("native")), (2, 0)),
        (gone("nobody", true), (2, 0)),
    ] {
        state.apply(&at, None, vec![change]).await.unwrap();
        assert_eq!(counts(&state, &at).await, wanted);
        assert_eq!(shown(&state, &at).await, ["ours", "theirs"]);
    }
}

#[tokio::test]
async fn to_remove_a_message_drops_its_fields_and_what_is_bound_to_it() {
    let (_directory, _store, state) = open();
    let at = beside("vendor");
    let changes = vec![
        message(&at, "a", 1, None),
        message(&at, "b", 2, None),
        bind("both", &["a", "b"]),
        bind("one", &["a"]),
        Change::Field(field(Some(&id("a")), "/parts")),
        Change::Field(field(Some(&id("b")), "/parts")),
        Change::Index(index_of("native")),
    ];
    state.apply(&at, None, changes).await.unwrap();
    assert_eq!(counts(&state, &at).await, (2, 0));
    state
        .apply(
            &at,
            None,
            vec![Change::Remove(id("a")), Change::Remove(id("a"))],
        )
        .await
        .unwrap();
    assert_eq!(shown(&state, &at).await, ["b"]);
    assert_eq!(counts(&state, &at).await, (1, 0));
    let fields = state.message_fields(&at, &[id("a"), id("b")]).await;
    assert_eq!(fields.unwrap(), [field(Some(&id("b")), "/parts")]);
    assert_eq!(state.message(&at, &id("one")).await.unwrap(), None);
    let b = state.message(&at, &id("both")).await.unwrap().unwrap();
    assert_eq!(b.message.id, id("b"));
}

#[tokio::test]
async fn messages_of_an_earlier_home_are_shown_and_not_counted_by_the_new_one() {
    let (_directory, _store, state) = open();
    let at = beside("vendor");
    let changes = vec![
        message(&at, "old", 1, Some("first")),
        message(&at, "hidden", 2, Some("first")),
        message(&at, "ours", 3, None),
        message(&at, "carrier", 4, Some("first")),
        bind("carrier", &["ours"]),
        Change::Hide(id("hidden")),
        Change::Index(index_of("first")),
    ];
    state.apply(&at, None, changes).await.unwrap();
    assert_eq!(counts(&state, &at).await, (2, -1));
    let moved = vec![
        message(&at, "new", 5, Some("second")),
        Change::Home(index_of("second")),
    ];
    state.apply(&at, None, moved).await.unwrap();
    // The new home counts one of three.
    assert_eq!(counts(&state, &at).await, (3, 2));
    let more = vec![
        gone("carrier", true),
        gone("old", true),
        message(&at, "newer", 6, Some("second")),
    ];
    state.apply(&at, None, more).await.unwrap();
    assert_eq!(counts(&state, &at).await, (3, 1));
}

/// What the counts must be, from what is told of each message.
fn wanted(index: &[backend::ports::Indexed], bound: usize, home: &str) -> (u64, i64) {
    let shown = index
        .iter()
        .filter(|message| !message.is_hidden && !message.is_gone)
        .count();
    let counted = index
        .iter()
        .filter(|message| message.holder == Holder::Backend(home.into()) && !message.is_gone)
        .count();
    let beside = shown as i64 - counted as i64 - bound as i64;
    (shown as u64, beside)
}

#[tokio::test]
async fn counts_are_right_after_any_changes() {
    let (_directory, _store, state) = open();
    let at = beside("vendor");
    // The same changes in every run.
    let mut seed = 42_u64;
    let mut next = move |below: u64| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut home = "first";
    state
        .apply(&at, None, vec![Change::Index(index_of(home))])
        .await
        .unwrap();
    for step in 0..400 {
        let (name, other) = (format!("m{}", next(12)), format!("m{}", next(12)));
        let native = ["first", "second"][next(2) as usize];
        let change = match next(8) {
            0 | 1 => message(&at, &name, step, None),
            2 | 3 => message(&at, &name, step, Some(native)),
            4 => bind(&name, &[&other]),
            5 => gone(&name, next(2) == 0),
            6 => Change::Remove(id(&name)),
            _ if step % 50 == 0 => {
                home = native;
                Change::Home(IndexState {
                    native: native.into(),
                    ..index_of(native)
                })
            }
            _ => Change::Hide(id(&name)),
        };
        let hides = matches!(change, Change::Hide(_));
        let result = state.apply(&at, None, vec![change]).await;
        assert!(hides || result.is_ok(), "{result:?}");
        let index = state.index(&at).await.unwrap();
        let bound = home::number(
            &_store,
            &format!(
                "SELECT count(DISTINCT carrier) FROM overlay_bindings \
                 WHERE gone = 0 AND (native IS NULL OR native = '{home}')"
            ),
        );
        let bound = usize::try_from(bound).unwrap();
        assert_eq!(
            counts(&state, &at).await,
            wanted(&index, bound, home),
            "after step {step}"
        );
    }
}
