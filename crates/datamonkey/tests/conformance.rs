//! The conformance suite on the adapter alone: against the fake, and against a real server where one is named.

#[path = "fake/credentials.rs"]
#[expect(
    dead_code,
    reason = "the suite breaks nothing and looks at nothing inside"
)]
mod credentials;
#[path = "fake/fake.rs"]
#[expect(dead_code, reason = "the suite needs no faults and no look inside")]
mod fake;

use std::sync::Arc;

use backend::{Backend, Location};
use conversation::{ConversationId, MessageId};
use credentials::MemoryCredentials;
use datamonkey::{Datamonkey, DatamonkeyConfig};
use fake::FakeDatamonkey;
use tokio::sync::OnceCell;

/// Where a real server is; absent: the suite runs against the fake only.
const URL: &str = "DRAGOMAN_TEST_DATAMONKEY_URL";
/// What signs the real server's tokens; absent: they are not renewed.
const SIGNING_KEY: &str = "DRAGOMAN_TEST_DATAMONKEY_SIGNING_KEY";

struct Native {
    name: &'static str,
    /// A real server; absent: the fake.
    base_url: Option<String>,
    signing_key: Option<String>,
    fake: OnceCell<FakeDatamonkey>,
    credentials: Arc<MemoryCredentials>,
}

impl Native {
    fn new(name: &'static str, base_url: Option<String>, signing_key: Option<String>) -> Self {
        Self {
            name,
            base_url,
            signing_key,
            fake: OnceCell::new(),
            credentials: Arc::default(),
        }
    }
}

#[async_trait::async_trait]
impl testkit::Harness for Native {
    fn name(&self) -> &str {
        self.name
    }

    async fn backend(&self) -> Arc<dyn Backend> {
        let base_url = match &self.base_url {
            Some(base_url) => base_url.clone(),
            None => self
                .fake
                .get_or_init(FakeDatamonkey::start)
                .await
                .base_url(),
        };
        let mut config = DatamonkeyConfig::new(base_url);
        config.signing_key = self.signing_key.clone().map(Into::into);
        let backend = Datamonkey::new("datamonkey", &config, self.credentials.clone());
        Arc::new(backend.expect("a usable configuration"))
    }

    fn missing(&self) -> Location {
        let native = "conv-0-xxxxxxxx";
        Location {
            id: ConversationId::derive("datamonkey", native),
            backend: "datamonkey".into(),
            native: native.into(),
            credential: None,
            renamed: false,
        }
    }

    fn missing_message(&self) -> MessageId {
        MessageId::derive(&["no such message"])
    }
}

#[expect(clippy::print_stdout, reason = "a skipped run says so")]
fn main() -> std::process::ExitCode {
    let on_fake = Native::new("datamonkey", None, None);
    let signing = Native::new(
        "datamonkey with its signing key",
        None,
        Some(FakeDatamonkey::KEY.to_owned()),
    );
    let mut harnesses: Vec<&dyn testkit::Harness> = vec![&on_fake, &signing];
    let real;
    match std::env::var(URL) {
        Ok(url) => {
            let key = std::env::var(SIGNING_KEY).ok();
            real = Native::new("datamonkey's real server", Some(url), key);
            harnesses.push(&real);
        }
        Err(_) => println!("skipped: datamonkey's real server ({URL} is not set)"),
    }
    testkit::main(std::env::args().skip(1), &harnesses)
}
