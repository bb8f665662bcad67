//! What the demonstration runs on: four simulators and a gateway on loopback, and a folder that is deleted at the end.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use backend::Scope;
use keys::{KeyRequest, NewKey};
use secrecy::ExposeSecret as _;
use server::Shutdown;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::config::BackendKind;
use crate::config::load::{Flags, Loaded, load};
use crate::config::reading::Layers;
use crate::failure::Failure;
use crate::running::{Purpose, Running};
use crate::simulator::{Access, Settings, Simulator, base_url};
use crate::state::{self, Use};
use crate::telemetry::{self, Telemetry};

/// The vendor where new conversations live.
pub(super) const FIRST_HOME: &str = "chatter";
/// The vendor to which they move.
pub(super) const NEXT_HOME: &str = "convore";
/// The tenant of the demonstration's key.
const TENANT: &str = "default";
/// Nobody limits what a migration may ask of a simulator.
const REQUESTS_PER_MINUTE: u32 = 1_000_000;
/// The level of log lines: a failure that no step tells.
const LOG_LEVEL: &str = "error";

/// The four vendors.
const VENDORS: [BackendKind; 4] = [
    BackendKind::Chatter,
    BackendKind::Datamonkey,
    BackendKind::Sunshine,
    BackendKind::Convore,
];

/// A key of the gateway, in the forms in which vendors' programs send it.
#[derive(Debug, Clone)]
pub(crate) struct DemoKey {
    /// The whole key.
    pub(crate) key: String,
    /// Its id.
    pub(crate) id: String,
    /// Its secret alone.
    pub(crate) secret: String,
}

/// Everything that runs.
pub(crate) struct Stage {
    pub(crate) simulators: Vec<Simulator>,
    pub(crate) key: DemoKey,
    pub(crate) gateway: Running,
    folder: TempDir,
    _telemetry: Telemetry,
}

impl Stage {
    /// Starts everything.
    ///
    /// # Errors
    /// Where a part cannot be started; what was started before has ended then.
    pub(crate) async fn start(listener: TcpListener) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new()
            .prefix("dragoman-demo-")
            .tempdir()
            .map_err(|error| {
                Failure::with_help(
                    format!("there is no place for the demonstration's data: {error}"),
                    "TMPDIR names the folder in which it is made",
                )
            })?;
        let mut simulators = Vec::new();
        for vendor in VENDORS {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
            let free = free.map_err(Failure::runtime)?;
            simulators.push(Simulator::start(Settings::new(vendor), free).await?);
        }
        let text = configuration(simulators.iter().map(|simulator| &simulator.access));
        std::fs::write(folder.path().join("dragoman.toml"), text).map_err(Failure::runtime)?;
        let address = listener.local_addr().map_err(Failure::runtime)?;
        let (loaded, layers) = loaded(&folder, address)?;
        let configuration = &loaded.configuration;
        let telemetry = telemetry::start(&configuration.telemetry).map_err(Failure::runtime)?;
        let open = state::open(configuration, Use::Serving)?;
        let key = new_key(&open).await?;
        let gateway = Running::start(
            configuration,
            listener,
            open,
            &telemetry,
            Purpose::Serving {
                loaded: &loaded,
                layers,
            },
            "demo",
        )
        .await?;
        Ok(Self {
            simulators,
            key,
            gateway,
            folder,
            _telemetry: telemetry,
        })
    }

    /// Where the gateway is.
    pub(crate) fn base_url(&self) -> String {
        base_url(self.gateway.address())
    }

    /// The configuration that the gateway was started with.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("dragoman.toml")
    }

    /// The steps of stopping everything: the gateway's first.
    pub(crate) fn shutdown(&self) -> Shutdown {
        self.gateway.shutdown().clone()
    }

    /// Waits for the stop signal, ends everything and deletes what it made.
    ///
    /// # Errors
    /// The first thing that did not end in good order.
    pub(crate) async fn end(self, hurry: &Notify) -> Result<(), Failure> {
        let mut ended = self.gateway.end(hurry).await;
        for simulator in self.simulators {
            simulator.shutdown().begin();
            ended = ended.and(simulator.end().await);
        }
        let place = self.folder.path().display().to_string();
        ended.and(self.folder.close().map_err(|error| {
            Failure::with_help(
                format!("the demonstration's data could not be deleted: {error}"),
                format!("delete the folder {place}"),
            )
        }))
    }
}

/// A file as an operator would write it.
fn configuration<'a>(vendors: impl Iterator<Item = &'a Access>) -> String {
    let mut text = format!("default_backend = \"{FIRST_HOME}\"\n");
    for access in vendors {
        text.push('\n');
        text.push_str(&access.as_backend());
        text.push_str(&format!("requests_per_minute = {REQUESTS_PER_MINUTE}\n"));
    }
    text
}

fn loaded(folder: &TempDir, address: SocketAddr) -> Result<(Loaded, Layers), Failure> {
    let flags = Flags {
        config: Some(folder.path().join("dragoman.toml")),
        listen: Some(address.to_string()),
        data_dir: Some(folder.path().join("data").display().to_string()),
        log_level: Some(LOG_LEVEL.to_owned()),
        ..Flags::default()
    };
    // Without the environment: a variable of the operator's real gateway means nothing here.
    let variables = BTreeMap::new();
    let loaded = load(&flags, &variables)?;
    let layers = Layers::of(&flags, &variables, &loaded);
    Ok((loaded, layers))
}

async fn new_key(open: &state::OpenState) -> Result<DemoKey, Failure> {
    let new = NewKey::generate(KeyRequest {
        tenant: TENANT.into(),
        name: "of the demonstration".into(),
        scopes: Scope::ALL.to_vec(),
        user: None,
        expires_at: None,
    })
    .map_err(Failure::runtime)?;
    let inserted = open.keys().insert(&new.record).await;
    inserted.map_err(Failure::runtime)?;
    let key = new.key.expose_secret().to_owned();
    Ok(DemoKey {
        secret: key.rsplit('_').next().unwrap_or_default().to_owned(),
        id: new.record.id.to_string(),
        key,
    })
}
