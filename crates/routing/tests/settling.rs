//! Every write to a vendor is noted until its end is known, and settled where it stays unknown.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, also in its helpers"
)]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backend::ports::{IntentQuery, IntentRecord, IntentState, Intents, KeptAt, OverlayState};
use backend::{
    Applied, Backend, BackendExt, Context, ConversationQuery, Error, Event, FidelityPolicy, Intent,
    Kind, Location, Outcome, Page, PageRequest, Principal, RespondRequest, Result, SettleSupport,
    Settled, Write,
};
use conversation::{ConversationId, Message, NewConversation, NewMessage, Role, Time, text_of};
use futures_util::{StreamExt, TryStreamExt};
use overlay::{Overlay, OverlaySettings};
use responders::{Answering, Echo};
use routing::{Discovery, Recovered, Router, RouterSettings, Slot};
use store::{SealingKey, State, Store, StoreConfig};
use uuid::Uuid;

#[path = "settling/vendor.rs"]
mod vendor;

use vendor::{Fault, Stuck, Vendor};

struct World {
    router: Arc<Router>,
    vendor: Arc<Vendor>,
    state: Arc<State>,
    directory: tempfile::TempDir,
}

fn cx() -> Context {
    cx_of("acme")
}

fn cx_of(tenant: &str) -> Context {
    let principal = Principal {
        tenant: tenant.into(),
        key: "k".into(),
        user: Some("ann".into()),
        scopes: Vec::new(),
    };
    // Less than the minute after which recovery takes it for overdue.
    Context::new(Arc::new(principal), "test", Duration::from_secs(30))
}

fn world(settles: SettleSupport) -> World {
    let directory = tempfile::tempdir().unwrap();
    let open = |name: &str| {
        let path = directory.path().join(name).join("dragoman.db");
        Store::open(StoreConfig::at(path)).unwrap()
    };
    let state = open("gateway")
        .state(&SealingKey::from_bytes([7; 32]))
        .unwrap();
    let state = Arc::new(state);
    let vendor = Arc::new(Vendor::new(
        Arc::new(open("vendor").backend("vendor")),
        settles,
    ));
    let router = router(vendor.clone(), &state, state.clone());
    World {
        router,
        vendor,
        state,
        directory,
    }
}

fn router(backend: Arc<dyn Backend>, state: &Arc<State>, intents: Arc<dyn Intents>) -> Arc<Router> {
    let slot = Slot::new(backend, Discovery::OnList, Some("acme".into()));
    let settings = RouterSettings::new("vendor");
    let router = Router::new(vec![slot], settings, state.clone(), state.clone(), intents);
    Arc::new(router.unwrap())
}

impl World {
    /// A router whose vendor has an overlay.
    fn stacked(&self) -> Arc<Router> {
        let (below, state) = (self.vendor.clone(), &self.state);
        let stack = Overlay::new(
            below,
            OverlaySettings::default(),
            state.clone(),
            state.clone(),
            state.clone(),
        );
        router(Arc::new(stack), state, state.clone())
    }

    async fn conversation(&self) -> Location {
        let new = NewConversation::default();
        let located = self.router.create_conversation(&cx(), new).await.unwrap();
        Location::unresolved(located.location.id)
    }

    /// The writes whose end is not known.
    async fn noted(&self) -> Vec<IntentRecord> {
        let query = IntentQuery {
            limit: 100,
            ..IntentQuery::default()
        };
        self.state.list(&query).await.unwrap().items
    }

    async fn texts(&self, at: &Location) -> Vec<String> {
        let cx = cx();
        let messages = self.router.all_messages(&cx, at, PageRequest::first(50));
        let messages: Vec<Message> = messages.try_collect().await.unwrap();
        messages
            .iter()
            .map(|message| text_of(&message.parts))
            .collect()
    }

