//! Puts the parts together: store, state, backends, router, server. The only place that names every adapter.
//!
//! What lives as long as the process is [`Standing`]. What follows from one configuration is a [`Generation`]: it is built
//! beside the one in use, takes over what that one remembers, and then takes its place.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use backend::Backend;
use backend::ports::Keys;
use keys::KeyCheck;
use metrics_exporter_prometheus::PrometheusHandle;
use migration::{Endpoint, Ends, Migrations, Parts, Settings};
use routing::Router;
use server::{Configuring, Explaining, Gateway, InWork, MetricsPage, Readiness, Shutdown};
use store::{State, Store};

use crate::config::{Configuration, DiscoveryKind};
use crate::live::current::Current;
use crate::live::traffic::CurrentRouter;
use crate::state::OpenState;

pub(crate) mod facades;
mod limits;
pub(crate) mod readiness;
mod routes;
mod stacks;
mod vendors;

pub(crate) use self::limits::serve_limits;
pub(crate) use self::stacks::{Unbuildable, bare};
pub(crate) use self::vendors::transport;

/// What lives as long as the process, under every configuration.
#[derive(Clone)]
pub(crate) struct Standing {
    store: Store,
    state: Arc<State>,
    metrics: PrometheusHandle,
    keys: Arc<dyn Keys>,
    key_check: KeyCheck,
    serves_facades: bool,
    readiness: Arc<dyn Readiness>,
    configuring: Option<Arc<dyn Configuring>>,
    in_work: InWork,
    explaining: Explaining,
    /// The backends as migrations see them now.
    ends: Ends,
    migrations: Migrations,
    shutdown: Shutdown,
}

impl Standing {
    /// What a gateway stands on that serves callers. Nothing of it runs yet. `holder` says in words who runs migrations.
    pub(crate) fn new(
        configuration: &Configuration,
        open: &OpenState,
        metrics: &PrometheusHandle,
        shutdown: &Shutdown,
        readiness: Arc<dyn Readiness>,
        holder: &str,
    ) -> Self {
        let state = &open.state;
        let ends = Ends::default();
        let migrations = Migrations::new(Parts {
            ends: ends.clone(),
            ledger: Arc::clone(state) as _,
            intents: Arc::clone(state) as _,
            directory: Arc::clone(state) as _,
            leases: Arc::clone(state) as _,
            overlay_state: Arc::clone(state) as _,
            erasure: Arc::clone(state) as _,
            settings: Settings {
                is_shared: state.is_shared(),
                ..migration_settings(configuration, holder)
            },
        });
        Self {
            store: open.store.clone(),
            state: Arc::clone(state),
            metrics: metrics.clone(),
            keys: Arc::clone(state) as _,
            key_check: KeyCheck::new(Arc::clone(state) as _),
            serves_facades: true,
            readiness,
            configuring: None,
            in_work: InWork::default(),
            explaining: Explaining::new(Arc::clone(state) as _),
            ends,
            migrations,
            shutdown: shutdown.clone(),
        }
    }

    /// The same for one command: these keys open it, and nobody else calls it.
    pub(crate) fn of_command(self, keys: Arc<dyn Keys>) -> Self {
        Self {
            key_check: KeyCheck::new(Arc::clone(&keys)),
            keys,
            serves_facades: false,
            ..self
        }
    }

    /// The same where the configuration can be replaced.
    pub(crate) fn configured_by(self, configuring: Arc<dyn Configuring>) -> Self {
        Self {
            configuring: Some(configuring),
            ..self
        }
    }

    /// Migrations over the backends.
    pub(crate) fn migrations(&self) -> &Migrations {
        &self.migrations
    }
}

/// What follows from one configuration.
pub(crate) struct Generation {
    configuration: Configuration,
    backends: Vec<stacks::Built>,
    /// Every backend that was configured since the process started, as it was last: one that comes back remembers.
    known: Vec<stacks::Built>,
    router: Arc<Router>,
    facades: facades::Enabled,
    handles: Handles,
    gateway: Gateway,
}

/// What outlives a generation is given these, and not what stands behind them now.
#[derive(Debug, Clone)]
struct Handles {
    /// Each backend by its name.
    stacks: BTreeMap<Box<str>, Arc<Current>>,
    /// The router, as migrations and recovery know it.
    traffic: Arc<CurrentRouter>,
    /// The router, as facades know it.
    entry: Arc<Current>,
}

