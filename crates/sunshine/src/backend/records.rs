//! Lists of the vendor, page by page.

use backend::{Error, Kind, Origin, Outcome};

use crate::wire::{Links, Member, Meta};

/// The vendor leads in circles: going on would never end, and stopping would look like the end of the list.
pub(super) fn repeats() -> Error {
    Error::new(Kind::InvalidResponse, "sunshine repeats a cursor")
        .origin(Origin::Upstream)
        .outcome(Outcome::NotApplied)
}

/// One page as far as going on forwards needs it.
pub(super) struct PageEnd<'a> {
    pub(super) meta: &'a Member<Meta>,
    pub(super) links: &'a Member<Links>,
    /// How many records it has.
    pub(super) count: usize,
    /// How many were asked for.
    pub(super) size: usize,
    /// The id of its last record.
    pub(super) last: Option<&'a str>,
    /// The cursor that was sent for it.
    pub(super) sent: Option<&'a str>,
}

impl PageEnd<'_> {
    /// The cursor of the next page. Both `meta` and `links` may be missing; cursors are ids of records, so the last
    /// record is one.
    pub(super) fn next(&self) -> Result<Option<String>, Error> {
        let last = self.last.map(str::to_owned);
        let next = match (self.meta.value(), self.links.value()) {
            (Some(meta), links) => {
                let has_more = meta.has_more.into_value().unwrap_or_else(|| {
                    meta.after_cursor.value().is_some()
                        || links.is_some_and(|links| links.next.value().is_some())
                });
                let cursor = meta.after_cursor.value().cloned().or(last);
                cursor.filter(|_| has_more)
            }
            (None, Some(links)) => links.next.value().and_then(|next| cursor_of(next).or(last)),
            (None, None) => last.filter(|_| self.count >= self.size),
        };
        if next.is_some() && next.as_deref() == self.sent {
            return Err(repeats());
        }
        Ok(next)
    }
}

/// The cursor inside the link to a next page.
fn cursor_of(link: &str) -> Option<String> {
    let url = url::Url::parse(link).ok()?;
    url.query_pairs()
        .find(|(name, _)| name == "page[after]")
        .map(|(_, cursor)| cursor.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(meta: &str, links: &str, count: usize) -> Option<String> {
        let end = PageEnd {
            meta: &serde_json::from_str(meta).unwrap(),
            links: &serde_json::from_str(links).unwrap(),
            count,
            size: 2,
            last: Some("last"),
            sent: Some("sent"),
        };
        end.next().unwrap()
    }

    #[test]
    fn a_page_says_in_many_ways_where_the_next_begins() {
        let cursor = |text: &str| Some(text.to_owned());
        assert_eq!(
            next(r#"{"hasMore":true,"afterCursor":"a"}"#, "null", 2),
            cursor("a")
        );
        assert_eq!(next(r#"{"hasMore":true}"#, "null", 2), cursor("last"));
        assert_eq!(
            next(r#"{"hasMore":false,"afterCursor":"a"}"#, "null", 2),
            None
        );
        assert_eq!(next(r#"{"afterCursor":"a"}"#, "null", 2), cursor("a"));
        assert_eq!(next("{}", "null", 2), None);
        let link = r#"{"next":"https://example.com/v2?page%5Bafter%5D=b"}"#;
        assert_eq!(next("null", link, 1), cursor("b"));
        assert_eq!(next("null", "{}", 2), None);
        assert_eq!(next("null", "null", 2), cursor("last"));
        assert_eq!(next("null", "null", 1), None);
    }

    #[test]
    fn a_cursor_that_leads_to_itself_is_an_error() {
        let meta = serde_json::from_str(r#"{"hasMore":true,"afterCursor":"sent"}"#).unwrap();
        let end = PageEnd {
            meta: &meta,
            links: &Member::Absent,
            count: 2,
            size: 2,
            last: None,
            sent: Some("sent"),
        };
        assert_eq!(end.next().unwrap_err().kind, Kind::InvalidResponse);
    }
}
