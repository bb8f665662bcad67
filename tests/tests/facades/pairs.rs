//! Four facades over five backends: each of the twenty pairs goes through all scenarios and a restart.

use std::sync::Arc;

use futures_util::future::join_all;

use crate::facade::FACADES;
use crate::scenarios::{self, Cell, Remembered, SCENARIOS};
use crate::site::{BACKENDS, Site};
use crate::table::{Table, outcome};

/// One pair, and what the table calls it.
struct Pair {
    name: String,
    facade: &'static str,
    backend: &'static str,
}

impl Pair {
    fn cell(&self, site: &Arc<Site>) -> Cell {
        Cell {
            site: Arc::clone(site),
            facade: self.facade,
            backend: self.backend,
        }
    }
}

fn pairs() -> Vec<Pair> {
    let all = FACADES.into_iter().flat_map(|facade| {
        BACKENDS.into_iter().map(move |backend| Pair {
            name: format!("{facade} on {backend}"),
            facade,
            backend,
        })
    });
    all.collect()
}

/// Goes through everything; the table, and the gateway after its restart.
pub(crate) async fn run(site: Arc<Site>) -> (Table, Arc<Site>) {
    let mut table = Table::new("facade on backend");
    let pairs = pairs();
    // The pairs of one facade at a time, so that a failure is read in peace.
    for some in pairs.chunks(BACKENDS.len()) {
        for (name, scenario) in SCENARIOS {
            let all = some
                .iter()
                .map(|pair| tokio::spawn(scenario(pair.cell(&site))));
            for (pair, ended) in some.iter().zip(join_all(all).await) {
                table.note(&pair.name, name, outcome(ended));
            }
        }
    }
    let all = pairs
        .iter()
        .map(|pair| tokio::spawn(scenarios::remember(pair.cell(&site))));
    let remembered = join_all(all).await;
    let site = Arc::into_inner(site).expect("nobody else has the gateway");
    let site = Arc::new(tokio::task::block_in_place(|| site.restarted()));
    for (pair, before) in pairs.iter().zip(remembered) {
        let after = async |before: Remembered| {
            let recalled = tokio::spawn(scenarios::recall(pair.cell(&site), before));
            outcome(recalled.await)
        };
        let ended = match before {
            Ok(before) => after(before).await,
            Err(error) => outcome(Err(error)),
        };
        table.note(&pair.name, "restart", ended);
    }
    (table, site)
}
