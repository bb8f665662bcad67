//! The outcome matrix: every request of a write is lost in every way, and what the error says of the write is held
//! against what the fake vendor really holds. Then the write is settled, and that is held against it too.

mod faults;

use std::sync::Arc;
use std::time::Duration;

use backend::{Outcome, Settled};
use conversation::Time;
use futures_util::stream::{self, StreamExt};

use crate::line::{Exchange, Fate};
use crate::trial::{Subject, Trial, Tried};

use self::faults::{Fault, Knowable, faults};

/// How many trials run at once.
const AT_ONCE: usize = 8;

/// How long a late answer is waited for, at first. Where the earlier requests took longer, more and more.
const SHORT: Duration = Duration::from_secs(1);

/// What a deed does where nothing goes wrong.
struct Clean {
    exchanges: Vec<Exchange>,
    /// How much the fake holds of it afterwards.
    whole: usize,
    /// The first request that the fake carried out something with.
    first: usize,
}

async fn clean(subject: &Subject) -> Clean {
    let trial = (subject.make)().await;
    trial.line.watched_by(Arc::clone(&trial.done));
    trial.line.heal().await;
    let before = (trial.done)();
    for result in trial.run().await.results {
        if let Err(error) = result {
            panic!("{}: fails without a fault: {error:?}", subject.name);
        }
    }
    let exchanges = trial.line.exchanges();
    let first = exchanges
        .iter()
        .position(|exchange| exchange.held.1 > exchange.held.0)
        .unwrap_or_else(|| panic!("{}: nothing was done", subject.name));
    Clean {
        whole: (trial.done)() - before,
        exchanges,
        first,
    }
}

/// Tries every fault at every request of every deed, and tells each rule that was broken.
///
/// - what is said to be done is done, and what is said not to be done is not
/// - where nothing was sent, or the vendor refused before anything was done, nothing is left unknown
/// - settling says what the vendor holds, or that it cannot be known; never what is not so
/// - settling writes nothing
///
/// # Panics
/// With all that was broken.
pub async fn check(subjects: Vec<Subject>) {
    let mut broken = Vec::new();
    for subject in &subjects {
        let clean = clean(subject).await;
        let mut cases = Vec::new();
        for (index, exchange) in clean.exchanges.iter().enumerate() {
            // What only looks before or after needs fewer faults.
            let writes = exchange.held.1 > exchange.held.0;
            for fault in faults(exchange) {
                if writes || fault.is_typical {
                    cases.push((index, fault));
                }
            }
        }
        let clean = &clean;
        let found: Vec<String> = stream::iter(cases)
            .map(|(index, fault)| async move { try_one(subject, clean, index, fault).await })
            .buffer_unordered(AT_ONCE)
            .flat_map(stream::iter)
            .collect()
            .await;
        broken.extend(found);
    }
    assert!(
        broken.is_empty(),
        "{}:\n{}",
        broken.len(),
        broken.join("\n")
    );
}

async fn try_one(subject: &Subject, clean: &Clean, index: usize, fault: Fault) -> Vec<String> {
    let trial = (subject.make)().await;
    let before = (trial.done)();
    trial.line.plan(index, fault.fate).await;
    let tried = trial.run().await;
    let what = format!(
        "{}, request {index} ({}), {}",
        subject.name, clean.exchanges[index].request, fault.name
    );
    if !trial.line.is_met() {
        return vec![format!("{what}: the request never came")];
    }
    let held = (trial.done)() - before;
    let nothing_begun =
        index < clean.first || (index == clean.first && fault.knowable == Knowable::NotDone);
    let mut broken = judge(&tried, held, clean.whole, nothing_begun);
    trial.line.heal().await;
    broken.extend(settled(subject, &trial, &tried, held, clean.whole).await);
    let after = (trial.done)() - before;
    if after != held {
        broken.push(format!("settling wrote: {held} became {after}"));
    }
    let results = &tried.results;
    broken
        .iter()
        .map(|rule| format!("{what}: {rule}; {}", told(results)))
        .collect()
}

