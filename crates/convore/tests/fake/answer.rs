//! Answers, and the query of a request.

use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, json};

use super::data::shuffle;
use super::{FakeOptions, ListOrder};

/// An answer before it is sent.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
    pub(crate) retry_after: Option<u64>,
}

/// Why a request is refused.
pub(crate) type Refusal = Box<Answer>;

impl Answer {
    pub(crate) fn json(status: u16, value: &impl Serialize) -> Self {
        Self {
            status,
            content_type: "application/json".to_owned(),
            body: serde_json::to_vec(value).expect("answers are json"),
            retry_after: None,
        }
    }

    /// A refusal. Its body is made up: the vendor declares none, and nobody may look at it.
    pub(crate) fn refused(status: u16, words: &str) -> Refusal {
        Box::new(Self::json(
            status,
            &json!({"message": words, "quoted": "a secret of somebody"}),
        ))
    }

    pub(crate) fn finish(self) -> Response<Body> {
        let status = StatusCode::from_u16(self.status).expect("a status");
        let mut response = Response::builder()
            .status(status)
            .header(header::CONTENT_TYPE, self.content_type);
        if let Some(seconds) = self.retry_after {
            response = response.header(header::RETRY_AFTER, seconds);
        }
        response.body(Body::from(self.body)).expect("an answer")
    }
}

/// The parameters of a request.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn of(text: &str) -> Self {
        Self(
            url::form_urlencoded::parse(text.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(value)
    }
}

/// A page of `items`, each with its id. The cursor is an offset: what is made or moved meanwhile moves it.
pub(crate) fn page(
    options: &FakeOptions,
    query: &Query,
    mut items: Vec<(String, Value)>,
) -> Result<Answer, Refusal> {
    let limit = match query.get("limit") {
        None => 100,
        Some(text) => match text.parse::<usize>() {
            Ok(limit @ 1..=100) => limit,
            _ => return Err(Answer::refused(400, "limit")),
        },
    };
    let offset = match query.get("cursor") {
        None => 0,
        Some(cursor) => cursor
            .strip_prefix("offset/")
            .and_then(|text| text.strip_suffix("=="))
            .and_then(|text| text.parse::<usize>().ok())
            .ok_or_else(|| Answer::refused(400, "cursor"))?,
    };
    match options.order {
        ListOrder::OldestFirst => items.sort_by(|one, other| one.0.cmp(&other.0)),
        ListOrder::NewestFirst => items.sort_by(|one, other| other.0.cmp(&one.0)),
        ListOrder::Shuffled => items.sort_by_key(|(id, _)| shuffle(id)),
    }
    let total = items.len();
    let end = offset
        .saturating_add(limit.min(options.page_max))
        .min(total);
    let shown: Vec<Value> = items
        .into_iter()
        .skip(offset)
        .take(end.saturating_sub(offset))
        .map(|(_, item)| item)
        .collect();
    let mut answer = json!({"data": shown, "total_count": total});
    if end < total {
        answer["next_cursor"] = json!(format!("offset/{end}=="));
    } else if options.ends_with_empty_cursor {
        answer["next_cursor"] = json!("");
    }
    Ok(Answer::json(200, &answer))
}
