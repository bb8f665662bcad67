//! What the server tells of itself: templates, tools, state, statistics, health.

use adapterkit::{members, name_left_out};
use backend::{Context, Health, Result, ServiceStatus, Template, Tool};
use conversation::{JsonMap, RawJson};
use serde::Serialize;

use super::{Chatter, prefix};
use crate::client::{Caller, Failure};
use crate::error::Effect;
use crate::wire::{AvailableToolResponse, ConversationListQuery, WorkflowTemplateInfo};

impl Chatter {
    pub(super) async fn list_templates(&self, cx: &Context) -> Result<Vec<Template>> {
        let caller = self.own_caller(cx).await?;
        let answer = self.client().templates(&caller).await;
        let answer = answer
            .map_err(|failure| self.failed(failure, "templates", Effect::Read))?
            .named(self.name(), "templates")
            .answer;
        let read = |(name, template): (String, WorkflowTemplateInfo)| {
            let Ok(mut extensions) = members(&template) else {
                name_left_out(self.name(), "templates", Some(&name));
                return None;
            };
            extensions.retain(|member, _| !["name", "description"].contains(&&**member));
            Some(Template {
                name: name.into(),
                description: Some(template.description.into()),
                extensions,
            })
        };
        Ok(answer.templates.0.into_iter().filter_map(read).collect())
    }

    pub(super) async fn list_tools(&self, cx: &Context) -> Result<Vec<Tool>> {
        let caller = self.own_caller(cx).await?;
        let answer = self.client().tools(&caller).await;
        let answer = answer
            .map_err(|failure| self.failed(failure, "tools", Effect::Read))?
            .named(self.name(), "tools")
            .answer;
        let read = |tool: AvailableToolResponse| {
            let parameters = RawJson::parse(tool.args_schema.text()).ok();
            let (Ok(mut extensions), Some(parameters)) = (members(&tool), parameters) else {
                name_left_out(self.name(), "tools", Some(&tool.name));
                return None;
            };
            extensions
                .retain(|member, _| !["name", "description", "args_schema"].contains(&&**member));
            Some(Tool {
                name: tool.name.into(),
                description: Some(tool.description.into()),
                parameters,
                extensions,
            })
        };
        Ok(answer.tools.into_iter().filter_map(read).collect())
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
        members(object).map_err(|error| self.unmappable(error, operation))
    }
}
