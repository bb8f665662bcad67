//! Copies of conversations: what is kept beside, in which order, and what it costs.

use backend::{
    Applied, Backend as _, Context, ConversationQuery, FidelityPolicy, Kind, Level, Location,
    MessageOrder, NewAttachment, PageRequest, Settled, Write,
};
use conversation::{
    ConversationId, Message, NewConversation, NewMessage, Part, RawJson, Role, Time, text_of,
};

use crate::support::{Bench, cx, intent, new, strict};

const MOMENT: &str = "2020-01-01T00:00:00.000Z";

fn copying() -> Context {
    Context {
        copying: true,
        ..cx()
    }
}

fn beside() -> Context {
    Context {
        beside: true,
        ..copying()
    }
}

fn said(role: Role, words: &str, at: &str) -> NewMessage {
    NewMessage {
        sent_at: Some(at.parse().unwrap()),
        ..NewMessage::text(role, words)
    }
}

async fn import(bench: &Bench, cx: &Context, at: &Location, new: Vec<NewMessage>) -> Vec<Message> {
    let results = bench.overlay.import_messages(cx, at, new).await.unwrap();
    results.into_iter().map(Result::unwrap).collect()
}

async fn texts(bench: &Bench, at: &Location) -> Vec<String> {
    let page = PageRequest::first(1_000);
    let page = bench.overlay.list_messages(&cx(), at, &page).await.unwrap();
    page.items
        .iter()
        .map(|message| text_of(&message.parts))
        .collect()
}

#[tokio::test]
async fn what_goes_beside_is_kept_whole_and_the_backend_is_told_nothing() {
    let bench = Bench::new(|_| {});
    let at = bench.create("{}").await;
    let before = bench.below.writes();
    let cx = beside();
    let history = vec![
        said(Role::User, "a", MOMENT),
        said(Role::Assistant, "b", MOMENT),
    ];
    let noted = intent(&cx, &at, Write::ImportMessages(history.clone()));
    let settle = async || bench.overlay.settle(&cx, &noted).await.unwrap();
    assert_eq!(settle().await, Settled::NotApplied);
    let kept = import(&bench, &cx, &at, history).await;
    assert_eq!(
        settle().await,
        Settled::Applied(Applied::Messages(kept.clone()))
    );
    let there = bench
        .below
        .store
        .list_messages(&cx, &at, &PageRequest::first(10))
        .await;
    assert_eq!(there.unwrap().items, []);
    assert_eq!(texts(&bench, &at).await, ["a", "b"]);

    let file = NewAttachment {
        name: Some("a.pdf".into()),
        media_type: "application/pdf".into(),
        message_id: None,
        bytes: "bytes".into(),
    };
    bench.below.reads();
    let cx = beside();
    let put = bench
        .overlay
        .put_attachment(&cx, &at, file.clone())
        .await
        .unwrap();
    assert_eq!(bench.below.reads(), 0);
    let open = async |id| {
        bench
            .overlay
            .open_attachment(&cx, &at, id)
            .await
            .unwrap()
            .bytes
    };
    assert_eq!(open(&put.id).await, "bytes");
    let write = Write::PutAttachment {
        message_id: None,
        name: file.name.clone(),
        digest: conversation::Digest::of(b"bytes"),
    };
    let settled = bench
        .overlay
        .settle(&cx, &intent(&cx, &at, write.clone()))
        .await
        .unwrap();
    assert_eq!(
        settled,
        Settled::Applied(Applied::Attachment(Box::new(put.clone())))
    );
    let other = beside();
    let settled = bench
        .overlay
        .settle(&other, &intent(&other, &at, write))
        .await
        .unwrap();
    assert_eq!(settled, Settled::NotApplied);
    // To a message that the backend has: its part is kept beside, too.
    let posted = bench
        .overlay
        .post_message(&copying(), &at, NewMessage::text(Role::User, "look"))
        .await
        .unwrap();
    let to = NewAttachment {
        message_id: Some(posted.id.clone()),
        ..file
    };
    let put = bench
        .overlay
        .put_attachment(&beside(), &at, to)
        .await
        .unwrap();
    let shown = bench
        .overlay
        .get_message(&copying(), &at, &posted.id)
        .await
        .unwrap();
    assert!(
        matches!(&shown.parts[1], Part::File(media) if media.attachment_id.as_ref() == Some(&put.id))
    );
    let writes = bench.below.writes();
    assert_eq!(writes[before.len()..], ["post"]);
    let refused = Context {
        fidelity: FidelityPolicy::Strict,
        ..beside()
    };
    let results = bench
        .overlay
        .import_messages(&refused, &at, vec![said(Role::User, "c", MOMENT)])
        .await;
    let refused = results.unwrap().pop().unwrap();
    assert_eq!(refused.unwrap_err().kind, Kind::NotHeld);
}

