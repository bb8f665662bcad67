//! `[[route]]`: one rule that places new conversations.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Name;
use super::kinds::RequireKind;

/// One rule that places new conversations. Existing conversations stay where they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    /// Its name in the `Dragoman-Route` header and in metrics. Default: `route-N`, counted from 1.
    pub name: Option<Name>,
    /// What must hold; an empty condition holds always.
    #[serde(default)]
    pub when: WhenConfig,
    /// The backend that gets the conversation, or several with their weights. Required.
    pub to: Shares,
    /// The backends that are tried, in this order, where that one cannot be reached and has certainly made nothing.
    /// Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallback: Vec<Name>,
    /// What a backend must hold of a new conversation to get it: everything that was sent, by itself (`native`) or
    /// together with what is kept beside it (`effective`). Default: nothing.
    pub require: Option<RequireKind>,
    /// A second backend with which reads of existing conversations are compared. Default: none.
    pub shadow: Option<ShadowConfig>,
}

impl RouteConfig {
    /// The name given, else `route-N` by its position, which is counted from 0 here.
    pub fn effective_name(&self, position: usize) -> String {
        self.name
            .as_ref()
            .map_or_else(|| format!("route-{}", position + 1), ToString::to_string)
    }
}

/// What must hold for a rule: every given member, compared exactly.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WhenConfig {
    /// The tenant of the calling key.
    pub tenant: Option<String>,
    /// The id of the calling key (the middle of `drg_<id>_<secret>`).
    pub key: Option<String>,
    /// The API by which the caller comes: `normalized`, or a vendor's as its facade: `chatter`, `datamonkey`, `sunshine`
    /// or `convore`.
    pub via: Option<String>,
    /// The conversation's kind: `direct`, `group`, `mail` or `assistant`.
    pub kind: Option<String>,
    /// A label of the conversation.
    pub label: Option<String>,
    /// Members of the conversation's metadata, as text.
    pub metadata: BTreeMap<String, String>,
    /// Header fields of the request, names in any case, beginning with `x-` or `dragoman-`.
    pub header: BTreeMap<String, String>,
}

/// A backend of a rule, and how much of what the rule places goes there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShareConfig {
    /// The backend. Required.
    pub backend: Name,
    /// Its weight among the rule's; 0: nothing new goes there. Required.
    pub weight: u32,
}

/// A second backend with which reads are compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShadowConfig {
    /// The second backend. Required.
    pub backend: Name,
    /// Which part of the reads is compared, 0 to 1. Required.
    pub sample: f64,
}

/// The backends of a rule: one name in the file, or an array of tables with weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shares(pub(super) Vec<ShareConfig>);

impl Shares {
    /// Everything goes to one.
    pub fn one(backend: Name) -> Self {
        Self(vec![ShareConfig { backend, weight: 1 }])
    }

    /// The shares, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &ShareConfig> {
        self.0.iter()
    }

    /// The backend, where the rule names only one.
    fn only(&self) -> Option<&Name> {
        match &self.0[..] {
            [ShareConfig { backend, weight: 1 }] => Some(backend),
            _ => None,
        }
    }
}

impl fmt::Display for Shares {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.only() {
            return name.fmt(formatter);
        }
        for (position, share) in self.0.iter().enumerate() {
            let between = if position == 0 { "" } else { ", " };
            write!(formatter, "{between}{} ({})", share.backend, share.weight)?;
        }
        Ok(())
    }
}

impl Serialize for Shares {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.only() {
            Some(name) => name.serialize(serializer),
            None => self.0.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Shares {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NameOrShares)
    }
}

struct NameOrShares;

impl<'de> Visitor<'de> for NameOrShares {
    type Value = Shares;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .write_str("the name of a backend, or an array of tables with `backend` and `weight`")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Shares, E> {
        let name = Name::try_from(name.to_owned()).map_err(E::custom)?;
        Ok(Shares::one(name))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Shares, A::Error> {
        let mut shares = Vec::new();
        while let Some(share) = list.next_element()? {
            shares.push(share);
        }
        Ok(Shares(shares))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn backends_are_a_name_or_an_array_with_weights_and_are_written_as_they_are_read() {
        for value in [
            json!("a"),
            json!([{"backend": "a", "weight": 90}, {"backend": "b", "weight": 0}]),
        ] {
            let shares: Shares = serde_json::from_value(value.clone()).unwrap();
            assert_eq!(serde_json::to_value(shares).unwrap(), value);
        }
        for value in [
            json!(7),
            json!("a b"),
            json!([{"backend": "a"}]),
            json!(["a"]),
        ] {
            assert!(
                serde_json::from_value::<Shares>(value.clone()).is_err(),
                "{value}"
            );
        }
        let shares = json!([{"backend": "a", "weight": 90}, {"backend": "b", "weight": 10}]);
        let shares: Shares = serde_json::from_value(shares).unwrap();
        assert_eq!(shares.to_string(), "a (90), b (10)");
    }
}