/// A generation that is built, and not in use yet.
pub(crate) struct Prepared(Generation);

/// Builds what follows from a configuration. Whoever the one in use serves notices nothing, and nobody is called.
///
/// # Errors
/// Where a backend cannot be built.
pub(crate) fn prepare(
    configuration: &Configuration,
    standing: &Standing,
    former: Option<&Generation>,
) -> Result<Prepared, Unbuildable> {
    let state = &standing.state;
    let earlier = former.map_or(&[][..], |former| &former.known);
    let backends = stacks::backends(configuration, &standing.store, state, earlier)?;
    let mut known = backends.clone();
    known.extend(earlier.iter().filter_map(|built| {
        let is_back = |one: &stacks::Built| one.config.name == built.config.name;
        (!backends.iter().any(is_back)).then(|| built.clone())
    }));
    let slots = backends
        .iter()
        .map(|built| routes::slot(&built.config, &built.mounted))
        .collect();
    let settings = routes::settings(configuration);
    let router = match former {
        Some(former) => former.router.succeeded_by(slots, settings)?,
        None => Router::new(
            slots,
            settings,
            Arc::clone(state) as _,
            Arc::clone(state) as _,
            Arc::clone(state) as _,
        )?
        .following(Arc::clone(state) as _, Arc::clone(state) as _)
        .sharing(Arc::clone(state) as _)
        .shadowing(Arc::clone(state) as _, Arc::clone(state) as _),
    };
    let router = Arc::new(router);
    let handles = handles(&backends, &router, former);
    let limits = limits::request_limits(configuration);
    let facades = match standing.serves_facades {
        true => {
            let shared = facades::Shared {
                backend: standing.explaining.over(Arc::clone(&handles.entry) as _),
                state: Arc::clone(state),
                keys: standing.key_check.clone(),
                limits: limits.clone(),
                detached: standing.shutdown.detached().clone(),
            };
            let former = former.map(|former| (&former.configuration, &former.facades));
            facades::enabled(configuration, &backends, &shared, former)?
        }
        false => facades::Enabled::default(),
    };
    let expose = &configuration.expose;
    let gateway = Gateway {
        router: Arc::clone(&router) as _,
        backends: backends.iter().map(|built| built.mounted.clone()).collect(),
        translators: stacks::translators(),
        keys: Arc::clone(&standing.keys),
        key_check: standing.key_check.clone(),
        idempotency: Arc::clone(state) as _,
        overlay_state: Arc::clone(state) as _,
        intents: Arc::clone(state) as _,
        directory: Arc::clone(state) as _,
        leases: Arc::clone(state) as _,
        migrations: standing.migrations.clone(),
        route_overrides: Arc::clone(state) as _,
        routes: Arc::clone(&router) as _,
        shadows: Arc::clone(state) as _,
        explaining: standing.explaining.clone(),
        turns: Arc::clone(state) as _,
        credentials: Arc::clone(state) as _,
        audit: Arc::clone(state) as _,
        configuring: standing.configuring.clone(),
        facades: facades.all.clone(),
        readiness: Arc::clone(&standing.readiness),
        metrics: expose.metrics.then(|| metrics_page(&standing.metrics)),
        docs: expose.docs,
        limits,
        streams: limits::stream_limits(configuration),
        in_work: standing.in_work.clone(),
        shutdown: standing.shutdown.clone(),
    };
    Ok(Prepared(Generation {
        configuration: configuration.clone(),
        backends,
        known,
        router,
        facades,
        handles,
        gateway,
    }))
}

impl Prepared {
    /// What the server is given.
    pub(crate) fn gateway(&self) -> &Gateway {
        &self.0.gateway
    }

    /// Whether every backend's name could be bound to its server. Writes nothing.
    ///
    /// # Errors
    /// [`backend::Kind::Conflict`] where one is bound to another server; else those of the state.
    pub(crate) fn may_bind(&self, standing: &Standing) -> Result<(), Unbuildable> {
        stacks::may_bind(&self.0.backends, &standing.state)
    }

    /// Binds every backend's name to its server, for ever: all of them or none.
    ///
    /// # Errors
    /// As [`Prepared::may_bind`].
    pub(crate) async fn bind(&self, standing: &Standing) -> Result<(), Unbuildable> {
        stacks::bind(&self.0.backends, &standing.state).await
    }

