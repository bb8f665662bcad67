//! Cursor pages: ids are the cursors.

use std::collections::BTreeMap;

use sunshine::wire::{CURSOR_CHARS, Extra, Links, Member, Meta};

use super::UnknownCursor;
use super::answer::Refusal;
use super::serve::Call;

/// Before all ids, and behind them.
const FIRST: &str = "000000000000000000000000";
const LAST: &str = "ffffffffffffffffffffffff";

/// Which way a list is read when no cursor says otherwise.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Travel {
    /// From the oldest record on.
    Forwards,
    /// From the newest record back.
    Backwards,
}

/// One page of records and what is said about its neighbours.
pub(crate) struct Page<T> {
    pub(crate) records: Vec<T>,
    pub(crate) meta: Member<Meta>,
    pub(crate) links: Member<Links>,
}

/// The size that a query asks for: 1 to 100, 25 where it asks for none.
pub(crate) fn size(query: &BTreeMap<String, String>) -> Result<usize, Refusal> {
    let Some(text) = query.get("page[size]") else {
        return Ok(25);
    };
    let size = text.parse().map_err(|_| Refusal::BAD_PAGE)?;
    if (1..=100).contains(&size) {
        Ok(size)
    } else {
        Err(Refusal::BAD_PAGE)
    }
}

/// Cuts a page out of records that are ordered by id.
pub(crate) fn cut<T: Clone>(
    call: &Call,
    records: &[(String, T)],
    size: usize,
    travel: Travel,
) -> Result<Page<T>, Refusal> {
    let cursor = |name: &str| match call.query.get(name) {
        Some(id) if id.len() != CURSOR_CHARS => Err(Refusal::BAD_PAGE),
        Some(id) => {
            let known = records.iter().any(|(other, _)| other == id);
            match call.server.options.unknown_cursor {
                UnknownCursor::Refused(400) if !known => Err(Refusal::BAD_PAGE),
                UnknownCursor::Refused(404) if !known => Err(Refusal::NOT_FOUND),
                UnknownCursor::Refused(status) if !known => {
                    Err(Refusal::new(status, "unknown_cursor", "Unknown cursor"))
                }
                UnknownCursor::Ignored if !known => Ok(None),
                UnknownCursor::End if !known && name == "page[after]" => Ok(Some(LAST)),
                UnknownCursor::End if !known => Ok(Some(FIRST)),
                _ => Ok(Some(id.as_str())),
            }
        }
        None => Ok(None),
    };
    let (start, end, backwards) = match (cursor("page[after]")?, cursor("page[before]")?) {
        (Some(_), Some(_)) => return Err(Refusal::BAD_PAGE),
        (Some(after), None) => {
            let start = records.partition_point(|(id, _)| id.as_str() <= after);
            (start, (start + size).min(records.len()), false)
        }
        (None, Some(before)) => {
            let end = records.partition_point(|(id, _)| id.as_str() < before);
            (end.saturating_sub(size), end, true)
        }
        (None, None) if travel == Travel::Forwards => (0, size.min(records.len()), false),
        (None, None) => (records.len().saturating_sub(size), records.len(), true),
    };
    let page = &records[start..end];
    let before = page.first().filter(|_| start > 0).map(|(id, _)| id.clone());
    let after = page
        .last()
        .filter(|_| end < records.len())
        .map(|(id, _)| id.clone());
    let has_more = if backwards {
        before.is_some()
    } else {
        after.is_some()
    };
    let bare = call.server.options.bare_lists && !has_more;
    let meta = Meta {
        has_more: Member::Value(has_more),
        after_cursor: after.clone().into(),
        before_cursor: before.clone().into(),
        extra: Extra::new(),
    };
    let links = Links {
        prev: before.map(|id| link(call, "page[before]", &id)).into(),
        next: after.map(|id| link(call, "page[after]", &id)).into(),
        extra: Extra::new(),
    };
    Ok(Page {
        records: page.iter().map(|(_, record)| record.clone()).collect(),
        meta: if bare {
            Member::Absent
        } else {
            Member::Value(meta)
        },
        links: if bare {
            Member::Absent
        } else {
            Member::Value(links)
        },
    })
}

/// The absolute URL of a neighbour: the same query with another cursor.
fn link(call: &Call, name: &str, id: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (key, value) in &call.query {
        if key != "page[after]" && key != "page[before]" {
            query.append_pair(key, value);
        }
    }
    query.append_pair(name, id);
    format!("{}{}?{}", call.origin, call.path, query.finish())
}