    /// Recovers as if `after` had passed.
    async fn recover_after(&self, after: Duration) -> Recovered {
        let after = i64::try_from(after.as_micros()).unwrap();
        let now = Time::now().saturating_add_micros(after);
        self.router.recover(now).await.unwrap()
    }
}

fn hello() -> NewMessage {
    NewMessage::text(Role::User, "hello")
}

const MINUTE: Duration = Duration::from_secs(60);
const LONG_AGO: Duration = Duration::from_secs(600);

fn recovered(settled: u64, unknown: u64, waiting: u64) -> Recovered {
    Recovered {
        settled,
        unknown,
        waiting,
    }
}

#[tokio::test]
async fn a_write_is_noted_while_it_runs_and_sent_under_its_lease() {
    let world = world(SettleSupport::Certain);
    let at = world.conversation().await;
    assert!(world.noted().await.is_empty());
    world.vendor.fail(Fault::Hangs);
    let (router, there, mine) = (world.router.clone(), at.clone(), cx());
    let intent = mine.intent;
    let writing =
        tokio::spawn(async move { router.post_message(&mine, &there, hello()).await.map(drop) });
    world.vendor.wait_until_done(2).await;
    let noted = world.noted().await;
    let [record] = &noted[..] else {
        panic!("{noted:?}")
    };
    assert_eq!(
        (record.intent.id, record.state, &*record.backend),
        (intent, IntentState::Open, "vendor")
    );
    assert_eq!(record.intent.write, Write::PostMessage(hello()));
    let noted_at = record.intent.location.as_ref().unwrap();
    assert_eq!((noted_at.id, &*noted_at.backend), (at.id, "vendor"));
    assert_eq!(*record.principal.tenant, *"acme");
    let fences = world.vendor.fences();
    assert_eq!(fences.len(), 2);
    assert!(fences[0].is_some() && fences[0] < fences[1], "{fences:?}");

    // Its caller leaves: what became of it is not known, until somebody looks.
    writing.abort();
    assert!(writing.await.unwrap_err().is_cancelled());
    world.vendor.fail(Fault::None);
    assert_eq!(world.noted().await.len(), 1);
    assert_eq!(
        world.recover_after(Duration::ZERO).await,
        recovered(0, 0, 0)
    );
    assert_eq!(world.recover_after(MINUTE).await, recovered(1, 0, 0));
    assert!(world.noted().await.is_empty());
}

