//! Conversations and their messages, as both prefixes serve them.

use chatter::wire::{self, Member, Raw};

use super::Generation;
use super::answer::{Answer, Problems, Refusal};
use super::check::Check;
use super::data::{StoredConversation, merged_metadata, timestamp};
use super::routes::is_ulid;
use super::serve::Call;

/// Columns that a list may be sorted by.
const COLUMNS: [&str; 24] = [
    "title",
    "description",
    "id",
    "user_id",
    "profile_id",
    "status",
    "llm_provider",
    "llm_model",
    "temperature",
    "max_tokens",
    "enable_retrieval",
    "message_count",
    "total_tokens",
    "total_cost",
    "system_prompt",
    "context_window",
    "memory_enabled",
    "memory_strategy",
    "retrieval_limit",
    "retrieval_score_threshold",
    "extra_metadata",
    "created_at",
    "updated_at",
    "last_message_at",
];

pub(crate) fn create(call: &Call) -> Result<Answer, Refusal> {
    let mut check = call.check_body()?;
    let request = wire::ConversationCreate {
        title: check.required_text("title"),
        description: check.text("description"),
        profile_id: check.text("profile_id"),
        system_prompt: check.text("system_prompt"),
        enable_retrieval: check.flag("enable_retrieval"),
        temperature: check.number("temperature", 0.0, 2.0),
        max_tokens: max_tokens(&mut check, None),
        workflow_config: check.object("workflow_config"),
        extra_metadata: check.object("extra_metadata"),
        extra: wire::Extra::new(),
    };
    check.finish(&call.problems)?;
    check_columns(
        &call.problems,
        "create",
        Some(&request.title),
        request.max_tokens,
    )?;
    check_profile(call, &request.profile_id)
        .map_err(|text| call.problems.crash("DatabaseError", &text))?;
    let mut data = call.server.data();
    let now = data.now();
    let row = data.new_row(&call.user_id, now, &request);
    let stored = StoredConversation {
        row: row.clone(),
        messages: Vec::new(),
        locked: false,
    };
    data.conversations.insert(row.id.clone(), stored);
    Ok(Answer::json(201, &row))
}

pub(crate) fn list(call: &Call) -> Result<Answer, Refusal> {
    let old = call.generation() == Generation::V0;
    let mut check = Check::query(&call.query);
    let limit = check.integer("limit", 1, old.then_some(100));
    let offset = check.integer("offset", 0, None);
    let tags = check.has("tags");
    let mut status = Member::Absent;
    let (mut provider, mut model, mut retrieval) = (Member::Absent, Member::Absent, Member::Absent);
    let (mut sort_by, mut descending) = (Member::Absent, Member::Absent);
    if !old {
        status = check.choice("status", &["active", "archived", "deleted"]);
        (provider, model) = (check.text("llm_provider"), check.text("llm_model"));
        retrieval = check.flag("enable_retrieval");
        (sort_by, descending) = (check.text("sort_by"), check.sort_order());
    }
    check.finish(&call.problems)?;
    let limit = limit.into_value().unwrap_or(if old { 20 } else { 50 });
    let offset = offset.into_value().unwrap_or(0);
    let column = sort_by
        .into_value()
        .unwrap_or_else(|| "updated_at".to_owned());
    if limit.max(offset) > i128::from(i64::MAX) {
        let text =
            format!("invalid input for query argument $3: {limit} (value out of int64 range)");
        return Err(call.problems.crash("DBAPIError", &text));
    }
    if tags && !old {
        return Err(call
            .problems
            .crash("ProgrammingError", "operator does not exist: json ~~ text"));
    }
    if !COLUMNS.contains(&column.as_str()) {
        return Err(call.problems.crash(
            "NotImplementedError",
            "<function desc_op at 0x7f3073d4cea0>",
        ));
    }
    let status = status.into_value();
    let mut rows = call.server.data().rows_by(
        &call.user_id,
        &column,
        descending.into_value().unwrap_or(true),
    );
    rows.retain(|row| match &status {
        Some(status) => row.status.as_str() == status,
        None => row.status != wire::ConversationStatus::Deleted,
    });
    // Nothing made through this API has a provider, a model or retrieval.
    let never = provider.value().is_some()
        || model.value().is_some()
        || retrieval.into_value().unwrap_or(false);
    rows.retain(|_| !never);
    let total = rows.len() as u64;
    let (limit, offset) = (
        u64::try_from(limit).unwrap_or_default(),
        u64::try_from(offset).unwrap_or_default(),
    );
    let first = if call.server.options.repeats_pages {
        0
    } else {
        offset
    };
    let page = page(rows, limit, first);
    let answer = wire::ConversationListResponse {
        conversations: page,
        total_count: if old {
            Member::Absent
        } else {
            Member::Value(total)
        },
        total: if old {
            Member::Value(total)
        } else {
            Member::Absent
        },
        limit,
        offset,
        extra: wire::Extra::new(),
    };
    Ok(Answer::json(200, &answer))
}

