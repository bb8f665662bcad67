//! From the socket to the operations, in the vendor's order: rate limit, route, login, ids, body.

use std::fmt;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::OriginalUri;
use backend::{Context, ConversationQuery, Location, Scope};
use bytes::Bytes;
use conversation::Conversation;
use facadekit::{BodyFault, Caller, read_body};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http::request::Parts;

use super::answers::{Answered, Problems, Refusal, no_route, redirect, wrong_method};
use super::arriving::{Correlation, authenticate, elsewhere, name_of, origin};
use super::check::Check;
use super::ids::{CONVERSATIONS, is_ulid};
use super::limits::{Budget, WINDOW};
use super::routes::{Met, Operation, find};
use super::{Api, chat, conversations, errors, listing, messages, service, streaming, updates};

/// What a request cost.
#[derive(Debug, Default)]
pub(super) struct Spending {
    /// What the headers say.
    pub(super) spent: Option<Budget>,
    /// True where nothing was left.
    pub(super) is_used_up: bool,
}

/// One request of somebody who may make it, read completely.
pub(super) struct Call {
    pub(super) api: Arc<Api>,
    pub(super) caller: Caller,
    pub(super) problems: Problems,
    pub(super) correlation: Correlation,
    pub(super) query: String,
    content_type: Option<String>,
    body: Bytes,
}

// By hand: bodies hold message text.
impl fmt::Debug for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Call")
            .field("caller", &self.caller)
            .finish_non_exhaustive()
    }
}

/// Answers one request.
pub(super) async fn answer(
    api: &Arc<Api>,
    parts: Parts,
    body: Body,
    correlation: &Correlation,
) -> (Answered, Spending) {
    let uri = match parts.extensions.get::<OriginalUri>() {
        Some(OriginalUri(uri)) => uri.clone(),
        None => parts.uri.clone(),
    };
    let origin = origin(&parts.headers, &uri);
    let target = uri
        .path_and_query()
        .map_or_else(|| uri.path(), |target| target.as_str());
    let problems = Problems {
        base: Arc::clone(&api.problems_base),
        instance: format!("{origin}{target}"),
    };
    let caller = authenticate(api, &parts.headers, &problems).await;
    let caller = caller.map(|caller| caller.in_request(&parts));
    let name = caller.as_ref().map_or_else(|_| String::new(), name_of);
    let mut spending = Spending::default();
    let met = find(&parts.method, parts.uri.path());
    let path = match (&met, &caller) {
        // Whatever a stranger asks for, and whatever is not there, has one budget: no path that anybody makes up takes
        // memory, or the place of another's window.
        (Met::Nothing, _) => "",
        (_, Err(_)) => met.name(),
        (_, Ok(_)) => parts.uri.path(),
    };
    match api.limits.take(path, &name).await {
        Ok(spent) => {
            spending.spent = Some(spent.budget);
            spending.is_used_up = spent.is_used_up;
        }
        // Where nobody can count there is no budget to tell of.
        Err(error) => return (Err(errors::refusal(&problems, &error)), spending),
    }
    if let (true, Some(budget)) = (spending.is_used_up, spending.spent) {
        let limit = u64::from(budget.limit);
        let refusal = problems.too_many_requests(limit, WINDOW.as_secs());
        return (Err(refusal), spending);
    }
    let answered = match met {
        Met::Nothing => Ok(no_route()),
        Met::WrongMethod { allow } => Ok(wrong_method(allow)),
        Met::Redirect(to) => Ok(redirect(&elsewhere(&origin, &uri, parts.uri.path(), &to))),
        Met::Operation(operation, segments) => {
            let arrived = Arrived {
                api,
                parts: &parts,
                problems,
                correlation,
            };
            match caller {
                Ok(caller) => arrived.carry_out(caller, operation, segments, body).await,
                Err(refusal) => Err(refusal),
            }
        }
    };
    (answered, spending)
}

/// A request with a route.
struct Arrived<'a> {
    api: &'a Arc<Api>,
    parts: &'a Parts,
    problems: Problems,
    correlation: &'a Correlation,
}

