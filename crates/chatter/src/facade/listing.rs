//! Lists of conversations, in both shapes.

use backend::{ConversationFilter, ConversationQuery, Order, PageRequest, Position, SortKey};
use conversation::{Assistant, Conversation, RawJson, Status};
use http::StatusCode;

use super::answers::{Answered, Refusal, json};
use super::call::Call;
use super::check::I64_MAX;
use super::ids::CONVERSATIONS;
use super::messages::{ROWS_MAX, number, too_many};
use super::view;
use crate::wire::{ConversationListResponse, Extra, Member};

/// Conversations of one call to the backend.
const PAGE: usize = 200;
/// Rows where nothing is said.
const LIMIT_DEFAULT: u64 = 50;
/// The same of the older shape, and its most.
const OLD_LIMIT_DEFAULT: u64 = 20;
const OLD_LIMIT_MAX: i128 = 100;

/// What is listed where no status is asked for: all but what was deleted.
const ALIVE: [Status; 4] = [Status::Open, Status::Closed, Status::Archived, Status::Spam];
/// What the vendor calls active: it knows neither closed nor unwanted conversations.
const ACTIVE: [Status; 3] = [Status::Open, Status::Closed, Status::Spam];

/// Columns by which the vendor sorts, beside those that we sort by: they say nothing of the order here, as they say
/// nothing there, where they have one value in all rows.
const OTHER_COLUMNS: [&str; 20] = [
    "description",
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
    "workflow_config",
];

/// What only the conversations themselves tell.
#[derive(Debug, Default)]
struct Settings {
    provider: Option<String>,
    model: Option<String>,
    retrieval: Option<bool>,
}

impl Settings {
    fn is_empty(&self) -> bool {
        self.provider.is_none() && self.model.is_none() && self.retrieval.is_none()
    }

    fn fit(&self, conversation: &Conversation) -> bool {
        let none = Assistant::default();
        let assistant = conversation.assistant.as_ref().unwrap_or(&none);
        let same = |wanted: &Option<String>, found: &Option<Box<str>>| {
            wanted.is_none() || wanted.as_deref() == found.as_deref()
        };
        same(&self.provider, &assistant.provider)
            && same(&self.model, &assistant.model)
            && self
                .retrieval
                .is_none_or(|wanted| wanted == assistant.retrieval.unwrap_or_default())
    }
}

/// A page by number.
struct Numbered {
    rows: Vec<Conversation>,
    total: u64,
}

/// `GET C/`
pub(super) async fn list(call: &Call) -> Answered {
    let mut check = call.check_query();
    let status = check.choice("status", false, &["active", "archived", "deleted"]);
    let settings = Settings {
        provider: check.text("llm_provider").into_value(),
        model: check.text("llm_model").into_value(),
        retrieval: check.flag("enable_retrieval", false),
    };
    let limit = check.integer("limit", 1, I64_MAX).into_value();
    let offset = check.integer("offset", 0, I64_MAX).into_value();
    let sort_by = check.text("sort_by").into_value();
    let sort = sort_key(sort_by.as_deref());
    if let (None, Some(column)) = (sort, &sort_by) {
        let reason = "sort by updated_at, created_at, title or id";
        check.refuse("sort_by", reason, &RawJson::string(column));
    }
    let is_descending = check.is_descending("sort_order").unwrap_or(true);
    check.finish(&call.problems)?;

    let filter = ConversationFilter {
        status: match status {
            Some("archived") => vec![Status::Archived],
            Some("deleted") => vec![Status::Trashed],
            Some(_) => ACTIVE.to_vec(),
            None => ALIVE.to_vec(),
        },
        label: tags(&call.query),
        ..ConversationFilter::default()
    };
    let query = query(filter, sort.unwrap_or_default(), is_descending);
    let (limit, offset) = (
        limit.map_or(LIMIT_DEFAULT, number),
        offset.map_or(0, number),
    );
    let page = match settings.is_empty() {
        true => page(call, query, offset, limit).await?,
        false => fitting(call, query, &settings, offset, limit).await?,
    };
    answer(call, page, limit, offset, false).await
}

/// `GET K/conversations`, in the shape of the release whose page documents it: `total`, and at most 100 rows.
pub(super) async fn old_list(call: &Call) -> Answered {
    let mut check = call.check_query();
    let limit = check.integer("limit", 1, OLD_LIMIT_MAX).into_value();
    let offset = check.integer("offset", 0, I64_MAX).into_value();
    check.finish(&call.problems)?;
    let filter = ConversationFilter {
        status: ALIVE.to_vec(),
        ..ConversationFilter::default()
    };
    let query = query(filter, SortKey::UpdatedAt, true);
    let (limit, offset) = (
        limit.map_or(OLD_LIMIT_DEFAULT, number),
        offset.map_or(0, number),
    );
    let page = page(call, query, offset, limit).await?;
    answer(call, page, limit, offset, true).await
}

