//! Labels.

use convore::wire::{self, LabelType};
use serde_json::json;

use super::answer::{Answer, Refusal, page};
use super::serve::Call;

pub(crate) fn list(call: &Call) -> Result<Answer, Refusal> {
    let data = call.server.data();
    let items = data
        .labels
        .values()
        .map(|label| (label.id.clone(), json!(label)));
    page(&call.server.options, &call.query, items.collect())
}

pub(crate) fn create(call: &Call) -> Result<Answer, Refusal> {
    let request: wire::LabelCreate = call.json()?;
    if request.name.is_empty() {
        return Err(Answer::refused(400, "name"));
    }
    let kind = request.kind.into_value().unwrap_or(LabelType::Shared);
    let channel = request.channel_id.value().map(String::as_str);
    let label = call.server.data().add_label(&request.name, kind, channel);
    Ok(call.ok(&label))
}
