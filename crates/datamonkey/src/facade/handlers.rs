//! The six operations: extract, call, map, answer. Checks come in the vendor's order: who, then which conversation, then
//! the body.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{OriginalUri, Request, State};
use axum::response::{IntoResponse, Response};
use backend::{Context, Event, Location, RespondRequest, Scope};
use bytes::Bytes;
use conversation::{Kind, NewConversation, NewMessage, Role};
use facadekit::read_body;
use futures_util::StreamExt as _;
use http::header::ACCESS_CONTROL_EXPOSE_HEADERS;
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};

use super::App;
use super::access::{Who, allowed, unauthorized};
use super::body;
use super::problem::{Problem, json, missing, no_content, redirect};
use super::routes::{Operation, Route, find};
use super::view::{self, SPELLING};
use crate::wire::{ConversationList, Extra, Member, MessageList, NEW_TOKEN_HEADER, SendResponse};

type Answered = Result<Response, Problem>;

/// Answers any request.
pub(super) async fn answer(State(app): State<Arc<App>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let (operation, id) = match find(&head.method, head.uri.path()) {
        Route::Found(operation, id) => (operation, id),
        Route::Missing => return missing(),
        Route::Redirect => {
            // The path as the caller knows it: this router may be mounted below another.
            let uri = match head.extensions.get::<OriginalUri>() {
                Some(OriginalUri(uri)) => uri,
                None => &head.uri,
            };
            return redirect(&head.method, uri.path(), uri.query());
        }
    };
    let answered = if operation.is_read() {
        app.answered(operation, &head, &id, body).await
    } else {
        // Whoever hangs up does not take back what it asked for.
        let app_of_work = Arc::clone(&app);
        let work = async move { app_of_work.answered(operation, &head, &id, body).await };
        let ended = app.parts.detached.run(work).await;
        ended.unwrap_or_else(|_interrupted| Err(Problem::fault()))
    };
    answered.unwrap_or_else(|problem| {
        note(operation, &problem);
        problem.into_response()
    })
}

/// Writes a failure that is not the caller's to the log, with the words that the caller is not told.
fn note(operation: Operation, problem: &Problem) {
    if problem.status.is_server_error() {
        tracing::warn!(
            facade = super::KIND,
            operation = ?operation,
            status = problem.status.as_u16(),
            error.kind = problem.kind.map_or("", |kind| kind.as_str()),
            error.message = problem.detail.as_deref().unwrap_or_default(),
            "a request failed"
        );
    }
}

/// Gives a new user its token.
fn give(token: &SecretString, response: &mut Response) -> Result<(), Problem> {
    let mut token = HeaderValue::try_from(token.expose_secret()).map_err(|_| {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "a token could not be written",
        )
    })?;
    // Whoever prints headers, or compresses them, keeps this one to itself.
    token.set_sensitive(true);
    let headers = response.headers_mut();
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("X-Session-Token"),
    );
    headers.insert(HeaderName::from_static(NEW_TOKEN_HEADER), token);
    Ok(())
}

impl App {
    async fn answered(&self, operation: Operation, head: &Parts, id: &str, body: Body) -> Answered {
        match operation {
            Operation::Create => self.create(head, body).await,
            Operation::List => self.list(head).await,
            Operation::Get => self.get(head, id).await,
            Operation::Delete => self.delete(head, id).await,
            Operation::Messages => self.messages(head, id).await,
            Operation::Send => self.send(head, id, body).await,
        }
    }

    /// `POST /chat`
    async fn create(&self, head: &Parts, body: Body) -> Answered {
        let who = match self.who(head).await? {
            Who::Known(caller) => Some(allowed(caller, Scope::Write)?),
            Who::Refused => return Err(unauthorized()),
            Who::Stranger => None,
        };
        // Before the body: whoever is not let in has nothing read of it.
        let (caller, token) = match who {
            Some(caller) => (caller, None),
            None => {
                let begun = self.sessions.begin().await?;
                let caller = facadekit::Caller::new(Arc::new(begun.principal)).in_request(head);
                (caller, Some(begun.token))
            }
        };
        let bytes = self.read(body).await?;
        let new = NewConversation {
            kind: Some(Kind::Assistant),
            title: body::title(&bytes).map(Into::into),
            ..NewConversation::default()
        };
        let cx = caller.context(self.parts.limits.request_timeout);
        let created = self.created(&cx, new).await;
        let Some(token) = token else { return created };
        match created {
            Ok(mut response) => {
                give(&token, &mut response)?;
                Ok(response)
            }
            // The conversation may be there, and nothing else opens it.
            Err(problem) if problem.may_be_done => {
                note(Operation::Create, &problem);
                let mut response = problem.into_response();
                give(&token, &mut response)?;
                Ok(response)
            }
            Err(problem) => Err(problem),
        }
    }

