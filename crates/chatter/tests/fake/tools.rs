//! Tools and templates, and the two operations that only ever fail.

use chatter::wire::{
    AvailableToolResponse, AvailableToolsResponse, Extra, Raw, WorkflowTemplateInfo,
    WorkflowTemplates, WorkflowTemplatesResponse,
};

use super::Generation;
use super::answer::{Answer, Problems, Refusal};

pub(crate) fn tools() -> Answer {
    let tool = |name: &str, description: &str, schema: &str| AvailableToolResponse {
        name: name.to_owned(),
        description: description.to_owned(),
        kind: "builtin".to_owned(),
        args_schema: Raw::from_text(schema.to_owned()).expect("a schema"),
        extra: Extra::new(),
    };
    let calculator = r#"{"properties":{"expression":{"title":"Expression","type":"string"}},"required":["expression"],"title":"calculator","type":"object"}"#;
    let clock = r#"{"properties":{},"title":"get_time","type":"object"}"#;
    let tools = vec![
        tool(
            "calculator",
            "Perform basic mathematical calculations",
            calculator,
        ),
        tool("get_time", "Get the current date and time", clock),
    ];
    Answer::json(
        200,
        &AvailableToolsResponse {
            tools,
            extra: Extra::new(),
        },
    )
}

/// The names come from the database: the development seed has three, V0 and V2 were measured without one.
pub(crate) fn templates(generation: Generation) -> Answer {
    let template = |name: &str, workflow: &str, tools: &[&str]| {
        let info = WorkflowTemplateInfo {
            name: name.to_owned(),
            workflow_type: workflow.to_owned(),
            description: format!("The template {name}"),
            required_tools: tools.iter().map(|tool| (*tool).to_owned()).collect(),
            required_retrievers: Vec::new(),
            default_params: Raw::from_text(r#"{"enable_memory":true}"#.to_owned())
                .expect("an object"),
            extra: Extra::new(),
        };
        (name.to_owned(), info)
    };
    let templates = if generation.is_v1() {
        vec![
            template("general_chat", "plain", &[]),
            template("document_qa", "rag", &[]),
            template("code_assistant", "tools", &["execute_code"]),
        ]
    } else {
        Vec::new()
    };
    let total_count = templates.len() as u64;
    let templates = WorkflowTemplates(templates);
    Answer::json(
        200,
        &WorkflowTemplatesResponse {
            templates,
            total_count,
            extra: Extra::new(),
        },
    )
}

pub(crate) fn statistics(problems: &Problems) -> Refusal {
    problems.wrapped_crash(
        "Failed to get performance stats: 8 validation errors for PerformanceStatsResponse",
    )
}

pub(crate) fn mcp_status(problems: &Problems) -> Refusal {
    problems.wrapped_crash("Failed to get MCP status: 1 validation error for McpStatusResponse")
}
