//! End-to-end scenarios: the real binary, real sockets, a real SQLite file, and an imitation of Chatter behind it.

mod bad_input;
mod callers;
mod docs;
#[path = "../../../crates/chatter/tests/fake/fake.rs"]
#[expect(
    dead_code,
    reason = "shared with the adapter's own tests, which use all of it"
)]
mod fake;
mod first_run;
mod generated_requests;
mod real_conversations;
mod recordings;
mod restart;
mod secrets;
mod sse;
mod stopping;
