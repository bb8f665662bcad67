//! What a vendor changes silently is caught and named, and what is changed past the gateway has drifted.

use backend::ports::{DriftQuery, DriftedField};
use backend::{Backend, Context, Location};
use conversation::{ConversationPatch, NewConversation, Patch};

use crate::fake::FakeChatter;
use crate::stacks::{Behind, Stack};
use crate::written::cx;

const TITLE: &str = "a title that somebody shortens";

fn titled(title: &str) -> NewConversation {
    NewConversation {
        title: Some(title.into()),
        ..NewConversation::default()
    }
}

/// Changes the title at the vendor itself.
async fn rename(stack: &Stack, at: &Location, title: &str) {
    let patch = ConversationPatch {
        title: Patch::Set(title.into()),
        ..ConversationPatch::default()
    };
    let renamed = stack.bare.update_conversation(&cx(), at, patch, None).await;
    renamed.expect("the vendor takes it");
}

/// The title as it is shown, read past every cache.
async fn shown(stack: &Stack, cx: &Context, at: &Location) -> String {
    let read = stack.router.get_conversation(&cx.fresh(), at).await;
    let title = read.expect("a conversation").title;
    title.unwrap_or_default().into()
}

async fn drifted(stack: &Stack) -> Vec<DriftedField> {
    let query = DriftQuery {
        limit: 10,
        ..DriftQuery::default()
    };
    stack.kept().drifted(&query).await.expect("a list").items
}

#[tokio::test]
async fn a_title_that_the_vendor_cuts_silently_is_kept_and_named_as_unexpected() {
    let stack = Stack::start(Behind::VENDORS[0]).await;
    stack.vendor::<FakeChatter>().rewrite(TITLE, "a title");
    let creating = cx();
    let made = stack
        .router
        .create_conversation(&creating, titled(TITLE))
        .await
        .expect("a conversation");
    assert_eq!(made.conversation.title.as_deref(), Some(TITLE));
    let reading = cx();
    assert_eq!(shown(&stack, &reading, &made.location).await, TITLE);
    for (what, cx) in [("written", creating), ("read", reading)] {
        let fates = cx.trace.fates();
        let title = fates.iter().find(|(_, fate)| fate.pointer == "/title");
        let (_, fate) = title.unwrap_or_else(|| panic!("{what}: {fates:?}"));
        assert!(fate.unexpected, "{what}: {fate:?}");
    }
    assert!(drifted(&stack).await.is_empty());
}

#[tokio::test]
async fn a_kept_title_that_is_changed_at_the_vendor_has_drifted_until_it_is_back() {
    for behind in [Behind::VENDORS[0], Behind::Sunshine, Behind::Convore] {
        let name = behind.name();
        let stack = Stack::start(behind).await;
        let long = "a title of three hundred characters ".repeat(9);
        let made = stack
            .router
            .create_conversation(&cx(), titled(&long))
            .await
            .expect("a conversation");
        let at = &made.location;
        assert_eq!(shown(&stack, &cx(), at).await, long, "{name}");
        let alone = stack.bare.get_conversation(&cx(), at).await;
        let alone = alone.expect("the vendor has it").title.unwrap_or_default();
        if *alone == *long {
            // Held as it is: whatever the vendor says is the title.
            continue;
        }

        rename(&stack, at, "changed past us").await;
        let reading = cx();
        assert_eq!(
            shown(&stack, &reading, at).await,
            "changed past us",
            "{name}"
        );
        let fates = reading.trace.fates();
        assert!(
            fates.iter().any(|(_, fate)| fate.drifted),
            "{name}: {fates:?}"
        );
        let found = drifted(&stack).await;
        let [field] = &found[..] else {
            panic!("{name}: {found:?}")
        };
        assert_eq!(&*field.field.pointer, "/title", "{name}");
        assert_eq!(field.at.conversation, at.id, "{name}");

        rename(&stack, at, &alone).await;
        assert_eq!(shown(&stack, &cx(), at).await, long, "{name}");
        assert!(drifted(&stack).await.is_empty(), "{name}");
    }
}
