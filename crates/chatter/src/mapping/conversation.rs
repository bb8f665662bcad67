//! Conversations, both ways.

use adapterkit::{Unmappable, difference, members, with_kept};
use conversation::{
    Assistant, Conversation, ConversationId, ConversationPatch, Counts, Extensions, JsonMap, Kind,
    NewConversation, Patch, RawJson, Status, Time, Usage,
};

use serde::Serialize;

use super::EXTENSION;
use super::spelling::{is_spelled_as_usual, spelled_time};
use crate::wire::{
    ConversationCreate, ConversationResponse, ConversationStatus, ConversationUpdate, Extra,
    Member, Raw,
};

/// What stands for "no title": the vendor requires one and refuses an empty one.
const NO_TITLE: &str = " ";

/// The member of the vendor's metadata under which it stores the workflow's settings.
pub(super) const WORKFLOW_CONFIG: &str = "workflow_config";

/// Members whose value counts and not their spelling: a JSON object's order means nothing.
const LOOSELY: [&str; 1] = ["extra_metadata"];

/// A conversation of the vendor in canonical form.
///
/// # Errors
/// Where a time cannot be read.
pub fn conversation_to_canonical(
    wire: &ConversationResponse,
    backend: &str,
) -> Result<Conversation, Unmappable> {
    let mut conversation = core(wire, backend)?;
    let kept = if comes_back(wire) {
        homeless(wire)?
    } else {
        let mut sent = members(wire)?;
        // Messages are entities of their own.
        sent.remove("messages");
        difference(&sent, &members(&build(&conversation, &wire.id))?, &LOOSELY)?
    };
    if !kept.is_empty() {
        conversation.extensions.insert(EXTENSION.into(), kept);
    }
    Ok(conversation)
}

/// The vendor's object of a conversation: exactly the one it came from, where nothing was changed since.
///
/// `native` is its id there, `user` the owner's for a conversation that never was there.
///
/// # Errors
/// Where kept members have lost their shape.
pub fn conversation_from_canonical(
    conversation: &Conversation,
    native: &str,
    user: &str,
) -> Result<ConversationResponse, Unmappable> {
    let mut built = members(&build(conversation, native))?;
    built.insert("user_id".into(), RawJson::string(user));
    let Some(kept) = conversation.extensions.get(EXTENSION) else {
        return with_kept(built, &JsonMap::new());
    };
    let same: ConversationResponse = with_kept(built.clone(), kept)?;
    let mut again = core(&same, &conversation.backend)?;
    again.extensions.clone_from(&conversation.extensions);
    again.id = conversation.id;
    if again == *conversation {
        return Ok(same);
    }
    // Something with a canonical home was changed: a kept spelling of it is out of date.
    let homeless: JsonMap = kept
        .iter()
        .filter(|(name, _)| !built.contains_key(*name) || &***name == "user_id")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    with_kept(built, &homeless)
}

/// The body of a create. Takes what [`preview`](super::preview()) left over: everything else is not held.
#[must_use]
pub fn create_request(new: &NewConversation) -> ConversationCreate {
    let assistant = new.assistant.clone().unwrap_or_default();
    let mut request = ConversationCreate::new(wire_title(new.title.as_deref()));
    request.profile_id = Member::from(assistant.profile_id.map(String::from));
    request.temperature = Member::from(assistant.temperature);
    request.max_tokens = Member::from(
        assistant
            .max_tokens
            .and_then(|tokens| u32::try_from(tokens).ok()),
    );
    request.workflow_config = Member::from(assistant.workflow_config.as_ref().and_then(raw));
    if !new.metadata.is_empty() {
        request.extra_metadata = Member::from(Raw::encode(&new.metadata).ok());
    }
    request
}

/// The body of an update. Metadata goes in only where the vendor still keeps it: see the backend.
#[must_use]
pub fn update_request(patch: &ConversationPatch) -> ConversationUpdate {
    let setting = |name: &str| {
        patch
            .assistant
            .set()
            .and_then(|assistant| assistant.get(name))
    };
    ConversationUpdate {
        title: match &patch.title {
            Patch::Keep => Member::Absent,
            Patch::Clear => Member::Value(wire_title(None)),
            Patch::Set(title) => Member::Value(wire_title(Some(title))),
        },
        status: match patch.status.set() {
            Some(Status::Archived) => Member::Value(ConversationStatus::Archived),
            Some(_) => Member::Value(ConversationStatus::Active),
            None => Member::Absent,
        },
        temperature: Member::from(setting("temperature").and_then(|value| value.to().ok())),
        max_tokens: Member::from(setting("max_tokens").and_then(|value| value.to().ok())),
        ..ConversationUpdate::default()
    }
}

