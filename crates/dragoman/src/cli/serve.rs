//! `dragoman serve`: listens, shows the banner, serves until a signal, stops in good order.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use backend::Scope;
use backend::ports::{Held, Leases};
use keys::{KeyRequest, NewKey};
use secrecy::{ExposeSecret, SecretString};
use server::Shutdown;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::banner::Banner;
use super::print;
use super::signals::Signals;
use crate::config::Configuration;
use crate::config::load::{Flags, Loaded, load};
use crate::config::reading::Layers;
use crate::failure::Failure;
use crate::running::{Purpose, Running};
use crate::state::{self, OpenState, Use};
use crate::telemetry::{self, Telemetry};
use crate::wiring::facades;

/// The tenant of the key that the first start makes.
const FIRST_TENANT: &str = "default";

/// Whoever looks for the first key, and makes it, holds this; how long others wait for it: longer than a dead holder has it.
const FIRST_KEY_LEASE: &str = "first-key";
const FIRST_KEY_PATIENCE: Duration = Duration::from_secs(30);

/// What still runs after the stop gets this long; everything that must end has ended by then.
const LEFTOVERS_PAUSE: Duration = Duration::from_secs(1);

/// Runs the gateway until it is told to stop.
pub(super) fn run(flags: &Flags, variables: &BTreeMap<String, String>) -> Result<(), Failure> {
    let loaded = load(flags, variables)?;
    // Given back when this returns: the last log lines are written then.
    let telemetry = telemetry::start_with_traces(&loaded.configuration.telemetry, variables)
        .map_err(Failure::runtime)?;
    let layers = Layers::of(flags, variables, &loaded);
    in_runtime(serve(&loaded, layers, &telemetry))
}

/// Runs something to its end, and gives what it leaves behind a moment.
pub(super) fn in_runtime<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::runtime(format!("the runtime cannot be started: {error}")))?;
    let result = runtime.block_on(work);
    runtime.shutdown_timeout(LEFTOVERS_PAUSE);
    result
}

async fn serve(loaded: &Loaded, layers: Layers, telemetry: &Telemetry) -> Result<(), Failure> {
    let configuration = &loaded.configuration;
    // First, so that a taken port leaves no database behind.
    let listener = listen(configuration.server.listen).await?;
    let signals = Signals::new()
        .map_err(|error| Failure::runtime(format!("signals cannot be received: {error}")))?;
    let open = state::open(configuration, Use::Serving)?;
    let running = Running::start(
        configuration,
        listener,
        open,
        telemetry,
        Purpose::Serving { loaded, layers },
        "serve",
    )
    .await?;
    let hurry = stop_on_signals(signals, running.shutdown());
    let new_key = first_key(running.open()).await?;
    show(banner(loaded, &running, new_key.as_ref()).text());
    drop(new_key);
    running.end(&hurry).await
}

/// Writes the banner beside everything else: whoever should read it may have left, or read nothing.
fn show(banner: String) {
    tokio::spawn(async move {
        let shown = tokio::task::spawn_blocking(move || print::out(&banner)).await;
        if let Ok(Err(error)) = shown {
            tracing::warn!(
                %error,
                "the banner cannot be written to standard output; `dragoman keys create` makes a key where it should have shown one"
            );
        }
    });
}

/// Listens, or says in one sentence why it cannot.
pub(super) async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let (reason, help) = match error.kind() {
            io::ErrorKind::AddrInUse => (
                "another program uses this port".to_owned(),
                "stop it, or choose another port with --listen; --listen 127.0.0.1:0 picks a free one",
            ),
            io::ErrorKind::PermissionDenied => (
                "this user may not open this port".to_owned(),
                "choose a port from 1024 on with --listen",
            ),
            io::ErrorKind::AddrNotAvailable => (
                "this machine does not have this address".to_owned(),
                "choose one that it has, 127.0.0.1 or 0.0.0.0, with --listen",
            ),
            _ => (error.to_string(), "choose another address with --listen"),
        };
        Failure::with_help(format!("cannot listen on {address}: {reason}"), help)
    })
}

/// The first signal begins a graceful stop, the second one cuts everything at once: the notice that is returned.
fn stop_on_signals(mut signals: Signals, shutdown: &Shutdown) -> Arc<Notify> {
    let hurry = Arc::new(Notify::new());
    let (shutdown, cut) = (shutdown.clone(), Arc::clone(&hurry));
    tokio::spawn(async move {
        signals.next().await;
        // First: who reads the line finds it so.
        shutdown.begin();
        tracing::info!("stopping, a second signal stops at once");
        signals.next().await;
        shutdown.cut();
        cut.notify_one();
    });
    hurry
}

/// Makes a key where the state has no key yet. Gateways that share a database may start at once: one of them makes it.
async fn first_key(open: &OpenState) -> Result<Option<SecretString>, Failure> {
    let leases: Arc<dyn Leases> = Arc::clone(&open.state) as _;
    let held = Held::take(&leases, FIRST_KEY_LEASE, FIRST_KEY_PATIENCE).await;
    let held = held.map_err(Failure::runtime)?;
    let made = new_first_key(open).await;
    held.release().await;
    made
}

/// With every scope but the one that lends the vendors' credentials.
async fn new_first_key(open: &OpenState) -> Result<Option<SecretString>, Failure> {
    let known = open.keys().list(None).await.map_err(Failure::runtime)?;
    if !known.is_empty() {
        return Ok(None);
    }
    let key = NewKey::generate(KeyRequest {
        tenant: FIRST_TENANT.into(),
        name: "made by the first start".into(),
        scopes: Scope::ALL
            .iter()
            .copied()
            .filter(|scope| *scope != Scope::Passthrough)
            .collect(),
        user: None,
        expires_at: None,
    })
    .map_err(Failure::runtime)?;
    let inserted = open.keys().insert(&key.record).await;
    inserted.map_err(Failure::runtime)?;
    Ok(Some(key.key))
}

fn banner<'a>(loaded: &Loaded, running: &Running, new_key: Option<&'a SecretString>) -> Banner<'a> {
    let configuration = &loaded.configuration;
    Banner {
        file: loaded.file.clone(),
        database: configuration.store.database_shown(),
        database_is_new: running.open().is_new,
        address: running.address(),
        docs: configuration.expose.docs,
        facades: facades::names(configuration),
        backends: backend_names(configuration),
        new_key: new_key.map(ExposeSecret::expose_secret),
    }
}

/// The names of the backends, the default marked and first.
fn backend_names(configuration: &Configuration) -> Vec<String> {
    let default = &configuration.default_backend;
    let others = configuration
        .backends
        .iter()
        .map(|backend| &backend.name)
        .filter(|name| *name != default);
    std::iter::once(format!("{default} (default)"))
        .chain(others.map(ToString::to_string))
        .collect()
}