impl Arrived<'_> {
    async fn carry_out(
        self,
        caller: Caller,
        operation: Operation,
        segments: Vec<String>,
        body: Body,
    ) -> Answered {
        let needed = match self.parts.method.is_safe() {
            true => Scope::Read,
            false => Scope::Write,
        };
        if !caller.principal.may(needed) {
            let detail = format!("The key lacks the scope `{}`", needed.as_str());
            return Err(self.problems.plain(StatusCode::FORBIDDEN, &detail));
        }
        self.spend_of_user(&caller, operation).await?;
        // A template's name is no id; a broken id wins over a broken body.
        if operation != Operation::Template && !segments.iter().all(|id| is_ulid(id)) {
            return Err(self.problems.no_ulid());
        }
        let call = self.read(caller, body).await?;
        let mut segments = segments.into_iter();
        let (first, second) = (
            segments.next().unwrap_or_default(),
            segments.next().unwrap_or_default(),
        );
        match operation {
            Operation::Create => conversations::create(&call).await,
            Operation::List => listing::list(&call).await,
            Operation::OldList => listing::old_list(&call).await,
            Operation::Get => conversations::get(&call, &first).await,
            Operation::Update => updates::update(&call, &first).await,
            Operation::Delete => conversations::delete(&call, &first).await,
            Operation::ListMessages => messages::list(&call, &first).await,
            Operation::DeleteMessage => messages::delete(&call, &first, &second).await,
            Operation::RateMessage => messages::rate(&call, &first, &second).await,
            Operation::Chat => chat::chat(&call, None).await,
            Operation::Template => chat::chat(&call, Some(&first)).await,
            Operation::Stream => streaming::stream(call).await,
            Operation::Templates => service::templates(&call).await,
            Operation::Tools => service::tools(&call).await,
            Operation::Statistics => service::statistics(&call).await,
            Operation::McpStatus => service::mcp_status(&call).await,
        }
    }

    /// What the newest release counts for each user, on top of the paths.
    async fn spend_of_user(&self, caller: &Caller, operation: Operation) -> Result<(), Refusal> {
        let (what, percent) = match operation {
            Operation::Chat => ("chat", 30),
            Operation::Stream => ("streaming", 20),
            Operation::List | Operation::OldList => ("list", 60),
            _ => return Ok(()),
        };
        let taken = self
            .api
            .limits
            .take_of_user(what, percent, &name_of(caller))
            .await
            .map_err(|error| errors::refusal(&self.problems, &error))?;
        match taken {
            None => Ok(()),
            Some(limit) => {
                let limit = u64::from(limit);
                Err(self.problems.too_many_requests(limit, WINDOW.as_secs()))
            }
        }
    }

    async fn read(self, caller: Caller, body: Body) -> Result<Call, Refusal> {
        let limits = &self.api.parts.limits;
        let body = if self.parts.method.is_safe() || self.parts.method == http::Method::DELETE {
            Bytes::new()
        } else {
            let read = read_body(body, limits.body_bytes_max, limits.body_timeout).await;
            read.map_err(|fault| self.broken(fault))?
        };
        let content_type = self.parts.headers.get(CONTENT_TYPE);
        let content_type =
            content_type.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        Ok(Call {
            api: Arc::clone(self.api),
            caller,
            problems: self.problems,
            correlation: self.correlation.clone(),
            query: self.parts.uri.query().unwrap_or_default().to_owned(),
            content_type,
            body,
        })
    }

    fn broken(&self, fault: BodyFault) -> Refusal {
        match fault {
            BodyFault::TooLarge => {
                let most = self.api.parts.limits.body_bytes_max;
                let detail = format!("A body may have at most {most} bytes");
                self.problems.plain(StatusCode::PAYLOAD_TOO_LARGE, &detail)
            }
            BodyFault::TooSlow => self.problems.plain(
                StatusCode::REQUEST_TIMEOUT,
                "The body did not arrive in time",
            ),
            BodyFault::Broken => self
                .problems
                .bad_request("There was an error parsing the body"),
        }
    }
}

/// A conversation that a caller named.
#[derive(Debug, Clone)]
pub(super) struct Named {
    /// Where the router finds it.
    pub(super) at: Location,
    /// True where its id is one that a server of the vendor made: so are most ids of its messages.
    pub(super) is_own: bool,
}

impl Call {
    /// The context of one call.
    pub(super) fn cx(&self) -> Context {
        self.caller.context(self.api.parts.limits.request_timeout)
    }

    /// The context of an answer of an AI.
    pub(super) fn answering_cx(&self) -> Context {
        self.caller.context(self.api.parts.limits.respond_timeout)
    }

    /// The body, to be checked.
    pub(super) fn check_body(&self) -> Result<Check, Refusal> {
        let depth_max = self.api.parts.limits.json_depth_max;
        let media = self.content_type.as_deref();
        Check::body(&self.problems, media, &self.body, depth_max)
    }

    /// The query, to be checked.
    pub(super) fn check_query(&self) -> Check {
        Check::query(&self.query)
    }

    /// The refusal that an error becomes.
    pub(super) fn failed(&self, error: &backend::Error) -> Refusal {
        errors::refusal(&self.problems, error)
    }

    /// The conversation that a caller's id names; `None` where nobody was ever shown such an id.
    pub(super) async fn find(&self, spelled: &str) -> backend::Result<Option<Named>> {
        let parts = &self.api.parts;
        let mut found = CONVERSATIONS.read(parts, spelled).await?;
        if let (Some(id), false) = (found, parts.own.is_empty())
            && matches!(
                parts.directory.first_homes(&[id]).await?.first(),
                Some(None)
            )
        {
            // Nobody has ever seen it: it may be one of the vendor's that is found by asking for all.
            let any = ConversationQuery::all(1);
            parts.backend.list_conversations(&self.cx(), &any).await?;
            found = CONVERSATIONS.read(parts, spelled).await?;
        }
        let computed = CONVERSATIONS.read.and_then(|read| read(spelled));
        Ok(found.map(|id| Named {
            at: Location::unresolved(id),
            is_own: computed != Some(id),
        }))
    }

    /// As [`Call::find`], where there must be one.
    pub(super) async fn conversation(&self, spelled: &str) -> Result<Named, Refusal> {
        let found = self.find(spelled).await;
        let found = found.map_err(|error| self.failed(&error))?;
        found.ok_or_else(|| self.problems.no_conversation())
    }

    /// The id under which callers know a conversation.
    pub(super) async fn spelled(&self, conversation: &Conversation) -> backend::Result<String> {
        CONVERSATIONS
            .spelled_one(&self.api.parts, conversation)
            .await
    }
}
