//! From the socket to the handlers.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::Response;

use super::access::token_of;
use super::answer::{Answer, Refusal};
use super::faults::Fault;
use super::routes::{self, Operation, Route};
use super::{SeenRequest, Server, chat};
use testkit::cuttable::{Connection, CuttableListener};

/// Larger bodies are refused by the fake, not by the vendor; no test needs them.
const BODY_MAX_BYTES: usize = 16 * 1024 * 1024;

/// One request, read completely.
pub(crate) struct Call {
    pub(crate) server: Arc<Server>,
    /// The id in the path.
    pub(crate) id: String,
    pub(crate) token: Option<String>,
    pub(crate) body: Bytes,
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
        return Answer::new(413, "text/plain", "too large for the fake").finish(false);
    };
    let (method, path) = (parts.method.as_str(), parts.uri.path());
    let token = token_of(&parts.headers, parts.uri.query().unwrap_or_default());
    server.data().seen.push(SeenRequest {
        method: method.to_owned(),
        path: path.to_owned(),
        token: token.clone(),
        body: String::from_utf8_lossy(&body).into_owned(),
    });
    let (operation, id) = match routes::find(method, path) {
        Route::Found(operation, id) => (operation, id),
        Route::Redirect(path) => return Answer::redirect(method, &path).finish(false),
        Route::Missing => return Answer::missing(method == "HEAD").finish(false),
    };
    let fault = server.data().take_fault(operation);
    let call = Call {
        server,
        id,
        token,
        body,
    };
    // Not on a task of its own: where the client leaves, the real server stops at its model too.
    carry_out(&call, operation, fault, &connection).await
}

async fn carry_out(
    call: &Call,
    operation: Operation,
    fault: Option<Fault>,
    connection: &Connection,
) -> Response<Body> {
    match &fault {
        Some(Fault::CutBefore) => {
            connection.cut();
            return std::future::pending().await;
        }
        Some(Fault::Slow(time)) => tokio::time::sleep(*time).await,
        Some(Fault::TooManyRequests(wait)) => {
            let answer = Answer::new(429, "text/html", "<html>slow down</html>");
            let answer = match wait {
                Some(seconds) => answer.with("retry-after", seconds.to_string()),
                None => answer,
            };
            return answer.finish(false);
        }
        Some(Fault::Answer {
            status,
            content_type,
            body,
        }) => return Answer::new(*status, content_type, body.clone()).finish(false),
        _ => {}
    }
    let answer = dispatch(call, operation)
        .await
        .unwrap_or_else(|refusal| *refusal);
    match fault {
        Some(Fault::CutAfter) => {
            connection.cut();
            std::future::pending().await
        }
        Some(Fault::AnswerAfter {
            status,
            content_type,
            body,
        }) => Answer::new(status, content_type, body).finish(false),
        Some(Fault::NewToken(token)) => {
            let answer = answer.without_new_token();
            if token.is_empty() {
                answer.finish(false)
            } else {
                answer.with_new_token(token).finish(false)
            }
        }
        Some(Fault::CutInBody) => answer.finish(true),
        _ => answer.finish(false),
    }
}

async fn dispatch(call: &Call, operation: Operation) -> Result<Answer, Refusal> {
    match operation {
        Operation::Create => chat::create(call),
        Operation::List => chat::list(call),
        Operation::Get => chat::get(call),
        Operation::Delete => chat::delete(call),
        Operation::Messages => chat::messages(call),
        Operation::Send => chat::send(call).await,
    }
}
