//! The layers in simulated time: a backend that flaps for five minutes, callers that go on, a thousand seeds. What must
//! never happen is checked at every call; a failure names its seed, which decides everything, the jitter of pauses too.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use backend::{
    Backend, BackendInfo, Capabilities, Context, Error, Kind, Layer, Location, Origin, Outcome,
    Result,
};
use conversation::{Conversation, Message, MessageId, NewConversation, NewMessage, Role, Time};
use tokio::time::{Instant, sleep};

use super::{GuardSettings, Guarded};
use crate::breaker::{Breaker, Phase};
use crate::retry::Pauses;
use crate::scripted::{at, away, cx, failed, too_many};

const SEEDS: u64 = 1_000;
const CALLERS: usize = 4;
/// How long the backend flaps.
const FLAPPING: Duration = Duration::from_secs(5 * 60);
/// How many calls each caller makes after it has recovered.
const CALLS: usize = 3;
/// A caller's patience.
const PATIENCE: Duration = Duration::from_secs(60);

/// Numbers that a seed decides (`SplitMix64`).
#[derive(Debug)]
struct Random(Mutex<u64>);

impl Random {
    fn below(&self, bound: u64) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// A vendor that fails half of the time, as long as it flaps.
#[derive(Debug)]
struct Flapping {
    info: BackendInfo,
    random: Random,
    flaps: Mutex<bool>,
    at_once_max: usize,
    breaker: OnceLock<Arc<Breaker>>,
    running: AtomicUsize,
    trials: AtomicUsize,
    first: AtomicUsize,
    further: AtomicUsize,
}

/// One more of something, until it is dropped.
struct One<'a>(&'a AtomicUsize);

impl<'a> One<'a> {
    fn more(of: &'a AtomicUsize, most: usize, what: &str) -> Self {
        let before = of.fetch_add(1, Ordering::SeqCst);
        assert!(before < most, "more than {most} {what} at once");
        Self(of)
    }
}

impl Drop for One<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Flapping {
    async fn act(&self, cx: &Context) -> Result<()> {
        let phase = self.breaker.get().unwrap().phase();
        assert_ne!(
            phase,
            Phase::Open,
            "a call was sent while the breaker was open"
        );
        let _running = One::more(&self.running, self.at_once_max, "calls");
        let _trial = (phase == Phase::HalfOpen).then(|| One::more(&self.trials, 1, "trials"));
        // Nobody noted the first attempt: what is noted are the further ones.
        let count = if cx.trace.attempts() == 0 {
            &self.first
        } else {
            &self.further
        };
        count.fetch_add(1, Ordering::SeqCst);
        sleep(Duration::from_millis(self.random.below(2_000))).await;
        if !*self.flaps.lock().unwrap() {
            return Ok(());
        }
        Err(match self.random.below(12) {
            0..6 => return Ok(()),
            6 => away().outcome(Outcome::Unknown),
            7 => failed(),
            8 => too_many(Some(self.random.below(3))),
            9 => Error::new(Kind::InvalidResponse, "garbage"),
            10 => Error::conversation_not_found(),
            _ => away().origin(Origin::Network),
        })
    }
}

#[async_trait]
impl Layer for Flapping {
    fn below(&self) -> &dyn Backend {
        unreachable!("nothing else is called")
    }

    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn get_conversation(&self, cx: &Context, at: &Location) -> Result<Conversation> {
        self.act(cx).await?;
        let new = NewConversation::default();
        Ok(new.into_conversation(at.id, "vendor", Time::now()))
    }

    async fn post_message(&self, cx: &Context, at: &Location, new: NewMessage) -> Result<Message> {
        self.act(cx).await?;
        Ok(new.into_message(MessageId::generate(), at.id, Time::now()))
    }
}

async fn call(guarded: &Guarded, is_write: bool) -> Result<()> {
    let (cx, at) = (cx(PATIENCE), at("a"));
    let began = Instant::now();
    let result = if is_write {
        let new = NewMessage::text(Role::User, "hello");
        guarded.post_message(&cx, &at, new).await.map(drop)
    } else {
        guarded.get_conversation(&cx, &at).await.map(drop)
    };
    assert!(
        began.elapsed() <= PATIENCE,
        "a caller was kept for too long"
    );
    result
}

