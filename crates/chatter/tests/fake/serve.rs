//! From the socket to the handlers, in the real server's order: rate limit, route, login, ids, body.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Response};
use axum::response::IntoResponse;
use chatter::wire::{self, Member};

use super::answer::{Answer, Budget, Problems, Refusal, Rest};
use super::check::Check;
use super::faults::Fault;
use super::routes::{self, Miss, Operation};
use super::{FakeChatter, Generation, SeenRequest, Server, chat, conversations, stream, tools};
use testkit::cuttable::{Connection, CuttableListener};

/// Larger bodies are refused by the fake, not by the vendor; no test needs them.
const BODY_MAX_BYTES: usize = 16 * 1024 * 1024;

/// One request, read completely.
pub(crate) struct Call {
    pub(crate) server: Arc<Server>,
    pub(crate) problems: Problems,
    pub(crate) correlation_id: String,
    pub(crate) user_id: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) body: Bytes,
    pub(crate) content_type: String,
    pub(crate) cut_stream_after: Option<usize>,
    method: String,
    headers: HeaderMap,
}

impl Call {
    pub(crate) fn check_body(&self) -> Result<Check, Refusal> {
        Check::body(&self.problems, &self.content_type, &self.body)
    }

    pub(crate) fn generation(&self) -> Generation {
        self.server.options.generation
    }
}

/// Serves until the task is aborted.
pub(crate) async fn serve(listener: tokio::net::TcpListener, server: Arc<Server>) {
    let router = Router::new().fallback(answer).with_state(server);
    let service = router.into_make_service_with_connect_info::<Connection>();
    #[expect(
        clippy::disallowed_methods,
        reason = "a fake on loopback needs no header timeout"
    )]
    axum::serve(CuttableListener(listener), service)
        .await
        .expect("the listener never fails");
}

async fn answer(
    State(server): State<Arc<Server>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_MAX_BYTES).await else {
        return Answer::text(413, "too large for the fake").finish("", None);
    };
    let text = |name: &str| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    let path = parts.uri.path().to_owned();
    let path_and_query = parts
        .uri
        .path_and_query()
        .map_or(path.clone(), ToString::to_string);
    let correlation_id = match text("x-correlation-id") {
        sent if !sent.is_empty() => sent,
        _ => new_correlation_id(&server),
    };
    let fault = {
        let mut data = server.data();
        data.seen.push(SeenRequest {
            method: parts.method.to_string(),
            path: path_and_query.clone(),
            body: String::from_utf8_lossy(&body).into_owned(),
        });
        data.take_fault(parts.method.as_str(), &path)
    };
    let call = Call {
        problems: Problems {
            instance: format!("http://{}{path_and_query}", text("host")),
            production: server.options.production,
        },
        correlation_id,
        user_id: String::new(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        body,
        content_type: text("content-type"),
        cut_stream_after: match fault {
            Some(Fault::CutStreamAfter(frames)) => Some(frames),
            _ => None,
        },
        method: parts.method.to_string(),
        headers: parts.headers.clone(),
        path,
        server,
    };
    // The real server carries a request out even when its client has left, so the work runs on its own task.
    let work = {
        let connection = connection.clone();
        tokio::spawn(async move { carry_out(call, fault, &connection).await })
    };
    let (answer, correlation_id, budget) = work.await.expect("the fake does not panic");
    if answer.bare {
        connection.close_after_answer();
    }
    answer.finish(&correlation_id, budget).into_response()
}

