//! The whole gateway at work: listening, migrations and recovery going on, until it is told to stop.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use backend::Kind;
use backend::ports::{Explanations, Idempotency, Keys};
use conversation::Time;
use migration::Migrations;
use server::{Application, ServeReport, Shutdown};
use store::{Serving, State};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::config::Configuration;
use crate::config::load::Loaded;
use crate::config::reading::Layers;
use crate::failure::Failure;
use crate::live::attempts::Attempts;
use crate::live::handle::Handle;
use crate::live::{Hangups, Live, Tools, keep_alike, keep_watching};
use crate::state::OpenState;
use crate::telemetry::Telemetry;
use crate::wiring::readiness::GatewayReadiness;
use crate::wiring::{Standing, Unbuildable};
use crate::{recovery, wiring};

/// How long the explanation of a request is kept: as long as it is shown, an hour.
const EXPLANATIONS_KEPT_MICROS: i64 = 60 * 60 * 1_000_000;
/// How often stored answers of idempotency keys are looked through for expired ones.
const SWEEP_INTERVAL: Duration = Duration::from_secs(600);

/// What a gateway is started for.
pub(crate) enum Purpose<'a> {
    /// To serve callers: it goes on with what earlier processes left, and follows its configuration.
    Serving {
        /// The configuration.
        loaded: &'a Loaded,
        /// Where it comes from.
        layers: Layers,
    },
    /// For one command: it does what it is asked, and nothing by itself.
    Command {
        /// The keys that open it.
        keys: Arc<dyn Keys>,
    },
}

/// A gateway that runs.
pub(crate) struct Running {
    open: OpenState,
    migrations: Migrations,
    /// The configuration as it is now; absent where it stays as it was.
    _live: Option<Arc<Live>>,
    shutdown: Shutdown,
    address: SocketAddr,
    server: JoinHandle<ServeReport>,
    /// Jobs that have not ended by then are cut.
    stop_deadline: Duration,
}

