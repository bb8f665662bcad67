//! Templates, tools, statistics and the state of tool servers: what the backend of new conversations tells.

use backend::{Kind, Template, Tool};
use conversation::{JsonMap, RawJson, Time};
use http::StatusCode;

use super::answers::{Answered, json};
use super::call::Call;
use super::errors;
use crate::mapping::spelled_time;
use crate::wire::{
    AvailableToolResponse, AvailableToolsResponse, Extra, McpStatusResponse, Member, Raw,
    WorkflowTemplateInfo, WorkflowTemplates, WorkflowTemplatesResponse,
};

/// `GET K/templates`: none where the backend has no such thing, as at a server without its seed.
pub(super) async fn templates(call: &Call) -> Answered {
    let found = match call.api.parts.backend.templates(&call.cx()).await {
        Err(error) if error.kind == Kind::Unsupported => Vec::new(),
        found => found.map_err(|error| call.failed(&error))?,
    };
    let templates: serde_json::Result<Vec<_>> = found.into_iter().map(template).collect();
    let templates = templates.map_err(|_| call.problems.internal())?;
    let answer = WorkflowTemplatesResponse {
        total_count: u64::try_from(templates.len()).unwrap_or_default(),
        templates: WorkflowTemplates(templates),
        extra: Extra::new(),
    };
    Ok(json(StatusCode::OK, &answer))
}

fn template(template: Template) -> serde_json::Result<(String, WorkflowTemplateInfo)> {
    let member = |name: &str| template.extensions.get(name);
    let texts = |name: &str| -> Vec<String> {
        let found = member(name).and_then(|value| value.to().ok());
        found.unwrap_or_default()
    };
    let info = WorkflowTemplateInfo {
        name: template.name.to_string(),
        workflow_type: text(&template.extensions, "workflow_type")
            .unwrap_or_else(|| "plain".to_owned()),
        description: template
            .description
            .as_deref()
            .unwrap_or_default()
            .to_owned(),
        required_tools: texts("required_tools"),
        required_retrievers: texts("required_retrievers"),
        default_params: object(member("default_params"))?,
        extra: Extra::new(),
    };
    Ok((info.name.clone(), info))
}

/// `GET K/tools/available`
pub(super) async fn tools(call: &Call) -> Answered {
    let found = match call.api.parts.backend.tools(&call.cx()).await {
        Err(error) if error.kind == Kind::Unsupported => Vec::new(),
        found => found.map_err(|error| call.failed(&error))?,
    };
    let tools: serde_json::Result<Vec<_>> = found.into_iter().map(tool).collect();
    let answer = AvailableToolsResponse {
        tools: tools.map_err(|_| call.problems.internal())?,
        extra: Extra::new(),
    };
    Ok(json(StatusCode::OK, &answer))
}

fn tool(tool: Tool) -> serde_json::Result<AvailableToolResponse> {
    let kind = text(&tool.extensions, "type").filter(|kind| kind == "mcp");
    Ok(AvailableToolResponse {
        name: tool.name.into(),
        description: tool.description.as_deref().unwrap_or_default().to_owned(),
        kind: kind.unwrap_or_else(|| "builtin".to_owned()),
        args_schema: object(Some(&tool.parameters))?,
        extra: Extra::new(),
    })
}

fn text(members: &JsonMap, name: &str) -> Option<String> {
    members.get(name).and_then(|value| value.to().ok())
}

/// An object as it is, and an empty one in the place of anything else.
fn object(value: Option<&RawJson>) -> serde_json::Result<Raw> {
    let text = value
        .map(RawJson::get)
        .filter(|text| text.starts_with('{'))
        .unwrap_or("{}");
    Raw::from_text(text.to_owned())
}

/// `GET K/performance/stats`
pub(super) async fn statistics(call: &Call) -> Answered {
    let figures = call.api.figures.of(&call.caller.principal);
    let figures = figures.map_err(|_| call.problems.internal())?;
    Ok(json(StatusCode::OK, &figures))
}

/// `GET K/mcp/status`, in the documented shape.
pub(super) async fn mcp_status(call: &Call) -> Answered {
    let status = match call.api.parts.backend.status(&call.cx()).await {
        Ok(told) => RawJson::from_serialize(&told)
            .and_then(|told| told.to())
            .unwrap_or_else(|_| no_servers("disabled", Vec::new())),
        Err(error) if error.kind == Kind::Unsupported => no_servers("disabled", Vec::new()),
        Err(error) if error.kind == Kind::Internal => return Err(call.failed(&error)),
        Err(error) => {
            errors::note(&error);
            no_servers("error", vec![error.message.clone()])
        }
    };
    Ok(json(StatusCode::OK, &status))
}

fn no_servers(status: &str, errors: Vec<String>) -> McpStatusResponse {
    McpStatusResponse {
        status: status.to_owned(),
        servers: Vec::new(),
        last_check: Member::Value(spelled_time(Time::now())),
        errors: Member::Value(errors),
        extra: Extra::new(),
    }
}
