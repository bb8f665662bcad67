//! The conformance suite on the overlay over a backend that stores only through its AI: no case may be skipped.

use std::sync::Arc;

use backend::{Backend, Location};
use conversation::ConversationId;
use testkit::Harness;

use crate::bench::Bench;
use crate::chatty::{Manner, NAME};

struct Over(Bench, &'static str);

#[async_trait::async_trait]
impl Harness for Over {
    fn name(&self) -> &str {
        self.1
    }

    async fn backend(&self) -> Arc<dyn Backend> {
        Arc::new(self.0.overlay.clone())
    }

    fn missing(&self) -> Location {
        Location {
            id: ConversationId::generate(),
            backend: NAME.into(),
            native: "nowhere".into(),
            credential: None,
            renamed: false,
        }
    }

    fn no_case_may_be_skipped(&self) -> bool {
        true
    }
}

async fn assert_conforms(manner: Manner, name: &'static str) {
    let over = Over(Bench::new(manner), name);
    let report = testkit::run(&over, &[], |_, _| {}).await;
    assert!(report.failures().is_empty(), "{name}\n{report}");
}

#[tokio::test]
async fn the_overlay_makes_it_complete() {
    assert_conforms(Manner::default(), "plain").await;
}

#[tokio::test]
async fn also_where_nothing_tells_what_is_new() {
    let manner = Manner {
        clock_stands: true,
        has_mark: false,
        counts: true,
        ..Manner::default()
    };
    assert_conforms(manner, "still").await;
}

#[tokio::test]
async fn also_where_access_may_end() {
    let manner = Manner {
        expires: true,
        deletes: true,
        counts: true,
        takes_prompt: true,
        skew: 3_600_000_000,
        ..Manner::default()
    };
    assert_conforms(manner, "expiring").await;
}
