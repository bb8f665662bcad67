//! Puts the parts together: store, state, backends, router, server. The only place that names every adapter.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backend::Backend;
use metrics_exporter_prometheus::PrometheusHandle;
use migration::{Endpoint, Migrations, Parts, Settings};
use routing::{Discovery, Router, RouterSettings, Rule, Slot, When};
use server::{
    Gateway, MetricsPage, Mounted, Readiness, ReadinessCheck, RequestLimits, ServeLimits, Shutdown,
    StreamLimits,
};
use store::Store;

use crate::config::{BackendConfig, Configuration, DiscoveryKind, RouteConfig};
use crate::state::OpenState;

pub(crate) mod facades;
mod stacks;
mod vendors;

/// The parts of a running gateway.
pub(crate) struct Wired {
    /// What the server is given.
    pub(crate) gateway: Gateway,
    /// The router, for what runs beside the server.
    pub(crate) router: Arc<Router>,
    /// Migrations over the same backends; nothing of them runs yet.
    pub(crate) migrations: Migrations,
}

/// Builds the whole gateway. `holder` says in words who runs migrations here.
///
/// # Errors
/// Where a backend cannot be built, or its name belongs to another server by now.
pub(crate) async fn gateway(
    configuration: &Configuration,
    open: &OpenState,
    metrics: &PrometheusHandle,
    shutdown: &Shutdown,
    holder: &str,
) -> backend::Result<Wired> {
    let state = &open.state;
    let backends = stacks::backends(configuration, &open.store, state).await?;
    let slots = configuration
        .backends
        .iter()
        .zip(&backends)
        .map(|(config, mounted)| slot(config, Arc::clone(&mounted.stack)))
        .collect();
    let router = Router::new(
        slots,
        router_settings(configuration),
        Arc::clone(state) as _,
        Arc::clone(state) as _,
        Arc::clone(state) as _,
    )?;
    let router = Arc::new(router.following(Arc::clone(state) as _, Arc::clone(state) as _));
    let migrations = Migrations::new(Parts {
        ends: ends(configuration, &backends),
        ledger: Arc::clone(state) as _,
        intents: Arc::clone(state) as _,
        directory: Arc::clone(state) as _,
        leases: Arc::clone(state) as _,
        overlay_state: Arc::clone(state) as _,
        erasure: Arc::clone(state) as _,
        settings: migration_settings(configuration, holder),
    });
    let key_check = keys::KeyCheck::new(Arc::clone(state) as _);
    let shared = facades::Shared {
        backend: Arc::clone(&router) as _,
        state: Arc::clone(state),
        keys: key_check.clone(),
        limits: request_limits(configuration),
        detached: shutdown.detached().clone(),
    };
    let gateway = Gateway {
        router: Arc::clone(&router) as _,
        backends,
        translators: stacks::translators(),
        keys: Arc::clone(state) as _,
        key_check,
        idempotency: Arc::clone(state) as _,
        overlay_state: Arc::clone(state) as _,
        intents: Arc::clone(state) as _,
        directory: Arc::clone(state) as _,
        leases: Arc::clone(state) as _,
        migrations: migrations.clone(),
        route_overrides: Arc::clone(state) as _,
        routes: Arc::clone(&router) as _,
        shadows: Arc::clone(state) as _,
        explanations: Arc::clone(state) as _,
        audit: Arc::clone(state) as _,
        facades: facades::enabled(configuration, &shared)?,
        readiness: Arc::new(StoreReadiness(open.store.clone())),
        metrics: configuration.expose.metrics.then(|| metrics_page(metrics)),
        docs: configuration.expose.docs,
        limits: request_limits(configuration),
        streams: stream_limits(configuration),
        shutdown: shutdown.clone(),
    };
    Ok(Wired {
        gateway,
        router,
        migrations,
    })
}

