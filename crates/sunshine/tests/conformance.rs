//! The conformance suite on the adapter alone: against the fake in its different readings of what the vendor leaves
//! open, and against a real server where the environment names one.

#[path = "fake/fake.rs"]
#[expect(dead_code, reason = "the suite needs no faults and no look inside")]
mod fake;

use std::sync::Arc;

use backend::{Backend, Location};
use conversation::{ConversationId, MessageId};
use fake::{APP_ID, FakeOptions, FakeSunshine, KEY_ID, SECRET, UnknownCursor};
use sunshine::{ImportMode, JwtScope, Sunshine, SunshineConfig, SunshineCredentials};
use tokio::sync::OnceCell;

/// A well-formed id that nothing has.
const MISSING: &str = "0123456789abcdef01234567";

fn missing() -> Location {
    Location {
        id: ConversationId::derive("sunshine", MISSING),
        backend: "sunshine".into(),
        native: MISSING.into(),
        credential: None,
        renamed: false,
    }
}

struct Native {
    name: &'static str,
    options: FakeOptions,
    import_mode: ImportMode,
    fake: OnceCell<FakeSunshine>,
}

impl Native {
    fn new(name: &'static str, options: FakeOptions, import_mode: ImportMode) -> Self {
        Self {
            name,
            options,
            import_mode,
            fake: OnceCell::new(),
        }
    }
}

#[async_trait::async_trait]
impl testkit::Harness for Native {
    fn name(&self) -> &str {
        self.name
    }

    async fn backend(&self) -> Arc<dyn Backend> {
        let start = || FakeSunshine::start_with(self.options.clone());
        let fake = self.fake.get_or_init(start).await;
        let credentials = SunshineCredentials::Jwt {
            key_id: KEY_ID.into(),
            secret: SECRET.into(),
            scope: JwtScope::App,
        };
        let config = SunshineConfig {
            import_mode: self.import_mode,
            ..SunshineConfig::new(fake.base_url(), APP_ID, credentials)
        };
        Arc::new(Sunshine::new("sunshine", &config).expect("a usable configuration"))
    }

    fn missing(&self) -> Location {
        missing()
    }

    fn missing_message(&self) -> MessageId {
        MISSING.parse().expect("an id")
    }
}

/// A real app, named by the environment.
struct Real(SunshineConfig);

impl Real {
    fn from_environment() -> Option<Self> {
        let variable = |name: &str| std::env::var(format!("DRAGOMAN_TEST_SUNSHINE_{name}")).ok();
        let credentials = SunshineCredentials::Basic {
            key_id: variable("KEY_ID")?,
            secret: variable("SECRET")?.into(),
        };
        let config = SunshineConfig::new(variable("URL")?, variable("APP_ID")?, credentials);
        Some(Self(config))
    }
}

#[async_trait::async_trait]
impl testkit::Harness for Real {
    fn name(&self) -> &str {
        "sunshine on a real server"
    }

    async fn backend(&self) -> Arc<dyn Backend> {
        Arc::new(Sunshine::new("sunshine", &self.0).expect("a usable configuration"))
    }

    fn missing(&self) -> Location {
        missing()
    }

    fn missing_message(&self) -> MessageId {
        MISSING.parse().expect("an id")
    }
}

#[expect(clippy::print_stdout, reason = "a run says what it leaves out")]
fn main() -> std::process::ExitCode {
    let other_reading = FakeOptions {
        metadata_replaces: true,
        newest_first: true,
        unknown_cursor: UnknownCursor::Refused(400),
        bare_lists: true,
        deleted_placeholders: true,
        messages_per_page: 3,
        ..FakeOptions::default()
    };
    let overlay = Native::new("sunshine", FakeOptions::default(), ImportMode::Overlay);
    let other = Native::new(
        "sunshine read otherwise",
        other_reading,
        ImportMode::Overlay,
    );
    let post = Native::new(
        "sunshine with posted imports",
        FakeOptions::default(),
        ImportMode::Post,
    );
    let real = Real::from_environment();
    let mut harnesses: Vec<&dyn testkit::Harness> = vec![&overlay, &other, &post];
    match &real {
        Some(real) => harnesses.push(real),
        None => println!(
            "skipped: sunshine on a real server (DRAGOMAN_TEST_SUNSHINE_URL, _APP_ID, _KEY_ID and _SECRET are not set)"
        ),
    }
    testkit::main(std::env::args().skip(1), &harnesses)
}
