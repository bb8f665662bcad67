//! Whole stacks: router(overlay(adapter)) over a fake of each vendor, and router(store).

use std::any::Any;
use std::sync::Arc;

use backend::Backend;
use backend::ports::OverlayState;
use chatter::{Chatter, ChatterConfig, ChatterCredentials};
use convore::{Convore, ConvoreConfig};
use datamonkey::{Datamonkey, DatamonkeyConfig};
use overlay::{Overlay, OverlaySettings};
use responders::{Answering, Echo};
use routing::{Discovery, Router, RouterSettings, Slot};
use store::{SealingKey, State, Store, StoreConfig};
use sunshine::{JwtScope, Sunshine, SunshineConfig, SunshineCredentials};
use tempfile::TempDir;
use testkit::Database;

use crate::fake::{FakeChatter, FakeOptions, Generation};
use crate::fake_convore::FakeConvore;
use crate::fake_datamonkey::FakeDatamonkey;
use crate::fake_sunshine::{self, FakeSunshine};

/// What stands behind a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behind {
    Store,
    Chatter(Generation),
    Datamonkey,
    Sunshine,
    Convore,
}

impl Behind {
    /// The five that callers choose from.
    pub(crate) const FIVE: [Self; 5] = [
        Self::Store,
        Self::Chatter(Generation::V2),
        Self::Datamonkey,
        Self::Sunshine,
        Self::Convore,
    ];

    /// Those that need an overlay.
    pub(crate) const VENDORS: [Self; 4] = [
        Self::Chatter(Generation::V2),
        Self::Datamonkey,
        Self::Sunshine,
        Self::Convore,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Chatter(Generation::V0) => "chatter v0",
            Self::Chatter(Generation::V1OldFastApi) => "chatter v1 on old fastapi",
            Self::Chatter(Generation::V1NewFastApi) => "chatter v1 on new fastapi",
            Self::Chatter(Generation::V2) => "chatter v2",
            Self::Datamonkey => "datamonkey",
            Self::Sunshine => "sunshine",
            Self::Convore => "convore",
        }
    }
}

/// The fake of a vendor; nothing behind the store.
type Vendor = Box<dyn Any + Send + Sync>;

/// A stack and what it stands on.
pub(crate) struct Stack {
    /// The router, as the server has it.
    pub(crate) router: Arc<Router>,
    /// The adapter, or the store, alone.
    pub(crate) bare: Arc<dyn Backend>,
    pub(crate) state: Arc<State>,
    vendor: Vendor,
    // Held so that it lives as long as the stack.
    _directory: TempDir,
}

impl Stack {
    pub(crate) async fn start(behind: Behind) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let config = match Database::of_folder(directory.path()) {
            Some(url) => StoreConfig::postgres(url),
            None => StoreConfig::at(directory.path().join("dragoman.db")),
        };
        let store = Store::open(config).expect("a new store");
        let state = store.state(&SealingKey::from_bytes([7; 32]));
        let state = Arc::new(state.expect("its state"));
        let (vendor, bare) = bare(behind, &store, &state).await;
        let overlaid: Arc<dyn Backend> = match behind {
            Behind::Store => bare.clone(),
            _ => Arc::new(Overlay::new(
                bare.clone(),
                OverlaySettings::default(),
                state.clone(),
                state.clone(),
                state.clone(),
            )),
        };
        let stack: Arc<dyn Backend> = match behind {
            Behind::Chatter(
                Generation::V1OldFastApi | Generation::V1NewFastApi | Generation::V2,
            )
            | Behind::Datamonkey => overlaid,
            // No AI of their own, or none that belongs to a conversation.
            Behind::Store
            | Behind::Chatter(Generation::V0)
            | Behind::Sunshine
            | Behind::Convore => Arc::new(Answering::new(overlaid, Arc::new(Echo))),
        };
        let discovery = match behind {
            Behind::Store => Discovery::Off,
            _ => Discovery::OnList,
        };
        let slot = Slot::new(stack, discovery, None);
        let router = Router::new(
            vec![slot],
            RouterSettings::new("backend"),
            state.clone(),
            state.clone(),
            state.clone(),
        );
        Self {
            router: Arc::new(router.expect("a router")),
            bare,
            state,
            vendor,
            _directory: directory,
        }
    }

    /// The fake behind it.
    pub(crate) fn vendor<T: 'static>(&self) -> &T {
        self.vendor.downcast_ref().expect("a fake of this vendor")
    }

    /// What is kept beside the vendor.
    pub(crate) fn kept(&self) -> &dyn OverlayState {
        &*self.state
    }
}

async fn bare(behind: Behind, store: &Store, state: &Arc<State>) -> (Vendor, Arc<dyn Backend>) {
    const NAME: &str = "backend";
    match behind {
        Behind::Store => (Box::new(()), Arc::new(store.backend(NAME))),
        Behind::Chatter(generation) => {
            let fake = FakeChatter::start_with(FakeOptions::new(generation)).await;
            let token = ChatterCredentials::Token(FakeChatter::TOKEN.into());
            let config = ChatterConfig::new(fake.base_url(), token);
            let chatter = Chatter::new(NAME, &config, Some(state.clone())).expect("an adapter");
            chatter.find_generation().await.expect("the fake answers");
            (Box::new(fake), Arc::new(chatter))
        }
        Behind::Datamonkey => {
            let fake = FakeDatamonkey::start().await;
            let config = DatamonkeyConfig::new(fake.base_url());
            let datamonkey = Datamonkey::new(NAME, &config, state.clone()).expect("an adapter");
            (Box::new(fake), Arc::new(datamonkey))
        }
        Behind::Sunshine => {
            let fake = FakeSunshine::start().await;
            let credentials = SunshineCredentials::Jwt {
                key_id: fake_sunshine::KEY_ID.into(),
                secret: fake_sunshine::SECRET.into(),
                scope: JwtScope::App,
            };
            let config = SunshineConfig::new(fake.base_url(), fake_sunshine::APP_ID, credentials);
            let sunshine = Sunshine::new(NAME, &config).expect("an adapter");
            (Box::new(fake), Arc::new(sunshine))
        }
        Behind::Convore => {
            let fake = FakeConvore::start().await;
            let config =
                ConvoreConfig::new(fake.base_url(), FakeConvore::KEY, FakeConvore::CHANNEL);
            let convore = Convore::new(NAME, &config).expect("an adapter");
            (Box::new(fake), Arc::new(convore))
        }
    }
}
