//! The conformance suite, no case skipped, on router(overlay(adapter)) of every vendor as on router(store).

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
#[expect(dead_code, reason = "the suite looks at nothing behind a stack")]
mod stacks;

use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use backend::Backend;
use tokio::sync::OnceCell;

use fake::Generation;
use stacks::{Behind, Stack};

struct Whole {
    behind: Behind,
    stack: OnceCell<Stack>,
}

impl Whole {
    fn over(behind: Behind) -> Self {
        Self {
            behind,
            stack: OnceCell::new(),
        }
    }
}

#[async_trait]
impl testkit::Harness for Whole {
    fn name(&self) -> &str {
        self.behind.name()
    }

    async fn backend(&self) -> Arc<dyn Backend> {
        let stack = self.stack.get_or_init(|| Stack::start(self.behind)).await;
        stack.router.clone()
    }

    fn no_case_may_be_skipped(&self) -> bool {
        true
    }
}

fn main() -> ExitCode {
    let stacks = [
        Behind::Store,
        Behind::Chatter(Generation::V0),
        Behind::Chatter(Generation::V1OldFastApi),
        Behind::Chatter(Generation::V1NewFastApi),
        Behind::Chatter(Generation::V2),
        Behind::Datamonkey,
        Behind::Sunshine,
        Behind::Convore,
    ]
    .map(Whole::over);
    let harnesses: Vec<&dyn testkit::Harness> = stacks
        .iter()
        .map(|stack| stack as &dyn testkit::Harness)
        .collect();
    testkit::main(std::env::args().skip(1), &harnesses)
}
