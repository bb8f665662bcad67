//! A simulator of a vendor: its API over a store of its own, on one machine, for a while.
//!
//! What it holds is deleted when it ends. Everything that answers is what the gateway itself serves as the vendor's
//! facade; what is here gives it a database, a key and a port.

mod access;
mod faults;
mod tampering;
mod twice;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::middleware::from_fn_with_state;
use backend::Backend;
use keys::KeyCheck;
use responders::{Answering, Echo};
use routing::{Discovery, Router, RouterSettings, Slot};
use server::{RequestLimits, ServeLimits, ServeReport, Shutdown};
use store::{SealingKey, Store, StoreConfig, Synchronous};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub(crate) use self::access::Access;
use self::access::Made;
pub(crate) use self::faults::{Fault, FaultKind, Faults};
use self::tampering::{Tampering, tamper};
use self::twice::Twice;
use crate::config::BackendKind;
use crate::failure::Failure;
use crate::wiring::facades::{self, Shared};

/// The name of the simulator's only backend.
const BACKEND: &str = "simulator";
/// How long open streams and connections get when it stops.
const STOP_TIME: Duration = Duration::from_secs(2);

/// How a simulator behaves.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The vendor.
    pub(crate) vendor: BackendKind,
    /// Whether an AI answers, by repeating what the user said.
    pub(crate) answers: bool,
    /// The most requests in a minute.
    pub(crate) requests_per_minute: Option<u32>,
    /// What goes wrong.
    pub(crate) faults: Vec<Fault>,
    /// How late a slow answer is.
    pub(crate) slow: Duration,
    /// Decides which requests meet a fault.
    pub(crate) seed: u64,
}

impl Settings {
    /// A vendor that answers and never fails.
    pub(crate) fn new(vendor: BackendKind) -> Self {
        Self {
            vendor,
            answers: true,
            requests_per_minute: None,
            faults: Vec::new(),
            slow: Duration::ZERO,
            seed: 0,
        }
    }
}

/// A simulator that runs.
pub(crate) struct Simulator {
    /// How it is reached.
    pub(crate) access: Access,
    shutdown: Shutdown,
    server: JoinHandle<ServeReport>,
    store: Store,
    directory: TempDir,
}

impl Simulator {
    /// Starts one on this listener.
    ///
    /// # Errors
    /// Where it has no place for its data, or cannot be put together.
    pub(crate) async fn start(settings: Settings, listener: TcpListener) -> Result<Self, Failure> {
        let address = listener.local_addr().map_err(Failure::runtime)?;
        let directory = tempfile::Builder::new()
            .prefix("dragoman-simulator-")
            .tempdir()
            .map_err(no_place)?;
        let store = Store::open(StoreConfig {
            // Its data ends with it.
            synchronous: Synchronous::Normal,
            ..StoreConfig::at(directory.path().join("simulator.db"))
        })
        .map_err(Failure::runtime)?;
        let sealing_key = SealingKey::load_or_create(&directory.path().join("sealing.key"));
        let state = store.state(&sealing_key.map_err(Failure::runtime)?);
        let state = Arc::new(state.map_err(Failure::runtime)?);
        let made = Made::new(settings.vendor, &state).await?;

        let faults = Arc::new(Faults::new(&settings.faults, settings.seed));
        let bare: Arc<dyn Backend> = Arc::new(store.backend(BACKEND));
        let answering: Arc<dyn Backend> = match settings.answers {
            true => Arc::new(Twice::new(
                Arc::new(Answering::new(bare, Arc::new(Echo))),
                Arc::clone(&faults),
            )),
            false => bare,
        };
        let router = Router::new(
            vec![Slot::new(answering, Discovery::Off, None)],
            RouterSettings::new(BACKEND),
            Arc::clone(&state) as _,
            Arc::clone(&state) as _,
            Arc::clone(&state) as _,
        )
        .map_err(Failure::runtime)?;
        let shutdown = Shutdown::new();
        let shared = Shared {
            backend: Arc::new(router),
            keys: KeyCheck::new(Arc::clone(&state) as _),
            state,
            limits: RequestLimits::default(),
            detached: shutdown.detached().clone(),
        };
        let config = made.facade_config(&settings, address)?;
        let facade = facades::one(settings.vendor, &config, shared.parts(Arc::new([])))
            .ok_or_else(|| Failure::runtime("the store has no API of a vendor"))?;
        let tampering = Tampering {
            vendor: settings.vendor,
            faults,
            slow: settings.slow,
            // Chatter's API counts by itself, as the vendor does.
            requests_per_minute: settings
                .requests_per_minute
                .filter(|_| settings.vendor != BackendKind::Chatter)
                .and_then(|limit| usize::try_from(limit).ok()),
            taken: Mutex::new(VecDeque::new()),
            refuse: facade.refuse,
        };
        let application = facade
            .router
            .layer(from_fn_with_state(Arc::new(tampering), tamper));
        let server = tokio::spawn(server::serve(
            listener,
            application,
            serve_limits(),
            shutdown.clone(),
        ));
        Ok(Self {
            access: made.reached_at(address),
            shutdown,
            server,
            store,
            directory,
        })
    }

    /// The steps of stopping it.
    pub(crate) fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Waits for the stop signal, ends everything and deletes its data.
    ///
    /// # Errors
    /// Where something did not end in good order, or data was left.
    pub(crate) async fn end(self) -> Result<(), Failure> {
        self.shutdown.stopping().cancelled().await;
        let served = self.server.await;
        let closed = self.store.close().await;
        drop(self.store);
        let place = self.directory.path().display().to_string();
        let deleted = self.directory.close();
        served.map_err(|error| Failure::runtime(format!("the server broke off: {error}")))?;
        closed.map_err(Failure::runtime)?;
        deleted.map_err(|error| {
            Failure::with_help(
                format!("the simulator's data could not be deleted: {error}"),
                format!("delete the folder {place}"),
            )
        })
    }
}

fn no_place(error: std::io::Error) -> Failure {
    Failure::with_help(
        format!("there is no place for the simulator's data: {error}"),
        "TMPDIR names the folder in which it is made",
    )
}

fn serve_limits() -> ServeLimits {
    ServeLimits {
        drain_delay: Duration::ZERO,
        stream_grace: STOP_TIME / 2,
        shutdown_deadline: STOP_TIME,
        ..ServeLimits::default()
    }
}

/// Where a simulator listens, as others call it.
pub(crate) fn base_url(address: SocketAddr) -> String {
    format!("http://{}", crate::running::reachable(address))
}
