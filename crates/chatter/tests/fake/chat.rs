//! Chat calls without streaming: `chat` and `template/{name}`.

use chatter::wire::{self, Member, MessageRole};

use super::Generation;
use super::answer::{Answer, Refusal};
use super::conversations::{check_profile, max_tokens, wait_for_lock};
use super::data::{Data, StoredConversation, timestamp};
use super::serve::Call;

/// The provider that is set up; another name is refused, none means this one.
const PROVIDER: &str = "openai";

/// What the model says to a message; an error is its failure in the words of the vendor's apology.
pub(crate) fn model_says(message: &str) -> String {
    let apology = |code: u16, text: &str, kind: &str| {
        format!(
            "I'm sorry, I encountered an error: Error code: {code} - \
             {{'error': {{'message': '{text}', 'type': '{kind}'}}}}"
        )
    };
    if message.contains("[[fail500]]") {
        apology(500, "fake upstream failure", "server_error")
    } else if message.contains("[[fail429]]") {
        apology(429, "fake upstream rate limit", "rate_limit")
    } else if message.contains("[[empty]]") {
        String::new()
    } else {
        format!("Echo: {message}")
    }
}

/// Reads the body that all three chat operations share.
pub(crate) fn read(call: &Call) -> Result<wire::ChatRequest, Refusal> {
    let mut check = call.check_body()?;
    let request = wire::ChatRequest {
        message: check.required_text("message"),
        conversation_id: check.text("conversation_id"),
        profile_id: check.text("profile_id"),
        // V2 dropped the member and ignores it.
        stream: if call.generation() == Generation::V2 {
            Member::Absent
        } else {
            check.flag("stream")
        },
        workflow: match check.choice("workflow", &["plain", "rag", "tools", "full"]) {
            Member::Value(name) => Member::Value(wire::Workflow::Other(name)),
            _ => Member::Absent,
        },
        provider: check.text("provider"),
        temperature: check.number("temperature", 0.0, 2.0),
        max_tokens: max_tokens(&mut check, Some(8192)),
        context_limit: match check.integer("context_limit", 1, None) {
            Member::Value(value) => Member::Value(u32::try_from(value).unwrap_or(u32::MAX)),
            _ => Member::Absent,
        },
        enable_retrieval: check.flag("enable_retrieval"),
        document_ids: check.texts("document_ids"),
        system_prompt_override: check.text("system_prompt_override"),
        workflow_config: check.object("workflow_config"),
        workflow_type: check.text("workflow_type"),
        prompt_id: check.text("prompt_id"),
        extra: wire::Extra::new(),
    };
    check.finish(&call.problems)?;
    Ok(request)
}

/// The conversation that a chat call writes into: an existing one, or a new one that is not stored yet.
pub(crate) fn open(
    call: &Call,
    data: &mut Data,
    request: &wire::ChatRequest,
) -> Result<StoredConversation, String> {
    let missing = match call.generation() {
        Generation::V2 => "'NoneType' object has no attribute 'profile_id'",
        _ => "'NoneType' object has no attribute 'id'",
    };
    match request.conversation_id.value().filter(|id| !id.is_empty()) {
        Some(id) => {
            let stored = data
                .owned(&call.user_id, id)
                .ok_or_else(|| missing.to_owned())?;
            Ok(StoredConversation {
                row: stored.row.clone(),
                messages: stored.messages.clone(),
                locked: false,
            })
        }
        None => {
            check_profile(call, &request.profile_id)
                .map_err(|text| format!("Failed to create conversation: {text}"))?;
            if request.message.contains('\0') {
                let text = "Failed to create conversation: invalid byte sequence for encoding \"UTF8\": 0x00";
                return Err(text.to_owned());
            }
            let mut create = wire::ConversationCreate::new(title_of(&request.message));
            create.profile_id = request.profile_id.clone();
            create.temperature = request.temperature;
            create.max_tokens = request.max_tokens;
            create.workflow_config = request.workflow_config.clone();
            let now = data.now();
            let row = data.new_row(&call.user_id, now, &create);
            Ok(StoredConversation {
                row,
                messages: Vec::new(),
                locked: false,
            })
        }
    }
}

/// Why the call fails before the model is asked, if it does.
pub(crate) fn failure(call: &Call, request: &wire::ChatRequest) -> Option<String> {
    let workflow = match request.workflow.value() {
        Some(wire::Workflow::Other(name)) => name.as_str(),
        _ => "plain",
    };
    if request
        .provider
        .value()
        .is_some_and(|provider| provider != PROVIDER)
    {
        let provider = request
            .provider
            .value()
            .map(String::as_str)
            .unwrap_or_default();
        return Some(format!(
            "Basic workflow execution failed: Provider '{provider}' not found or inactive"
        ));
    }
    match call.generation() {
        Generation::V0 if request.provider.value().is_none() => {
            Some("Plain workflow execution failed: Provider 'None' not found or inactive".to_owned())
        }
        Generation::V0 => Some(
            "Plain workflow execution failed: MessageService.get_recent_messages() missing 1 required positional \
             argument: 'user_id'"
                .to_owned(),
        ),
        Generation::V2 => None,
        _ if workflow != "plain" => {
            Some(format!("{workflow} workflow execution failed: 'LangGraphWorkflowManager' object has no attribute"))
        }
        _ => None,
    }
}