async fn answer(call: &Call, page: Numbered, limit: u64, offset: u64, is_old: bool) -> Answered {
    let rows: Vec<&Conversation> = page.rows.iter().collect();
    let spelled = CONVERSATIONS.spelled(&call.api.parts, &rows).await;
    let spelled = spelled.map_err(|error| call.failed(&error))?;
    let principal = &call.caller.principal;
    let conversations = rows
        .into_iter()
        .zip(&spelled)
        .map(|(row, spelled)| view::conversation(row, spelled, principal, &call.problems))
        .collect::<Result<_, Refusal>>()?;
    let total = |is_wanted: bool| Member::from(is_wanted.then_some(page.total));
    let answer = ConversationListResponse {
        conversations,
        total_count: total(!is_old),
        total: total(is_old),
        limit,
        offset,
        extra: Extra::new(),
    };
    Ok(json(StatusCode::OK, &answer))
}

fn query(filter: ConversationFilter, sort: SortKey, is_descending: bool) -> ConversationQuery {
    ConversationQuery {
        filter,
        sort,
        page: PageRequest {
            limit: PAGE,
            order: match is_descending {
                true => Order::Desc,
                false => Order::Asc,
            },
            position: None,
        },
    }
}

/// At most `limit` conversations behind the first `offset`, by the directory's numbers.
async fn page(
    call: &Call,
    mut query: ConversationQuery,
    offset: u64,
    limit: u64,
) -> Result<Numbered, Refusal> {
    let failed = |error| call.failed(&error);
    let cx = call.cx();
    let (parts, principal) = (&call.api.parts, &call.caller.principal);
    // Before anything is counted: what a backend has that nobody has asked for yet is found by asking.
    query.page.limit = match offset {
        0 => usize::try_from(limit).unwrap_or(usize::MAX).clamp(1, PAGE),
        _ => 1,
    };
    let first = parts.backend.list_conversations(&cx, &query).await;
    let mut first = Some(first.map_err(failed)?.page).filter(|_| offset == 0);
    let counted = parts.directory.count(principal, &query).await;
    let total = counted.map_err(failed)?;
    let there = limit.min(total.saturating_sub(offset));
    let mut left = usize::try_from(there).unwrap_or(usize::MAX);
    if left > ROWS_MAX {
        return Err(too_many(call, "limit"));
    }
    let mut rows = Vec::with_capacity(left);
    if offset > 0 && left > 0 {
        let place = parts.directory.cursor_at(principal, &query, offset).await;
        match place.map_err(failed)? {
            Some(place) => query.page.position = Some(Position::After(place)),
            // Deleted since they were counted.
            None => left = 0,
        }
    }
    while left > 0 {
        query.page.limit = left.min(PAGE);
        let found = match first.take() {
            Some(found) => found,
            None => {
                let found = parts.backend.list_conversations(&cx, &query).await;
                found.map_err(failed)?.page
            }
        };
        let wanted = found.items.into_iter().take(query.page.limit);
        rows.extend(wanted.map(|located| located.conversation));
        // A row that is gone at its backend leaves its number empty, so that numbers stay what they are.
        left -= query.page.limit;
        match found.next {
            Some(next) => query.page.position = Some(Position::After(next)),
            None => break,
        }
    }
    Ok(Numbered { rows, total })
}

/// The same where only the conversations themselves tell which are wanted: all are looked at.
async fn fitting(
    call: &Call,
    mut query: ConversationQuery,
    settings: &Settings,
    offset: u64,
    limit: u64,
) -> Result<Numbered, Refusal> {
    let cx = call.cx();
    let mut page = Numbered {
        rows: Vec::new(),
        total: 0,
    };
    loop {
        if cx.remaining().is_zero() {
            let error = backend::Error::new(
                backend::Kind::Timeout,
                "too many conversations to be looked through in time: leave out llm_provider, llm_model and enable_retrieval",
            );
            return Err(call.failed(&error));
        }
        let found = call.api.parts.backend.list_conversations(&cx, &query).await;
        let found = found.map_err(|error| call.failed(&error))?.page;
        for located in found.items {
            if settings.fit(&located.conversation) {
                let wanted = offset..offset.saturating_add(limit);
                if wanted.contains(&page.total) {
                    page.rows.push(located.conversation);
                }
                page.total += 1;
            }
        }
        if page.rows.len() > ROWS_MAX {
            return Err(too_many(call, "limit"));
        }
        match found.next {
            Some(next) => query.page.position = Some(Position::After(next)),
            None => return Ok(page),
        }
    }
}

/// What a column is here; `None` where the vendor has none of this name.
fn sort_key(column: Option<&str>) -> Option<SortKey> {
    match column {
        None | Some("updated_at" | "last_message_at") => Some(SortKey::UpdatedAt),
        Some("created_at") => Some(SortKey::CreatedAt),
        Some("title") => Some(SortKey::Title),
        Some("id") => Some(SortKey::Id),
        Some(other) => OTHER_COLUMNS.contains(&other).then_some(SortKey::CreatedAt),
    }
}

/// All values of `tags`.
fn tags(query: &str) -> Vec<Box<str>> {
    url::form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name == "tags")
        .map(|(_, value)| value.into())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_of_the_vendor_sorts_and_no_other() {
        for column in ["updated_at", "id", "message_count", "status"] {
            assert!(sort_key(Some(column)).is_some(), "{column}");
        }
        for column in ["bogus", "user", "", "tags"] {
            assert_eq!(sort_key(Some(column)), None, "{column}");
        }
    }

    #[test]
    fn tags_may_be_repeated() {
        let found = tags("tags=a&limit=1&tags=b%20c");
        assert_eq!(found, vec![Box::from("a"), Box::from("b c")]);
    }
}