/// The backends as migrations see them: the same stacks as the router's.
fn ends(configuration: &Configuration, backends: &[Mounted]) -> BTreeMap<Box<str>, Endpoint> {
    configuration
        .backends
        .iter()
        .zip(backends)
        .map(|(config, mounted)| {
            let endpoint = Endpoint {
                stack: Arc::clone(&mounted.stack),
                requests_per_minute: config.requests_per_minute,
                discovers: config.effective_discovery() == DiscoveryKind::OnList,
            };
            (config.name.as_str().into(), endpoint)
        })
        .collect()
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

fn slot(config: &BackendConfig, backend: Arc<dyn Backend>) -> Slot {
    let discovery = match config.effective_discovery() {
        DiscoveryKind::OnList => Discovery::OnList,
        DiscoveryKind::Off => Discovery::Off,
    };
    let tenant = config.default_tenant.as_ref();
    Slot::new(
        backend,
        discovery,
        tenant.map(|tenant| tenant.as_str().into()),
    )
}

fn router_settings(configuration: &Configuration) -> RouterSettings {
    let directory = &configuration.directory;
    RouterSettings {
        rules: configuration
            .routes
            .iter()
            .enumerate()
            .map(|(position, route)| rule(position, route))
            .collect(),
        hydrate_budget: Duration::from_millis(directory.hydrate_budget_ms),
        discover_interval: Duration::from_secs(directory.discover_interval_seconds),
        ..RouterSettings::new(configuration.default_backend.as_str())
    }
}

fn rule(position: usize, route: &RouteConfig) -> Rule {
    let when = &route.when;
    let text = |value: &Option<String>| value.as_deref().map(Into::into);
    Rule {
        name: route.effective_name(position).into(),
        when: When {
            tenant: text(&when.tenant),
            key: text(&when.key),
            kind: text(&when.kind),
            label: text(&when.label),
            metadata: when
                .metadata
                .iter()
                .map(|(name, value)| (name.as_str().into(), value.as_str().into()))
                .collect(),
            header: when
                .header
                .iter()
                .map(|(name, value)| (name.to_ascii_lowercase().into(), value.as_str().into()))
                .collect(),
        },
        to: route.to.as_str().into(),
    }
}

fn metrics_page(metrics: &PrometheusHandle) -> MetricsPage {
    let metrics = metrics.clone();
    Arc::new(move || metrics.render())
}

/// Limits of the listening socket and its connections.
pub(crate) fn serve_limits(configuration: &Configuration) -> ServeLimits {
    let (limits, timeouts) = (&configuration.limits, &configuration.timeouts);
    ServeLimits {
        connections_max: limits.connections_max,
        connections_per_address_max: limits.connections_per_address_max,
        header_timeout: Duration::from_secs(timeouts.head_seconds),
        idle_timeout: Duration::from_secs(timeouts.idle_connection_seconds),
        write_stall_timeout: Duration::from_secs(timeouts.write_stall_seconds),
        headers_max: limits.headers_max,
        header_bytes_max: limits.head_max_bytes,
        drain_delay: Duration::from_secs(timeouts.drain_seconds),
        stream_grace: Duration::from_secs(timeouts.stream_grace_seconds),
        shutdown_deadline: Duration::from_secs(timeouts.shutdown_seconds),
        ..ServeLimits::default()
    }
}

fn request_limits(configuration: &Configuration) -> RequestLimits {
    let (limits, timeouts) = (&configuration.limits, &configuration.timeouts);
    RequestLimits {
        uri_bytes_max: limits.uri_max_bytes,
        body_bytes_max: limits.body_max_bytes,
        import_bytes_max: limits.import_max_bytes,
        attachment_bytes_max: limits.attachment_max_bytes,
        body_idle_timeout: Duration::from_secs(timeouts.body_idle_seconds),
        body_total_timeout: Duration::from_secs(timeouts.body_seconds),
        json_depth_max: limits.json_max_depth,
        requests_max: limits.requests_max,
        request_timeout: Duration::from_secs(timeouts.request_seconds),
        respond_timeout: Duration::from_secs(timeouts.respond_seconds),
        idempotency_retention: Duration::from_secs(timeouts.idempotency_seconds),
    }
}

fn stream_limits(configuration: &Configuration) -> StreamLimits {
    let streams = &configuration.streams;
    StreamLimits {
        heartbeat: Duration::from_secs(streams.heartbeat_seconds),
        header_wait: Duration::from_secs(streams.header_wait_seconds),
        stall: Duration::from_secs(streams.stall_seconds),
        replay_bytes_max: streams.replay_max_bytes,
    }
}

/// Ready means that the database can be read and written.
#[derive(Debug)]
struct StoreReadiness(Store);

#[async_trait]
impl Readiness for StoreReadiness {
    async fn check(&self) -> Vec<ReadinessCheck> {
        let (ok, detail) = match self.0.status() {
            Ok(status) => (
                true,
                format!(
                    "SQLite {}, schema {}",
                    status.sqlite_version, status.schema_version
                ),
            ),
            Err(error) => (false, error.to_string()),
        };
        vec![ReadinessCheck {
            name: "store".to_owned(),
            ok,
            detail,
        }]
    }
}

#[cfg(test)]
mod tests {
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
                format!("{:?}", router_settings(&configuration)),
                format!("{:?}", RouterSettings::new("store")),
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

    #[test]
    fn rules_carry_every_condition() {
        let route: RouteConfig = toml::from_str(
            "to = \"store\"\n[when]\ntenant = \"t\"\nkey = \"k\"\nkind = \"mail\"\nlabel = \"l\"\n\
             metadata = { Plan = \"pro\" }\nheader = { X-Region = \"eu\" }\n",
        )
        .unwrap();
        let expected = Rule {
            name: "route-2".into(),
            when: When {
                tenant: Some("t".into()),
                key: Some("k".into()),
                kind: Some("mail".into()),
                label: Some("l".into()),
                metadata: vec![("Plan".into(), "pro".into())],
                header: vec![("x-region".into(), "eu".into())],
            },
            to: "store".into(),
        };
        assert_eq!(rule(1, &route), expected);
    }
}