async fn carry_out(
    mut call: Call,
    fault: Option<Fault>,
    connection: &Connection,
) -> (Answer, String, Option<Budget>) {
    let correlation_id = call.correlation_id.clone();
    match &fault {
        Some(Fault::CutBefore) => {
            connection.cut();
            return std::future::pending().await;
        }
        Some(Fault::Slow(time)) => tokio::time::sleep(*time).await,
        Some(Fault::TooManyRequests(seconds)) => {
            let refusal = call.problems.too_many_requests(100, 60, *seconds);
            return (*refusal, correlation_id, None);
        }
        Some(Fault::Crash) => {
            return (
                *call.problems.crash("RuntimeError", "planned"),
                correlation_id,
                None,
            );
        }
        Some(Fault::Unavailable) => {
            return (
                Answer::text(503, "Service Unavailable"),
                correlation_id,
                None,
            );
        }
        Some(Fault::Answer {
            status,
            content_type,
            body,
        }) => {
            return (
                Answer::any(*status, content_type, body.clone()),
                correlation_id,
                None,
            );
        }
        Some(
            Fault::CutAfter
            | Fault::CutInBody
            | Fault::Truncated
            | Fault::Stalled
            | Fault::CutStreamAfter(_),
        )
        | None => {}
    }
    let (answer, budget) = match spend(&call) {
        Ok(budget) => {
            let answer = dispatch(&mut call).await.unwrap_or_else(|refusal| *refusal);
            (answer, budget)
        }
        Err((refusal, budget)) => (*refusal, budget),
    };
    let texts = call.server.data().rewrites.clone();
    let answer = answer.rewritten(&texts).await;
    let answer = match fault {
        Some(Fault::CutAfter) => {
            connection.cut();
            return std::future::pending().await;
        }
        Some(Fault::CutInBody) => answer.halved(Rest::Cut).await,
        Some(Fault::Truncated) => answer.halved(Rest::Nothing).await,
        Some(Fault::Stalled) => answer.halved(Rest::Silence).await,
        _ => answer,
    };
    (answer, correlation_id, Some(budget))
}

/// The middleware's budget: per path and address, whatever the user.
fn spend(call: &Call) -> Result<Budget, (Refusal, Budget)> {
    let (limit, window_seconds) = match call.path.as_str() {
        "/api/v1/auth/login" => (call.server.options.requests_per_minute.min(10), 300),
        _ => (call.server.options.requests_per_minute, 60),
    };
    let header = |name: &str| call.headers.get(name).and_then(|value| value.to_str().ok());
    let address = header("x-forwarded-for")
        .and_then(|list| list.split(',').next())
        .or_else(|| header("x-real-ip"))
        .unwrap_or("the socket's address")
        .trim();
    let left = call.server.data().spend(
        &call.path,
        address,
        limit,
        Duration::from_secs(window_seconds),
    );
    let budget = Budget {
        limit,
        remaining: left.unwrap_or_default(),
        window_seconds,
    };
    match left {
        Some(_) => Ok(budget),
        None => Err((
            call.problems
                .too_many_requests(limit as u64, window_seconds, Some(window_seconds)),
            budget,
        )),
    }
}

/// V2's budgets per user come on top.
fn spend_of_user(call: &Call, operation: &Operation) -> Result<(), Refusal> {
    let limit = match operation {
        Operation::Chat => 30,
        Operation::Stream => 20,
        Operation::ListConversations => 60,
        _ => return Ok(()),
    };
    if call.generation() != Generation::V2 || !call.server.options.user_limits {
        return Ok(());
    }
    let name = format!("user {}", call.path);
    match call
        .server
        .data()
        .spend(&name, &call.user_id, limit, Duration::from_secs(60))
    {
        Some(_) => Ok(()),
        None => Err(call.problems.too_many_requests(limit as u64, 60, Some(60))),
    }
}