#[tokio::test]
async fn copies_of_equal_times_keep_their_order_whoever_holds_them() {
    // Each call is one message, two, or several; what of them the backend has no place for, or refuses on the way, is
    // between what it holds.
    for size in [1, 2, 3, 12] {
        for order in [MessageOrder::Native, MessageOrder::None] {
            let bench = Bench::new(|below| {
                below.can.message_order = order;
                below.has_no_place_for = Some(Role::System);
                below.refuses_words = Some("4");
            });
            let at = bench.create("{}").await;
            let roles = [Role::User, Role::Assistant, Role::System];
            let all: Vec<NewMessage> = (0..12)
                .map(|number: usize| said(roles[number % 3].clone(), &number.to_string(), MOMENT))
                .collect();
            for call in all.chunks(size) {
                import(&bench, &copying(), &at, call.to_vec()).await;
            }
            let wanted: Vec<String> = (0..12).map(|number| number.to_string()).collect();
            assert_eq!(
                texts(&bench, &at).await,
                wanted,
                "{size} at once, {order:?}"
            );
            // Also for who reads it all again.
            let again = bench.restarted(overlay::OverlaySettings::default());
            let page = PageRequest::first(100);
            let page = again
                .list_messages(&cx().fresh(), &at, &page)
                .await
                .unwrap();
            let shown: Vec<String> = page.items.iter().map(|one| text_of(&one.parts)).collect();
            assert_eq!(shown, wanted);
        }
    }
}

/// The words that the backend itself has, in its order.
async fn below(bench: &Bench, at: &Location) -> Vec<String> {
    let page = PageRequest::first(1_000);
    let page = bench.below.store.list_messages(&cx(), at, &page).await;
    let words = page.unwrap().items;
    words.iter().map(|one| text_of(&one.parts)).collect()
}

