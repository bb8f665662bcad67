//! Rules: for which conversations each holds, and where it leads them.

use backend::Context;
use backend::ports::Share;
use conversation::{Conversation, JsonMap, Kind, NewConversation, RawJson};

/// How a rule names the API that is our own, and not a vendor's.
const NORMALIZED: &str = "normalized";

/// What must fit for a rule to apply; every member given must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct When {
    /// The caller's tenant.
    pub tenant: Option<Box<str>>,
    /// The id of the caller's key.
    pub key: Option<Box<str>>,
    /// The API by which the caller comes: `normalized`, or the kind of a facade.
    pub via: Option<Box<str>>,
    /// The conversation's kind.
    pub kind: Option<Box<str>>,
    /// A label of the conversation.
    pub label: Option<Box<str>>,
    /// Members of the conversation's metadata with these scalar values, as text.
    pub metadata: Vec<(Box<str>, Box<str>)>,
    /// Request headers with these values; names in lower case.
    pub header: Vec<(Box<str>, Box<str>)>,
}

/// A rule of the route table.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name, told in `Dragoman-Route`.
    pub name: Box<str>,
    /// When it applies.
    pub when: When,
    /// The backends that it chooses from. At least one has a weight above 0.
    pub to: Vec<Share>,
    /// Which ones are tried, in this order, where the chosen one cannot be reached.
    pub fallback: Vec<Box<str>>,
    /// With whom reads of conversations that fit are compared.
    pub shadow: Option<ShadowRead>,
    /// What a backend must hold of a new conversation to get it.
    pub require: Option<Require>,
}

/// A second backend that is asked the same, for comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct ShadowRead {
    /// The second backend.
    pub backend: Box<str>,
    /// Which part of the reads, 0 to 1.
    pub sample: f64,
}

/// What a backend must hold of a new conversation to get it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Require {
    /// Everything that was sent, by itself.
    Native,
    /// Everything that was sent, together with what is kept beside it.
    Effective,
}

impl Require {
    /// The word of the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Effective => "effective",
        }
    }
}

/// What rules look at in a conversation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    kind: Option<&'a Kind>,
    labels: &'a [Box<str>],
    metadata: &'a JsonMap,
}

impl<'a> From<&'a NewConversation> for Subject<'a> {
    fn from(new: &'a NewConversation) -> Self {
        Self {
            kind: new.kind.as_ref(),
            labels: &new.labels,
            metadata: &new.metadata,
        }
    }
}

impl<'a> From<&'a Conversation> for Subject<'a> {
    fn from(conversation: &'a Conversation) -> Self {
        Self {
            kind: Some(&conversation.kind),
            labels: &conversation.labels,
            metadata: &conversation.metadata,
        }
    }
}

impl When {
    pub(crate) fn fits(&self, cx: &Context, subject: Subject<'_>) -> bool {
        self.misfits(cx, subject).is_empty()
    }

    /// The conditions that do not fit, each with what is asked for and what was found.
    pub(crate) fn misfits(&self, cx: &Context, subject: Subject<'_>) -> Vec<String> {
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
        if let Some(via) = &self.via {
            let found = cx.route.via.as_deref().unwrap_or(NORMALIZED);
            ask("via", via, Some(found));
        }
        if let Some(kind) = &self.kind {
            ask("kind", kind, subject.kind.map(Kind::as_str));
        }
        for (name, wanted) in &self.metadata {
            let found = subject.metadata.get(name);
            let found = found.and_then(RawJson::as_scalar_text);
            ask(&format!("metadata.{name}"), wanted, found.as_deref());
        }
        for (name, wanted) in &self.header {
            let found = cx.route.headers.get(name).map(|value| &**value);
            ask(&format!("header {name}"), wanted, found);
        }
        if let Some(label) = &self.label
            && !subject.labels.contains(label)
        {
            misfits.push(format!("label `{label}` is absent"));
        }
        misfits
    }
}

impl Rule {
    /// A rule that leads everything that fits to one backend.
    #[must_use]
    pub fn to_one(name: &str, when: When, backend: &str) -> Self {
        Self {
            name: name.into(),
            when,
            to: vec![Share {
                backend: backend.into(),
                weight: 1,
            }],
            fallback: Vec::new(),
            shadow: None,
            require: None,
        }
    }

    /// Every backend that it names.
    pub(crate) fn backends(&self) -> impl Iterator<Item = &str> {
        let to = self.to.iter().map(|share| &*share.backend);
        let fallback = self.fallback.iter().map(|name| &**name);
        let shadow = self.shadow.as_ref().map(|shadow| &*shadow.backend);
        to.chain(fallback).chain(shadow)
    }

