//! Rules of `[[route]]`.

use std::collections::BTreeMap;

use super::{Configuration, Rules};
use crate::config::{BackendKind, RouteConfig};

/// The kinds of conversations that a rule can ask for.
const CONVERSATION_KINDS: [&str; 4] = ["direct", "group", "mail", "assistant"];

/// Header fields that the router is told of begin with one of these.
const ROUTE_HEADER_PREFIXES: [&str; 2] = ["x-", "dragoman-"];

/// Our own API, beside the facades.
const NORMALIZED: &str = "normalized";

impl Rules<'_> {
    pub(super) fn routes(&mut self, configuration: &Configuration) {
        for (position, route) in configuration.routes.iter().enumerate() {
            let path = format!("route[{position}]");
            self.shares(&path, route, configuration);
            for (position, name) in route.fallback.iter().enumerate() {
                let path = format!("{path}.fallback[{position}]");
                self.reference(&path, name, configuration);
                if route.fallback[..position].contains(name) {
                    self.broken(&path, format!("`{path}`: `{name}` is named before"), None);
                }
            }
            self.shadow(&path, route, configuration);
            self.route_headers(&format!("{path}.when.header"), &route.when.header);
            self.word(
                &format!("{path}.when.kind"),
                route.when.kind.as_deref(),
                &CONVERSATION_KINDS,
                ("no conversation is of this kind", "known kinds"),
            );
            let facades = BackendKind::ALL.map(BackendKind::as_str);
            let facades = facades.into_iter().filter(|kind| *kind != "store");
            let ways: Vec<&str> = [NORMALIZED].into_iter().chain(facades).collect();
            self.word(
                &format!("{path}.when.via"),
                route.when.via.as_deref(),
                &ways,
                ("nobody comes this way", "known ways"),
            );
        }
    }

    fn shares(&mut self, path: &str, route: &RouteConfig, configuration: &Configuration) {
        let path = format!("{path}.to");
        let shares: Vec<_> = route.to.iter().collect();
        for (position, share) in shares.iter().enumerate() {
            // Of one that is written as a word the whole path leads to it.
            let inner = format!("{path}[{position}].backend");
            let here = if self.places.setter_of(&inner).is_some() {
                inner
            } else {
                path.clone()
            };
            self.reference(&here, &share.backend, configuration);
            let before = &shares[..position];
            if before.iter().any(|one| one.backend == share.backend) {
                self.broken(
                    &here,
                    format!("`{here}`: `{}` is named before", share.backend),
                    Some("add both weights".to_owned()),
                );
            }
        }
        if shares.iter().all(|share| share.weight == 0) {
            self.broken(
                &path,
                format!("`{path}` leads nowhere: no weight is above 0"),
                Some("write the name of a backend, or weights such as 90 and 10".to_owned()),
            );
        }
    }

    fn shadow(&mut self, path: &str, route: &RouteConfig, configuration: &Configuration) {
        let Some(shadow) = &route.shadow else {
            return;
        };
        let path = format!("{path}.shadow");
        self.reference(&format!("{path}.backend"), &shadow.backend, configuration);
        if !(0.0..=1.0).contains(&shadow.sample) {
            let path = format!("{path}.sample");
            self.broken(
                &path,
                format!("`{path}` is {}, it must be between 0 and 1", shadow.sample),
                Some("0.01 compares one read of a hundred".to_owned()),
            );
        }
    }

    fn word(
        &mut self,
        path: &str,
        word: Option<&str>,
        known: &[&str],
        (wrong, list): (&str, &str),
    ) {
        if word.is_some_and(|word| !known.contains(&word)) {
            let help = format!("{list}: {}", known.join(", "));
            self.broken(path, wrong.to_owned(), Some(help));
        }
    }

    fn route_headers(&mut self, path: &str, headers: &BTreeMap<String, String>) {
        for name in headers.keys() {
            let lower = name.to_ascii_lowercase();
            if !ROUTE_HEADER_PREFIXES
                .iter()
                .any(|prefix| lower.starts_with(prefix))
            {
                self.broken(
                    &format!("{path}.{name}"),
                    format!("rules do not see the header field `{name}`"),
                    Some(format!(
                        "rules see fields that begin with {}",
                        ROUTE_HEADER_PREFIXES.join(" or ")
                    )),
                );
            }
        }
    }
}
