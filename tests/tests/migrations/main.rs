//! Migrations, end to end: conversations move between imitations of the vendors and the store, by the commands that an
//! operator types, while processes are killed, clients go on writing and vendors fail.

mod admin;
mod archives;
mod datamonkey_source;
mod erasing;
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
#[path = "../overlay/generated.rs"]
#[expect(dead_code, reason = "shared with other tests, which use all of it")]
mod generated;
mod history;
mod killed;
mod live;
mod load;
mod pairs;
mod rate_limited;
mod seeds;
mod seen;
mod site;
#[path = "../../../crates/conversation/tests/properties/values.rs"]
#[expect(
    dead_code,
    reason = "shared with the properties of the canonical model, which use all of it"
)]
mod values;
#[path = "../scenarios/vendors.rs"]
#[expect(dead_code, reason = "shared with other tests, which use all of it")]
mod vendors;