    async fn created(&self, cx: &Context, new: NewConversation) -> Answered {
        let made = self.parts.backend.create_conversation(cx, new).await?;
        // What fails from here on fails behind a finished create.
        let spelled = SPELLING.spelled_one(&self.parts, &made.conversation);
        let spelled = spelled.await.map_err(Problem::behind_a_write)?;
        json(
            StatusCode::CREATED,
            &view::created(&made.conversation, &spelled),
        )
        .map_err(Problem::but_done)
    }

    /// `GET /chat`
    async fn list(&self, head: &Parts) -> Answered {
        let caller = self.caller(head, Scope::Read).await?;
        let cx = caller.context(self.parts.limits.request_timeout);
        let shown = self.all_conversations(&cx).await?;
        let list = ConversationList {
            conversations: Member::Value(shown),
            extra: Extra::new(),
        };
        json(StatusCode::OK, &list)
    }

    /// `GET /chat/{id}`
    async fn get(&self, head: &Parts, id: &str) -> Answered {
        let caller = self.caller(head, Scope::Read).await?;
        let at = self.at(id).await?;
        let cx = caller.context(self.parts.limits.request_timeout);
        let conversation = self.parts.backend.get_conversation(&cx, &at).await?;
        let messages = self.all_messages(&cx, &at).await?;
        // By the id that was asked for.
        json(StatusCode::OK, &view::whole(&conversation, id, messages))
    }

    /// `DELETE /chat/{id}`
    async fn delete(&self, head: &Parts, id: &str) -> Answered {
        let caller = self.caller(head, Scope::Write).await?;
        let at = self.at(id).await?;
        let cx = caller.context(self.parts.limits.request_timeout);
        self.parts
            .backend
            .delete_conversation(&cx, &at, None)
            .await?;
        Ok(no_content())
    }

    /// `GET /chat/{id}/messages`
    async fn messages(&self, head: &Parts, id: &str) -> Answered {
        let caller = self.caller(head, Scope::Read).await?;
        let at = self.at(id).await?;
        let cx = caller.context(self.parts.limits.request_timeout);
        let messages = self.all_messages(&cx, &at).await?;
        let list = MessageList {
            messages: view::or_null(messages),
            extra: Extra::new(),
        };
        json(StatusCode::OK, &list)
    }

    /// `POST /chat/{id}/messages`
    async fn send(&self, head: &Parts, id: &str, body: Body) -> Answered {
        let caller = self.caller(head, Scope::Write).await?;
        let at = self.at(id).await?;
        let cx = caller.context(self.parts.limits.respond_timeout);
        let words = match self.read(body).await {
            Ok(bytes) => {
                body::message(&bytes).map_err(|fault| Problem::new(StatusCode::BAD_REQUEST, fault))
            }
            Err(problem) => Err(problem),
        };
        let words = match words {
            Ok(words) => words,
            Err(problem) => {
                // An unknown conversation is told before a bad body.
                self.parts.backend.get_conversation(&cx, &at).await?;
                return Err(problem);
            }
        };
        let request = RespondRequest {
            input: Some(NewMessage::text(Role::User, words)),
            ..RespondRequest::default()
        };
        let mut events = self.parts.backend.respond(&cx, &at, request).await?;
        while let Some(event) = events.next().await {
            match event {
                // What broke off is stored and will be listed, so it is not called a failure either.
                Event::MessageCompleted(message) | Event::MessageIncomplete(message) => {
                    let said = SendResponse {
                        message: view::answer(&message),
                        extra: Extra::new(),
                    };
                    return json(StatusCode::OK, &said);
                }
                Event::MessageFailed { error, .. } => return Err(error.into()),
                _ => {}
            }
        }
        Err(Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the answer ended without its last word",
        ))
    }

    /// The conversation that a caller spells like this. Whether the caller may know of it is for the backend to say.
    async fn at(&self, spelled: &str) -> Result<Location, Problem> {
        let id = SPELLING.read(&self.parts, spelled).await?;
        id.map(Location::unresolved).ok_or_else(Problem::not_found)
    }

    async fn read(&self, body: Body) -> Result<Bytes, Problem> {
        let limits = &self.parts.limits;
        Ok(read_body(body, limits.body_bytes_max, limits.body_timeout).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_users_token_is_never_printed() {
        let mut response = Response::new(Body::empty());
        give(&SecretString::from("planted"), &mut response).unwrap();
        assert_eq!(response.headers()[NEW_TOKEN_HEADER], "planted");
        assert!(!format!("{response:?}").contains("planted"));
    }
}