/// What a run came to: equal for equal seeds.
#[derive(Debug, PartialEq)]
struct Run {
    first: usize,
    further: usize,
    took: Duration,
    moves: Vec<(Phase, Phase)>,
}

async fn simulate(seed: u64) -> Run {
    let random = Random(Mutex::new(seed));
    let at_once_max = 1 + usize::try_from(random.below(4)).unwrap();
    let settings = GuardSettings {
        calls_at_once_max: at_once_max,
        breaker_failures: 2 + usize::try_from(random.below(9)).unwrap(),
        ..GuardSettings::default()
    };
    let percent = usize::try_from(settings.retry_budget_percent).unwrap();
    let vendor = Arc::new(Flapping {
        info: BackendInfo {
            name: "vendor".into(),
            kind: "test".into(),
        },
        random,
        flaps: Mutex::new(true),
        at_once_max,
        breaker: OnceLock::new(),
        running: AtomicUsize::new(0),
        trials: AtomicUsize::new(0),
        first: AtomicUsize::new(0),
        further: AtomicUsize::new(0),
    });
    let mut guarded = Guarded::new(vendor.clone(), settings);
    guarded.pauses = Pauses::following(seed);
    let guarded = Arc::new(guarded);
    vendor.breaker.set(Arc::clone(&guarded.breaker)).unwrap();
    let began = Instant::now();
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (guarded, vendor) = (Arc::clone(&guarded), Arc::clone(&vendor));
            tokio::spawn(async move {
                while began.elapsed() < FLAPPING {
                    let is_write = vendor.random.below(2) == 0;
                    // Half of the time it fails: what must hold is checked on the way.
                    let _result = call(&guarded, is_write).await;
                    // Mostly at once again, now and then much later.
                    let most = if vendor.random.below(4) == 0 {
                        30_000
                    } else {
                        400
                    };
                    sleep(Duration::from_millis(vendor.random.below(most))).await;
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    let windows = usize::try_from(began.elapsed().as_secs() / 9 + 1).unwrap();
    let (first, further) = (
        vendor.first.load(Ordering::SeqCst),
        vendor.further.load(Ordering::SeqCst),
    );
    assert!(
        further <= first * percent / 100 + 10 * windows,
        "{further} further attempts at {first} calls in {windows} windows"
    );
    // It recovers: nobody waits longer than ten seconds for it, and nobody is left behind.
    *vendor.flaps.lock().unwrap() = false;
    let recovered = Instant::now();
    while call(&guarded, false).await.is_err() {
        sleep(Duration::from_millis(100)).await;
        assert!(recovered.elapsed() <= Duration::from_secs(10));
    }
    let callers: Vec<_> = (0..CALLERS)
        .map(|number| {
            let guarded = Arc::clone(&guarded);
            tokio::spawn(async move {
                for _ in 0..CALLS {
                    call(&guarded, number % 2 == 0).await.unwrap();
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    assert_eq!(guarded.breaker.phase(), Phase::Closed);
    assert_eq!(guarded.limit.free(), at_once_max, "a permit was lost");
    let moves = guarded.breaker.moves();
    for one in &moves {
        let is_allowed = matches!(
            one,
            (Phase::Closed, Phase::Open)
                | (Phase::Open, Phase::HalfOpen)
                | (Phase::HalfOpen, Phase::Open | Phase::Closed)
        );
        assert!(is_allowed, "{one:?}");
    }
    Run {
        first,
        further,
        took: began.elapsed(),
        moves,
    }
}

fn run(seed: u64) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let simulated = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        runtime.block_on(simulate(seed))
    }));
    simulated.unwrap_or_else(|_| panic!("seed {seed}"))
}

#[test]
fn a_thousand_backends_that_flap_for_five_minutes() {
    let mut opened = 0;
    for seed in 0..SEEDS {
        let run = run(seed);
        assert!(run.took >= FLAPPING, "seed {seed}: {run:?}");
        assert!(run.further > 0, "seed {seed}: nothing was tried again");
        opened += usize::from(!run.moves.is_empty());
    }
    assert!(opened > 0, "none fails so often that it is left alone");
}

#[test]
fn a_seed_decides_a_whole_run() {
    for seed in [3, 7] {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
    assert_ne!(run(3), run(7));
}
