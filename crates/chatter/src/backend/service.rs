//! What the server tells of itself: templates, tools, state, statistics, health.

use backend::{Context, Health, Result, ServiceStatus, Template, Tool};
use conversation::{JsonMap, RawJson};
use serde::Serialize;

use super::{Chatter, prefix};
use crate::client::{Caller, Failure};
use crate::error::Effect;
use crate::wire::{ConversationListQuery, Raw};
use adapterkit::Unmappable;

impl Chatter {
    pub(super) async fn list_templates(&self, cx: &Context) -> Result<Vec<Template>> {
        let caller = self.own_caller(cx).await?;
        let answer = self.client().templates(&caller).await;
        let answer = answer.map_err(|failure| self.failed(failure, "templates", Effect::Read))?;
        let templates = answer.templates.0.into_iter().map(|(name, template)| {
            let mut extensions = self.members(&template, "templates")?;
            extensions.retain(|member, _| !["name", "description"].contains(&&**member));
            Ok(Template {
                name: name.into(),
                description: Some(template.description.into()),
                extensions,
            })
        });
        templates.collect()
    }

    pub(super) async fn list_tools(&self, cx: &Context) -> Result<Vec<Tool>> {
        let caller = self.own_caller(cx).await?;
        let answer = self.client().tools(&caller).await;
        let answer = answer.map_err(|failure| self.failed(failure, "tools", Effect::Read))?;
        let tools = answer.tools.into_iter().map(|tool| {
            let mut extensions = self.members(&tool, "tools")?;
            extensions
                .retain(|member, _| !["name", "description", "args_schema"].contains(&&**member));
            let parameters =
                parameters(&tool.args_schema).map_err(|error| self.unmappable(error, "tools"))?;
            Ok(Tool {
                name: tool.name.into(),
                description: Some(tool.description.into()),
                parameters,
                extensions,
            })
        });
        tools.collect()
    }

    /// Asked each time, although every server that was measured answered 500: the error says so.
    pub(super) async fn mcp_status(&self, cx: &Context) -> Result<ServiceStatus> {
        let caller = self.own_caller(cx).await?;
        let answer = self.client().mcp_status(&caller).await;
        self.members(
            &answer.map_err(|failure| self.broken(failure, "status"))?,
            "status",
        )
    }

    /// As above.
    pub(super) async fn performance(&self, cx: &Context) -> Result<ServiceStatus> {
        let caller = self.own_caller(cx).await?;
        let answer = self.client().performance_stats(&caller).await;
        self.members(
            &answer.map_err(|failure| self.broken(failure, "statistics"))?,
            "statistics",
        )
    }

    pub(super) async fn check_health(&self, cx: &Context) -> Health {
        match self.ask_for_one(cx).await {
            Ok(()) => Health {
                ok: true,
                detail: "chatter answers".to_owned(),
            },
            Err(error) => Health {
                ok: false,
                detail: error.message.clone(),
            },
        }
    }

    /// The cheapest call that needs a valid token and the database.
    async fn ask_for_one(&self, cx: &Context) -> Result<()> {
        let caller = self.own_caller(cx).await?;
        let generation = self.generation(&caller).await?;
        let query = ConversationListQuery {
            limit: Some(1),
            ..ConversationListQuery::default()
        };
        self.rows(&caller, prefix(generation), &query)
            .await
            .map(|_| ())
    }

    async fn own_caller(&self, cx: &Context) -> Result<Caller> {
        Ok(self.caller_of_principal(cx).await?.0)
    }

    fn broken(&self, failure: Failure, operation: &'static str) -> backend::Error {
        let is_crash = matches!(&failure, Failure::Refused(refusal) if refusal.status == 500);
        let mut error = self.failed(failure, operation, Effect::Read);
        if is_crash {
            error.message =
                format!("chatter fails on {operation} itself (500), as all its known releases do");
        }
        error
    }

    fn members<T: Serialize>(&self, object: &T, operation: &'static str) -> Result<JsonMap> {
        let members = RawJson::from_serialize(object).and_then(|raw| raw.to());
        members.map_err(|_| self.unmappable(Unmappable("object"), operation))
    }
}

fn parameters(schema: &Raw) -> std::result::Result<RawJson, Unmappable> {
    RawJson::parse(schema.text()).map_err(|_| Unmappable("args_schema"))
}
