//! Rules: where new conversations go, what happens when they cannot go there, what an operator is told of it, and with whom
//! reads are compared.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, also in its helpers"
)]

#[path = "rules/comparing.rs"]
mod comparing;
#[path = "rules/explaining.rs"]
mod explaining;
#[path = "rules/falling_back.rs"]
mod falling_back;
#[path = "rules/placing.rs"]
mod placing;
#[path = "rules/succeeding.rs"]
mod succeeding;
#[path = "rules/vendor.rs"]
mod vendor;
#[path = "rules/world.rs"]
mod world;
