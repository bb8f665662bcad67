//! Tools, templates, MCP status and performance statistics: `GET K/…`.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Raw;
use adapterkit::wire_object;

wire_object! {
    /// Answer of `GET K/tools/available`.
    pub struct AvailableToolsResponse {
        /// All tools.
        required tools: Vec<AvailableToolResponse>,
    }
}

wire_object! {
    /// One tool.
    pub struct AvailableToolResponse {
        /// Its name.
        required name: String,
        /// What it does.
        required description: String,
        /// `builtin` or `mcp`.
        required kind = "type": String,
        /// JSON Schema of its arguments.
        required args_schema: Raw,
    }
}

wire_object! {
    /// Answer of `GET K/templates`. Empty without the vendor's development seed.
    pub struct WorkflowTemplatesResponse {
        /// Templates by name, in the server's order.
        required templates: WorkflowTemplates,
        /// Number of templates.
        required total_count: u64,
    }
}

wire_object! {
    /// One template.
    pub struct WorkflowTemplateInfo {
        /// Its name again.
        required name: String,
        /// A workflow's name.
        required workflow_type: String,
        /// What it is for.
        required description: String,
        /// Names of tools.
        required required_tools: Vec<String>,
        /// Names of retrievers.
        required required_retrievers: Vec<String>,
        /// An object.
        required default_params: Raw,
    }
}

/// Templates by name. A list of pairs, because the order on the wire is the server's own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkflowTemplates(pub Vec<(String, WorkflowTemplateInfo)>);

impl<'de> Deserialize<'de> for WorkflowTemplates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TemplatesVisitor;
        impl<'de> Visitor<'de> for TemplatesVisitor {
            type Value = WorkflowTemplates;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of templates")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<WorkflowTemplates, A::Error> {
                let mut templates = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    templates.push(entry);
                }
                Ok(WorkflowTemplates(templates))
            }
        }
        deserializer.deserialize_map(TemplatesVisitor)
    }
}

impl Serialize for WorkflowTemplates {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, template)| (name, template)))
    }
}

wire_object! {
    /// Answer of `GET K/mcp/status` as documented. Every real server answered 500 instead.
    pub struct McpStatusResponse {
        /// State of the service.
        required status: String,
        /// Connected servers, each an object.
        required servers: Vec<Raw>,
        /// RFC 3339.
        optional last_check: String,
        /// Error messages.
        optional errors: Vec<String>,
    }
}

wire_object! {
    /// Answer of `GET K/performance/stats` as documented. Every real server answered 500 instead.
    pub struct PerformanceStatsResponse {
        /// Number of executions.
        required total_executions: u64,
        /// Milliseconds.
        required avg_execution_time_ms: u64,
        /// Milliseconds.
        required min_execution_time_ms: u64,
        /// Milliseconds.
        required max_execution_time_ms: u64,
        /// Executions by workflow.
        required workflow_types: BTreeMap<String, u64>,
        /// Errors by kind.
        required error_counts: BTreeMap<String, u64>,
        /// An object.
        required cache_stats: Raw,
        /// An object.
        required tool_stats: Raw,
        /// Seconds since 1970.
        required timestamp: f64,
    }
}