fn wire_title(title: Option<&str>) -> String {
    match title {
        Some(title) if !title.trim().is_empty() => title.to_owned(),
        _ => NO_TITLE.to_owned(),
    }
}

fn raw(json: &RawJson) -> Option<Raw> {
    Raw::from_text(json.get().to_owned()).ok()
}

/// Whether [`build`] makes this object again, but for the members of [`homeless`]: so for every recorded conversation,
/// and far cheaper to see than to compare.
fn comes_back(wire: &ConversationResponse) -> bool {
    let title = wire.title == NO_TITLE || !wire.title.trim().is_empty();
    let counters = !wire.message_count.is_absent()
        && !wire.total_tokens.is_absent()
        && wire
            .total_cost
            .value()
            .is_some_and(|cost| *cost >= 0.0 && cost.is_sign_positive());
    let settings = !(wire.description.is_absent()
        || wire.profile_id.is_absent()
        || wire.llm_provider.is_absent()
        || wire.llm_model.is_absent()
        || wire.temperature.is_absent()
        || wire.max_tokens.is_absent()
        || wire.system_prompt.is_absent());
    let flags = wire.enable_retrieval.value().is_some()
        && wire.message_count.value().is_some()
        && wire.total_tokens.value().is_some()
        && matches!(wire.memory_strategy, Member::Null)
        && matches!(wire.tags, Member::Null)
        && matches!(wire.workflow_config, Member::Null);
    let metadata = wire
        .extra_metadata
        .value()
        .is_some_and(|raw| raw.text().starts_with('{'));
    let last_message = match &wire.last_message_at {
        Member::Absent => false,
        Member::Null => true,
        Member::Value(time) => is_spelled_as_usual(time),
    };
    let times = is_spelled_as_usual(&wire.created_at)
        && is_spelled_as_usual(&wire.updated_at)
        && last_message;
    let known = !matches!(wire.status, ConversationStatus::Other(_)) && wire.extra.is_empty();
    title && counters && settings && flags && metadata && times && known
}

/// The members that have no canonical home.
fn homeless(wire: &ConversationResponse) -> Result<JsonMap, Unmappable> {
    let mut kept = JsonMap::new();
    kept.insert("user_id".into(), RawJson::string(&wire.user_id));
    keep(&mut kept, "context_window", &wire.context_window)?;
    keep(&mut kept, "memory_enabled", &wire.memory_enabled)?;
    keep(&mut kept, "retrieval_limit", &wire.retrieval_limit)?;
    keep(
        &mut kept,
        "retrieval_score_threshold",
        &wire.retrieval_score_threshold,
    )?;
    Ok(kept)
}

fn keep<T: Serialize>(
    kept: &mut JsonMap,
    name: &'static str,
    member: &Member<T>,
) -> Result<(), Unmappable> {
    if !member.is_absent() {
        kept.insert(
            name.into(),
            RawJson::from_serialize(member).map_err(|_| Unmappable(name))?,
        );
    }
    Ok(())
}

/// Everything with a canonical home.
fn core(wire: &ConversationResponse, backend: &str) -> Result<Conversation, Unmappable> {
    let time = |text: &str, member| text.parse::<Time>().map_err(|_| Unmappable(member));
    let (metadata, workflow_config) = metadata(wire);
    let mut labels: Vec<Box<str>> = wire
        .tags
        .value()
        .into_iter()
        .flatten()
        .map(|tag| tag.as_str().into())
        .collect();
    labels.sort_unstable();
    labels.dedup();
    let assistant = Assistant {
        provider: boxed(&wire.llm_provider),
        model: boxed(&wire.llm_model),
        temperature: wire.temperature.into_value(),
        top_p: None,
        max_tokens: wire.max_tokens.into_value().map(u64::from),
        system_prompt: boxed(&wire.system_prompt),
        workflow: None,
        workflow_config,
        // The vendor says false whatever was asked for (measured on commit 56cfcd49), so false says nothing.
        retrieval: wire
            .enable_retrieval
            .into_value()
            .filter(|enabled| *enabled),
        profile_id: boxed(&wire.profile_id),
    };
    // Counters are zero for ever (measured on commit 56cfcd49), so zero says nothing.
    let messages = wire.message_count.into_value().filter(|count| *count > 0);
    let total_tokens = wire.total_tokens.into_value().filter(|tokens| *tokens > 0);
    let cost = wire.total_cost.into_value().filter(|cost| *cost > 0.0);
    let (status, status_native) = match &wire.status {
        ConversationStatus::Active => (Status::Open, None),
        ConversationStatus::Archived => (Status::Archived, None),
        ConversationStatus::Deleted => (Status::Trashed, None),
        ConversationStatus::Other(text) => (Status::Open, Some(text.as_str().into())),
    };
    Ok(Conversation {
        id: ConversationId::derive(backend, &wire.id),
        backend: backend.into(),
        kind: Kind::Assistant,
        title: Some(wire.title.as_str())
            .filter(|title| !title.trim().is_empty())
            .map(Into::into),
        description: boxed(&wire.description),
        status,
        status_native,
        priority: None,
        labels,
        participants: Vec::new(),
        owner: None,
        icon_url: None,
        assistant: Some(assistant).filter(|assistant| !assistant.is_empty()),
        metadata,
        unread: None,
        counts: messages.map(|messages| Counts {
            messages: Some(messages),
        }),
        usage: (total_tokens.is_some() || cost.is_some()).then(|| Usage {
            total_tokens,
            cost,
            ..Usage::default()
        }),
        created_at: time(&wire.created_at, "created_at")?,
        updated_at: time(&wire.updated_at, "updated_at")?,
        last_message_at: wire
            .last_message_at
            .value()
            .map(|text| time(text, "last_message_at"))
            .transpose()?,
        extensions: Extensions::new(),
    })
}