fn told(results: &[backend::Result<()>]) -> String {
    let words = results.iter().map(|result| match result {
        Ok(()) => "done".to_owned(),
        Err(error) => format!("{:?} {:?} `{error}`", error.outcome, error.kind),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// Holds what was said against what is so.
pub(crate) fn judge(tried: &Tried, held: usize, whole: usize, nothing_begun: bool) -> Vec<String> {
    let mut broken = Vec::new();
    let outcomes = tried.results.iter().map(|result| match result {
        Ok(()) => Outcome::Applied,
        Err(error) => error.outcome,
    });
    let outcomes: Vec<Outcome> = outcomes.collect();
    let count = |outcome| outcomes.iter().filter(|one| **one == outcome).count();
    let (applied, unknown) = (count(Outcome::Applied), count(Outcome::Unknown));
    if let [only] = outcomes.as_slice() {
        let is_true = match only {
            Outcome::Applied => held == whole,
            Outcome::NotApplied => held == 0,
            Outcome::Unknown => true,
        };
        if !is_true {
            broken.push(format!("the vendor holds {held} of {whole}"));
        }
    } else if held < applied || held > applied + unknown {
        broken.push(format!("the vendor holds {held} of {whole}"));
    }
    if unknown > 0 && nothing_begun && held == 0 {
        broken.push("it can be known that nothing was done".to_owned());
    }
    broken
}

/// Settles what was tried, and holds the answer against what is so.
async fn settled(
    subject: &Subject,
    trial: &Trial,
    tried: &Tried,
    held: usize,
    whole: usize,
) -> Option<String> {
    let intent = tried.intent.as_ref()?;
    let settled = trial.settle(intent).await;
    let is_true = match &settled {
        Ok(Settled::Applied(_)) => held == whole,
        Ok(Settled::NotApplied) => held == 0,
        Ok(Settled::Unknown) => !subject.settles || (held > 0 && held < whole),
        Err(_) => false,
    };
    let word = match settled {
        Ok(Settled::Applied(_)) => "applied".to_owned(),
        Ok(Settled::NotApplied) => "not applied".to_owned(),
        Ok(Settled::Unknown) => "unknown".to_owned(),
        Err(error) => format!("{error:?}"),
    };
    (!is_true).then(|| format!("settled as {word}, the vendor holds {held} of {whole}"))
}

/// Has each write carried out after its caller stopped waiting: at no moment may it be said that it was not done.
///
/// # Panics
/// With all that was broken.
pub async fn check_late(subjects: Vec<Subject>) {
    let broken: Vec<String> = stream::iter(&subjects)
        .map(|subject| async move {
            let clean = clean(subject).await;
            try_late(subject, &clean).await
        })
        .buffer_unordered(AT_ONCE)
        .flat_map(stream::iter)
        .collect()
        .await;
    assert!(
        broken.is_empty(),
        "{}:\n{}",
        broken.len(),
        broken.join("\n")
    );
}

async fn try_late(subject: &Subject, clean: &Clean) -> Vec<String> {
    let mut patience = SHORT;
    let (trial, before, tried) = loop {
        let trial = (subject.make)().await;
        let before = (trial.done)();
        trial.line.plan(clean.first, Fate::Late).await;
        let tried = trial.run_within(patience).await;
        if trial.line.is_met() {
            break (trial, before, tried);
        }
        // The machine is slow: the time was over before the request that is to be late.
        patience *= 2;
        assert!(
            patience < Duration::from_secs(120),
            "{} never came",
            subject.name
        );
    };
    let mut broken = Vec::new();
    let is_open = |result: &backend::Result<()>| {
        result
            .as_ref()
            .is_err_and(|error| error.outcome == Outcome::Unknown)
    };
    // What would have come after it was not sent.
    if !tried.results.first().is_some_and(is_open) {
        broken.push(format!(
            "{}: late, and {}",
            subject.name,
            told(&tried.results)
        ));
    }
    let mut early = tried.intent.clone();
    if let Some(intent) = &mut early {
        // The vendor may still be at it.
        intent.deadline_at = Time::now().saturating_add_micros(60_000_000);
        let settled = trial.settle(intent).await;
        if !matches!(settled, Ok(Settled::Unknown)) {
            broken.push(format!(
                "{}: still under way, settled as {settled:?}",
                subject.name
            ));
        }
    }
    trial.line.release().await;
    let held = (trial.done)() - before;
    if held == 0 {
        broken.push(format!("{}: nothing was carried out late", subject.name));
    }
    let wrong = judge(&tried, held, clean.whole, false);
    broken.extend(
        wrong
            .into_iter()
            .map(|wrong| format!("{}: late, {wrong}", subject.name)),
    );
    if let Some(intent) = &mut early {
        // What came late came within the time that a vendor is given.
        intent.deadline_at = Time::now();
    }
    let tried = Tried {
        results: tried.results,
        intent: early,
    };
    let wrong = settled(subject, &trial, &tried, held, clean.whole).await;
    broken.extend(wrong.map(|wrong| format!("{}: late, {wrong}", subject.name)));
    broken
}