impl Running {
    /// Puts everything together and listens. `command` is the command that does so, as others are told who does.
    ///
    /// # Errors
    /// Where a backend cannot be built, or the state cannot be used.
    pub(crate) async fn start(
        configuration: &Configuration,
        listener: TcpListener,
        open: OpenState,
        telemetry: &Telemetry,
        purpose: Purpose<'_>,
        command: &str,
    ) -> Result<Self, Failure> {
        let address = listener.local_addr().map_err(Failure::runtime)?;
        let shutdown = Shutdown::new();
        let attempts = Arc::new(Attempts::started());
        let readiness = GatewayReadiness {
            store: open.store.clone(),
            attempts: Arc::clone(&attempts),
        };
        let standing = Standing::new(
            configuration,
            &open,
            telemetry.metrics(),
            &shutdown,
            Arc::new(readiness),
            &holder(command),
        );
        let handle = Arc::new(Handle::default());
        let standing = match &purpose {
            Purpose::Serving { .. } => standing.configured_by(Arc::clone(&handle) as _),
            Purpose::Command { keys } => standing.of_command(Arc::clone(keys)),
        };
        let prepared = wiring::prepare(configuration, &standing, None);
        let prepared = prepared.map_err(cannot_wire)?;
        let bound = prepared.bind(&standing).await;
        bound.map_err(cannot_wire)?;
        let linker = telemetry.linker();
        let application = linker.linked(prepared.gateway().clone().into_router()?);
        let application = Application::from(application);
        let generation = prepared.begin(&standing);
        let traffic = Arc::clone(generation.traffic());
        let migrations = standing.migrations().clone();
        let mut limits = wiring::serve_limits(configuration);
        tokio::spawn(telemetry.keep_up());
        let live = match purpose {
            Purpose::Serving { loaded, layers } => {
                let tools = Tools {
                    layers,
                    standing,
                    log_level: telemetry.log_level(),
                    linker,
                    attempts,
                    state: Arc::clone(&open.state),
                    is_shared: open.state.is_shared(),
                };
                let live = Live::begin(tools, application.clone(), generation, loaded).await;
                let live = live.map_err(Failure::runtime)?;
                handle.know(&live);
                if open.state.is_shared() {
                    live.take_up_newest().await.map_err(Failure::runtime)?;
                    tokio::spawn(keep_alike(Arc::clone(&live), shutdown.clone()));
                }
                let hangups = Hangups::new().map_err(|error| {
                    Failure::runtime(format!("signals cannot be received: {error}"))
                })?;
                tokio::spawn(keep_watching(Arc::clone(&live), hangups, shutdown.clone()));
                tokio::spawn(forget_expired(Arc::clone(&open.state)));
                tokio::spawn(recovery::keep_counting_doubts(Arc::clone(&open.state) as _));
                tokio::spawn(recovery::keep_recovering(
                    Arc::clone(&traffic),
                    Arc::clone(&open.state) as _,
                    shutdown.clone(),
                ));
                let started = migrations.start(traffic).await;
                started.map_err(Failure::runtime)?;
                Some(live)
            }
            Purpose::Command { .. } => {
                // No load balancer looks at it.
                limits.drain_delay = Duration::ZERO;
                migrations.attach(traffic).map_err(Failure::runtime)?;
                None
            }
        };
        let stop_deadline = limits.shutdown_deadline;
        let server = tokio::spawn(server::serve(
            listener,
            application,
            limits,
            shutdown.clone(),
        ));
        let serving = Serving {
            address: reachable(address).to_string().into(),
            process: std::process::id(),
            command: command.into(),
        };
        let noted = open.store.note_serving(&serving).await;
        noted.map_err(Failure::runtime)?;
        tracing::info!(server.address = %address, "listening");
        Ok(Self {
            open,
            migrations,
            _live: live,
            shutdown,
            address,
            server,
            stop_deadline,
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The steps of stopping it.
    pub(crate) fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// The open database.
    pub(crate) fn open(&self) -> &OpenState {
        &self.open
    }

    /// Waits for the stop signal, brings everything to its end and gives the database back. After `hurry` what runs is
    /// cut.
    ///
    /// # Errors
    /// Where the server ended otherwise, or the database did not close in good order.
    pub(crate) async fn end(self, hurry: &Notify) -> Result<(), Failure> {
        self.shutdown.stopping().cancelled().await;
        let jobs = async {
            tokio::select! {
                () = self.migrations.stop() => true,
                () = tokio::time::sleep(self.stop_deadline) => false,
                () = hurry.notified() => false,
            }
        };
        // Both need the store.
        let (jobs_ended, served) = tokio::join!(jobs, self.server);
        self.open.close().await?;
        if !jobs_ended {
            tracing::warn!("migrations were cut; the next start goes on with them");
        }
        let report =
            served.map_err(|error| Failure::runtime(format!("the server broke off: {error}")))?;
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
}

/// Who runs migrations in this process, in words.
fn holder(command: &str) -> String {
    let process = std::process::id();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match host.trim() {
        "" => format!("dragoman {command}, process {process}"),
        host => format!("dragoman {command}, process {process} on {host}"),
    }
}

/// The address as a local program can call it: "all interfaces" is no destination.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
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
        let explained_before = Time::now().saturating_add_micros(-EXPLANATIONS_KEPT_MICROS);
        if let Err(error) = state.forget_before(explained_before).await {
            tracing::warn!(%error, "old explanations could not be removed");
        }
    }
}

/// A backend whose name or address cannot be used is a mistake of the configuration.
fn cannot_wire(Unbuildable { error, .. }: Unbuildable) -> Failure {
    match error.kind {
        Kind::InvalidRequest | Kind::Conflict => Failure::Usage {
            message: error.to_string(),
            help: "`dragoman config show --origin` says where each value comes from".to_owned(),
        },
        _ => Failure::runtime(error),
    }
}