pub(crate) fn get(call: &Call, id: &str) -> Result<Answer, Refusal> {
    check_id(&call.problems, id)?;
    let mut check = Check::query(&call.query);
    let with_messages = check.flag("include_messages").into_value().unwrap_or(true);
    check.finish(&call.problems)?;
    let mut data = call.server.data();
    let Some(stored) = data.owned(&call.user_id, id) else {
        return Err(call
            .problems
            .crash("NotFoundError", "Conversation not found or not accessible"));
    };
    let mut row = stored.row.clone();
    row.messages = Member::Value(if with_messages {
        data.messages_by_time(id)
    } else {
        Vec::new()
    });
    Ok(Answer::json(200, &row))
}

pub(crate) async fn update(call: &Call, id: &str) -> Result<Answer, Refusal> {
    check_id(&call.problems, id)?;
    let mut check = call.check_body()?;
    let title = check.text("title");
    let status = check.choice("status", &["active", "archived", "deleted"]);
    let temperature = check.number("temperature", 0.0, 2.0);
    let max_tokens = max_tokens(&mut check, None);
    let (workflow_config, extra_metadata) = (
        check.object("workflow_config"),
        check.object("extra_metadata"),
    );
    check.text("description");
    check.finish(&call.problems)?;
    wait_for_lock(call, id).await;
    let mut data = call.server.data();
    let now = data.now();
    let Some(stored) = data.owned(&call.user_id, id) else {
        return Err(call
            .problems
            .not_found(Some("conversation"), "Conversation not found"));
    };
    check_columns(
        &call.problems,
        "update",
        title.value().map(String::as_str),
        max_tokens,
    )?;
    let mut row = stored.row.clone();
    row.title = title.into_value().unwrap_or(row.title);
    row.status = status
        .into_value()
        .map_or(row.status, |status| match status.as_str() {
            "archived" => wire::ConversationStatus::Archived,
            "deleted" => wire::ConversationStatus::Deleted,
            _ => wire::ConversationStatus::Active,
        });
    if temperature.value().is_some() {
        row.temperature = temperature;
    }
    if max_tokens.value().is_some() {
        row.max_tokens = max_tokens;
    }
    // Metadata can be written once: afterwards it is lost without a word.
    if row.extra_metadata.value().map(Raw::text) == Some("{}") {
        row.extra_metadata = Member::Value(merged_metadata(&extra_metadata, &workflow_config));
    }
    if row != stored.row {
        row.updated_at = timestamp(now);
    }
    stored.row = row.clone();
    Ok(Answer::json(200, &row))
}

pub(crate) async fn delete(call: &Call, id: &str) -> Result<Answer, Refusal> {
    check_id(&call.problems, id)?;
    wait_for_lock(call, id).await;
    let mut data = call.server.data();
    let now = data.now();
    let Some(stored) = data.owned(&call.user_id, id) else {
        return Err(call
            .problems
            .not_found(Some("conversation"), "Conversation not found"));
    };
    if stored.row.status != wire::ConversationStatus::Deleted {
        stored.row.status = wire::ConversationStatus::Deleted;
        stored.row.updated_at = timestamp(now);
    }
    let message = "Conversation deleted successfully".to_owned();
    Ok(Answer::json(
        200,
        &wire::ConversationDeleteResponse {
            message,
            extra: wire::Extra::new(),
        },
    ))
}

pub(crate) fn list_messages(call: &Call, id: &str) -> Result<Answer, Refusal> {
    check_id(&call.problems, id)?;
    let mut check = Check::query(&call.query);
    let limit = check.integer("limit", 1, None);
    let offset = check.integer("offset", 0, None);
    check.finish(&call.problems)?;
    let mut data = call.server.data();
    if data.owned(&call.user_id, id).is_none() {
        return Err(call.problems.crash(
            "AuthorizationError",
            "Access denied to conversation messages",
        ));
    }
    let bounded = |value: Member<i128>, default: u64| {
        value
            .into_value()
            .map_or(default, |value| u64::try_from(value).unwrap_or(u64::MAX))
    };
    let messages = data.messages_by_time(id);
    Ok(Answer::json(
        200,
        &page(messages, bounded(limit, 50), bounded(offset, 0)),
    ))
}

