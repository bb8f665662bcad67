//! The circle: the conformance suite on the adapter over the facade over a store, through real sockets. What one writes
//! the other must read. Alone, and as a whole stack with the overlay, where no case may be skipped.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, also in its helpers"
)]

#[path = "facade/client.rs"]
#[expect(dead_code, reason = "the adapter brings a client of its own")]
mod client;
#[path = "facade/credentials.rs"]
mod credentials;
#[path = "facade/world.rs"]
#[expect(dead_code, reason = "the suite speaks through the adapter")]
mod world;

use std::process::ExitCode;
use std::sync::Arc;

use backend::ports::{CredentialName, Credentials as _};
use backend::{Backend, Location, Scope};
use conversation::{ConversationId, MessageId};
use overlay::{Overlay, OverlaySettings};
use responders::{Answering, Echo};
use routing::{Discovery, Router, RouterSettings, Slot};
use store::{SealingKey, State, Store, StoreConfig};
use sunshine::{ImportMode, JwtScope, Sunshine, SunshineConfig, SunshineCredentials};
use tokio::sync::OnceCell;

use world::{APP, World};

/// The tenant of the facade's key: another than the suite's, which the facade never hears of.
const FAR_TENANT: &str = "far";
/// With what the tokens of the adapter are signed.
const SIGNING: &str = "a signing secret of enough length";
/// A well-formed id that nothing has.
const MISSING: &str = "0123456789abcdef01234567";

/// What the suite runs on.
struct Circle {
    name: &'static str,
    import_mode: ImportMode,
    /// By tokens that are signed, or by the key itself.
    signs: bool,
    is_whole: bool,
    stack: OnceCell<Stack>,
}

/// A backend and all that lives as long as it does.
struct Stack {
    backend: Arc<dyn Backend>,
    _far: World,
    _near: Option<tempfile::TempDir>,
}

impl Circle {
    fn new(name: &'static str, import_mode: ImportMode, signs: bool, is_whole: bool) -> Self {
        Self {
            name,
            import_mode,
            signs,
            is_whole,
            stack: OnceCell::new(),
        }
    }

    async fn start(&self) -> Stack {
        let far = World::start().await;
        let scopes = [Scope::Read, Scope::Write, Scope::ActAs];
        let key = far.key(FAR_TENANT, None, &scopes).await;
        let credentials = if self.signs {
            let name = CredentialName {
                backend: "facade/sunshine".into(),
                reference: format!("signing/{}", key.id).into(),
            };
            far.state.put(&name, &SIGNING.into()).await.unwrap();
            SunshineCredentials::Jwt {
                key_id: key.id,
                secret: SIGNING.into(),
                scope: JwtScope::App,
            }
        } else {
            SunshineCredentials::Basic {
                key_id: key.id.clone(),
                secret: key.secret().into(),
            }
        };
        let config = SunshineConfig {
            import_mode: self.import_mode,
            ..SunshineConfig::new(format!("http://{}", far.address), APP, credentials)
        };
        let adapter: Arc<dyn Backend> = Arc::new(Sunshine::new("sunshine", &config).unwrap());
        if !self.is_whole {
            return Stack {
                backend: adapter,
                _far: far,
                _near: None,
            };
        }
        let near = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::at(near.path().join("dragoman.db"))).unwrap();
        let state: Arc<State> = Arc::new(store.state(&SealingKey::from_bytes([7; 32])).unwrap());
        let overlaid = Overlay::new(
            adapter,
            OverlaySettings::default(),
            state.clone(),
            state.clone(),
            state.clone(),
        );
        let answering = Answering::new(Arc::new(overlaid), Arc::new(Echo));
        let slot = Slot::new(Arc::new(answering), Discovery::OnList, None);
        let settings = RouterSettings::new("sunshine");
        let router = Router::new(vec![slot], settings, state.clone(), state.clone(), state);
        Stack {
            backend: Arc::new(router.unwrap()),
            _far: far,
            _near: Some(near),
        }
    }
}

#[async_trait::async_trait]
impl testkit::Harness for Circle {
    fn name(&self) -> &str {
        self.name
    }

    async fn backend(&self) -> Arc<dyn Backend> {
        let stack = self.stack.get_or_init(|| self.start()).await;
        stack.backend.clone()
    }

    fn missing(&self) -> Location {
        if self.is_whole {
            return Location::unresolved(ConversationId::generate());
        }
        Location {
            id: ConversationId::derive("sunshine", MISSING),
            backend: "sunshine".into(),
            native: MISSING.into(),
            credential: None,
            renamed: false,
        }
    }

    fn missing_message(&self) -> MessageId {
        if self.is_whole {
            return MessageId::generate();
        }
        MISSING.parse().unwrap()
    }

    fn no_case_may_be_skipped(&self) -> bool {
        self.is_whole
    }
}

fn main() -> ExitCode {
    let circles = [
        Circle::new("sunshine over its facade", ImportMode::Overlay, true, false),
        Circle::new(
            "sunshine over its facade with posted imports",
            ImportMode::Post,
            false,
            false,
        ),
        Circle::new(
            "overlay over sunshine over its facade",
            ImportMode::Overlay,
            true,
            true,
        ),
    ];
    let harnesses: Vec<&dyn testkit::Harness> = circles
        .iter()
        .map(|circle| circle as &dyn testkit::Harness)
        .collect();
    testkit::main(std::env::args().skip(1), &harnesses)
}
