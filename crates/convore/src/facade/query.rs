//! Queries, with what the vendor's own client makes of repeated parameters.
//!
//! That client percent-encodes single values and leaves repeated ones as they are: a `+` is a plus, an `&` splits a value,
//! and words arrive under their names in its own language (`ConversationStatus.OPEN`).

use axum::extract::FromRequestParts;
use conversation::Time;
use http::request::Parts;
use percent_encoding::percent_decode_str;

use super::App;
use super::answer::Problem;
use super::body;

/// The most items of a page where nothing else is said, and how many there are where nothing is asked for.
pub(super) const PAGE_MAX: usize = 100;

/// The query as it was sent.
pub(super) struct Query(String);

impl FromRequestParts<App> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Problem> {
        Ok(Self(parts.uri.query().unwrap_or_default().to_owned()))
    }
}

impl Query {
    /// Its parameters. `known` are those of the operation, `texts` the repeated ones that hold any text.
    pub(super) fn read(&self, known: &[&str], texts: &[&str]) -> Result<Parameters, Problem> {
        let mut raw: Vec<(&str, String)> = Vec::new();
        for piece in self.0.split('&').filter(|piece| !piece.is_empty()) {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            let is_known = known.contains(&name) && piece.contains('=');
            match raw.last_mut() {
                // The rest of a value that had an `&` in it.
                Some((before, text)) if !is_known && texts.contains(&*before) => {
                    text.push('&');
                    text.push_str(piece);
                }
                _ => raw.push((name, value.to_owned())),
            }
        }
        let mut all = Vec::with_capacity(raw.len());
        for (name, value) in raw {
            let value = percent_decode_str(&value)
                .decode_utf8()
                .map_err(|_| Problem::bad("the query is no UTF-8"))?;
            all.push((name.to_owned(), value.into_owned()));
        }
        Ok(Parameters(all))
    }
}

/// Parameters of a query, in their order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// All values of a parameter.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(other, _)| other == name);
        named.map(|(_, value)| value.as_str())
    }

    /// The first value of a parameter.
    pub(super) fn one<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// Yes or no.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Problem> {
        match self.one(name) {
            None => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err(Problem::bad(format!("{name}: true or false"))),
        }
    }

    /// A time.
    pub(super) fn time(&self, name: &str) -> Result<Option<Time>, Problem> {
        self.one(name)
            .map(|text| body::time(name, text))
            .transpose()
    }

    /// The words of a parameter, in any spelling that a client of the vendor has.
    pub(super) fn words(&self, name: &str) -> Vec<String> {
        self.all(name).map(word).collect()
    }

    /// How many items a page shall have.
    pub(super) fn limit(&self, most: usize) -> Result<usize, Problem> {
        let Some(text) = self.one("limit") else {
            return Ok(PAGE_MAX);
        };
        let limit: Option<usize> = text.parse().ok();
        limit
            .filter(|limit| (1..=most).contains(limit))
            .ok_or_else(|| Problem::bad(format!("limit: a number from 1 to {most}")))
    }

    /// Where the page begins. A blank one is the beginning.
    pub(super) fn cursor(&self) -> Option<&str> {
        self.one("cursor").filter(|cursor| !cursor.is_empty())
    }
}

/// `ConversationStatus.OPEN`, `OPEN` and `open` are one word.
fn word(text: &str) -> String {
    let word = text.rsplit('.').next().unwrap_or(text);
    word.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &[
        "statuses",
        "contact_handle_tokens",
        "label_ids",
        "limit",
        "cursor",
        "has_drafts",
        "created_at_after",
    ];

    fn read(query: &str) -> Parameters {
        let query = Query(query.to_owned());
        query
            .read(KNOWN, &["contact_handle_tokens", "label_ids"])
            .unwrap()
    }

    #[test]
    fn the_defects_of_the_vendors_client_are_undone() {
        let all = read(
            "statuses=ConversationStatus.OPEN&statuses=done&contact_handle_tokens=EMAIL:bo+tag@example.test\
             &contact_handle_tokens=CONVORE_CHAT:u%201&2&x=y&has_drafts=true&created_at_after=2019-05-04T03%3A02%3A01Z",
        );
        assert_eq!(all.words("statuses"), ["open", "done"]);
        let tokens: Vec<_> = all.all("contact_handle_tokens").collect();
        assert_eq!(
            tokens,
            ["EMAIL:bo+tag@example.test", "CONVORE_CHAT:u 1&2&x=y"]
        );
        assert_eq!(all.flag("has_drafts").unwrap(), Some(true));
        let time = all.time("created_at_after").unwrap().unwrap();
        assert_eq!(time.to_string(), "2019-05-04T03:02:01.000Z");
    }

    #[test]
    fn limits_have_two_ends() {
        assert_eq!(read("").limit(100).unwrap(), 100);
        assert_eq!(read("limit=500").limit(500).unwrap(), 500);
        for bad in ["limit=0", "limit=-1", "limit=101", "limit=", "limit=x"] {
            assert!(read(bad).limit(100).is_err(), "{bad}");
        }
    }

    #[test]
    fn other_parameters_are_overlooked_and_wrong_values_are_not() {
        assert_eq!(read("a=b&&c").one("limit"), None);
        assert!(read("has_drafts=1").flag("has_drafts").is_err());
        assert!(
            read("created_at_after=2019-05-04T03:02:01")
                .time("created_at_after")
                .is_err()
        );
        assert!(Query("a=%ff".to_owned()).read(KNOWN, &[]).is_err());
    }
}