pub(crate) async fn delete_message(
    call: &Call,
    id: &str,
    message_id: &str,
) -> Result<Answer, Refusal> {
    check_id(&call.problems, id)?;
    check_id(&call.problems, message_id)?;
    wait_for_lock(call, id).await;
    let mut data = call.server.data();
    let position = data.owned(&call.user_id, id).and_then(|stored| {
        Some((
            stored
                .messages
                .iter()
                .position(|message| message.id == message_id)?,
            stored,
        ))
    });
    let Some((position, stored)) = position else {
        return Err(call
            .problems
            .not_found(Some("message"), "Message not found"));
    };
    stored.messages.remove(position);
    let message = "Message deleted successfully".to_owned();
    Ok(Answer::json(
        200,
        &wire::MessageDeleteResponse {
            message,
            extra: wire::Extra::new(),
        },
    ))
}

pub(crate) async fn rate_message(
    call: &Call,
    id: &str,
    message_id: &str,
) -> Result<Answer, Refusal> {
    check_id(&call.problems, id)?;
    check_id(&call.problems, message_id)?;
    let mut check = call.check_body()?;
    let vote = check.required_number("rating", 0.0, 5.0);
    check.finish(&call.problems)?;
    wait_for_lock(call, id).await;
    let mut data = call.server.data();
    let found = data.owned(&call.user_id, id).and_then(|stored| {
        stored
            .messages
            .iter_mut()
            .find(|message| message.id == message_id)
    });
    let Some(message) = found else {
        return Err(call
            .problems
            .not_found(Some("message"), "Message not found"));
    };
    let count = message.rating_count.into_value().unwrap_or_default();
    let mean = message.rating.into_value().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "nobody votes 2^53 times")]
    let mean = (mean * count as f64 + vote) / (count + 1) as f64;
    message.rating = Member::Value(mean);
    message.rating_count = Member::Value(count + 1);
    let answer = wire::MessageRatingResponse {
        message: "Message rating updated successfully".to_owned(),
        rating: mean,
        rating_count: count + 1,
        extra: wire::Extra::new(),
    };
    Ok(Answer::json(200, &answer))
}

/// After a stream on old FastAPI the conversation's row stays locked: writes wait for ever.
pub(crate) async fn wait_for_lock(call: &Call, id: &str) {
    let locked = call
        .server
        .data()
        .owned(&call.user_id, id)
        .is_some_and(|stored| stored.locked);
    if locked {
        std::future::pending::<()>().await;
    }
}

/// Only whole numbers of 32 bits reach the database unharmed; the check before it knows a lower bound alone.
pub(crate) fn max_tokens(check: &mut Check, most: Option<i128>) -> Member<u32> {
    match check.integer("max_tokens", 1, most) {
        Member::Absent => Member::Absent,
        Member::Null => Member::Null,
        Member::Value(value) => Member::Value(u32::try_from(value).unwrap_or(u32::MAX)),
    }
}

pub(crate) fn check_profile(call: &Call, profile_id: &Member<String>) -> Result<(), String> {
    let known = |profile_id: &String| call.server.options.profiles.contains(profile_id);
    if profile_id.value().is_none_or(known) {
        return Ok(());
    }
    let text = "insert or update on table \"conversations\" violates foreign key constraint \
                \"conversations_profile_id_fkey\"";
    Err(text.to_owned())
}

fn check_columns(
    problems: &Problems,
    verb: &str,
    title: Option<&str>,
    max_tokens: Member<u32>,
) -> Result<(), Refusal> {
    let reason = match title {
        Some("") => "violates check constraint \"check_title_not_empty\"",
        Some(title) if title.contains('\0') => "invalid byte sequence for encoding \"UTF8\": 0x00",
        Some(title) if title.chars().count() > 255 => {
            "value too long for type character varying(255)"
        }
        _ if max_tokens
            .into_value()
            .is_some_and(|value| i32::try_from(value).is_err()) =>
        {
            "value out of int32 range"
        }
        _ => return Ok(()),
    };
    Err(problems.crash(
        "DatabaseError",
        &format!("Failed to {verb} conversation: {reason}"),
    ))
}

fn check_id(problems: &Problems, id: &str) -> Result<(), Refusal> {
    if is_ulid(id) {
        Ok(())
    } else {
        Err(problems.bad_request("Invalid ULID format: must be a valid ULID"))
    }
}

fn page<T>(items: Vec<T>, limit: u64, offset: u64) -> Vec<T> {
    let size = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    items
        .into_iter()
        .skip(size(offset))
        .take(size(limit))
        .collect()
}