async fn dispatch(call: &mut Call) -> Result<Answer, Refusal> {
    let operation = match routes::find(call.generation(), &call.method, &call.path) {
        Ok(operation) => operation,
        Err(Miss::NotFound) => return Ok(Answer::framework(404, "Not Found")),
        Err(Miss::MethodNotAllowed(allow)) => {
            return Ok(Answer::framework(405, "Method Not Allowed").with("allow", allow));
        }
        Err(Miss::Redirect(path)) => {
            let (base, _) = call
                .problems
                .instance
                .split_once("/api/")
                .unwrap_or_default();
            return Ok(Answer::redirect(format!("{base}{path}")));
        }
    };
    if let Operation::Login = operation {
        return login(call);
    }
    call.user_id = authenticate(call)?;
    spend_of_user(call, &operation)?;
    match operation {
        Operation::Login => login(call),
        Operation::CreateConversation => conversations::create(call),
        Operation::ListConversations => conversations::list(call),
        Operation::GetConversation(id) => conversations::get(call, &id),
        Operation::UpdateConversation(id) => conversations::update(call, &id).await,
        Operation::DeleteConversation(id) => conversations::delete(call, &id).await,
        Operation::ListMessages(id) => conversations::list_messages(call, &id),
        Operation::DeleteMessage(id, message) => {
            conversations::delete_message(call, &id, &message).await
        }
        Operation::RateMessage(id, message) => {
            conversations::rate_message(call, &id, &message).await
        }
        Operation::Chat => chat::chat(call, None).await,
        Operation::Template(name) => chat::chat(call, Some(&name)).await,
        Operation::Stream => stream::stream(call).await,
        Operation::Tools => Ok(tools::tools()),
        Operation::Templates => Ok(tools::templates(call.generation())),
        Operation::Statistics => Err(tools::statistics(&call.problems)),
        Operation::McpStatus => Err(tools::mcp_status(&call.problems)),
    }
}

fn authenticate(call: &Call) -> Result<String, Refusal> {
    let header = call
        .headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let token = match header.split_once(' ') {
        Some((scheme, token))
            if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() =>
        {
            token.trim()
        }
        _ => {
            return Err(call
                .problems
                .unauthenticated("Authentication credentials required"));
        }
    };
    let data = call.server.data();
    data.user_of(token)
        .map(str::to_owned)
        .ok_or_else(|| call.problems.unauthenticated("Invalid token"))
}

fn login(call: &Call) -> Result<Answer, Refusal> {
    let mut check = call.check_body()?;
    let (username, email) = (check.text("username"), check.text("email"));
    let password = check.required_text("password");
    check.finish(&call.problems)?;
    let email_of_user = "ada@example.org".to_owned();
    let known = username
        .value()
        .is_some_and(|name| name == FakeChatter::USERNAME)
        || email.value().is_some_and(|name| *name == email_of_user);
    if !known || password != FakeChatter::PASSWORD {
        return Err(call
            .problems
            .unauthenticated("Invalid username or password"));
    }
    let mut data = call.server.data();
    let token = format!("fake-token-{}", data.new_id());
    let user_id = data
        .user_of(FakeChatter::TOKEN)
        .expect("the fixed user")
        .to_owned();
    let lifetime = call.server.options.token_lifetime;
    data.tokens.insert(
        token.clone(),
        (user_id.clone(), std::time::Instant::now() + lifetime),
    );
    let user = wire::UserResponse {
        email: email_of_user,
        username: FakeChatter::USERNAME.to_owned(),
        full_name: Member::Null,
        bio: Member::Null,
        avatar_url: Member::Null,
        phone_number: Member::Null,
        id: user_id,
        is_active: Member::Value(true),
        is_verified: Member::Value(false),
        is_superuser: Member::Value(false),
        default_llm_provider: Member::Null,
        default_profile_id: Member::Null,
        daily_message_limit: Member::Null,
        monthly_message_limit: Member::Null,
        max_file_size_mb: Member::Null,
        api_key_name: Member::Null,
        created_at: "2026-11-21T11:02:08.272007Z".to_owned(),
        updated_at: Member::Value("2026-11-21T11:02:08.272007Z".to_owned()),
        last_login_at: Member::Null,
        extra: wire::Extra::new(),
    };
    let answer = wire::LoginResponse {
        access_token: token,
        refresh_token: Member::Null,
        token_type: "bearer".to_owned(),
        expires_in: lifetime.as_secs(),
        user: Member::Value(user),
        extra: wire::Extra::new(),
    };
    Ok(Answer::json(200, &answer))
}

/// V2 makes ULIDs where the older generations make UUIDs.
fn new_correlation_id(server: &Server) -> String {
    let mut data = server.data();
    match server.options.generation {
        Generation::V2 => data.new_id(),
        _ => format!(
            "{:08x}-0000-4000-8000-{:012x}",
            data.now() & 0xffff_ffff,
            data.now() & 0xffff_ffff_ffff
        ),
    }
}