    /// What makes it impossible to follow, in words.
    pub(crate) fn flaw(&self) -> Option<String> {
        let name = &self.name;
        if self.to.iter().all(|share| share.weight == 0) {
            return Some(format!(
                "route `{name}` leads nowhere: no weight is above 0"
            ));
        }
        let sample = self.shadow.as_ref().map(|shadow| shadow.sample);
        sample
            .filter(|sample| !(0.0..=1.0).contains(sample))
            .map(|sample| format!("route `{name}` compares {sample} of its reads, not 0 to 1"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use backend::{Principal, RouteHints};

    use super::*;

    fn cx(via: Option<&str>) -> Context {
        let principal = Principal {
            tenant: "acme".into(),
            key: "k1".into(),
            user: None,
            scopes: Vec::new(),
        };
        let mut cx = Context::new(Arc::new(principal), "r", Duration::from_secs(1));
        cx.route = Arc::new(RouteHints {
            via: via.map(Into::into),
            backend: None,
            headers: [("x-region".into(), "eu".into())].into(),
        });
        cx
    }

    fn when(edit: impl FnOnce(&mut When)) -> When {
        let mut when = When::default();
        edit(&mut when);
        when
    }

    #[test]
    fn every_condition_fits_or_says_what_was_wanted_and_found() {
        let new: NewConversation = serde_json::from_str(
            r#"{"kind":"mail","labels":["vip"],"metadata":{"tier":3,"plan":"gold"}}"#,
        )
        .unwrap();
        type Edit = fn(&mut When, Box<str>);
        let cases: [(Edit, &str, &str, &str); 7] = [
            (
                |when, text| when.tenant = Some(text),
                "acme",
                "other",
                "tenant must be `other`, it is `acme`",
            ),
            (
                |when, text| when.key = Some(text),
                "k1",
                "k2",
                "key must be `k2`, it is `k1`",
            ),
            (
                |when, text| when.via = Some(text),
                "normalized",
                "one",
                "via must be `one`, it is `normalized`",
            ),
            (
                |when, text| when.kind = Some(text),
                "mail",
                "group",
                "kind must be `group`, it is `mail`",
            ),
            (
                |when, text| when.label = Some(text),
                "vip",
                "spam",
                "label `spam` is absent",
            ),
            (
                |when, text| {
                    when.metadata = vec![("plan".into(), "gold".into()), ("tier".into(), text)];
                },
                "3",
                "4",
                "metadata.tier must be `4`, it is `3`",
            ),
            (
                |when, text| when.header = vec![("x-region".into(), text)],
                "eu",
                "us",
                "header x-region must be `us`, it is `eu`",
            ),
        ];
        let (cx, subject) = (cx(None), Subject::from(&new));
        assert!(When::default().fits(&cx, subject));
        for (edit, fitting, other, why_not) in cases {
            let fits = when(|when| edit(when, fitting.into()));
            assert_eq!(fits.misfits(&cx, subject), [""; 0], "{fitting}");
            let misfits = when(|when| edit(when, other.into())).misfits(&cx, subject);
            assert_eq!(misfits, [why_not]);
        }
        let absent = when(|when| when.header = vec![("x-none".into(), "a".into())]);
        assert_eq!(
            absent.misfits(&cx, subject),
            ["header x-none must be `a`, it is absent"]
        );
    }

    #[test]
    fn a_facade_is_known_by_its_kind() {
        let new = NewConversation::default();
        let theirs = when(|when| when.via = Some("one".into()));
        assert!(theirs.fits(&cx(Some("one")), (&new).into()));
        assert!(!theirs.fits(&cx(Some("two")), (&new).into()));
        let ours = when(|when| when.via = Some("normalized".into()));
        assert!(!ours.fits(&cx(Some("one")), (&new).into()));
    }

    #[test]
    fn a_rule_that_cannot_be_followed_says_why() {
        let mut rule = Rule::to_one("a", When::default(), "b");
        assert_eq!(rule.flaw(), None);
        for (sample, has_flaw) in [(0.0, false), (1.0, false), (1.5, true), (f64::NAN, true)] {
            rule.shadow = Some(ShadowRead {
                backend: "c".into(),
                sample,
            });
            assert_eq!(rule.flaw().is_some(), has_flaw, "{sample}");
        }
        rule.shadow = None;
        rule.to[0].weight = 0;
        assert!(rule.flaw().is_some_and(|flaw| flaw.contains("`a`")));
    }
}
