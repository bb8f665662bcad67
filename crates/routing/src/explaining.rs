//! Where a new conversation would go, and why: for operators.

use async_trait::async_trait;
use backend::ports::{RouteExplanation, RouteTable, RuleExplanation, Share};
use backend::{Context, Result};
use conversation::NewConversation;

use crate::Router;
use crate::placing::Rule;

#[async_trait]
impl RouteTable for Router {
    async fn explain_route(&self, cx: &Context, new: &NewConversation) -> Result<RouteExplanation> {
        let placed = self.place(cx, new).await?;
        let overrides = match &self.overriding {
            Some(overriding) => overriding.overrides.overrides().await?,
            None => Vec::new(),
        };
        let rules = self.settings.rules.iter();
        Ok(RouteExplanation {
            route: (&*placed.route).into(),
            to: vec![whole(placed.slot.name())],
            fallback: Vec::new(),
            rules: rules.map(|rule| explain(rule, cx, new)).collect(),
            overrides,
        })
    }
}

fn explain(rule: &Rule, cx: &Context, new: &NewConversation) -> RuleExplanation {
    let why_not = rule.when.misfits(cx, new);
    RuleExplanation {
        rule: rule.name.clone(),
        fits: why_not.is_empty(),
        why_not,
        to: vec![whole(&rule.to)],
        fallback: Vec::new(),
    }
}

fn whole(backend: &str) -> Share {
    Share {
        backend: backend.into(),
        weight: 1,
    }
}