pub(crate) async fn chat(call: &Call, template: Option<&str>) -> Result<Answer, Refusal> {
    let request = read(call)?;
    let fail = |text: &str| match template {
        // Any inner text with these words is taken for a missing template.
        Some(name) if text.contains("not found") => call
            .problems
            .not_found(None, &format!("Template '{name}' not found")),
        _ => call
            .problems
            .bad_request(&format!("Chat processing failed: {text}")),
    };
    if request.stream.into_value() == Some(true) {
        let text = "cannot unpack non-iterable async_generator object";
        return Err(match template {
            Some(_) => call.problems.bad_request(text),
            None => call.problems.crash("TypeError", text),
        });
    }
    if let Some(id) = request.conversation_id.value() {
        wait_for_lock(call, id).await;
    }
    if call.generation() == Generation::V2 {
        return chat_in_steps(call, &request, &fail).await;
    }
    chat_in_one_transaction(call, &request, &fail).await
}

/// V0 and V1: one transaction, so a failure leaves nothing behind; all rows share the time of its start, and the
/// answer is stored twice.
async fn chat_in_one_transaction(
    call: &Call,
    request: &wire::ChatRequest,
    fail: &(dyn Fn(&str) -> Refusal + Sync),
) -> Result<Answer, Refusal> {
    let (mut stored, started, first) = {
        let mut data = call.server.data();
        let stored = open(call, &mut data, request).map_err(|text| fail(&text))?;
        let first = stored.next_number();
        (stored, data.now(), first)
    };
    if request.message.is_empty() {
        return Err(fail(
            "violates check constraint \"check_content_not_empty\"",
        ));
    }
    if let Some(text) = failure(call, request) {
        return Err(fail(&text));
    }
    tokio::time::sleep(call.server.options.model_delay).await;
    let says = model_says(&request.message);
    if says.is_empty() || request.message.contains('\0') {
        return Err(fail(
            "violates check constraint \"check_content_not_empty\"",
        ));
    }
    let mut data = call.server.data();
    let id = stored.row.id.clone();
    if data
        .conversations
        .get(&id)
        .is_some_and(|current| current.next_number() != first)
    {
        return Err(fail(
            "duplicate key value violates unique constraint \"uq_conversation_sequence\"",
        ));
    }
    if stored.messages.is_empty() && !data.conversations.contains_key(&id) {
        stored.row.created_at = timestamp(started);
    }
    let answers = [
        (MessageRole::User, request.message.as_str()),
        (MessageRole::Assistant, says.as_str()),
        (MessageRole::Assistant, says.as_str()),
    ];
    for ((role, content), number) in answers.into_iter().zip(first..) {
        let message = data.new_message(&id, role, content, number, started, true);
        stored.messages.push(message);
    }
    stored.row.updated_at = timestamp(started);
    Ok(finish(&mut data, stored))
}

/// V2: each message is committed on its own, so what was stored before a failure stays.
async fn chat_in_steps(
    call: &Call,
    request: &wire::ChatRequest,
    fail: &(dyn Fn(&str) -> Refusal + Sync),
) -> Result<Answer, Refusal> {
    let id = {
        let mut data = call.server.data();
        let stored = open(call, &mut data, request).map_err(|text| fail(&text))?;
        if request.message.is_empty() || request.message.contains('\0') {
            return Err(fail(
                "violates check constraint \"check_content_not_empty\"",
            ));
        }
        store_step(&mut data, stored, MessageRole::User, &request.message)
            .row
            .id
    };
    if let Some(text) = failure(call, request) {
        return Err(fail(&text));
    }
    tokio::time::sleep(call.server.options.model_delay).await;
    let says = model_says(&request.message);
    if says.is_empty() {
        return Err(fail("Assistant response has no content"));
    }
    let mut data = call.server.data();
    let stored = data.owned(&call.user_id, &id).expect("stored above");
    let stored = StoredConversation {
        row: stored.row.clone(),
        messages: stored.messages.clone(),
        locked: false,
    };
    let stored = store_step(&mut data, stored, MessageRole::Assistant, &says);
    Ok(finish(&mut data, stored))
}

/// Commits one message.
pub(crate) fn store_step(
    data: &mut Data,
    mut stored: StoredConversation,
    role: MessageRole,
    content: &str,
) -> StoredConversation {
    let now = data.now();
    let number = stored.next_number();
    let message = data.new_message(&stored.row.id, role, content, number, now, true);
    stored.row.updated_at.clone_from(&message.created_at);
    stored.messages.push(message);
    let copy = StoredConversation {
        row: stored.row.clone(),
        messages: stored.messages.clone(),
        locked: false,
    };
    data.conversations.insert(stored.row.id.clone(), copy);
    stored
}

fn finish(data: &mut Data, stored: StoredConversation) -> Answer {
    let answer = wire::ChatResponse {
        conversation_id: stored.row.id.clone(),
        message: stored.messages.last().expect("just stored").clone(),
        conversation: stored.row.clone(),
        extra: wire::Extra::new(),
    };
    data.conversations.insert(stored.row.id.clone(), stored);
    Answer::json(200, &answer)
}

fn title_of(message: &str) -> String {
    let mut title: String = message.chars().take(50).collect();
    if message.chars().count() > 50 {
        title.push_str("...");
    }
    title
}
