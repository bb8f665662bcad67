//! The query: every parameter known, scalars once, values in range. An unknown name is refused: a misspelt filter
//! must not return everything.

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::problem::{Code, FieldError, Place, Problem};

/// A suggestion must be at least this similar (0 to 1).
const SUGGESTION_SIMILARITY_MIN: f64 = 0.7;

/// The query's parameters in their order; each is taken once.
#[derive(Debug)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
    /// Every name that was asked for: what is left over is compared with them.
    known: Vec<&'static str>,
}

impl Query {
    fn parse(query: Option<&str>) -> Self {
        let pairs = query.map_or_else(Vec::new, |query| {
            url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect()
        });
        Query {
            pairs,
            known: Vec::new(),
        }
    }

    /// A parameter that may stand at most once.
    pub(crate) fn one(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        let mut values = self.all(name);
        match values.len() {
            0 | 1 => Ok(values.pop()),
            _ => Err(invalid_query(name, "give it once")),
        }
    }

    /// A parameter that may stand several times.
    pub(crate) fn all(&mut self, name: &'static str) -> Vec<String> {
        self.known.push(name);
        self.pairs
            .extract_if(.., |(found, _)| found == name)
            .map(|(_, value)| value)
            .collect()
    }

    /// Every parameter that begins with `prefix`, which is cut off.
    pub(crate) fn below(&mut self, prefix: &'static str) -> Vec<(String, String)> {
        self.pairs
            .extract_if(.., |(found, _)| found.starts_with(prefix))
            .map(|(name, value)| (name[prefix.len()..].to_owned(), value))
            .collect()
    }

    /// Refuses whatever was not asked for.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        let Some((name, _)) = self.pairs.first() else {
            return Ok(());
        };
        let nearest = self
            .known
            .iter()
            .map(|known| (strsim::jaro_winkler(known, name), known))
            .filter(|(similarity, _)| *similarity >= SUGGESTION_SIMILARITY_MIN)
            .max_by(|left, right| left.0.total_cmp(&right.0));
        let detail = match nearest {
            Some((_, nearest)) => format!("unknown parameter; did you mean `{nearest}`?"),
            None if self.known.is_empty() => "unknown parameter; this route takes none".to_owned(),
            None => format!("unknown parameter; known are: {}", self.known.join(", ")),
        };
        Err(invalid_query_named(name, "unknown-parameter", detail))
    }
}

/// 400 for a known parameter with a wrong value.
pub(crate) fn invalid_query(name: &'static str, detail: impl Into<String>) -> Problem {
    invalid_query_named(name, "invalid-value", detail.into())
}

fn invalid_query_named(name: &str, code: &'static str, detail: String) -> Problem {
    let escaped: String = name.chars().take(64).collect();
    let escaped = escaped.replace('~', "~0").replace('/', "~1");
    Problem::at(
        Code::InvalidQuery,
        FieldError::new(Place::Query, format!("/{escaped}"), code, detail),
    )
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Ok(Query::parse(parts.uri.query()))
    }
}

/// What a caller wants to see beside the object itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Include {
    /// The first page of a conversation's messages.
    pub(crate) messages: bool,
    /// What became of each field.
    pub(crate) fidelity: bool,
}

impl Include {
    /// Reads `include`: names out of `known`, with commas between them.
    pub(crate) fn take(query: &mut Query, known: &[&str]) -> Result<Self, Problem> {
        let Some(text) = query.one("include")? else {
            return Ok(Include::default());
        };
        let names: Vec<&str> = text.split(',').collect();
        if !names.iter().all(|name| known.contains(name)) {
            return Err(invalid_query(
                "include",
                format!("use one of: {}", known.join(", ")),
            ));
        }
        Ok(Include {
            messages: names.contains(&"messages"),
            fidelity: names.contains(&"fidelity"),
        })
    }
}

/// A route whose one parameter is `include=fidelity`.
#[derive(Debug)]
pub(crate) struct IncludeFidelity(pub(crate) Include);

impl<S: Send + Sync> FromRequestParts<S> for IncludeFidelity {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let mut query = Query::parse(parts.uri.query());
        let include = Include::take(&mut query, &["fidelity"])?;
        query.finish()?;
        Ok(IncludeFidelity(include))
    }
}

/// A route without parameters.
#[derive(Debug)]
pub(crate) struct NoQuery;

impl<S: Send + Sync> FromRequestParts<S> for NoQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        match parts.uri.query() {
            None => Ok(NoQuery),
            query => Query::parse(query).finish().map(|()| NoQuery),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Include, Query};
    use crate::problem::Problem;

    fn pointer_and_detail(result: Result<impl std::fmt::Debug, Problem>) -> (String, String) {
        let problem = result.expect_err("the query is wrong");
        let error = &problem.document().errors[0];
        (error.pointer.clone(), error.detail.clone())
    }

    #[test]
    fn scalar_that_stands_twice_is_refused() {
        let mut query = Query::parse(Some("limit=1&limit=2"));
        assert_eq!(pointer_and_detail(query.one("limit")).0, "/limit");
    }

    #[test]
    fn misspelt_parameter_is_refused_with_the_nearest_name() {
        let mut query = Query::parse(Some("staus=open"));
        assert_eq!(query.all("status"), Vec::<String>::new());
        assert_eq!(query.all("label"), Vec::<String>::new());
        let (pointer, detail) = pointer_and_detail(query.finish());
        assert_eq!(pointer, "/staus");
        assert!(detail.contains("`status`"), "{detail}");
    }

    #[test]
    fn include_takes_the_names_that_the_route_knows() {
        let take = |query, known: &[&str]| Include::take(&mut Query::parse(Some(query)), known);
        let both = take("include=messages,fidelity", &["messages", "fidelity"]).unwrap();
        assert!(both.messages && both.fidelity);
        assert_eq!(take("", &["fidelity"]).unwrap(), Include::default());
        for bad in ["include=messages", "include=", "include=fidelity,"] {
            let (pointer, detail) = pointer_and_detail(take(bad, &["fidelity"]));
            assert_eq!((&*pointer, &*detail), ("/include", "use one of: fidelity"));
        }
    }

    #[test]
    fn values_are_decoded_and_kept_in_order() {
        let mut query = Query::parse(Some("label=a%20b&metadata.k%2Fey=v&label=%C3%BC"));
        assert_eq!(query.all("label"), ["a b", "ü"]);
        assert_eq!(
            query.below("metadata."),
            [("k/ey".to_owned(), "v".to_owned())]
        );
        assert!(query.finish().is_ok());
    }
}
