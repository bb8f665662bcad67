//! Streamed answers: a task of its own reads the backend's events to their end, whether or not the client stays.

mod frame;

use std::collections::VecDeque;
use std::io;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use backend::{Context, Event, Location, RespondRequest};
use bytes::Bytes;
use conversation::{Message, MessageStatus};
use futures_util::{FutureExt, StreamExt, stream};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use self::frame::{Frame, HEARTBEAT};
use crate::answer::Answer;
use crate::api::responses::{ended_early, stopping};
use crate::gateway::App;
use crate::once::Ticket;
use crate::problem::{Code, Outcome, Problem};
use crate::view::View;

/// Events that wait for the client. Together with the connection's buffers this bounds a stream's memory.
const EVENTS_BUFFERED: usize = 64;
/// The backend keeps the deadline itself, and stores what had arrived of the answer by then: for that it has ten seconds
/// more, in which the conversation stays held. A stream that has not ended after this is ended by us.
const DEADLINE_GRACE: Duration = Duration::from_secs(12);
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");

/// Starts an answer and waits for its head: a failure before the first content is a real HTTP error.
pub(crate) async fn start(
    app: &App,
    cx: Context,
    at: Location,
    request: RespondRequest,
    view: View,
    ticket: Option<Ticket>,
) -> Result<Response, Problem> {
    let limits = &app.gateway.streams;
    let conversation = at.id;
    let (sender, mut receiver) = mpsc::channel(EVENTS_BUFFERED);
    let reader = Reader {
        app: app.clone(),
        request_id: cx.request_id.clone(),
        view: view.clone(),
        out: Out {
            client: Some(sender),
            stall: limits.stall,
            record: ticket.is_some().then(Vec::new),
            record_bytes_max: limits.replay_bytes_max,
            last: Bytes::new(),
            has_content: false,
        },
    };
    app.gateway
        .shutdown
        .detached()
        .start(reader.run(cx, at, request, ticket));

    let deadline = Instant::now() + limits.header_wait;
    let mut waiting = VecDeque::new();
    while let Ok(frame) = timeout_at(deadline, receiver.recv()).await {
        let Some(mut frame) = frame else {
            return Err(ended_early());
        };
        if let Some(problem) = frame.failure.take() {
            return Err(problem);
        }
        let is_begun = frame.is_content;
        waiting.push_back(frame);
        if is_begun {
            break;
        }
    }
    let mut response = Response::new(body(waiting, receiver, limits.heartbeat));
    *response.headers_mut() = headers();
    let fidelity = view.fidelity_of_answer(conversation, None);
    if !fidelity.is_exact() {
        // What is exact so far need not be in the end: an answer that goes on promises nothing.
        fidelity.write_to(response.headers_mut());
    }
    Ok(response)
}

fn headers() -> HeaderMap {
    HeaderMap::from_iter([
        (CONTENT_TYPE, EVENT_STREAM),
        (
            CACHE_CONTROL,
            HeaderValue::from_static("no-store, no-transform"),
        ),
        // nginx would hold events back.
        (
            HeaderName::from_static("x-accel-buffering"),
            HeaderValue::from_static("no"),
        ),
    ])
}

fn body(waiting: VecDeque<Frame>, receiver: mpsc::Receiver<Frame>, heartbeat: Duration) -> Body {
    let state = Some((waiting, receiver));
    Body::from_stream(stream::unfold(state, move |state| async move {
        let (mut waiting, mut receiver) = state?;
        let next = match waiting.pop_front() {
            Some(frame) => Ok(Some(frame)),
            None => timeout(heartbeat, receiver.recv()).await,
        };
        match next {
            Err(_elapsed) => Some((Ok(HEARTBEAT), Some((waiting, receiver)))),
            Ok(Some(frame)) => {
                let state = (!frame.is_last).then_some((waiting, receiver));
                Some((Ok(frame.bytes), state))
            }
            // The stream ended without its last event: the client must not take that for the end of the answer.
            Ok(None) => Some((Err(io::Error::from(io::ErrorKind::ConnectionAborted)), None)),
        }
    }))
}

/// The answer of a stream whose process died: its last event alone.
pub(crate) fn settled(view: &View, message: Box<Message>) -> Result<Answer, Problem> {
    let fidelity = view.fidelity_of_answer(message.conversation_id, Some(&message.id));
    let event = if message.status == MessageStatus::Incomplete {
        Event::MessageIncomplete(message)
    } else {
        Event::MessageCompleted(message)
    };
    let answer = View::mark(burst(Bytes::new()), &fidelity);
    Ok(Answer {
        body: Frame::of(&event, "", view.member(fidelity)).bytes,
        ..answer
    })
}

