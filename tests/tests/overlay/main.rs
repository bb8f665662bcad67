//! What only the overlay makes true: five backends that all hold everything, copies without loss, drift, crashes.

mod caught;
mod copying;
mod crashes;
#[path = "../../../crates/chatter/tests/fake/fake.rs"]
#[expect(
    dead_code,
    reason = "shared with the adapter's own tests, which use all of it"
)]
mod fake;
#[path = "../../../crates/convore/tests/fake/fake.rs"]
#[expect(
    dead_code,
    reason = "shared with the adapter's own tests, which use all of it"
)]
mod fake_convore;
#[path = "../../../crates/datamonkey/tests/fake/fake.rs"]
#[expect(
    dead_code,
    reason = "shared with the adapter's own tests, which use all of it"
)]
mod fake_datamonkey;
#[path = "../../../crates/sunshine/tests/fake/fake.rs"]
#[expect(
    dead_code,
    reason = "shared with the adapter's own tests, which use all of it"
)]
mod fake_sunshine;
mod generated;
mod growing;
mod same_calls;
mod stacks;
mod state_fails;
#[path = "../../../crates/conversation/tests/properties/values.rs"]
#[expect(
    dead_code,
    reason = "shared with the properties of the canonical model, which use all of it"
)]
mod values;
#[path = "../scenarios/vendors.rs"]
mod vendors;
mod written;
