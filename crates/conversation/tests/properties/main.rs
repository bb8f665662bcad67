//! What holds for every canonical value: it survives JSON, its digest depends on what it says and on nothing else.

mod digests;
mod round_trips;
mod shuffle;
mod values;

/// Fewer cases than usual: one value holds hundreds of members, and the whole run stays within seconds.
fn cases() -> proptest::prelude::ProptestConfig {
    proptest::prelude::ProptestConfig::with_cases(80)
}