#[tokio::test]
async fn what_is_taken_back_where_nothing_is_deleted_is_shown_again_and_not_stored_twice() {
    let bench = Bench::new(|below| below.can.message_delete = Level::None);
    let at = bench.create("{}").await;
    let late = said(Role::User, "late", MOMENT);
    let first = import(&bench, &copying(), &at, vec![late.clone()]).await;
    let remove = async |id| {
        let cx = copying();
        let removed = bench.overlay.delete_message(&cx, &at, id, None).await;
        removed.unwrap();
    };
    remove(&first[0].id).await;
    assert_eq!(texts(&bench, &at).await, Vec::<String>::new());
    // Of one time: it takes its place behind what is written now.
    let earlier = said(Role::User, "earlier", MOMENT);
    import(&bench, &copying(), &at, vec![earlier]).await;
    let (cx, writes) = (copying(), bench.below.writes());
    let noted = intent(&cx, &at, Write::ImportMessages(vec![late.clone()]));
    let again = import(&bench, &cx, &at, vec![late.clone()]).await;
    assert_eq!(again[0].id, first[0].id);
    assert_eq!(
        bench.below.writes(),
        writes,
        "nothing was sent to the backend"
    );
    assert_eq!(texts(&bench, &at).await, ["earlier", "late"]);
    assert_eq!(below(&bench, &at).await, ["late", "earlier"]);
    *bench.below.finds.lock().unwrap() = again.clone();
    let settled = bench.overlay.settle(&cx, &noted).await.unwrap();
    assert_eq!(settled, Settled::Applied(Applied::Messages(again)));
    assert_eq!(texts(&bench, &at).await, ["earlier", "late"]);

    // Where that is cut off before it is noted, whoever finds the message shows it again.
    remove(&first[0].id).await;
    let cx = copying();
    let noted = intent(&cx, &at, Write::ImportMessages(vec![late.clone()]));
    bench.overlay.settle(&cx, &noted).await.unwrap();
    assert_eq!(texts(&bench, &at).await, ["earlier", "late"]);
    assert_eq!(below(&bench, &at).await, ["late", "earlier"]);

    // What was changed of it meanwhile is kept beside it.
    remove(&first[0].id).await;
    let marked = NewMessage {
        metadata: [("mark".into(), RawJson::parse("1").unwrap())].into(),
        ..late.clone()
    };
    let shown = import(&bench, &copying(), &at, vec![marked.clone()]).await;
    assert_eq!(
        (&shown[0].id, &shown[0].metadata),
        (&first[0].id, &marked.metadata)
    );
    let read = bench
        .overlay
        .get_message(&cx.fresh(), &at, &first[0].id)
        .await;
    assert_eq!(read.unwrap().metadata, marked.metadata);
    assert_eq!(bench.below.writes(), writes);

    // Twice the same in one call are two, whoever had the first of them.
    remove(&first[0].id).await;
    let both = import(&bench, &copying(), &at, vec![late.clone(), late.clone()]).await;
    assert_eq!(both[0].id, first[0].id);
    assert_ne!(both[1].id, first[0].id);
    assert_eq!(texts(&bench, &at).await, ["earlier", "late", "late"]);
    // A caller who deletes a message and imports its words again gets another one: both are theirs.
    remove(&first[0].id).await;
    let own = Context {
        copying: false,
        ..copying()
    };
    let stored = import(&bench, &own, &at, vec![late]).await;
    assert_ne!(stored[0].id, first[0].id);
}

#[tokio::test]
async fn a_message_refused_on_the_way_keeps_its_place_among_equal_times_of_one_call() {
    let bench = Bench::new(|below| below.refuses_words = Some("b"));
    let at = bench.create("{}").await;
    let call = ["a", "b", "c"].map(|words| said(Role::User, words, MOMENT));
    let cx = copying();
    let noted = intent(&cx, &at, Write::ImportMessages(call.to_vec()));
    let results = import(&bench, &cx, &at, call.to_vec()).await;
    assert_eq!(results.len(), 3);
    assert_eq!(texts(&bench, &at).await, ["a", "b", "c"]);
    // What the backend refused cannot be told from what it never got.
    let settled = bench.overlay.settle(&cx, &noted).await.unwrap();
    assert!(!matches!(settled, Settled::NotApplied), "{settled:?}");
}

#[tokio::test]
async fn a_copy_in_many_calls_reads_the_backend_a_fixed_number_of_times() {
    let mut costs = Vec::new();
    for calls in [10_usize, 100] {
        let bench = Bench::new(|below| {
            // As a vendor that tells nothing: no order, no mark, and no place for some of the messages.
            below.can.message_order = MessageOrder::None;
            below.can.change_mark = false;
            below.can.limits.page_max = Some(5);
            below.has_no_place_for = Some(Role::System);
        });
        let at = bench.create("{}").await;
        bench.below.reads();
        for number in 0..calls {
            let role = if number % 2 == 0 {
                Role::System
            } else {
                Role::User
            };
            let one = said(role, &number.to_string(), MOMENT);
            import(&bench, &copying(), &at, vec![one]).await;
        }
        costs.push(bench.below.reads());
        assert_eq!(texts(&bench, &at).await.len(), calls);
    }
    assert_eq!(costs[0], costs[1], "messages more cost no reading more");
    assert!(costs[0] <= 2, "{costs:?}");
}

