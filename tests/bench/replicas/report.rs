//! The printed tables: medians over rounds, and each as a ratio to SQLite in the same round.
#![expect(
    clippy::print_stdout,
    reason = "the tables are what the benchmark is run for"
)]

use crate::scenarios::SCENARIOS;
use crate::table::median;
use crate::target::Target;

/// One kind of request at one target in one round.
#[derive(Clone, Copy)]
pub(crate) struct Measured {
    /// Requests that reached the database, where they write.
    pub(crate) writes: f64,
    pub(crate) per_second: f64,
    pub(crate) p50_milliseconds: f64,
    pub(crate) p99_milliseconds: f64,
    /// CPU seconds of all gateways for a thousand requests.
    pub(crate) gateways_cpu: f64,
    /// The same of the database's server, where there is one.
    pub(crate) database_cpu: Option<f64>,
    /// How much larger the database became.
    pub(crate) bytes: f64,
}

/// What was measured: of each scenario, of each target, each round. The first target is the reference.
pub(crate) type Figures = Vec<Vec<Vec<Measured>>>;

/// A figure of each round, and how many digits of it are shown behind the point.
type Measure = (&'static str, usize, fn(&Measured) -> f64);

const MEASURES: [Measure; 6] = [
    ("operations/s", 0, |it| it.per_second),
    ("p50, ms", 2, |it| it.p50_milliseconds),
    ("p99, ms", 2, |it| it.p99_milliseconds),
    ("CPU s per 1,000: gateways", 3, |it| it.gateways_cpu),
    ("CPU s per 1,000: database", 3, |it| {
        it.database_cpu.unwrap_or(f64::NAN)
    }),
    ("CPU s per 1,000: both", 3, |it| {
        it.gateways_cpu + it.database_cpu.unwrap_or_default()
    }),
];

/// Prints one scenario's round as it was measured.
pub(crate) fn print_round(round: usize, scenario: usize, figures: &Figures) {
    let rates: Vec<String> = figures[scenario]
        .iter()
        .filter_map(|rounds| rounds.last())
        .map(|measured| format!("{:.0}", measured.per_second))
        .collect();
    println!(
        "round {}, {}: {} per second",
        round + 1,
        SCENARIOS[scenario].name,
        rates.join(", ")
    );
}

/// Prints everything.
pub(crate) fn print(targets: &[Target], figures: &Figures, mebibytes: &[f64]) {
    let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    println!(
        "\nIn parentheses the ratio to {}, median of the rounds.\n",
        names[0]
    );
    println!("| measure | {} |", names.join(" | "));
    println!("|---|{}", "---:|".repeat(names.len()));
    for (scenario, of_targets) in SCENARIOS.iter().zip(figures) {
        for (name, digits, pick) in MEASURES {
            let cells: Vec<String> = of_targets
                .iter()
                .enumerate()
                .map(|(target, rounds)| {
                    cell(digits, pick, rounds, (target > 0).then_some(&of_targets[0]))
                })
                .collect();
            println!("| {}: {name} | {} |", scenario.name, cells.join(" | "));
        }
    }
    let cells: Vec<String> = mebibytes.iter().map(|it| format!("{it:.0}")).collect();
    println!(
        "| memory of the largest replica, MiB | {} |",
        cells.join(" | ")
    );
    print_bytes(targets, figures);
}

fn cell(
    digits: usize,
    pick: fn(&Measured) -> f64,
    rounds: &[Measured],
    reference: Option<&Vec<Measured>>,
) -> String {
    let value = median(rounds.iter().map(pick).collect());
    if value.is_nan() {
        return "–".to_owned();
    }
    let ratios = reference.map(|reference| {
        let pairs = rounds.iter().zip(reference);
        median(
            pairs
                .map(|(ours, theirs)| pick(ours) / pick(theirs))
                .collect(),
        )
    });
    match ratios.filter(|ratio| ratio.is_finite()) {
        Some(ratio) => format!("{value:.digits$} ({ratio:.2})"),
        None => format!("{value:.digits$}"),
    }
}

/// The growth of the databases over all rounds. A database grows in steps, so all of one engine are taken together.
fn print_bytes(targets: &[Target], figures: &Figures) {
    println!("\n| bytes of the database | SQLite | PostgreSQL | ratio |");
    println!("|---|---:|---:|---:|");
    for (scenario, of_targets) in SCENARIOS.iter().zip(figures) {
        let Some(what) = scenario.leaves else {
            continue;
        };
        let each = |is_postgres: bool| {
            let of_engine = targets
                .iter()
                .zip(of_targets)
                .filter(|(target, _)| target.is_postgres() == is_postgres);
            let (bytes, writes) = of_engine
                .flat_map(|(_, rounds)| rounds)
                .fold((0.0, 0.0), |(bytes, writes), it| {
                    (bytes + it.bytes, writes + it.writes)
                });
            bytes / writes
        };
        let (sqlite, postgres) = (each(false), each(true));
        println!(
            "| per {what} | {sqlite:.0} | {postgres:.0} | {:.2} |",
            postgres / sqlite
        );
    }
}