/// The vendor puts the workflow's settings inside the metadata; ours stand beside it.
fn metadata(wire: &ConversationResponse) -> (JsonMap, Option<RawJson>) {
    let mut metadata: JsonMap = wire
        .extra_metadata
        .value()
        .and_then(|raw| raw.decode().ok())
        .unwrap_or_default();
    let is_object = metadata
        .get(WORKFLOW_CONFIG)
        .is_some_and(|value| value.get().starts_with('{'));
    let workflow_config = is_object
        .then(|| metadata.remove(WORKFLOW_CONFIG))
        .flatten();
    (metadata, workflow_config)
}

fn boxed(member: &Member<String>) -> Option<Box<str>> {
    member.value().map(|text| text.as_str().into())
}

/// The wire object as far as canonical fields give it.
fn build(conversation: &Conversation, native: &str) -> ConversationResponse {
    let assistant = conversation.assistant.clone().unwrap_or_default();
    let usage = conversation.usage.clone().unwrap_or_default();
    let mut metadata = conversation.metadata.clone();
    if let Some(config) = assistant.workflow_config {
        metadata.insert(WORKFLOW_CONFIG.into(), config);
    }
    let text = |text: &Option<Box<str>>| Member::or_null(text.as_deref().map(str::to_owned));
    let labels: Vec<String> = conversation
        .labels
        .iter()
        .map(|label| String::from(&**label))
        .collect();
    ConversationResponse {
        title: wire_title(conversation.title.as_deref()),
        description: text(&conversation.description),
        id: native.to_owned(),
        user_id: String::new(),
        profile_id: text(&assistant.profile_id),
        status: match (&conversation.status_native, &conversation.status) {
            (Some(native), _) => ConversationStatus::Other(String::from(&**native)),
            (None, Status::Archived) => ConversationStatus::Archived,
            (None, Status::Trashed) => ConversationStatus::Deleted,
            (None, _) => ConversationStatus::Active,
        },
        llm_provider: text(&assistant.provider),
        llm_model: text(&assistant.model),
        temperature: Member::or_null(assistant.temperature),
        max_tokens: Member::or_null(
            assistant
                .max_tokens
                .and_then(|tokens| u32::try_from(tokens).ok()),
        ),
        enable_retrieval: Member::Value(assistant.retrieval.unwrap_or_default()),
        message_count: Member::Value(
            conversation
                .counts
                .as_ref()
                .and_then(|counts| counts.messages)
                .unwrap_or_default(),
        ),
        total_tokens: Member::Value(usage.total_tokens.unwrap_or_default()),
        total_cost: Member::Value(usage.cost.unwrap_or_default()),
        system_prompt: text(&assistant.system_prompt),
        // These have no canonical home; with a value they are kept.
        context_window: Member::Absent,
        memory_enabled: Member::Absent,
        memory_strategy: Member::Null,
        retrieval_limit: Member::Absent,
        retrieval_score_threshold: Member::Absent,
        tags: Member::or_null(Some(labels).filter(|labels| !labels.is_empty())),
        extra_metadata: Member::or_null(Raw::encode(&metadata).ok()),
        workflow_config: Member::Null,
        created_at: spelled_time(conversation.created_at),
        updated_at: spelled_time(conversation.updated_at),
        last_message_at: Member::or_null(conversation.last_message_at.map(spelled_time)),
        messages: Member::Absent,
        extra: Extra::new(),
    }
}
