//! Where a new conversation goes: the caller's wish, else the first rule that fits, else the default.

use backend::{Context, Error, Kind, Result};
use conversation::{NewConversation, RawJson};

/// What must fit for a rule to apply; every member given must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct When {
    /// The caller's tenant.
    pub tenant: Option<Box<str>>,
    /// The id of the caller's key.
    pub key: Option<Box<str>>,
    /// The conversation's kind.
    pub kind: Option<Box<str>>,
    /// A label of the conversation.
    pub label: Option<Box<str>>,
    /// Members of the conversation's metadata with these scalar values, as text.
    pub metadata: Vec<(Box<str>, Box<str>)>,
    /// Request headers with these values; names in lower case.
    pub header: Vec<(Box<str>, Box<str>)>,
}

impl When {
    fn fits(&self, cx: &Context, new: &NewConversation) -> bool {
        self.misfits(cx, new).is_empty()
    }

    /// The conditions that do not fit, each with what is asked for and what was found.
    pub(crate) fn misfits(&self, cx: &Context, new: &NewConversation) -> Vec<String> {
        let mut misfits = Vec::new();
        let mut ask = |what: &str, wanted: &str, found: Option<&str>| {
            if found != Some(wanted) {
                let found = found.map_or("absent".to_owned(), |found| format!("`{found}`"));
                misfits.push(format!("{what} must be `{wanted}`, it is {found}"));
            }
        };
        if let Some(tenant) = &self.tenant {
            ask("tenant", tenant, Some(&cx.principal.tenant));
        }
        if let Some(key) = &self.key {
            ask("key", key, Some(&cx.principal.key));
        }
        if let Some(kind) = &self.kind {
            let found = new.kind.as_ref().map(conversation::Kind::as_str);
            ask("kind", kind, found);
        }
        for (name, wanted) in &self.metadata {
            let found = new.metadata.get(name).and_then(RawJson::as_scalar_text);
            ask(&format!("metadata.{name}"), wanted, found.as_deref());
        }
        for (name, wanted) in &self.header {
            let found = cx.route.headers.get(name).map(|value| &**value);
            ask(&format!("header {name}"), wanted, found);
        }
        if let Some(label) = &self.label
            && !new.labels.contains(label)
        {
            misfits.push(format!("label `{label}` is absent"));
        }
        misfits
    }
}

/// A rule of the route table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name, told in `Dragoman-Route`.
    pub name: Box<str>,
    /// When it applies.
    pub when: When,
    /// The backend that it chooses.
    pub to: Box<str>,
}

/// The backend's name and the name of what chose it.
pub(crate) fn place<'a>(
    cx: &'a Context,
    new: &NewConversation,
    rules: &'a [Rule],
    default_backend: &'a str,
    known: impl Fn(&str) -> bool,
) -> Result<(&'a str, &'a str)> {
    if let Some(wanted) = cx.route.backend.as_deref() {
        if known(wanted) {
            return Ok((wanted, "header"));
        }
        return Err(Error::new(
            Kind::InvalidRequest,
            "there is no backend of the name in `Dragoman-Backend`: GET /v1/backends lists them",
        ));
    }
    let rule = rules.iter().find(|rule| rule.when.fits(cx, new));
    Ok(rule.map_or((default_backend, "default"), |rule| {
        (&*rule.to, &*rule.name)
    }))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use backend::{Principal, RouteHints};

    use super::*;

    fn cx() -> Context {
        let principal = Principal {
            tenant: "acme".into(),
            key: "k1".into(),
            user: None,
            scopes: Vec::new(),
        };
        let mut cx = Context::new(Arc::new(principal), "r", Duration::from_secs(1));
        cx.route = Arc::new(RouteHints {
            via: None,
            backend: None,
            headers: [("x-region".into(), "eu".into())].into(),
        });
        cx
    }

    fn rule(name: &str, when: When) -> Rule {
        Rule {
            name: name.into(),
            when,
            to: format!("to-{name}").into(),
        }
    }

    #[test]
    fn the_first_rule_whose_every_condition_fits_chooses() {
        let new: NewConversation = serde_json::from_str(
            r#"{"kind":"mail","labels":["vip"],"metadata":{"tier":3,"plan":"gold"}}"#,
        )
        .unwrap();
        let when = |edit: fn(&mut When)| {
            let mut when = When::default();
            edit(&mut when);
            when
        };
        let cases: [(&str, When, bool); 12] = [
            ("tenant", when(|w| w.tenant = Some("acme".into())), true),
            (
                "other-tenant",
                when(|w| w.tenant = Some("other".into())),
                false,
            ),
            ("key", when(|w| w.key = Some("k1".into())), true),
            ("other-key", when(|w| w.key = Some("k2".into())), false),
            ("kind", when(|w| w.kind = Some("mail".into())), true),
            ("other-kind", when(|w| w.kind = Some("group".into())), false),
            ("label", when(|w| w.label = Some("vip".into())), true),
            (
                "other-label",
                when(|w| w.label = Some("spam".into())),
                false,
            ),
            (
                "metadata",
                when(|w| {
                    w.metadata = vec![("tier".into(), "3".into()), ("plan".into(), "gold".into())];
                }),
                true,
            ),
            (
                "other-metadata",
                when(|w| {
                    w.metadata = vec![("tier".into(), "3".into()), ("plan".into(), "x".into())];
                }),
                false,
            ),
            (
                "header",
                when(|w| w.header = vec![("x-region".into(), "eu".into())]),
                true,
            ),
            (
                "other-header",
                when(|w| w.header = vec![("x-region".into(), "us".into())]),
                false,
            ),
        ];
        for (name, condition, fits) in cases {
            let rules = [rule(name, condition), rule("last", When::default())];
            let cx = cx();
            let (backend, route) = place(&cx, &new, &rules, "default", |_| true).unwrap();
            let wanted = if fits { name } else { "last" };
            assert_eq!(
                (backend, route),
                (&*format!("to-{wanted}"), wanted),
                "{name}"
            );
        }
    }

    #[test]
    fn the_callers_wish_goes_before_rules_and_must_exist() {
        let mut cx = cx();
        cx.route = Arc::new(RouteHints {
            via: None,
            backend: Some("wish".into()),
            headers: Default::default(),
        });
        let rules = [rule("all", When::default())];
        let new = NewConversation::default();
        assert_eq!(
            place(&cx, &new, &rules, "default", |name| name == "wish").unwrap(),
            ("wish", "header")
        );
        assert_eq!(
            place(&cx, &new, &rules, "default", |_| false)
                .unwrap_err()
                .kind,
            Kind::InvalidRequest
        );
    }
}