#[tokio::test]
async fn a_copy_of_which_all_is_kept_here_costs_nothing_after_its_create() {
    let bench = Bench::new(|below| below.can.message_import = Level::None);
    bench.below.reads();
    let made = bench
        .overlay
        .create_conversation(&copying(), new("{}"))
        .await
        .unwrap();
    let at = made.location;
    let before = bench.below.writes();
    for number in 0..20 {
        let cx = beside();
        import(
            &bench,
            &cx,
            &at,
            vec![said(Role::User, &number.to_string(), MOMENT)],
        )
        .await;
    }
    assert_eq!((bench.below.reads(), bench.below.writes()), (0, before));
    assert_eq!(texts(&bench, &at).await.len(), 20);
    assert_eq!(bench.overlay.capabilities().import_requests, 0);
    assert!(bench.overlay.capabilities().import_is_atomic);
}

#[tokio::test]
async fn a_copy_has_its_public_id_and_rows_under_it() {
    let bench = Bench::new(|below| below.refuses = &["labels"]);
    let id = ConversationId::generate();
    let cx = Context {
        public_id: Some(id),
        ..copying()
    };
    let made = bench
        .overlay
        .create_conversation(&cx, new(r#"{"labels":["a"]}"#))
        .await
        .unwrap();
    assert_eq!((made.location.id, made.conversation.id), (id, id));
    assert_eq!(bench.rows(&made.location).await.len(), 1);
    let read = bench.get(&made.location).await;
    assert_eq!((read.id, &*read.labels), (id, &["a".into()][..]));
}

#[tokio::test]
async fn what_the_backend_keeps_of_a_delete_is_told_and_refused_under_strict() {
    let bench = Bench::new(|below| below.keeps_deleted = Some("hidden, still held by below"));
    let at = bench.create("{}").await;
    let refused = bench
        .overlay
        .delete_conversation(&strict(), &at, None)
        .await;
    assert_eq!(refused.unwrap_err().kind, Kind::NotHeld);
    let cx = cx();
    let noted = intent(&cx, &at, Write::DeleteConversation);
    bench
        .overlay
        .delete_conversation(&cx, &at, None)
        .await
        .unwrap();
    let told = |cx: &Context| -> Vec<(String, String)> {
        let fates = cx.trace.fates().into_iter();
        fates
            .map(|(of, fate)| (of.into_string(), fate.detail))
            .collect()
    };
    let wanted = (at.id.to_string(), "hidden, still held by below".to_owned());
    assert_eq!(told(&cx), std::slice::from_ref(&wanted));
    let settling = self::cx();
    bench.overlay.settle(&settling, &noted).await.unwrap();
    assert_eq!(told(&settling), [wanted]);
}

#[tokio::test]
async fn a_copy_tells_when_its_conversation_was_made_and_a_new_one_does_not() {
    let bench = Bench::new(|below| below.refuses = &["created_at"]);
    let began: Time = MOMENT.parse().unwrap();
    let made = NewConversation {
        created_at: Some(began),
        ..new("{}")
    };
    let cx = copying();
    let made = bench.overlay.create_conversation(&cx, made).await.unwrap();
    assert_eq!(made.conversation.created_at, began);
    let at = made.location;
    let below = bench.below.store.get_conversation(&cx, &at).await;
    assert!(below.unwrap().created_at > began);
    assert_eq!(bench.get(&at).await.created_at, began);
    let listed = bench
        .overlay
        .list_conversations(&cx, &ConversationQuery::all(10))
        .await;
    let listed = listed.unwrap().page.items;
    assert_eq!(listed[0].conversation.created_at, began);
    // It was foretold, and no change takes it back.
    let rows = bench.rows(&at).await;
    assert_eq!(
        rows.iter()
            .map(|row| (&*row.pointer, row.unexpected))
            .collect::<Vec<_>>(),
        [("/created_at", false)]
    );
    let renamed = bench.update(&at, r#"{"title":"t"}"#).await;
    assert_eq!(renamed.created_at, began);
    let plain = bench.create("{}").await;
    assert!(bench.get(&plain).await.created_at > began);
    assert_eq!(bench.rows(&plain).await, []);
}
