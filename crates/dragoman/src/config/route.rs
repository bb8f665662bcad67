//! `[[route]]`: one rule that places new conversations.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Name;

/// One rule that places new conversations. Existing conversations stay where they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    /// Its name in the `Dragoman-Route` header and in metrics. Default: `route-N`, counted from 1.
    pub name: Option<Name>,
    /// What must hold; an empty condition holds always.
    #[serde(default)]
    pub when: WhenConfig,
    /// The backend that gets the conversation. Required.
    pub to: Name,
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
    /// The conversation's kind: `direct`, `group`, `mail` or `assistant`.
    pub kind: Option<String>,
    /// A label of the conversation.
    pub label: Option<String>,
    /// Members of the conversation's metadata, as text.
    pub metadata: BTreeMap<String, String>,
    /// Header fields of the request, names in any case, beginning with `x-` or `dragoman-`.
    pub header: BTreeMap<String, String>,
}
