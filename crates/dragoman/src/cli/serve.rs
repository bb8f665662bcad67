//! `dragoman serve`: listens, shows the banner, serves until a signal, stops in good order.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use backend::ports::Idempotency;
use backend::{Kind, Scope};
use conversation::Time;
use secrecy::{ExposeSecret, SecretString};
use server::{KeyRequest, NewKey, Shutdown};
use store::State;
use tokio::net::TcpListener;

use super::banner::Banner;
use super::print;
use crate::config::Configuration;
use crate::config::load::{Flags, Loaded, load};
use crate::failure::Failure;
use crate::state::{OpenState, Use};
use crate::telemetry::{self, Telemetry};
use crate::{recovery, state, wiring};

/// The tenant of the key that the first start makes.
const FIRST_TENANT: &str = "default";

/// How often stored answers of idempotency keys are looked through for expired ones.
const SWEEP_INTERVAL: Duration = Duration::from_secs(600);

/// What still runs after the stop gets this long; everything that must end has ended by then.
const LEFTOVERS_PAUSE: Duration = Duration::from_secs(1);

/// Runs the gateway until it is told to stop.
pub(super) fn run(flags: &Flags, variables: &BTreeMap<String, String>) -> Result<(), Failure> {
    let loaded = load(flags, variables)?;
    // Given back when this returns: the last log lines are written then.
    let telemetry = telemetry::start(&loaded.configuration.telemetry).map_err(Failure::runtime)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::runtime(format!("the runtime cannot be started: {error}")))?;
    let result = runtime.block_on(serve(&loaded, &telemetry));
    runtime.shutdown_timeout(LEFTOVERS_PAUSE);
    result
}

async fn serve(loaded: &Loaded, telemetry: &Telemetry) -> Result<(), Failure> {
    let configuration = &loaded.configuration;
    // First, so that a taken port leaves no database behind.
    let listener = listen(configuration.server.listen).await?;
    let address = listener.local_addr().map_err(Failure::runtime)?;
    let shutdown = Shutdown::new();
    stop_on_signals(&shutdown)?;
    let open = state::open(configuration, Use::Serving)?;
    let wired = wiring::gateway(configuration, &open, telemetry.metrics(), &shutdown)
        .await
        .map_err(cannot_wire)?;
    let application = wired.gateway.into_router()?;
    tokio::spawn(telemetry.keep_up());
    tokio::spawn(forget_expired(Arc::clone(&open.state)));
    tokio::spawn(recovery::keep_recovering(wired.router, shutdown.clone()));

    let new_key = first_key(&open).await?;
    print::out(&banner(loaded, &open, address, new_key.as_ref()).text())?;
    drop(new_key);
    tracing::info!(server.address = %address, "listening");

    let limits = wiring::serve_limits(configuration);
    let report = server::serve(listener, application, limits, shutdown).await;
    open.close().await?;
    if report.connections_cut > 0 || report.writes_cut > 0 {
        tracing::warn!(
            connections_cut = report.connections_cut,
            writes_cut = report.writes_cut,
            "stopped before everything had ended"
        );
    }
    tracing::info!("stopped");
    Ok(())
}

/// Removes answers that no repeat may ask for any more, for as long as the process runs.
async fn forget_expired(state: Arc<State>) {
    let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
    loop {
        ticks.tick().await;
        match state.sweep(Time::now()).await {
            Ok(0) => {}
            Ok(swept) => tracing::debug!(swept, "expired idempotency records were removed"),
            Err(error) => {
                tracing::warn!(%error, "expired idempotency records could not be removed");
            }
        }
    }
}

/// A backend whose name or address cannot be used is a mistake of the configuration.
fn cannot_wire(error: backend::Error) -> Failure {
    match error.kind {
        Kind::InvalidRequest | Kind::Conflict => Failure::Usage {
            message: error.to_string(),
            help: "`dragoman config show --origin` says where each value comes from".to_owned(),
        },
        _ => Failure::runtime(error),
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
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

/// The first signal begins a graceful stop, the second one cuts everything at once.
fn stop_on_signals(shutdown: &Shutdown) -> Result<(), Failure> {
    let mut signals = Signals::new()
        .map_err(|error| Failure::runtime(format!("signals cannot be received: {error}")))?;
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        signals.next().await;
        tracing::info!("stopping, a second signal stops at once");
        shutdown.begin();
        signals.next().await;
        shutdown.cut();
    });
    Ok(())
}

/// The signals that ask a process to stop.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The signals that ask a process to stop.
#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn new() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}

/// Makes a key with every scope where the state has no key yet.
async fn first_key(open: &OpenState) -> Result<Option<SecretString>, Failure> {
    let known = open.keys().list(None).await.map_err(Failure::runtime)?;
    if !known.is_empty() {
        return Ok(None);
    }
    let key = NewKey::generate(KeyRequest {
        tenant: FIRST_TENANT.into(),
        name: "made by the first start".into(),
        scopes: Scope::ALL.to_vec(),
        user: None,
        expires_at: None,
    })
    .map_err(Failure::runtime)?;
    let inserted = open.keys().insert(&key.record).await;
    inserted.map_err(Failure::runtime)?;
    Ok(Some(key.key))
}

fn banner<'a>(
    loaded: &Loaded,
    open: &OpenState,
    address: SocketAddr,
    new_key: Option<&'a SecretString>,
) -> Banner<'a> {
    let configuration = &loaded.configuration;
    Banner {
        file: loaded.file.clone(),
        database: configuration.store.database_path(),
        database_is_new: open.is_new,
        address,
        docs: configuration.expose.docs,
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
