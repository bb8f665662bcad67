//! Where a new conversation would go, and why. Implemented by the router.

use std::fmt::Debug;

use async_trait::async_trait;
use conversation::NewConversation;
use serde::{Deserialize, Serialize};

use super::RouteOverride;
use crate::{Context, Result};

/// A backend of a rule, and how much of what it places goes there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The backend.
    pub backend: Box<str>,
    /// Its weight among the rule's; 0: nothing new.
    pub weight: u32,
}

/// One rule, looked at for one conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleExplanation {
    /// Its name.
    pub rule: Box<str>,
    /// Whether all its conditions fit. The first rule that fits places the conversation.
    pub fits: bool,
    /// The conditions that do not fit, each with what was asked for and what was found; of a rule that fits but does not
    /// place it, why not.
    pub why_not: Vec<String>,
    /// Where it leads.
    pub to: Vec<Share>,
    /// Where else, in this order, when none of `to` can take it.
    pub fallback: Vec<Box<str>>,
}

/// Where a new conversation would go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteExplanation {
    /// The name of what chooses: a rule, `default`, `header`, or `migration/<id>`.
    pub route: Box<str>,
    /// The backends that may get it, with their weights, after overrides; then only in case of need `fallback`.
    pub to: Vec<Share>,
    /// The backends that get it where none of `to` can be written.
    pub fallback: Vec<Box<str>>,
    /// Every rule, in its order.
    pub rules: Vec<RuleExplanation>,
    /// The route overrides of migrations, all of them.
    pub overrides: Vec<RouteOverride>,
}

/// The route table.
#[async_trait]
pub trait RouteTable: Debug + Send + Sync + 'static {
    /// Where `new` would go for the principal and the hints of `cx`. Makes nothing.
    async fn explain_route(&self, cx: &Context, new: &NewConversation) -> Result<RouteExplanation>;
}
