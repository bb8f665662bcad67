//! The conformance suite on the adapter alone, against a fake of each generation.

#[path = "fake/fake.rs"]
#[expect(dead_code, reason = "the suite needs no faults and no look inside")]
mod fake;

use std::sync::Arc;

use backend::{Backend, Location};
use chatter::{Chatter, ChatterConfig, ChatterCredentials};
use conversation::{ConversationId, MessageId};
use fake::{FakeChatter, FakeOptions, Generation};
use tokio::sync::OnceCell;

struct Native {
    name: &'static str,
    generation: Generation,
    fake: OnceCell<FakeChatter>,
}

#[async_trait::async_trait]
impl testkit::Harness for Native {
    fn name(&self) -> &str {
        self.name
    }

    async fn backend(&self) -> Arc<dyn Backend> {
        let start = || FakeChatter::start_with(FakeOptions::new(self.generation));
        let fake = self.fake.get_or_init(start).await;
        let token = ChatterCredentials::Token(FakeChatter::TOKEN.into());
        let chatter = Chatter::new("chatter", &ChatterConfig::new(fake.base_url(), token), None);
        let chatter = chatter.expect("a usable configuration");
        chatter.find_generation().await.expect("the fake answers");
        Arc::new(chatter)
    }

    fn missing(&self) -> Location {
        let native = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
        let id = ConversationId::derive("chatter", native);
        Location {
            id,
            backend: "chatter".into(),
            native: native.into(),
            credential: None,
            renamed: false,
        }
    }

    fn missing_message(&self) -> MessageId {
        "01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().expect("an id")
    }
}

fn main() -> std::process::ExitCode {
    let native = |name, generation| Native {
        name,
        generation,
        fake: OnceCell::new(),
    };
    testkit::main(
        std::env::args().skip(1),
        &[
            &native("chatter v0", Generation::V0),
            &native("chatter v1 on old fastapi", Generation::V1OldFastApi),
            &native("chatter v1 on new fastapi", Generation::V1NewFastApi),
            &native("chatter v2", Generation::V2),
        ],
    )
}
