//! Random edits on one side, a sync, random edits on the same or the other side, a sync back: always equal.

use std::sync::atomic::{AtomicU64, Ordering};

use backend::Location;
use conversation::{ConversationPatch, InReplyTo, MessagePatch, Part, Patch, ReplyKind};
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};

use super::super::Depth;
use super::plan::Fault;
use super::support::{Frail, live_at, words};
use crate::testing::cx;

#[derive(Debug, Clone)]
enum Edit {
    /// Some messages are said at these times, some in answer to another.
    Say(Vec<(i64, Option<usize>)>),
    Change(usize),
    Delete(usize),
    Retitle(u8),
}

fn edit() -> impl Strategy<Value = Edit> {
    let said = vec(
        (0_i64..4, proptest::option::weighted(0.3, 0_usize..9)),
        1..6,
    );
    prop_oneof![
        3 => said.prop_map(Edit::Say),
        2 => (0_usize..16).prop_map(Edit::Change),
        2 => (0_usize..16).prop_map(Edit::Delete),
        1 => any::<u8>().prop_map(Edit::Retitle),
    ]
}

/// Whether the copy is edited, its edits, and what fails in the sync after them.
type Chapter = (bool, Vec<Edit>, Option<(u64, Fault)>);

fn chapters() -> impl Strategy<Value = Vec<Chapter>> {
    let faults: Vec<_> = Fault::ALL.into_iter().map(Just).collect();
    let fault = (1_u64..40, proptest::strategy::Union::new(faults));
    vec(
        (
            any::<bool>(),
            vec(edit(), 0..6),
            proptest::option::of(fault),
        ),
        1..5,
    )
}

static STORIES: AtomicU64 = AtomicU64::new(0);

async fn make(frail: &Frail, at: &Location, edit: &Edit) {
    let end = frail.world.end(&at.backend);
    let messages = frail.world.messages(at).await;
    let nth = |nth: usize| messages.get(nth % messages.len().max(1));
    match edit {
        Edit::Say(said) => {
            let said = said.iter().enumerate().map(|(number, (millis, parent))| {
                let mut new = words(*millis, &format!("words {number}"));
                new.in_reply_to = parent.and_then(nth).map(|parent| InReplyTo {
                    id: parent.id.clone(),
                    kind: ReplyKind::Reply,
                });
                new
            });
            frail.world.say(at, said.collect()).await;
        }
        Edit::Change(which) => {
            if let Some(message) = nth(*which) {
                let patch = MessagePatch {
                    parts: Patch::Set(vec![Part::text("changed")]),
                    ..MessagePatch::default()
                };
                let changed = end
                    .update_message(&cx(), at, &message.id, patch, None)
                    .await;
                changed.unwrap();
            }
        }
        Edit::Delete(which) => {
            if let Some(message) = nth(*which) {
                let deleted = end.delete_message(&cx(), at, &message.id, None).await;
                deleted.unwrap();
            }
        }
        Edit::Retitle(number) => {
            let patch = ConversationPatch {
                owner: Patch::Set(number.to_string().into()),
                ..ConversationPatch::default()
            };
            let changed = end.update_conversation(&cx(), at, patch, None).await;
            changed.unwrap();
        }
    }
}

async fn tell(frail: &Frail, chapters: Vec<Chapter>) {
    let title = format!("story {}", STORIES.fetch_add(1, Ordering::Relaxed));
    let new = conversation::NewConversation {
        title: Some(title.as_str().into()),
        ..conversation::NewConversation::default()
    };
    let at = frail.world.conversation(new).await;
    frail.sync(&at, Depth::Whole).await;
    let back = frail.run.reversed();
    for (nth, (of_copy, edits, fault)) in chapters.iter().enumerate() {
        let copy = frail.copy_of(&at).await;
        let (side, run) = if *of_copy {
            (&copy, &back)
        } else {
            (&at, &frail.run)
        };
        // The first home too knows its messages by other ids, once some were written to it.
        let side = &Location {
            renamed: true,
            ..side.clone()
        };
        live_at(&frail.world, run, &at, &side.backend).await;
        for edit in edits {
            make(frail, side, edit).await;
        }
        if let Some((call, fault)) = fault {
            frail.plan.fail(*call, *fault);
        }
        frail.sync_as(run, &at, Depth::Whole).await;
        frail.plan.end();
        let home = Location {
            renamed: true,
            ..at.clone()
        };
        frail
            .assert_same(&home, &format!("chapter {nth} of {chapters:?}"))
            .await;
        for (nth, run) in [&frail.run, &back, &frail.run, &back]
            .into_iter()
            .enumerate()
        {
            let again = frail.sync_as(run, &at, Depth::Whole).await;
            // What was deleted on one side is forgotten by the other when it is synced from there.
            let changed = if nth < 2 { 0 } else { again.changed };
            assert_eq!((again.written, changed), (0, 0), "{chapters:?}");
        }
        frail.assert_same(&home, "again").await;
    }
}

fn in_runtime(looks: bool, chapters: Vec<Chapter>) {
    use std::sync::OnceLock;
    static WORLDS: OnceLock<(tokio::runtime::Runtime, [Frail; 2])> = OnceLock::new();
    let (runtime, worlds) = WORLDS.get_or_init(|| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let worlds = runtime.block_on(async { [Frail::new(false).await, Frail::new(true).await] });
        (runtime, worlds)
    });
    // One after the other: they fail by one plan.
    static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one = ONE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    runtime.block_on(tell(&worlds[usize::from(looks)], chapters));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_edited_where_both_sides_end_equal(chapters in chapters()) {
        in_runtime(false, chapters);
    }

    #[test]
    fn at_a_vendor_too(chapters in chapters()) {
        in_runtime(true, chapters);
    }
}
