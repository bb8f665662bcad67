//! Bodies of requests.
//!
//! The vendor's lists of words are closed, so an unknown word is refused; members that nobody knows are overlooked.

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use conversation::Time;
use facadekit::read_body;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::App;
use super::answer::Problem;

/// A JSON body of this shape.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let limits = &app.parts.limits;
        let read = read_body(
            request.into_body(),
            limits.body_bytes_max,
            limits.body_timeout,
        );
        read_json(&read.await?, limits.json_depth_max).map(Self)
    }
}

/// The bytes of a file with what stands around them.
pub(super) struct FileBody(pub(super) Bytes);

/// What a form adds to the file in it.
const FORM_BYTES: usize = 16 * 1_024;

impl FromRequest<App> for FileBody {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let limits = &app.parts.limits;
        let most = limits.attachment_bytes_max.saturating_add(FORM_BYTES);
        let read = read_body(request.into_body(), most, limits.body_timeout);
        Ok(Self(read.await?))
    }
}

fn read_json<T: DeserializeOwned>(body: &[u8], depth_max: usize) -> Result<T, Problem> {
    if !transport::json_depth_within(body, depth_max) {
        return Err(Problem::bad(format!(
            "the body nests deeper than {depth_max} levels"
        )));
    }
    serde_json::from_slice(body).map_err(|error| {
        let place = format!("line {} column {}", error.line(), error.column());
        let words = error.to_string();
        match error.classify() {
            // Names a member and repeats no value.
            Category::Data if words.starts_with("missing field") => {
                let named = words.split(" at line ").next().unwrap_or_default();
                Problem::bad(named)
            }
            Category::Data => Problem::bad(format!("a value of another type is needed, {place}")),
            Category::Syntax | Category::Eof | Category::Io => {
                Problem::bad(format!("the body is no JSON, {place}"))
            }
        }
    })
}

/// A time in a body or query. One without an offset could mean anything.
pub(super) fn time(name: &str, text: &str) -> Result<Time, Problem> {
    text.parse().map_err(|_| {
        Problem::bad(format!(
            "{name}: a time with its offset is needed, such as 2024-03-06T19:29:57.659Z"
        ))
    })
}

/// The refusal of a word that the vendor does not have.
pub(super) fn unknown_word(name: &str) -> Problem {
    Problem::bad(format!("{name}: no such word"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{ConversationCreate, MessageSend};

    #[test]
    fn a_body_is_json_of_its_shape_and_not_too_deep() {
        assert!(read_json::<MessageSend>(br#"{"body":"","unknown":[1]}"#, 2).is_ok());
        for body in [
            "",
            "{",
            "[]",
            "{}",
            r#"{"body":1}"#,
            r#"{"body":"","x":[[1]]}"#,
        ] {
            assert!(
                read_json::<MessageSend>(body.as_bytes(), 2).is_err(),
                "{body}"
            );
        }
        let named = read_json::<ConversationCreate>(b"{}", 9);
        assert!(format!("{named:?}").contains("missing field `channel_id`"));
    }
}
