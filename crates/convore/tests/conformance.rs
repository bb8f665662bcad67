//! The conformance suite on the adapter alone, against fakes of what the real server may be like, and against the
//! real server where the environment names one.

#[path = "fake/fake.rs"]
#[expect(dead_code, reason = "the suite needs no faults and no look inside")]
mod fake;

use std::io::Write;
use std::sync::Arc;

use backend::{Backend, Location};
use conversation::{ConversationId, MessageId};
use convore::{Convore, ConvoreConfig};
use fake::{FakeConvore, FakeOptions, ListOrder};
use tokio::sync::OnceCell;

/// Well-formed and unknown.
const MISSING: &str = "01h2xcejqtf2nbrexx3vqjhp41";

struct OnFake {
    name: &'static str,
    options: FakeOptions,
    fake: OnceCell<FakeConvore>,
}

struct OnServer {
    config: ConvoreConfig,
}

fn missing() -> Location {
    let native = format!("conv_{MISSING}");
    Location {
        id: ConversationId::derive("convore", &native),
        backend: "convore".into(),
        native: native.into(),
        credential: None,
        renamed: false,
    }
}

fn missing_message() -> MessageId {
    format!("msg_{MISSING}").parse().expect("an id")
}

fn backend(config: &ConvoreConfig) -> Arc<dyn Backend> {
    Arc::new(Convore::new("convore", config).expect("a usable configuration"))
}

#[async_trait::async_trait]
impl testkit::Harness for OnFake {
    fn name(&self) -> &str {
        self.name
    }

    async fn backend(&self) -> Arc<dyn Backend> {
        let start = || FakeConvore::start_with(self.options.clone());
        let fake = self.fake.get_or_init(start).await;
        backend(&ConvoreConfig::new(
            fake.base_url(),
            FakeConvore::KEY,
            FakeConvore::CHANNEL,
        ))
    }

    fn missing(&self) -> Location {
        missing()
    }

    fn missing_message(&self) -> MessageId {
        missing_message()
    }
}

#[async_trait::async_trait]
impl testkit::Harness for OnServer {
    fn name(&self) -> &str {
        "convore on the real server"
    }

    async fn backend(&self) -> Arc<dyn Backend> {
        backend(&self.config)
    }

    fn missing(&self) -> Location {
        missing()
    }

    fn missing_message(&self) -> MessageId {
        missing_message()
    }
}

/// The real server, where it is named.
fn on_server() -> Option<OnServer> {
    let variable = |name: &str| std::env::var(format!("DRAGOMAN_TEST_CONVORE_{name}")).ok();
    let (url, key, channel) = (variable("URL")?, variable("KEY")?, variable("CHANNEL_ID")?);
    Some(OnServer {
        config: ConvoreConfig::new(url, key, channel),
    })
}

fn main() -> std::process::ExitCode {
    let on_fake = |name, options| OnFake {
        name,
        options,
        fake: OnceCell::new(),
    };
    let usual = on_fake("convore", FakeOptions::default());
    let shuffled = on_fake(
        "convore in no order, small pages, empty last cursors",
        FakeOptions {
            order: ListOrder::Shuffled,
            page_max: 3,
            ends_with_empty_cursor: true,
            ..FakeOptions::default()
        },
    );
    let reserved = on_fake(
        "convore with minimal objects and status 201",
        FakeOptions {
            order: ListOrder::OldestFirst,
            lists_are_minimal: true,
            writes_are_minimal: true,
            success: 201,
            ..FakeOptions::default()
        },
    );
    let server = on_server();
    let mut harnesses: Vec<&dyn testkit::Harness> = vec![&usual, &shuffled, &reserved];
    match &server {
        Some(server) => harnesses.push(server),
        None => {
            let skipped = "the real server is skipped: set DRAGOMAN_TEST_CONVORE_URL, DRAGOMAN_TEST_CONVORE_KEY and DRAGOMAN_TEST_CONVORE_CHANNEL_ID";
            // Whoever does not read it misses nothing.
            let _ = writeln!(std::io::stdout(), "{skipped}");
        }
    }
    testkit::main(std::env::args().skip(1), &harnesses)
}
