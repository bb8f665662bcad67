//! End-to-end scenarios: the real binary, real sockets, a real SQLite file, and imitations of the vendors behind it.

mod bad_input;
mod callers;
mod canary;
mod docs;
mod explained;
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
mod first_run;
mod five_backends;
mod generated_requests;
mod operations;
mod real_conversations;
mod recordings;
mod restart;
mod secrets;
mod sse;
mod stopping;
#[expect(
    dead_code,
    reason = "shared with the tests of the overlay, which use all of it"
)]
mod vendors;
