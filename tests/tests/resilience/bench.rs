//! What an experiment is, and what it is told: its seed, and how long it may be.

use std::future::Future;
use std::pin::Pin;

use tests::random::Random;

/// Chooses another run.
const SEED: &str = "DRAGOMAN_TEST_SEED";
/// Anything but nothing and `0` asks for the long run.
const LONG: &str = "DRAGOMAN_TEST_LONG";
/// The seed where none is given: the same run every time.
const USUAL_SEED: u64 = 7;

/// What every experiment is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bench {
    /// Decides what happens by chance.
    pub(crate) seed: u64,
    is_long: bool,
}

impl Bench {
    /// As the environment says.
    pub(crate) fn from_environment() -> Self {
        let seed = std::env::var(SEED).ok();
        let seed = seed.map_or(USUAL_SEED, |seed| seed.parse().expect("a number"));
        let long = std::env::var(LONG).unwrap_or_default();
        Self {
            seed,
            is_long: !matches!(long.as_str(), "" | "0"),
        }
    }

    /// How often: in the short run, and in the long one.
    pub(crate) fn rounds(&self, short: u64, long: u64) -> u64 {
        if self.is_long { long } else { short }
    }

    /// Numbers by chance for one use.
    pub(crate) fn random(&self, name: &str) -> Random {
        Random::new(name, self.seed)
    }
}

/// How an experiment ends: how many runs it made. It panics where it fails.
type Running = Pin<Box<dyn Future<Output = u64> + Send>>;

/// One experiment.
pub(crate) struct Experiment {
    /// Its number in the list of experiments.
    pub(crate) number: &'static str,
    /// What happens in it.
    pub(crate) name: &'static str,
    /// Whether it measures, so that nothing else may run.
    pub(crate) is_alone: bool,
    pub(crate) run: Box<dyn Fn(Bench) -> Running + Send>,
}

/// An experiment that others may run beside.
pub(crate) fn experiment<F>(
    number: &'static str,
    name: &'static str,
    run: impl Fn(Bench) -> F + Send + 'static,
) -> Experiment
where
    F: Future<Output = u64> + Send + 'static,
{
    Experiment {
        number,
        name,
        is_alone: false,
        run: Box::new(move |bench| -> Running { Box::pin(run(bench)) }),
    }
}

impl Experiment {
    /// The same, with nothing beside it.
    pub(crate) fn alone(mut self) -> Self {
        self.is_alone = true;
        self
    }
}
