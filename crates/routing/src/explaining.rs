//! Where a new conversation would go, and why: for operators.

use async_trait::async_trait;
use backend::ports::{RouteExplanation, RouteTable, RuleExplanation, Share};
use backend::{Context, Result};
use conversation::NewConversation;

use crate::Router;
use crate::placing::{Candidates, Choice, PassedOver};
use crate::rules::{Require, Rule};

#[async_trait]
impl RouteTable for Router {
    async fn explain_route(&self, cx: &Context, new: &NewConversation) -> Result<RouteExplanation> {
        let choice = self.choose(cx, new)?;
        let overrides = self.overrides_for(cx).await?;
        let Candidates {
            to,
            fallback,
            passed_over,
        } = self.candidates(cx, new, &choice, &overrides);
        let shown = match &self.overriding {
            Some(overriding) => overriding.overrides.overrides().await?,
            None => Vec::new(),
        };
        let to = to.into_iter().map(|(candidate, weight)| Share {
            backend: candidate.slot.name().into(),
            weight,
        });
        let mut fallbacks: Vec<Box<str>> = Vec::new();
        for candidate in fallback {
            let name = candidate.slot.name();
            if fallbacks.iter().all(|known| **known != *name) {
                fallbacks.push(name.into());
            }
        }
        let rules = self.settings.rules.iter();
        Ok(RouteExplanation {
            route: choice.route.into(),
            to: to.collect(),
            fallback: fallbacks,
            rules: rules
                .map(|rule| explain(rule, cx, new, &choice, &passed_over))
                .collect(),
            overrides: shown,
        })
    }
}

fn explain(
    rule: &Rule,
    cx: &Context,
    new: &NewConversation,
    choice: &Choice<'_>,
    passed_over: &[PassedOver],
) -> RuleExplanation {
    let mut why_not = rule.when.misfits(cx, new.into());
    let fits = why_not.is_empty();
    if fits {
        match choice.rule {
            Some(chosen) if std::ptr::eq(chosen, rule) => {
                let words = |one: &PassedOver| why_passed_over(one, rule.require);
                why_not.extend(passed_over.iter().map(words));
            }
            Some(chosen) => why_not.push(format!("the rule `{}` fits before it", chosen.name)),
            None => why_not.push("the caller names a backend".to_owned()),
        }
    }
    RuleExplanation {
        rule: rule.name.clone(),
        fits,
        why_not,
        to: rule.to.clone(),
        fallback: rule.fallback.clone(),
    }
}

fn why_passed_over(one: &PassedOver, require: Option<Require>) -> String {
    let backend = &one.backend;
    if one.not_held.is_empty() {
        return format!("backend `{backend}` is not configured");
    }
    let fields = one.not_held.iter().map(|field| match &*field.pointer {
        "" => "the whole",
        pointer => pointer,
    });
    let fields: Vec<&str> = fields.collect();
    let required = require.map_or("effective", Require::as_str);
    format!(
        "backend `{backend}` is passed over: it must hold everything ({required}), and does not hold {} as it was sent",
        fields.join(", ")
    )
}
