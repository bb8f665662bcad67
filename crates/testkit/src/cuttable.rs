//! Connections of a fake server that can be cut: after an answer, as some real servers do after an error without saying
//! `Connection: close`, or at once, so that an answer is lost.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// What shall happen to a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Open,
    CloseAfterAnswer { answer_begun: bool },
    Closed,
}

struct Shared {
    fate: Fate,
    reader: Option<Waker>,
}

/// A handle on one client's connection.
#[derive(Clone)]
pub struct Connection(Arc<Mutex<Shared>>);

impl Connection {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Shared {
            fate: Fate::Open,
            reader: None,
        })))
    }

    /// Closes the connection once the answer that comes next has been sent.
    pub fn close_after_answer(&self) {
        self.with(|shared| {
            shared.fate = Fate::CloseAfterAnswer {
                answer_begun: false,
            }
        });
    }

    /// Closes the connection now; no answer arrives.
    pub fn cut(&self) {
        self.with(|shared| {
            shared.fate = Fate::Closed;
            if let Some(waker) = shared.reader.take() {
                waker.wake();
            }
        });
    }

    fn with<T>(&self, action: impl FnOnce(&mut Shared) -> T) -> T {
        action(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn is_closed(&self) -> bool {
        self.with(|shared| shared.fate == Fate::Closed)
    }
}

impl Connected<IncomingStream<'_, CuttableListener>> for Connection {
    fn connect_info(stream: IncomingStream<'_, CuttableListener>) -> Self {
        stream.io().connection.clone()
    }
}

/// A TCP listener whose connections can be cut.
pub struct CuttableListener(pub TcpListener);

impl Listener for CuttableListener {
    type Io = CuttableStream;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        (
            CuttableStream {
                stream,
                connection: Connection::new(),
            },
            address,
        )
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

/// One connection.
pub struct CuttableStream {
    stream: TcpStream,
    connection: Connection,
}

impl AsyncRead for CuttableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.connection.is_closed() {
            // Nothing read means the end of the stream: the HTTP server closes its side.
            return Poll::Ready(Ok(()));
        }
        self.connection
            .with(|shared| shared.reader = Some(cx.waker().clone()));
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.connection.is_closed() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        self.connection.with(|shared| {
            if let Fate::CloseAfterAnswer { answer_begun } = &mut shared.fate {
                *answer_begun = true;
            }
        });
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        let answered = self
            .connection
            .with(|shared| shared.fate == Fate::CloseAfterAnswer { answer_begun: true });
        if flushed.is_ready() && answered {
            self.connection.cut();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
