//! The circle: the conformance suite on the adapter, with the facade in the vendor's place; without and with the overlay.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests panic like the tests themselves"
)]

#[path = "circle/stack.rs"]
mod stack;
#[path = "facade/support.rs"]
#[expect(dead_code, reason = "the suite speaks through the adapter")]
mod support;

use std::sync::Arc;

use backend::{Backend, Location};
use chatter::Generation;
use conversation::{ConversationId, MessageId};
use tokio::sync::OnceCell;

use stack::Stack;

/// An id that no conversation and no message has.
const NOBODYS: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

struct Circle {
    name: &'static str,
    /// As which generation the facade is taken; none: as which it is found.
    generation: Option<Generation>,
    has_overlay: bool,
    stack: OnceCell<Stack>,
}

impl Circle {
    fn new(name: &'static str, generation: Option<Generation>, has_overlay: bool) -> Self {
        Self {
            name,
            generation,
            has_overlay,
            stack: OnceCell::new(),
        }
    }
}

#[async_trait::async_trait]
impl testkit::Harness for Circle {
    fn name(&self) -> &str {
        self.name
    }

    async fn backend(&self) -> Arc<dyn Backend> {
        let start = || Stack::start(self.generation, self.has_overlay);
        let stack = self.stack.get_or_init(start).await;
        Arc::clone(&stack.backend)
    }

    fn missing(&self) -> Location {
        if self.has_overlay {
            return Location::unresolved(ConversationId::generate());
        }
        Location {
            id: ConversationId::derive(stack::NAME, NOBODYS),
            backend: stack::NAME.into(),
            native: NOBODYS.into(),
            credential: None,
            renamed: false,
        }
    }

    fn missing_message(&self) -> MessageId {
        NOBODYS.parse().unwrap()
    }

    fn no_case_may_be_skipped(&self) -> bool {
        self.has_overlay
    }
}

fn main() -> std::process::ExitCode {
    testkit::main(
        std::env::args().skip(1),
        &[
            &Circle::new("the facade as v0", Some(Generation::V0), false),
            &Circle::new("the facade as it is found", None, false),
            &Circle::new("the facade as v2", Some(Generation::V2), false),
            &Circle::new("overlay over the facade as it is found", None, true),
            &Circle::new("overlay over the facade as v2", Some(Generation::V2), true),
        ],
    )
}
