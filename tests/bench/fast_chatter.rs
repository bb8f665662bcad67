//! A Chatter server that costs almost nothing: fixed bodies in the shape of the third generation (V2), no state.
//!
//! It answers what a proxy in front of it asks while it is measured, and paces streams: one event per 10 ms.
//! Usage: `fast-chatter LISTEN_ADDRESS`; the first line on standard output is the address.
#![expect(
    clippy::print_stdout,
    reason = "a program for people and for the benchmark: standard output is its interface"
)]

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until};

/// Pause between two events of a stream.
const EVENT_INTERVAL: Duration = Duration::from_millis(10);
/// Tokens per stream: two seconds of text.
const EVENTS_PER_STREAM: u32 = 200;
/// Messages in every conversation.
const MESSAGES: usize = 50;
/// Characters of metadata that bring a conversation to 2 KB.
const CONVERSATION_PADDING: usize = 1400;
/// Characters of text in each message; 50 messages make 23 KB.
const MESSAGE_PADDING: usize = 90;

/// The id of every streamed answer.
const STREAMED_ID: &str = "01M7YX9NQSYJZBCHAJKA0E06B6";

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Counts conversations, so that each created one has an id of its own.
static CREATED: AtomicU64 = AtomicU64::new(0);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), std::io::Error> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("{}", listener.local_addr()?);
    let messages = Bytes::from(message_list());
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(stream, messages.clone()));
    }
}

async fn serve(stream: TcpStream, messages: Bytes) {
    // A peer that goes away ends its connection; the benchmark counts requests at the other end.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(|request| answer(request, messages.clone()));
    let served = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
    // However a connection ends, the other end counts what it got.
    drop(served);
}