#[tokio::test]
async fn a_note_goes_where_the_end_is_known() {
    let cases = [
        (Fault::None, false),
        (Fault::Refuses, false),
        (Fault::AnswersBadly, true),
        (Fault::LosesAnswer, true),
        (Fault::LosesRequest, true),
        (Fault::CannotFinish, true),
        (Fault::Panics, true),
    ];
    for (fault, is_left_open) in cases {
        let world = world(SettleSupport::Certain);
        let at = world.conversation().await;
        world.vendor.fail(fault);
        let router = world.router.clone();
        let there = at.clone();
        let writing = async move { router.post_message(&cx(), &there, hello()).await.map(drop) };
        let written = tokio::spawn(writing).await;
        assert_eq!(written.is_err(), fault == Fault::Panics, "{fault:?}");
        assert_eq!(!world.noted().await.is_empty(), is_left_open, "{fault:?}");

        world.vendor.fail(Fault::None);
        let was_left = u64::from(is_left_open);
        assert_eq!(
            world.recover_after(MINUTE).await,
            recovered(was_left, 0, 0),
            "{fault:?}"
        );
        let was_done = !matches!(fault, Fault::Refuses | Fault::LosesRequest);
        assert_eq!(
            world.texts(&at).await.len(),
            usize::from(was_done),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn a_write_that_cannot_be_noted_is_not_sent() {
    #[derive(Debug)]
    struct Locked;
    #[async_trait]
    impl Intents for Locked {
        async fn begin_under(&self, _: Option<u64>, _: &IntentRecord) -> Result<()> {
            // Whatever the state says: nothing was sent.
            Err(Error::new(Kind::Unavailable, "the state is locked").outcome(Outcome::Unknown))
        }
        async fn end_under(&self, _: Option<u64>, _: Uuid) -> Result<()> {
            Ok(())
        }
        async fn note(&self, _: Uuid, _: IntentState, _: &str) -> Result<()> {
            Ok(())
        }
        async fn tried(&self, _: Uuid) -> Result<()> {
            Ok(())
        }
        async fn find(&self, _: Uuid) -> Result<Option<IntentRecord>> {
            Ok(None)
        }
        async fn abandoned(&self, _: Time, _: usize) -> Result<Vec<IntentRecord>> {
            Ok(Vec::new())
        }
        async fn list(&self, _: &IntentQuery) -> Result<Page<IntentRecord>> {
            Ok(Page {
                items: Vec::new(),
                next: None,
                previous: None,
            })
        }
    }
    let world = world(SettleSupport::Certain);
    let at = world.conversation().await;
    let writes = world.vendor.fences().len();
    let locked = router(world.vendor.clone(), &world.state, Arc::new(Locked));
    let refusals = [
        locked
            .create_conversation(&cx(), NewConversation::default())
            .await
            .err(),
        locked.post_message(&cx(), &at, hello()).await.err(),
        locked.delete_conversation(&cx(), &at, None).await.err(),
    ];
    for refusal in refusals {
        let error = refusal.unwrap();
        assert_eq!(
            (error.kind, error.outcome),
            (Kind::Unavailable, Outcome::NotApplied)
        );
    }
    assert_eq!(
        world.vendor.fences().len(),
        writes,
        "the vendor is untouched"
    );
    // The lease was given back: with a state that works again the next write goes at once.
    world
        .router
        .post_message(&cx(), &at, hello())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_lost_create_is_its_callers_after_recovery_and_for_whoever_repeats_it() {
    for settles in [SettleSupport::Certain, SettleSupport::Likely] {
        let world = world(settles);
        let (cx, new) = (cx(), NewConversation::default());
        world.vendor.fail(Fault::LosesAnswer);
        let lost = world.router.create_conversation(&cx, new.clone()).await;
        assert_eq!(lost.unwrap_err().outcome, Outcome::Unknown);
        world.vendor.fail(Fault::None);

        // Nobody adopts it meanwhile, not even for the tenant that it belongs to.
        let listed = world
            .router
            .list_conversations(&cx, &ConversationQuery::all(10))
            .await
            .unwrap();
        assert!(listed.page.items.is_empty(), "{settles:?}");

        assert_eq!(world.recover_after(MINUTE).await, recovered(1, 0, 0));
        assert!(world.noted().await.is_empty());
        let listed = world
            .router
            .list_conversations(&cx, &ConversationQuery::all(10))
            .await
            .unwrap();
        let [found] = &listed.page.items[..] else {
            panic!("{settles:?}: {listed:?}")
        };
        let intent = Intent {
            id: cx.intent,
            location: None,
            write: Write::CreateConversation(new),
            started_at: Time::now(),
            deadline_at: Time::now(),
        };
        let Settled::Applied(Applied::Conversation(again)) =
            world.router.settle(&cx, &intent).await.unwrap()
        else {
            panic!("{settles:?}")
        };
        assert_eq!(again.location.id, found.location.id);
    }
}

#[tokio::test]
async fn a_create_whose_end_was_lost_in_a_crash_is_still_known_to_have_made_its_own() {
    let world = world(SettleSupport::Likely);
    let (cx, new) = (cx(), NewConversation::default());
    let made = world
        .router
        .create_conversation(&cx, new.clone())
        .await
        .unwrap();
    // The note comes back, as ends are written soon and not at once.
    let intent = Intent {
        id: cx.intent,
        location: Some(made.location.clone()),
        write: Write::CreateConversation(new),
        started_at: Time::now(),
        deadline_at: Time::now(),
    };
    let record = IntentRecord {
        intent: intent.clone(),
        backend: "vendor".into(),
        principal: (*cx.principal).clone(),
        request_id: "r".into(),
        copying: false,
        strict: false,
        public_id: None,
        beside: false,
        migration: None,
        led_by: Vec::new(),
        messages: Vec::new(),
        state: IntentState::Open,
        detail: None,
    };
    world.state.begin(&record).await.unwrap();
    // Another process, which remembers nothing.
    let router = router(world.vendor.clone(), &world.state, world.state.clone());
    let again = Intent {
        location: None,
        ..intent
    };
    let settled = router.settle(&cx, &again).await.unwrap();
    let Settled::Applied(Applied::Conversation(found)) = settled else {
        panic!("{settled:?}")
    };
    assert_eq!(found.location, made.location);
    assert!(world.noted().await.is_empty());
    world.state.begin(&record).await.unwrap();
    let now = Time::now().saturating_add_micros(60_000_000);
    assert_eq!(router.recover(now).await.unwrap(), recovered(1, 0, 0));
}

#[tokio::test]
async fn what_another_create_could_have_made_is_nobodys() {
    let world = world(SettleSupport::Likely);
    world.vendor.fail(Fault::LosesAnswer);
    for _ in 0..2 {
        let new = NewConversation::default();
        assert!(world.router.create_conversation(&cx(), new).await.is_err());
    }
    world.vendor.fail(Fault::None);
    // Equal creates: each conversation may be the one's or the other's.
    assert_eq!(world.recover_after(MINUTE).await, recovered(0, 0, 2));
    assert_eq!(world.recover_after(LONG_AGO).await, recovered(0, 2, 0));
    assert_eq!(world.recover_after(LONG_AGO).await, recovered(0, 0, 0));
    let noted = world.noted().await;
    assert!(
        noted
            .iter()
            .all(|record| record.state == IntentState::Unknown && record.detail.is_some()),
        "{noted:?}"
    );
    // Possible orphans are shown to the operator only.
    let listed = world
        .router
        .list_conversations(&cx(), &ConversationQuery::all(10))
        .await
        .unwrap();
    assert!(listed.page.items.is_empty());
}

#[tokio::test]
async fn a_vendor_that_cannot_be_asked_is_asked_again_and_its_words_are_not_kept() {
    let world = world(SettleSupport::Certain);
    let at = world.conversation().await;
    world.vendor.fail(Fault::LosesAnswer);
    let lost = world.router.post_message(&cx(), &at, hello()).await;
    assert!(lost.is_err());
    world.vendor.fail(Fault::None);
    let refusal = Error::new(Kind::Unavailable, "somebody's secret words");
    world.vendor.say(Some(Err(refusal)));
    assert_eq!(world.recover_after(MINUTE).await, recovered(0, 0, 1));
    assert_eq!(world.recover_after(LONG_AGO).await, recovered(0, 0, 1));
    let noted = world.noted().await;
    let detail = noted[0].detail.as_deref().unwrap();
    assert!(
        detail.contains("unavailable") && !detail.contains("secret"),
        "{detail}"
    );
    world.vendor.say(None);
    assert_eq!(world.recover_after(LONG_AGO).await, recovered(1, 0, 0));
}

#[tokio::test]
async fn a_lost_delete_ends_with_its_tombstone() {
    let world = world(SettleSupport::Certain);
    let at = world.conversation().await;
    world.vendor.fail(Fault::LosesAnswer);
    let lost = world.router.delete_conversation(&cx(), &at, None).await;
    assert_eq!(lost.unwrap_err().outcome, Outcome::Unknown);
    world.vendor.fail(Fault::None);
    assert_eq!(world.recover_after(MINUTE).await, recovered(1, 0, 0));
    let read = world.router.get_conversation(&cx(), &at).await;
    assert_eq!(read.unwrap_err().kind, Kind::NotFound);
    let listed = world
        .router
        .list_conversations(&cx(), &ConversationQuery::all(10))
        .await
        .unwrap();
    assert!(listed.page.items.is_empty());
}

#[tokio::test]
async fn the_next_writer_settles_what_was_left_open() {
    let world = world(SettleSupport::Certain);
    let at = world.conversation().await;
    world.vendor.fail(Fault::LosesAnswer);
    assert!(
        world
            .router
            .post_message(&cx(), &at, hello())
            .await
            .is_err()
    );
    world.vendor.fail(Fault::None);
    assert_eq!(world.noted().await.len(), 1);
    world
        .router
        .post_message(&cx(), &at, hello())
        .await
        .unwrap();
    assert!(world.noted().await.is_empty());
    assert_eq!(world.texts(&at).await, ["hello", "hello"]);

    // One that cannot be settled stays open, and holds nobody up.
    world.vendor.fail(Fault::LosesAnswer);
    assert!(
        world
            .router
            .post_message(&cx(), &at, hello())
            .await
            .is_err()
    );
    world.vendor.fail(Fault::None);
    world.vendor.say(Some(Ok(Settled::Unknown)));
    world
        .router
        .post_message(&cx(), &at, hello())
        .await
        .unwrap();
    assert_eq!(world.noted().await.len(), 1);
}

#[tokio::test]
async fn recovery_leaves_alone_what_somebody_writes_to() {
    let world = world(SettleSupport::Certain);
    let at = world.conversation().await;
    world.vendor.fail(Fault::LosesAnswer);
    assert!(
        world
            .router
            .post_message(&cx(), &at, hello())
            .await
            .is_err()
    );
    world.vendor.say(Some(Ok(Settled::Unknown)));
    world.vendor.fail(Fault::Hangs);
    let (router, there) = (world.router.clone(), at.clone());
    let writing =
        tokio::spawn(async move { router.post_message(&cx(), &there, hello()).await.map(drop) });
    world.vendor.wait_until_done(3).await;
    world.vendor.say(None);
    // Its own write runs as well; both wait.
    assert_eq!(world.recover_after(MINUTE).await, recovered(0, 0, 2));
    writing.abort();
}

#[tokio::test]
async fn an_answer_is_noted_until_its_last_event() {
    let world = world(SettleSupport::Certain);
    let answering = Arc::new(Answering::new(world.vendor.clone(), Arc::new(Echo)));
    let router = router(answering, &world.state, world.state.clone());
    let at = world.conversation().await;
    let request = || RespondRequest {
        input: Some(hello()),
        ..RespondRequest::default()
    };
    let mut events = router.respond(&cx(), &at, request()).await.unwrap();
    let mut last = None;
    while let Some(event) = events.next().await {
        if last.is_none() {
            let noted = world.noted().await;
            assert!(
                matches!(noted[0].intent.write, Write::Respond(_)),
                "{noted:?}"
            );
        }
        last = Some(event);
    }
    assert!(matches!(last, Some(Event::MessageCompleted(_))), "{last:?}");
    // The lease is given back behind the note, so whoever writes next finds neither.
    router.post_message(&cx(), &at, hello()).await.unwrap();
    assert!(world.noted().await.is_empty());

    let mut events = router.respond(&cx(), &at, request()).await.unwrap();
    assert!(events.next().await.is_some());
    drop(events);
    let noted = world.noted().await;
    assert_eq!(noted.len(), 1, "an answer that nobody heard the end of");
    // Dropped or not, the answer was made and stored: recovery finds it.
    let began = std::time::Instant::now();
    while world.texts(&at).await.len() < 5 {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "it is never stored"
        );
        tokio::task::yield_now().await;
    }
    let settled = router.recover(Time::now().saturating_add_micros(60_000_000));
    assert_eq!(settled.await.unwrap(), recovered(1, 0, 0));
}

#[tokio::test]
async fn a_conversation_that_is_not_there_any_more_ends_its_notes() {
    let world = world(SettleSupport::Certain);
    let at = world.conversation().await;
    world.vendor.fail(Fault::LosesAnswer);
    assert!(
        world
            .router
            .post_message(&cx(), &at, hello())
            .await
            .is_err()
    );
    world.vendor.fail(Fault::None);
    world.vendor.say(Some(Ok(Settled::Unknown)));
    world
        .router
        .delete_conversation(&cx(), &at, None)
        .await
        .unwrap();
    assert_eq!(world.recover_after(MINUTE).await, recovered(1, 0, 0));
    assert!(world.noted().await.is_empty());
}

#[tokio::test]
async fn only_the_owner_settles_by_repeating() {
    let world = world(SettleSupport::Certain);
    let at = world.conversation().await;
    let mine = cx();
    world.vendor.fail(Fault::LosesAnswer);
    assert!(
        world
            .router
            .post_message(&mine, &at, hello())
            .await
            .is_err()
    );
    world.vendor.fail(Fault::None);
    let intent = Intent {
        id: mine.intent,
        location: Some(Location::unresolved(at.id)),
        write: Write::PostMessage(hello()),
        started_at: Time::now(),
        deadline_at: Time::now(),
    };
    let stranger = world.router.settle(&cx_of("other"), &intent).await;
    assert_eq!(stranger.unwrap_err().kind, Kind::NotFound);
    assert_eq!(world.noted().await.len(), 1);
    let owner = world.router.settle(&mine, &intent).await.unwrap();
    assert!(
        matches!(owner, Settled::Applied(Applied::Message(_))),
        "{owner:?}"
    );
    assert!(world.noted().await.is_empty(), "nothing is left to settle");
    let unknown = Intent {
        location: Some(Location::unresolved(ConversationId::generate())),
        ..intent
    };
    let nowhere = world.router.settle(&mine, &unknown).await;
    assert_eq!(nowhere.unwrap_err().kind, Kind::NotFound);
}

fn labelled(label: &str) -> NewConversation {
    NewConversation {
        labels: vec![label.into()],
        ..NewConversation::default()
    }
}

fn in_a_minute() -> Time {
    Time::now().saturating_add_micros(60_000_000)
}

#[tokio::test]
async fn a_create_that_is_found_by_its_looks_writes_nothing_beside_what_is_anothers() {
    let world = world(SettleSupport::Likely);
    let router = world.stacked();
    let acmes = router
        .create_conversation(&cx_of("acme"), NewConversation::default())
        .await
        .unwrap();
    world.vendor.fail(Fault::LosesRequest);
    let others = cx_of("other");
    let lost = router.create_conversation(&others, labelled("secret"));
    lost.await.unwrap_err();
    world.vendor.fail(Fault::None);
    // It looks like what the lost create would have made.
    let alike = Settled::Applied(Applied::Conversation(Box::new(acmes.clone())));
    world.vendor.say(Some(Ok(alike)));
    let settled = router.recover(in_a_minute()).await.unwrap();
    assert_eq!(settled, recovered(0, 0, 1));
    let at = Location::unresolved(acmes.location.id);
    let seen = router.get_conversation(&cx_of("acme"), &at).await.unwrap();
    assert!(seen.labels.is_empty(), "acme sees {:?}", seen.labels);
}

#[tokio::test]
async fn a_create_that_is_contested_writes_nothing_beside_what_was_found() {
    let world = world(SettleSupport::Likely);
    let router = world.stacked();
    world.vendor.fail(Fault::LosesAnswer);
    let caller = cx_of("acme");
    let lost = router.create_conversation(&caller, labelled("theirs"));
    lost.await.unwrap_err();
    world.vendor.fail(Fault::LosesRequest);
    let caller = cx_of("other");
    let lost = router.create_conversation(&caller, labelled("secret"));
    lost.await.unwrap_err();
    world.vendor.fail(Fault::None);
    let made = world.vendor.all().await.pop().unwrap();
    let id = made.location.id;
    let alike = Settled::Applied(Applied::Conversation(Box::new(made)));
    world.vendor.say(Some(Ok(alike)));
    let settled = router.recover(in_a_minute()).await.unwrap();
    assert_eq!(
        settled,
        recovered(0, 0, 2),
        "it may be the one's or the other's"
    );
    let at = KeptAt {
        conversation: id,
        backend: "vendor".into(),
    };
    let kept = world.state.kept(&[at]).await.unwrap();
    assert!(kept.iter().all(|kept| kept.fields.is_empty()), "{kept:?}");
}

#[tokio::test]
async fn a_repeated_create_is_settled_where_it_was_sent() {
    let world = world(SettleSupport::Certain);
    world.vendor.fail(Fault::LosesAnswer);
    let mine = cx();
    let lost = world
        .router
        .create_conversation(&mine, NewConversation::default());
    lost.await.unwrap_err();
    world.vendor.fail(Fault::None);
    let record = world.noted().await.pop().unwrap();
    // The operator now sends new conversations elsewhere, and restarts.
    let path = world.directory.path().join("other").join("dragoman.db");
    let other = Store::open(StoreConfig::at(path)).unwrap();
    let slots = vec![
        Slot::new(world.vendor.clone(), Discovery::Off, None),
        Slot::new(Arc::new(other.backend("other")), Discovery::Off, None),
    ];
    let settings = RouterSettings::new("other");
    let state = &world.state;
    let router = Router::new(slots, settings, state.clone(), state.clone(), state.clone()).unwrap();
    // Also by whoever repeats it for the second time, when its note has gone.
    for _ in 0..2 {
        let settled = router.settle(&mine, &record.intent).await.unwrap();
        let Settled::Applied(Applied::Conversation(found)) = settled else {
            panic!("{settled:?}")
        };
        assert_eq!(&*found.location.backend, "vendor");
    }
}

#[tokio::test]
async fn an_older_change_that_is_settled_later_takes_nothing_from_a_newer_one() {
    let world = world(SettleSupport::Certain);
    let router = world.stacked();
    let made = router
        .create_conversation(&cx(), NewConversation::default())
        .await
        .unwrap();
    let at = Location::unresolved(made.location.id);
    let update = async |patch: &str| {
        let patch = serde_json::from_str(patch).unwrap();
        router.update_conversation(&cx(), &at, patch, None).await
    };
    world.vendor.fail(Fault::LosesAnswer);
    let lost = update(r#"{"title":"t","labels":["older"]}"#).await;
    lost.unwrap_err();
    world.vendor.fail(Fault::None);
    // The vendor does not show it yet.
    world.vendor.say(Some(Ok(Settled::Unknown)));
    update(r#"{"labels":["newer"]}"#).await.unwrap();
    world.vendor.say(None);
    assert_eq!(
        router.recover(in_a_minute()).await.unwrap(),
        recovered(1, 0, 0)
    );
    let seen = router.get_conversation(&cx(), &at).await.unwrap();
    assert_eq!(seen.labels, ["newer".into()]);
    assert_eq!(seen.title.as_deref(), Some("t"));
}

#[tokio::test]
async fn writes_that_are_stuck_keep_no_others_waiting() {
    for stuck in [Stuck::TimesOut, Stuck::Panics] {
        let world = world(SettleSupport::Certain);
        let mut ats = Vec::new();
        for _ in 0..5 {
            ats.push(world.conversation().await);
        }
        world.vendor.fail(Fault::LosesAnswer);
        for at in &ats {
            let lost = world.router.post_message(&cx(), at, hello()).await;
            lost.unwrap_err();
        }
        world.vendor.fail(Fault::None);
        let noted: Vec<Uuid> = world
            .noted()
            .await
            .iter()
            .map(|one| one.intent.id)
            .collect();
        for id in &noted[..3] {
            world.vendor.stick(*id, stuck);
        }
        assert_eq!(
            world.recover_after(MINUTE).await,
            recovered(2, 0, 3),
            "{stuck:?}"
        );
        assert_eq!(world.vendor.asked(), noted, "{stuck:?}");
    }
}

#[tokio::test]
async fn a_round_begins_with_those_that_were_not_tried_for_longest() {
    let world = world(SettleSupport::Certain);
    let mut ats = Vec::new();
    for _ in 0..5 {
        ats.push(world.conversation().await);
    }
    world.vendor.fail(Fault::LosesAnswer);
    for at in &ats {
        let lost = world.router.post_message(&cx(), at, hello()).await;
        lost.unwrap_err();
    }
    world.vendor.fail(Fault::None);
    let noted: Vec<Uuid> = world
        .noted()
        .await
        .iter()
        .map(|one| one.intent.id)
        .collect();
    let away = Error::new(Kind::Unavailable, "away");
    world.vendor.say(Some(Err(away)));
    for wanted in [[0, 1, 2], [3, 4, 0], [1, 2, 3]] {
        assert_eq!(world.recover_after(MINUTE).await, recovered(0, 0, 5));
        assert_eq!(world.vendor.asked(), wanted.map(|place| noted[place]));
    }
}

#[tokio::test]
async fn a_strict_write_that_needs_the_overlay_was_never_sent() {
    let world = world(SettleSupport::Certain);
    let router = world.stacked();
    // Its process died between the note and the refusal.
    let strict = Context {
        fidelity: FidelityPolicy::Strict,
        ..cx()
    };
    world.vendor.fail(Fault::LosesAnswer);
    let lost = router.create_conversation(&strict, NewConversation::default());
    lost.await.unwrap_err();
    world.vendor.fail(Fault::None);
    let mut record = world.noted().await.pop().unwrap();
    assert!(record.strict);
    record.intent.write = Write::CreateConversation(labelled("kept"));
    world.state.begin(&record).await.unwrap();
    world.vendor.asked();
    assert_eq!(
        router.recover(in_a_minute()).await.unwrap(),
        recovered(1, 0, 0)
    );
    assert!(world.vendor.asked().is_empty(), "there is nothing to ask");
    assert!(world.noted().await.is_empty());
}

#[tokio::test]
async fn a_lost_create_is_seen_behind_a_thousand_other_writes() {
    let titled = NewConversation {
        title: Some("another".into()),
        ..NewConversation::default()
    };
    for older in [
        Write::PostMessage(hello()),
        Write::CreateConversation(titled),
    ] {
        let world = world(SettleSupport::Likely);
        let long_ago = Time::now().saturating_add_micros(-3_600_000_000);
        let noted: Vec<IntentRecord> = (0..1_001)
            .map(|_| IntentRecord {
                intent: Intent {
                    id: Uuid::now_v7(),
                    location: None,
                    write: older.clone(),
                    started_at: long_ago,
                    deadline_at: long_ago,
                },
                backend: "vendor".into(),
                principal: (*cx().principal).clone(),
                request_id: "r".into(),
                copying: false,
                strict: false,
                public_id: None,
                beside: false,
                migration: None,
                led_by: Vec::new(),
                messages: Vec::new(),
                state: IntentState::Unknown,
                detail: None,
            })
            .collect();
        let begun = noted.iter().map(|record| world.state.begin(record));
        futures_util::future::try_join_all(begun).await.unwrap();
        world.vendor.fail(Fault::LosesAnswer);
        let caller = cx_of("other");
        let lost = world
            .router
            .create_conversation(&caller, NewConversation::default());
        lost.await.unwrap_err();
        world.vendor.fail(Fault::None);
        let query = ConversationQuery::all(10);
        let listed = world.router.list_conversations(&cx(), &query).await;
        assert!(listed.unwrap().page.items.is_empty());
    }
}
