//! Faults of the database under writes: restarted, killed, frozen, read-only, a standby in its place, every connection cut.
//! Every request ends, and says what to do; afterwards all heals by itself, and nothing was lost or doubled.

use std::time::{Duration, Instant};

use tests::postgres::Postgres;

use crate::bench::Bench;
use crate::fleet::{Fleet, KEYS, LONG_PATIENCE, LOOK, ready};
use crate::gateway::until;
use crate::writers::{REQUEST_SECONDS, Writers};

const REPLICAS: usize = 2;
/// How long it stays away, in seconds: in the short run, and in the long one.
const AWAY: (u64, u64) = (3, 20);
/// The same frozen: longer than a request may take would be a test of patience only, so the short one is shorter.
const FROZEN: (u64, u64) = (6, 20);
/// How often all connections are cut in one round.
const CUTS: usize = 5;

/// A server of the experiment's own, gateways over it, and writers at them.
struct Stage {
    fleet: Fleet,
    writers: Writers,
    // Goes last.
    postgres: Postgres,
}

impl Stage {
    async fn set(bench: Bench) -> Self {
        let postgres = tokio::task::block_in_place(Postgres::start);
        let settings = format!("[timeouts]\nrequest_seconds = {REQUEST_SECONDS}\n");
        let fleet = Fleet::start_at(&postgres, bench, REPLICAS, &settings, KEYS).await;
        let writers = Writers::start(&fleet).await;
        writers.all_write().await;
        Self {
            fleet,
            writers,
            postgres,
        }
    }

    /// Every gateway lives, and says that it cannot serve.
    async fn is_told(&self) {
        for client in self.fleet.replicas.clients() {
            let began = Instant::now();
            while client.get("/readyz").await.status != 503 {
                assert!(began.elapsed() < LONG_PATIENCE, "it says that it is ready");
                tokio::time::sleep(LOOK).await;
            }
            assert_eq!(client.get("/healthz").await.status, 200);
        }
    }

    /// Every gateway is ready again, and every writer writes.
    async fn heals(&self) {
        for client in self.fleet.replicas.clients() {
            ready(&client).await;
        }
        self.writers.all_write().await;
    }

    /// Everything is there, and all ends.
    async fn ends_well(self) -> u64 {
        let written = self.writers.end(&self.fleet).await;
        self.fleet.ends_well().await;
        u64::try_from(written).expect("a count")
    }
}

fn for_seconds(bench: Bench, (short, long): (u64, u64)) -> Duration {
    Duration::from_secs(bench.rounds(short, long))
}

/// Stopped by its operator, and started again.
pub(crate) async fn restarted(bench: Bench) -> u64 {
    let mut stage = Stage::set(bench).await;
    for _ in 0..bench.rounds(1, 5) {
        tokio::task::block_in_place(|| stage.postgres.stop());
        let began = Instant::now();
        stage.is_told().await;
        tokio::time::sleep(for_seconds(bench, AWAY).saturating_sub(began.elapsed())).await;
        tokio::task::block_in_place(|| stage.postgres.start_again());
        stage.heals().await;
    }
    assert!(stage.writers.refused() > 0, "nobody noticed");
    stage.ends_well().await
}

/// All of its processes die at once.
pub(crate) async fn killed(bench: Bench) -> u64 {
    let mut stage = Stage::set(bench).await;
    let mut random = bench.random("killed databases");
    for _ in 0..bench.rounds(3, 30) {
        tokio::time::sleep(Duration::from_millis(random.between(0, 500))).await;
        tokio::task::block_in_place(|| {
            stage.postgres.kill();
            stage.postgres.start_again();
        });
        stage.heals().await;
    }
    stage.ends_well().await
}

/// It holds its connections and answers nobody.
pub(crate) async fn frozen(bench: Bench) -> u64 {
    let stage = Stage::set(bench).await;
    for _ in 0..bench.rounds(1, 3) {
        tokio::task::block_in_place(|| stage.postgres.freeze());
        let began = Instant::now();
        while began.elapsed() < for_seconds(bench, FROZEN) {
            for client in stage.fleet.replicas.clients() {
                assert_eq!(client.get("/healthz").await.status, 200);
            }
            tokio::time::sleep(LOOK).await;
        }
        stage.postgres.thaw();
        stage.heals().await;
    }
    stage.ends_well().await
}

/// It takes no writes for a while, and connections stay.
pub(crate) async fn read_only(bench: Bench) -> u64 {
    let stage = Stage::set(bench).await;
    for _ in 0..bench.rounds(1, 5) {
        stage.postgres.read_only(true).await;
        let refused = stage.writers.refused();
        until("writes are refused", || stage.writers.refused() > refused).await;
        stage.is_told().await;
        // Reads go on.
        let client = stage.fleet.client(0);
        assert_eq!(client.get("/v1/conversations").await.status, 200);
        tokio::time::sleep(for_seconds(bench, AWAY)).await;
        stage.postgres.read_only(false).await;
        stage.heals().await;
    }
    stage.ends_well().await
}

/// A standby stands in its place, which only reads; then it becomes the primary.
pub(crate) async fn failed_over(bench: Bench) -> u64 {
    let mut stage = Stage::set(bench).await;
    for _ in 0..bench.rounds(1, 5) {
        tokio::task::block_in_place(|| stage.postgres.become_standby());
        let refused = stage.writers.refused();
        until("writes are refused", || stage.writers.refused() > refused).await;
        stage.is_told().await;
        tokio::time::sleep(for_seconds(bench, AWAY)).await;
        stage.postgres.promote().await;
        stage.heals().await;
    }
    stage.ends_well().await
}

/// Every connection is cut, again and again.
pub(crate) async fn cut(bench: Bench) -> u64 {
    let stage = Stage::set(bench).await;
    let mut random = bench.random("cut connections");
    for _ in 0..bench.rounds(2, 40) {
        let mut ended = 0;
        for _ in 0..CUTS {
            ended += stage.postgres.terminate_backends().await;
            tokio::time::sleep(Duration::from_millis(random.between(20, 300))).await;
        }
        assert!(ended > 0, "nobody was connected");
        stage.heals().await;
    }
    stage.ends_well().await
}
