//! A limit of calls counts over all gateways: a hundred are allowed, four hundred come at once to four of them.

use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use reqwest::Method;
use tests::client::Answer;

use crate::bench::Bench;
use crate::fleet::{Fleet, KEYS, new_key};
use crate::gateway::problem;

const REPLICAS: usize = 4;
const ALLOWED: usize = 100;
/// Fewer would be a limit that is not the one that was configured.
const LEAST: usize = 95;
const CALLERS: usize = 400;
/// How often a round may be made again that the turn of a minute has met.
const AGAIN_MAX: usize = 5;

/// Something that is limited.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Limited {
    /// A vendor's own API, for each key.
    Passthrough,
    /// A facade, for each key and path.
    Facade,
}

impl Limited {
    fn path(self) -> &'static str {
        match self {
            Self::Passthrough => "/v1/backends/four/passthrough/v1/labels",
            Self::Facade => "/facade/chatter/api/v1/chat/templates",
        }
    }

    /// What the one of its callers is told for whom nothing was left.
    fn refuses_well(self, answer: &Answer) {
        assert_eq!(answer.status, 429, "{self:?}: {}", answer.text);
        if self == Self::Passthrough {
            let words = problem(answer, &[]);
            assert_eq!(words["code"], "rate-limited", "{words}");
        }
        let wait = answer.header("retry-after").parse::<u64>().ok();
        let is_told = wait.is_some_and(|seconds| (1..=60).contains(&seconds));
        assert!(is_told, "{self:?}: come again after {wait:?}");
    }
}

pub(crate) async fn run(bench: Bench) -> u64 {
    let settings = format!(
        "[limits]\npassthrough_per_minute = {ALLOWED}\n[facades.chatter]\nrequests_per_minute = {ALLOWED}\n"
    );
    let keys = format!("{KEYS}passthrough = true\n");
    let fleet = Fleet::start(bench, REPLICAS, &settings, &keys).await;
    let rounds = bench.rounds(1, 10);
    for round in 0..rounds {
        for limited in [Limited::Passthrough, Limited::Facade] {
            let mut again = 0;
            while !one(&fleet, limited, &format!("{limited:?}-{round}-{again}")).await {
                again += 1;
                assert!(again < AGAIN_MAX, "no round within one minute");
            }
        }
    }
    fleet.ends_well().await;
    2 * rounds * CALLERS as u64
}

/// One round, with a key of its own; false where a new minute began meanwhile, in which more may be allowed.
async fn one(fleet: &Fleet, limited: Limited, name: &str) -> bool {
    let admin = fleet.client(0);
    let (_, key) = new_key(&admin, name, &["read", "passthrough"]).await;
    let clients: Vec<_> = fleet
        .replicas
        .clients()
        .into_iter()
        .map(|client| client.with_key(&key))
        .collect();
    let proxy = fleet.site.proxy("four");
    proxy.witness().forget();
    let began_in = minute();
    let asked = (0..CALLERS).map(|caller| {
        let client = &clients[caller % clients.len()];
        client.send(client.request(Method::GET, limited.path()))
    });
    let answers = join_all(asked).await;
    if minute() != began_in {
        return false;
    }
    let (allowed, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|one| one.status == 200);
    for answer in &refused {
        limited.refuses_well(answer);
    }
    let allowed = allowed.len();
    assert!(
        (LEAST..=ALLOWED).contains(&allowed),
        "{limited:?}: {allowed} of {ALLOWED} were allowed"
    );
    if limited == Limited::Passthrough {
        let told = proxy.witness().count_of("GET", "/v1/labels");
        assert_eq!(told, allowed, "what was refused reached the vendor");
    }
    // Whoever else calls has a hundred calls of their own.
    let (_, other) = new_key(&admin, "another", &["read", "passthrough"]).await;
    let other = clients[clients.len() - 1].with_key(&other);
    assert_eq!(other.get(limited.path()).await.status, 200);
    true
}

/// Minutes since 1970: one machine, one clock. No window is shorter.
fn minute() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("a time after 1970").as_secs() / 60
}
