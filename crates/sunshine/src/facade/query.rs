//! Queries: deep objects, spelled `page[after]=…` or, by one of the vendor's own clients, as JSON (`page={"after":…}`).

use std::collections::BTreeMap;

use serde_json::Value;
use url::form_urlencoded;

use super::answer::Refused;
use crate::wire::{CURSOR_CHARS, PageQuery};

/// What a query may have as its objects.
const OBJECTS: [&str; 2] = ["page", "filter"];
/// The most parameters that are read.
const PARAMETERS_MAX: usize = 32;
/// The largest page, and the usual one.
const SIZE_MAX: u32 = 100;
const SIZE_DEFAULT: u32 = 25;

/// The parameters of a request, by the bracketed spelling.
#[derive(Debug, Default)]
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    pub(super) fn read(raw: &str) -> Result<Self, Refused> {
        let mut read = BTreeMap::new();
        for (index, (name, value)) in form_urlencoded::parse(raw.as_bytes()).enumerate() {
            if index == PARAMETERS_MAX {
                return Err(Refused::bad_request("The query has too many parameters"));
            }
            if !OBJECTS.contains(&&*name) {
                read.insert(name.into_owned(), value.into_owned());
                continue;
            }
            let members: BTreeMap<String, Value> = serde_json::from_str(&value)
                .map_err(|_| Refused::bad_request("The query is malformed"))?;
            for (member, value) in members {
                let text = match value {
                    Value::Null => continue,
                    Value::String(text) => text,
                    Value::Number(number) => number.to_string(),
                    _ => return Err(Refused::bad_request("The query is malformed")),
                };
                read.insert(format!("{name}[{member}]"), text);
            }
        }
        Ok(Self(read))
    }

    pub(super) fn one(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Which page is asked for.
    pub(super) fn page(&self) -> Result<PageQuery, Refused> {
        let cursor = |name: &str| match self.one(name) {
            Some(id) if id.chars().count() != CURSOR_CHARS => Err(Refused::bad_page()),
            id => Ok(id.map(str::to_owned)),
        };
        let page = PageQuery {
            after: cursor("page[after]")?,
            before: cursor("page[before]")?,
            size: Some(match self.one("page[size]") {
                None => SIZE_DEFAULT,
                Some(text) => text
                    .parse()
                    .ok()
                    .filter(|size| (1..=SIZE_MAX).contains(size))
                    .ok_or_else(Refused::bad_page)?,
            }),
        };
        if page.after.is_some() && page.before.is_some() {
            return Err(Refused::bad_page());
        }
        Ok(page)
    }

    /// The same query with another cursor.
    pub(super) fn with_cursor(&self, name: &str, cursor: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in &self.0 {
            if name != "page[after]" && name != "page[before]" {
                query.append_pair(name, value);
            }
        }
        query.append_pair(name, cursor).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_read_alike() {
        let id = "5e1606762556d93e9c176f69";
        for raw in [
            format!("page[after]={id}&page[size]=10&filter[userId]=u"),
            format!("page%5Bafter%5D={id}&page%5Bsize%5D=10&filter%5BuserId%5D=u"),
            format!(r#"page={{"after":"{id}","size":10}}&filter={{"userId":"u"}}"#),
        ] {
            let query = Query::read(&raw).unwrap();
            let page = query.page().unwrap();
            assert_eq!((page.after.as_deref(), page.size), (Some(id), Some(10)));
            assert_eq!(query.one("filter[userId]"), Some("u"));
        }
        let written =
            Query::read("filter=%7B%22userExternalId%22%3A%20%22a%20b%26c/%5Cu00e9%22%7D");
        assert_eq!(
            written.unwrap().one("filter[userExternalId]"),
            Some("a b&c/é")
        );
    }

    #[test]
    fn a_page_that_cannot_be_meant_is_refused() {
        let id = "5e1606762556d93e9c176f69";
        for raw in [
            "page[size]=0".to_owned(),
            "page[size]=101".to_owned(),
            "page[size]=x".to_owned(),
            "page[after]=short".to_owned(),
            format!("page[after]={id}&page[before]={id}"),
        ] {
            let query = Query::read(&raw).unwrap();
            assert!(query.page().is_err(), "{raw}");
        }
        assert!(Query::read("page=x").is_err());
    }
}
