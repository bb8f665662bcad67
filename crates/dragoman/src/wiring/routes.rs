//! The router's part of the configuration: its backends and its rules.

use std::sync::Arc;
use std::time::Duration;

use backend::ports::Share;
use routing::{Discovery, Require, RouterSettings, Rule, ShadowRead, Slot, When};
use server::Mounted;

use crate::config::{
    BackendConfig, Configuration, DiscoveryKind, RequireKind, RouteConfig, WhenConfig,
};

/// A backend as the router chooses it.
pub(crate) fn slot(config: &BackendConfig, mounted: &Mounted) -> Slot {
    let discovery = match config.effective_discovery() {
        DiscoveryKind::OnList => Discovery::OnList,
        DiscoveryKind::Off => Discovery::Off,
    };
    let tenant = config.default_tenant.as_ref();
    let tenant = tenant.map(|tenant| tenant.as_str().into());
    Slot::new(Arc::clone(&mounted.stack), discovery, tenant).over(Arc::clone(&mounted.bare))
}

/// What the router is told beside its backends.
pub(crate) fn settings(configuration: &Configuration) -> RouterSettings {
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
    Rule {
        name: route.effective_name(position).into(),
        when: when(&route.when),
        to: route
            .to
            .iter()
            .map(|share| Share {
                backend: share.backend.as_str().into(),
                weight: share.weight,
            })
            .collect(),
        fallback: route
            .fallback
            .iter()
            .map(|name| name.as_str().into())
            .collect(),
        shadow: route.shadow.as_ref().map(|shadow| ShadowRead {
            backend: shadow.backend.as_str().into(),
            sample: shadow.sample,
        }),
        require: route.require.map(|require| match require {
            RequireKind::Native => Require::Native,
            RequireKind::Effective => Require::Effective,
        }),
    }
}

fn when(when: &WhenConfig) -> When {
    let text = |value: &Option<String>| value.as_deref().map(Into::into);
    When {
        tenant: text(&when.tenant),
        key: text(&when.key),
        via: text(&when.via),
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_carry_everything_that_the_file_says() {
        let route: RouteConfig = toml::from_str(
            "to = [{ backend = \"store\", weight = 90 }, { backend = \"new\", weight = 10 }]\n\
             fallback = [\"store\"]\nrequire = \"native\"\nshadow = { backend = \"new\", sample = 0.5 }\n\
             [when]\ntenant = \"t\"\nkey = \"k\"\nvia = \"normalized\"\nkind = \"mail\"\nlabel = \"l\"\n\
             metadata = { Plan = \"pro\" }\nheader = { X-Region = \"eu\" }\n",
        )
        .unwrap();
        let share = |backend: &str, weight| Share {
            backend: backend.into(),
            weight,
        };
        let expected = Rule {
            name: "route-2".into(),
            when: When {
                tenant: Some("t".into()),
                key: Some("k".into()),
                via: Some("normalized".into()),
                kind: Some("mail".into()),
                label: Some("l".into()),
                metadata: vec![("Plan".into(), "pro".into())],
                header: vec![("x-region".into(), "eu".into())],
            },
            to: vec![share("store", 90), share("new", 10)],
            fallback: vec!["store".into()],
            shadow: Some(ShadowRead {
                backend: "new".into(),
                sample: 0.5,
            }),
            require: Some(Require::Native),
        };
        assert_eq!(rule(1, &route), expected);
        let route: RouteConfig =
            toml::from_str("to = \"store\"\nrequire = \"effective\"\n").unwrap();
        let expected = Rule {
            require: Some(Require::Effective),
            ..Rule::to_one("route-1", When::default(), "store")
        };
        assert_eq!(rule(0, &route), expected);
    }
}