/// A stream in one piece, for repeats of its idempotency key.
fn burst(body: Bytes) -> Answer {
    Answer {
        status: StatusCode::OK,
        headers: headers(),
        body,
    }
}

/// Reads one answer to its end.
struct Reader {
    app: App,
    request_id: std::sync::Arc<str>,
    view: View,
    out: Out,
}

/// Where the events go: to the client while it reads, and into the record for repeats.
struct Out {
    client: Option<mpsc::Sender<Frame>>,
    stall: Duration,
    record: Option<Vec<u8>>,
    record_bytes_max: usize,
    last: Bytes,
    has_content: bool,
}

impl Out {
    async fn send(&mut self, frame: Frame) {
        self.has_content |= frame.is_content;
        if frame.is_last {
            self.last = frame.bytes.clone();
        }
        if let Some(record) = &mut self.record {
            if record.len() + frame.bytes.len() <= self.record_bytes_max {
                record.extend_from_slice(&frame.bytes);
            } else {
                // The last event holds the whole message, so a repeat can be answered with that alone.
                self.record = None;
            }
        }
        if let Some(client) = &self.client {
            let sent = client.send_timeout(frame, self.stall).await;
            if sent.is_err() {
                // It left, or does not read. The answer goes on without it.
                self.client = None;
            }
        }
    }
}

impl Reader {
    async fn run(
        mut self,
        cx: Context,
        at: Location,
        request: RespondRequest,
        ticket: Option<Ticket>,
    ) {
        let (trace, conversation) = (cx.trace.clone(), at.id);
        let reading = AssertUnwindSafe(self.read(cx, at, request)).catch_unwind();
        let failure = match reading.await {
            Ok(result) => result.err(),
            Err(_panic) => {
                metrics::counter!("dragoman_panics_total").increment(1);
                let problem = Problem::new(Code::Internal, "the answer met a fault in this server");
                Some(problem.with_outcome(Outcome::Unknown))
            }
        };
        if let Some(problem) = &failure
            && self.out.last.is_empty()
        {
            let frame = Frame::failed(None, problem.clone(), &self.request_id);
            self.out.send(frame).await;
        }
        let Some(ticket) = ticket else { return };
        match failure {
            Some(problem) if !self.out.has_content || is_open(&problem) => {
                ticket.fail(&problem).await;
            }
            _ => {
                let fidelity = self.view.fidelity_of_answer(conversation, None);
                let body = self.out.record.map_or(self.out.last, Bytes::from);
                let mut answer = View::mark(burst(body), &fidelity);
                crate::call::write_trace(&trace, &mut answer.headers);
                ticket.finish(&answer).await;
            }
        }
    }

    /// Passes every event on. A failure is also the last event's problem.
    async fn read(
        &mut self,
        cx: Context,
        at: Location,
        request: RespondRequest,
    ) -> Result<(), Problem> {
        let ends = self.app.gateway.shutdown.streams_must_end().clone();
        let deadline = Instant::from_std(cx.deadline) + DEADLINE_GRACE;
        let conversation = at.id;
        let mut events = tokio::select! {
            events = self.app.gateway.router.respond(&cx, &at, request) => events?,
            () = ends.cancelled() => return Err(stopping()),
        };
        loop {
            let event = tokio::select! {
                event = timeout_at(deadline, events.next()) => event.map_err(|_elapsed| too_late())?,
                () = ends.cancelled() => return Err(stopping()),
            };
            let Some(event) = event else {
                return Err(ended_early());
            };
            let fidelity = match &event {
                Event::MessageCompleted(message) | Event::MessageIncomplete(message) => {
                    let view = &self.view;
                    view.member(view.fidelity_of_answer(conversation, Some(&message.id)))
                }
                _ => None,
            };
            let frame = Frame::of(&event, &self.request_id, fidelity);
            let failure = frame.failure.clone();
            self.out.send(frame).await;
            if let Some(problem) = failure {
                return Err(problem);
            }
            if event.is_last() {
                return Ok(());
            }
        }
    }
}

/// Whether the answer may still be found at the backend: then that is what repeats are told.
fn is_open(problem: &Problem) -> bool {
    problem.document().outcome == Some(Outcome::Unknown)
}

fn too_late() -> Problem {
    Problem::new(Code::Timeout, "the answer was not complete at the deadline")
        .with_outcome(Outcome::Unknown)
}