    /// Takes its place: what outlives generations uses it from now on.
    pub(crate) fn begin(self, standing: &Standing) -> Generation {
        let Handles {
            stacks,
            traffic,
            entry,
        } = &self.0.handles;
        for built in &self.0.backends {
            if let Some(current) = stacks.get(built.config.name.as_str()) {
                current.replace(Arc::clone(&built.mounted.stack));
            }
        }
        standing.ends.replace(ends(&self.0.backends, stacks));
        traffic.replace(Arc::clone(&self.0.router));
        entry.replace(Arc::clone(&self.0.router) as _);
        self.0
    }
}

impl Generation {
    /// The configuration that it follows from.
    pub(crate) fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// The router of this generation and of each that follows, for what outlives them.
    pub(crate) fn traffic(&self) -> &Arc<CurrentRouter> {
        &self.handles.traffic
    }
}

/// The former generation's handles, and new ones for new backends.
fn handles(
    backends: &[stacks::Built],
    router: &Arc<Router>,
    former: Option<&Generation>,
) -> Handles {
    let known = former.map(|former| &former.handles);
    // One that is configured no more keeps its handle: a job that has it goes on with it when it comes back.
    let mut stacks = known.map_or_else(BTreeMap::new, |handles| handles.stacks.clone());
    for built in backends {
        let stack = &built.mounted.stack;
        stacks
            .entry(built.config.name.as_str().into())
            .or_insert_with(|| Arc::new(Current::new(Arc::clone(stack))));
    }
    Handles {
        stacks,
        traffic: known.map_or_else(
            || Arc::new(CurrentRouter::new(Arc::clone(router))),
            |handles| Arc::clone(&handles.traffic),
        ),
        entry: known.map_or_else(
            || Arc::new(Current::new(Arc::clone(router) as Arc<dyn Backend>)),
            |handles| Arc::clone(&handles.entry),
        ),
    }
}

/// The backends as migrations see them: what stands for them now, also for a job that runs for days.
fn ends(
    backends: &[stacks::Built],
    stacks: &BTreeMap<Box<str>, Arc<Current>>,
) -> BTreeMap<Box<str>, Endpoint> {
    let ends = backends.iter().filter_map(|built| {
        let config = &built.config;
        let name: Box<str> = config.name.as_str().into();
        let endpoint = Endpoint {
            stack: Arc::clone(stacks.get(&name)?) as _,
            requests_per_minute: config.requests_per_minute,
            discovers: config.effective_discovery() == DiscoveryKind::OnList,
        };
        Some((name, endpoint))
    });
    ends.collect()
}

fn migration_settings(configuration: &Configuration, holder: &str) -> Settings {
    let migration = &configuration.migration;
    Settings {
        holder: holder.into(),
        write_timeout: Duration::from_secs(migration.write_timeout_seconds),
        settle_patience: Duration::from_secs(migration.settle_patience_seconds),
        switch_patience: Duration::from_secs(migration.switch_patience_seconds),
        drain_interval: Duration::from_secs(migration.drain_interval_seconds),
        shadow_sample: migration.shadow_sample,
        ..Settings::default()
    }
}

fn metrics_page(metrics: &PrometheusHandle) -> MetricsPage {
    let metrics = metrics.clone();
    Arc::new(move || metrics.render())
}

#[cfg(test)]
mod tests {
    use server::{RequestLimits, ServeLimits, StreamLimits};

    use super::limits::{request_limits, stream_limits};
    use super::*;

    #[test]
    fn defaults_of_the_configuration_are_those_of_the_server() {
        let configuration = Configuration::default();
        let pairs = [
            (
                format!("{:?}", serve_limits(&configuration)),
                format!("{:?}", ServeLimits::default()),
            ),
            (
                format!("{:?}", request_limits(&configuration)),
                format!("{:?}", RequestLimits::default()),
            ),
            (
                format!("{:?}", stream_limits(&configuration)),
                format!("{:?}", StreamLimits::default()),
            ),
            (
                format!("{:?}", routes::settings(&configuration)),
                format!("{:?}", routing::RouterSettings::new("store")),
            ),
            (
                format!("{:?}", migration_settings(&configuration, "this process")),
                format!("{:?}", Settings::default()),
            ),
        ];
        for (ours, theirs) in pairs {
            assert_eq!(ours, theirs);
        }
    }
}
