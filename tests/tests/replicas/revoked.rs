//! A key that is revoked at one gateway is refused by all of them soon.

use std::time::{Duration, Instant};

use crate::bench::Bench;
use crate::fleet::{Fleet, LOOK, new_key};
use crate::gateway::PATIENCE;

const REPLICAS: usize = 3;
/// What is promised. The time itself is not measured, because a machine may be slow: what is kept in memory is not kept
/// for longer.
const PROMISED: Duration = Duration::from_secs(5);
const PATH: &str = "/v1/conversations";

pub(crate) async fn run(bench: Bench) -> u64 {
    const { assert!(keys::REMEMBERED_FOR.as_secs() <= PROMISED.as_secs()) };
    let fleet = Fleet::start(bench, REPLICAS, "", "").await;
    let rounds = bench.rounds(1, 10);
    for round in 0..rounds {
        let (id, key) = new_key(&fleet.client(0), "to be revoked", &["read"]).await;
        let callers: Vec<_> = fleet
            .replicas
            .clients()
            .into_iter()
            .map(|client| client.with_key(&key))
            .collect();
        // Each knows it now.
        for caller in &callers {
            assert_eq!(caller.get(PATH).await.status, 200);
        }
        let at = usize::try_from(round).unwrap_or_default() % REPLICAS;
        let revoked = fleet
            .client(at)
            .delete(&format!("/admin/v1/keys/{id}"))
            .await;
        assert!(revoked.status.is_success(), "{}", revoked.text);
        // Where it was revoked it counts at once.
        assert_eq!(callers[at].get(PATH).await.status, 401);
        let began = Instant::now();
        for caller in &callers {
            while caller.get(PATH).await.status != 401 {
                assert!(began.elapsed() < PATIENCE, "the revoked key still works");
                tokio::time::sleep(LOOK).await;
            }
        }
    }
    fleet.ends_well().await;
    rounds
}
