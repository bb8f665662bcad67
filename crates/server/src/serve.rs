//! Our own accept loop: every connection has a watchdog, and stopping has a deadline.
//!
//! `axum::serve` never closes a client that sends half a header, and waits for ever for open streams on shutdown.

mod activity;
mod admission;
mod answer;
mod socket;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, Request, Version, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use self::activity::{Activity, Expired, Verdict};
use self::admission::Admission;
use self::answer::{AnswerBody, RunningRequest};
use self::socket::WatchedSocket;
use crate::application::Application;
use crate::limits::ServeLimits;
use crate::shutdown::Shutdown;

/// Accepting waits this long after an error such as "too many open files", which does not pass by itself at once.
const ACCEPT_ERROR_PAUSE: Duration = Duration::from_millis(100);
/// What hyper allows when it is not told.
const HYPER_HEADERS_MAX: usize = 100;
/// Cut connections get this long to notice.
const CUT_PAUSE: Duration = Duration::from_secs(1);

/// How the server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServeReport {
    /// Connections that were cut at the deadline.
    pub connections_cut: usize,
    /// Detached writes that still ran at the deadline.
    pub writes_cut: usize,
}

/// Serves the application until [`Shutdown::begin`], then drains and returns within `limits.shutdown_deadline`
/// and a second.
///
/// Reads HTTP/1.1 and HTTP/2 with prior knowledge, in plain text; TLS belongs in front.
pub async fn serve(
    listener: TcpListener,
    application: impl Into<Application>,
    limits: ServeLimits,
    shutdown: Shutdown,
) -> ServeReport {
    let application = application.into();
    let limits = Arc::new(limits);
    let connections = TaskTracker::new();
    accept_until_drained(&listener, &application, &limits, &shutdown, &connections).await;
    drop(listener);
    shutdown.drain();
    drain(&limits, &shutdown, &connections).await
}

async fn accept_until_drained(
    listener: &TcpListener,
    application: &Application,
    limits: &Arc<ServeLimits>,
    shutdown: &Shutdown,
    connections: &TaskTracker,
) {
    let admission = Admission::new(limits);
    let drained = async {
        shutdown.stopping().cancelled().await;
        tokio::select! {
            () = tokio::time::sleep(limits.drain_delay) => {}
            () = shutdown.cutting().cancelled() => {}
        }
    };
    tokio::pin!(drained);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut drained => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => match admission.admit(peer.ip()) {
                Ok(place) => {
                    let application = application.clone();
                    let limits = Arc::clone(limits);
                    let shutdown = shutdown.clone();
                    connections.spawn(async move {
                        serve_connection(stream, application, &limits, &shutdown).await;
                        drop(place);
                    });
                }
                Err(refused) => {
                    metrics::counter!("dragoman_http_connections_refused_total", "reason" => refused.as_str())
                        .increment(1);
                }
            },
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_ERROR_PAUSE).await;
            }
        }
    }
}

async fn drain(
    limits: &ServeLimits,
    shutdown: &Shutdown,
    connections: &TaskTracker,
) -> ServeReport {
    connections.close();
    let finished = async {
        connections.wait().await;
        shutdown.detached().finished().await;
    };
    let ends_streams = async {
        tokio::time::sleep(limits.stream_grace).await;
        shutdown.end_streams();
        std::future::pending::<()>().await;
    };
    let deadline = limits.shutdown_deadline.saturating_sub(limits.drain_delay);
    tokio::select! {
        () = finished => {}
        () = ends_streams => {}
        () = tokio::time::sleep(deadline) => {}
        () = shutdown.cutting().cancelled() => {}
    }
    let report = ServeReport {
        connections_cut: connections.len(),
        writes_cut: shutdown.detached().running(),
    };
    shutdown.cut();
    // The result does not matter: what is not gone by now is dropped with the runtime, and was counted above.
    let _ = tokio::time::timeout(CUT_PAUSE, connections.wait()).await;
    report
}

async fn serve_connection(
    stream: TcpStream,
    application: Application,
    limits: &ServeLimits,
    shutdown: &Shutdown,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let activity = Arc::new(Activity::new());
    let socket = TokioIo::new(WatchedSocket::new(stream, Arc::clone(&activity)));
    let service = service_fn({
        let activity = Arc::clone(&activity);
        let stopping = shutdown.stopping().clone();
        move |request: Request<Incoming>| {
            let version = request.version();
            let stopping = stopping.clone();
            let running = RunningRequest::begin(&activity, request.version());
            // Each request by the routes of its time, however old its connection is.
            let application = application.now();
            async move {
                let mut response: Response = application.oneshot(request.map(Body::new)).await?;
                // Or a client would send its next request into a connection that is closed meanwhile. HTTP/2 says so itself.
                if stopping.is_cancelled() && version < Version::HTTP_2 {
                    let close = HeaderValue::from_static("close");
                    response.headers_mut().insert(header::CONNECTION, close);
                }
                Ok::<_, Infallible>(response.map(|body| AnswerBody::new(body, running)))
            }
        }
    });
    let builder = connection_builder(limits);
    let connection = builder.serve_connection(socket, service);
    tokio::pin!(connection);
    let watchdog = watch(&activity, limits);
    tokio::pin!(watchdog);
    let mut draining = false;
    loop {
        tokio::select! {
            // What has arrived is read before anybody judges that nothing came.
            biased;
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(%error, "connection ended with an error");
                }
                return;
            }
            expired = &mut watchdog => {
                metrics::counter!("dragoman_http_connections_closed_total", "reason" => expired.as_str()).increment(1);
                return;
            }
            () = shutdown.cutting().cancelled() => return,
            () = shutdown.draining().cancelled(), if !draining => {
                draining = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Returns when the connection must be closed.
async fn watch(activity: &Activity, limits: &ServeLimits) -> Expired {
    loop {
        match activity.judge(limits) {
            Verdict::Close(expired) => return expired,
            Verdict::LookAgain(pause) => tokio::time::sleep(pause).await,
        }
    }
}

fn connection_builder(limits: &ServeLimits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    let header_bytes = usize::try_from(limits.header_bytes_max).unwrap_or(usize::MAX);
    builder
        .http1()
        .timer(TokioTimer::new())
        // The watchdog times heads: hyper's own limit would also close idle connections.
        .header_read_timeout(None)
        // hyper needs at least 8 KiB.
        .max_buf_size(header_bytes.max(8 * 1024));
    // Setting even hyper's own default moves its header table from the stack to an allocation per request.
    if limits.headers_max != HYPER_HEADERS_MAX {
        builder.http1().max_headers(limits.headers_max);
    }
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.http2_streams_max)
        .max_header_list_size(limits.header_bytes_max)
        .keep_alive_interval(limits.http2_ping_interval)
        .keep_alive_timeout(limits.http2_ping_timeout);
    builder
}
