//! Lists: limit, order and cursor out of the query, the envelope and its `Link` header.

use std::collections::BTreeMap;
use std::str::FromStr;

use axum::body::Body;
use axum::response::Response;
use backend::{Cursor, FieldFate, Order, Page, PageRequest, Position};
use conversation::MessageId;
use http::header::{CONTENT_TYPE, LINK};
use http::{HeaderValue, Uri};
use serde::Serialize;

use crate::answer::{JSON, to_json};
use crate::problem::Problem;
use crate::query::{Query, invalid_query};

const LIMIT_DEFAULT: usize = 50;
/// The largest page.
pub(crate) const LIMIT_MAX: usize = 200;
/// A cursor of ours is the backend's with a letter in front: to the next or to the previous page.
const NEXT: char = 'n';
const PREVIOUS: char = 'p';

/// The envelope of every list.
#[derive(Debug, Serialize)]
pub(crate) struct List<T> {
    pub(crate) data: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) previous_cursor: Option<String>,
    pub(crate) has_more: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) as_of: Option<conversation::Time>,
    /// What became of fields, by the id of the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fidelity: Option<BTreeMap<Box<str>, Vec<FieldFate>>>,
}

impl<T> List<T> {
    /// A list that always comes whole.
    pub(crate) fn whole(data: Vec<T>) -> Self {
        List::of(Page {
            items: data,
            next: None,
            previous: None,
        })
    }

    /// One page.
    pub(crate) fn of(page: Page<T>) -> Self {
        let spell = |letter: char, cursor: Cursor| format!("{letter}{}", cursor.as_str());
        List {
            has_more: page.next.is_some(),
            next_cursor: page.next.map(|cursor| spell(NEXT, cursor)),
            previous_cursor: page.previous.map(|cursor| spell(PREVIOUS, cursor)),
            data: page.items,
            as_of: None,
            fidelity: None,
        }
    }
}

impl<T: Serialize> List<T> {
    /// The answer, with links to the pages around it.
    pub(crate) fn into_answer(self, uri: &Uri) -> Result<Response, Problem> {
        let mut response = Response::new(Body::from(to_json(&self)?));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, JSON);
        let links: Vec<String> = [("next", &self.next_cursor), ("prev", &self.previous_cursor)]
            .into_iter()
            .filter_map(|(relation, cursor)| Some((relation, cursor.as_ref()?)))
            .map(|(relation, cursor)| {
                format!("<{}>; rel=\"{relation}\"", address_with(uri, cursor))
            })
            .collect();
        if !links.is_empty()
            && let Ok(value) = HeaderValue::try_from(links.join(", "))
        {
            headers.insert(LINK, value);
        }
        Ok(response)
    }
}

/// The same address with every parameter, at another place.
fn address_with(uri: &Uri, cursor: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        if !["cursor", "after", "before"].contains(&&*name) {
            query.append_pair(&name, &value);
        }
    }
    query.append_pair("cursor", cursor);
    format!("{}?{}", uri.path(), query.finish())
}

/// Reads `limit`, `order` and `cursor`.
pub(crate) fn page_request(query: &mut Query, order: Order) -> Result<PageRequest, Problem> {
    let limit = limit_of(query)?;
    let order = match query.one("order")?.as_deref() {
        None => order,
        Some("asc") => Order::Asc,
        Some("desc") => Order::Desc,
        Some(_) => return Err(invalid_query("order", "use one of: asc, desc")),
    };
    let position = match query.one("cursor")? {
        None => None,
        Some(cursor) => Some(position_of(&cursor)?),
    };
    Ok(PageRequest {
        limit,
        order,
        position,
    })
}

fn limit_of(query: &mut Query) -> Result<usize, Problem> {
    let Some(limit) = query.one("limit")? else {
        return Ok(LIMIT_DEFAULT);
    };
    usize::from_str(&limit)
        .ok()
        .filter(|limit| (1..=LIMIT_MAX).contains(limit))
        .ok_or_else(|| invalid_query("limit", format!("a whole number from 1 to {LIMIT_MAX}")))
}

/// Reads `limit` and `cursor` of a list that goes one way only.
pub(crate) fn forward_page(query: &mut Query) -> Result<(usize, Option<Cursor>), Problem> {
    let limit = limit_of(query)?;
    let after = match query.one("cursor")? {
        None => None,
        Some(cursor) => match position_of(&cursor)? {
            Position::After(cursor) => Some(cursor),
            _ => return Err(not_a_cursor()),
        },
    };
    Ok((limit, after))
}

fn position_of(cursor: &str) -> Result<Position, Problem> {
    if let Some(rest) = cursor.strip_prefix(NEXT) {
        Ok(Position::After(Cursor::from(rest)))
    } else if let Some(rest) = cursor.strip_prefix(PREVIOUS) {
        Ok(Position::Before(Cursor::from(rest)))
    } else {
        Err(not_a_cursor())
    }
}

fn not_a_cursor() -> Problem {
    backend::Error::new(
        backend::Kind::InvalidCursor,
        "not a cursor that this list returned",
    )
    .into()
}

/// Reads `after` and `before` on top: a page of messages may begin at a message.
pub(crate) fn message_page_request(query: &mut Query) -> Result<PageRequest, Problem> {
    let mut page = page_request(query, Order::Asc)?;
    let mut chosen = page.position.is_some().then_some("cursor");
    for name in ["after", "before"] {
        let Some(id) = query.one(name)? else {
            continue;
        };
        if let Some(other) = chosen.replace(name) {
            return Err(invalid_query(
                name,
                format!("give it without `{other}`: a page begins at one place"),
            ));
        }
        let id =
            MessageId::from_str(&id).map_err(|error| invalid_query(name, error.to_string()))?;
        page.position = Some(match name {
            "after" => Position::AfterMessage(id),
            _ => Position::BeforeMessage(id),
        });
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use backend::Position;
    use http::Uri;

    use super::{List, Page, address_with, position_of};

    #[test]
    fn cursor_leads_in_both_directions() {
        assert!(
            matches!(position_of("nabc"), Ok(Position::After(cursor)) if cursor.as_str() == "abc")
        );
        assert!(
            matches!(position_of("pabc"), Ok(Position::Before(cursor)) if cursor.as_str() == "abc")
        );
        for bad in ["", "abc", "N"] {
            let problem = position_of(bad).expect_err(bad);
            assert_eq!(problem.document().errors[0].pointer, "/cursor");
        }
    }

    #[test]
    fn link_keeps_every_parameter_but_the_place() {
        let uri: Uri = "/v1/conversations?label=a%26b&cursor=nold&limit=2&label=c"
            .parse()
            .unwrap();
        assert_eq!(
            address_with(&uri, "nnew"),
            "/v1/conversations?label=a%26b&limit=2&label=c&cursor=nnew"
        );
    }

    #[test]
    fn last_page_has_no_more() {
        let list = List::of(Page {
            items: vec![1],
            next: None,
            previous: Some("x".into()),
        });
        assert!(!list.has_more);
        assert_eq!(list.previous_cursor.as_deref(), Some("px"));
    }
}
