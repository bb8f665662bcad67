//! Ids out of the path. What cannot be an id is refused here, so no `..`, slash or NUL ever reaches a backend.

use axum::extract::{FromRequestParts, RawPathParams};
use backend::ports::MigrationId;
use conversation::{AttachmentId, ConversationId, MessageId};
use http::request::Parts;
use uuid::Uuid;

use crate::problem::{Code, FieldError, Place, Problem};

/// The path's parameters, percent-decoded and not yet believed.
#[derive(Debug)]
pub(crate) struct PathIds(RawPathParams);

impl PathIds {
    /// `{id}` of a conversation.
    pub(crate) fn conversation(&self) -> Result<ConversationId, Problem> {
        self.parse("id")
    }

    /// `{message_id}`.
    pub(crate) fn message(&self) -> Result<MessageId, Problem> {
        self.parse("message_id")
    }

    /// `{attachment_id}`.
    pub(crate) fn attachment(&self) -> Result<AttachmentId, Problem> {
        self.parse("attachment_id")
    }

    /// `{migration_id}`.
    pub(crate) fn migration(&self) -> Result<MigrationId, Problem> {
        self.parse("migration_id")
    }

    /// A UUID.
    pub(crate) fn uuid(&self, parameter: &'static str) -> Result<Uuid, Problem> {
        Uuid::parse_str(self.get(parameter)).map_err(|_not_one| invalid_id(parameter, "not a UUID"))
    }

    /// Another name: of a backend, a key, a participant. 1 to 128 characters, none of them `/` or a control
    /// character.
    pub(crate) fn name(&self, parameter: &'static str) -> Result<&str, Problem> {
        let value = self.get(parameter);
        let is_sane = (1..=128).contains(&value.chars().count())
            && value != "."
            && value != ".."
            && !value
                .chars()
                .any(|character| character == '/' || character.is_control());
        if is_sane {
            Ok(value)
        } else {
            Err(invalid_id(
                parameter,
                "1 to 128 characters without `/` and control characters",
            ))
        }
    }

    fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        parameter: &'static str,
    ) -> Result<T, Problem> {
        self.get(parameter)
            .parse()
            .map_err(|error: T::Err| invalid_id(parameter, &error.to_string()))
    }

    fn get(&self, parameter: &str) -> &str {
        self.0
            .iter()
            .find_map(|(name, value)| (name == parameter).then_some(value))
            .unwrap_or_default()
    }
}

fn invalid_id(parameter: &str, detail: &str) -> Problem {
    Problem::at(
        Code::InvalidId,
        FieldError::new(
            Place::Path,
            format!("/{parameter}"),
            "invalid-value",
            detail,
        ),
    )
}

impl<S: Send + Sync> FromRequestParts<S> for PathIds {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        RawPathParams::from_request_parts(parts, state)
            .await
            .map(PathIds)
            .map_err(|_rejection| invalid_id("id", "not UTF-8 after percent-decoding"))
    }
}