async fn answer(request: Request<Incoming>, messages: Bytes) -> Result<Response<Body>, Infallible> {
    let (parts, body) = request.into_parts();
    // Read to the end, so that the connection can be used again.
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let path = parts.uri.path();
    if let Some(rest) = path.strip_prefix("/api/v1/conversations/") {
        return Ok(conversations(
            &parts.method,
            rest,
            parts.uri.query().unwrap_or_default(),
            messages,
        ));
    }
    Ok(match (parts.method, path) {
        (Method::POST, "/api/v1/chat/chat") => json(StatusCode::OK, chat(&body)),
        (Method::POST, "/api/v1/chat/streaming") => stream_events(&body),
        (Method::GET, "/api/v1/chat/tools/available") => json(StatusCode::OK, r#"{"tools":[]}"#),
        (Method::GET, "/api/v1/chat/templates") => {
            json(StatusCode::OK, r#"{"templates":{},"total_count":0}"#)
        }
        _ => json(StatusCode::NOT_FOUND, r#"{"detail":"Not Found"}"#),
    })
}

fn conversations(method: &Method, rest: &str, query: &str, messages: Bytes) -> Response<Body> {
    match (method, rest.split_once('/')) {
        (&Method::POST, None) if rest.is_empty() => {
            // 26 characters of Crockford base32; digits are a part of that alphabet.
            let id = format!("01M{:023}", CREATED.fetch_add(1, Ordering::Relaxed));
            json(StatusCode::CREATED, conversation(&id, ""))
        }
        (&Method::GET, None) if rest.is_empty() => json(
            StatusCode::OK,
            r#"{"conversations":[],"total_count":0,"limit":50,"offset":0}"#,
        ),
        (&Method::GET, None) if query.contains("include_messages=true") => {
            let list = String::from_utf8_lossy(&messages);
            json(StatusCode::OK, conversation(rest, &list))
        }
        (&Method::GET, None) => json(StatusCode::OK, conversation(rest, "[]")),
        (&Method::PUT, None) => json(StatusCode::OK, conversation(rest, "")),
        (&Method::GET, Some((_, "messages"))) => json(StatusCode::OK, messages),
        _ => json(StatusCode::NOT_FOUND, r#"{"detail":"Not Found"}"#),
    }
}

fn json(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(body.into()).boxed_unsync());
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json"),
    );
    response
}

/// A conversation of 2 KB; `messages` is a JSON array, or empty where the operation has no such field.
fn conversation(id: &str, messages: &str) -> String {
    let padding = "m".repeat(CONVERSATION_PADDING);
    let mut text = format!(
        r#"{{"title":"A conversation to measure with","description":null,"id":"{id}","user_id":"01M7YWAKCMWG6JARSHD7WDCT13","profile_id":null,"status":"active","llm_provider":null,"llm_model":null,"temperature":0.7,"max_tokens":512,"enable_retrieval":false,"message_count":0,"total_tokens":0,"total_cost":0.0,"system_prompt":null,"context_window":4096,"memory_enabled":true,"memory_strategy":null,"retrieval_limit":5,"retrieval_score_threshold":0.7,"tags":null,"extra_metadata":{{"note":"{padding}"}},"workflow_config":null,"created_at":"2026-11-21T11:03:04.318619Z","updated_at":"2026-11-21T11:03:05.118619Z","last_message_at":null"#
    );
    if !messages.is_empty() {
        text.push_str(r#","messages":"#);
        text.push_str(messages);
    }
    text.push('}');
    text
}

fn message(conversation: &str, sequence: usize, role: &str, content: &str) -> String {
    // The last message in the list is the answer of every stream: it is looked for there afterwards.
    let id = if sequence + 1 == MESSAGES {
        STREAMED_ID.to_owned()
    } else {
        format!("01M7YWC9WQB8SXB1HDPXM0{sequence:04}")
    };
    format!(
        r#"{{"role":"{role}","content":"{content}","id":"{id}","conversation_id":"{conversation}","sequence_number":{sequence},"prompt_tokens":null,"completion_tokens":null,"total_tokens":null,"model_used":null,"provider_used":null,"response_time_ms":null,"cost":null,"finish_reason":null,"rating":null,"rating_count":0,"created_at":"2026-11-21T11:03:{:02}.{:06}Z"}}"#,
        sequence % 60,
        sequence,
    )
}

fn message_list() -> String {
    let content = "t".repeat(MESSAGE_PADDING);
    let mut list = String::from("[");
    for sequence in 0..MESSAGES {
        let role = if sequence % 2 == 0 {
            "user"
        } else {
            "assistant"
        };
        let separator = if sequence == 0 { "" } else { "," };
        let message = message(
            "01M7YWC9W20H0Y6NEKKP3A2EFM",
            sequence,
            role,
            &format!("{content} {sequence}"),
        );
        write!(list, "{separator}{message}").expect("writing to a string cannot fail");
    }
    list.push(']');
    list
}

/// The conversation that a chat call names, or a fixed one.
fn conversation_of(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Chat {
        conversation_id: Option<String>,
    }
    serde_json::from_slice::<Chat>(body)
        .ok()
        .and_then(|chat| chat.conversation_id)
        .unwrap_or_else(|| "01M7YWC9W20H0Y6NEKKP3A2EFM".to_owned())
}

fn chat(body: &[u8]) -> String {
    let id = conversation_of(body);
    let message = message(
        &id,
        MESSAGES + 1,
        "assistant",
        &"An answer of fair length. ".repeat(8),
    );
    let conversation = conversation(&id, "");
    format!(r#"{{"conversation_id":"{id}","message":{message},"conversation":{conversation}}}"#)
}

/// One stream: start, then a token every 10 ms that carries its own time of sending as `@nanoseconds@`.
fn stream_events(body: &[u8]) -> Response<Body> {
    let id = conversation_of(body);
    let frame = move |kind: &str, content: &str, message: &str, metadata: &str| {
        format!(
            "data: {{\"type\": \"{kind}\", \"content\": \"{content}\", \"usage\": null, \"conversation_id\": \"{id}\", \"message_id\": {message}, \"correlation_id\": \"01M7YX9NJDY2FBVJBE0HZ3Q13W\", \"metadata\": {metadata}}}\n\n"
        )
    };
    let started = Instant::now();
    let id = conversation_of(body);
    let events = stream::unfold((0, String::new()), move |(number, mut said)| {
        let frame = frame.clone();
        let announced = format!("{{\"conversation_id\": \"{id}\"}}");
        async move {
            let stored = format!("\"{STREAMED_ID}\"");
            let stored = stored.as_str();
            let text = if number == 0 {
                frame("start", "", "null", &announced) + &frame("start", "", stored, "null")
            } else if number <= EVENTS_PER_STREAM {
                sleep_until(started + EVENT_INTERVAL * number).await;
                let token = format!(
                    "@{}@ ",
                    SystemTime::now()
                        .duration_since(UNIX_EPOCH)
                        .unwrap_or_default()
                        .as_nanos()
                );
                said.push_str(&token);
                frame("token", &token, stored, "null")
            } else if number == EVENTS_PER_STREAM + 1 {
                let complete =
                    format!("{{\"final_content\": \"{said}\", \"message_complete\": true}}");
                frame("complete", "", stored, &complete)
                    + &frame("end", "", "null", &announced)
                    + "data: [DONE]\n\n"
            } else {
                return None;
            };
            Some((
                Ok::<_, Infallible>(Frame::data(Bytes::from(text))),
                (number + 1, said),
            ))
        }
    });
    let mut response = Response::new(BodyExt::boxed_unsync(StreamBody::new(events)));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("text/event-stream; charset=utf-8"),
    );
    headers.insert(
        header::CACHE_CONTROL,
        header::HeaderValue::from_static("no-cache"),
    );
    response
}
