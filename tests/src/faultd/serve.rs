//! One connection: request after request, and to each what was planned.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Instant;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::http::{Connection, FromVendor, Head, pass_on};
use super::witness::InWork;
use super::{Fault, Seen, Shared};

/// How a request ended.
enum Next {
    /// The connection takes another one.
    Another,
    /// The connection ends.
    End,
    /// The connection is reset.
    Reset,
}

/// Serves one connection until its end.
pub(super) async fn connection(stream: TcpStream, number: u64, shared: Arc<Shared>) {
    let open = shared.witness.connection();
    let mut connection = Connection::new(stream);
    // Small pieces shall be seen as they are sent; where that cannot be had they come later.
    drop(connection.stream.set_nodelay(true));
    loop {
        match request(&mut connection, number, &shared).await {
            Ok(Next::Another) => {}
            Ok(Next::Reset) => {
                // The end of the socket then resets the connection instead of closing it.
                drop(connection.stream.set_zero_linger());
                break;
            }
            // Whoever left, or sent what is no HTTP, gets nothing more.
            Ok(Next::End) | Err(_) => break,
        }
    }
    drop(connection);
    drop(open);
}

async fn request(connection: &mut Connection, number: u64, shared: &Shared) -> io::Result<Next> {
    let Some(head) = connection.head().await? else {
        return Ok(Next::End);
    };
    let body = connection.request_body(&head).await?;
    let mut words = head.first_line.split(' ').map(str::to_owned);
    let (method, path) = (words.next(), words.next());
    let (method, path) = (method.unwrap_or_default(), path.unwrap_or_default());
    let fault = shared.fault(&method, &path);
    let in_work = shared.witness.request(Seen {
        connection: number,
        method,
        path,
        fields: head.fields.clone(),
        body: body.clone(),
        at: Instant::now(),
        passed_on: false,
        answered_by_vendor: false,
        planned: fault.is_some(),
        ended: None,
        left: false,
    });
    let fault = match fault {
        Some((fault, pause)) => {
            tokio::time::sleep(pause).await;
            Some(fault)
        }
        None => None,
    };
    let done = carry_out(connection, shared, &in_work, &head, &body, fault).await;
    if done.is_err() {
        in_work.note(|seen| seen.left = true);
    }
    done
}

async fn carry_out(
    connection: &mut Connection,
    shared: &Shared,
    in_work: &InWork<'_>,
    head: &Head,
    body: &[u8],
    fault: Option<Fault>,
) -> io::Result<Next> {
    match &fault {
        Some(Fault::Late(time)) => {
            // It is passed on also where the caller has left meanwhile: it is on its way.
            tokio::time::sleep(*time).await;
        }
        Some(Fault::Silent { applied: false }) => {
            connection.left().await;
            return Err(ErrorKind::ConnectionAborted.into());
        }
        Some(Fault::Reset { applied: false }) => return Ok(Next::Reset),
        Some(Fault::Answer {
            status,
            fields,
            body,
        }) => {
            let answer = Head {
                first_line: format!("HTTP/1.1 {status} Planned"),
                fields: fields.clone(),
            };
            return answer_whole(connection, in_work, answer, body).await;
        }
        Some(Fault::Bytes(bytes)) => {
            connection.stream.write_all(bytes).await?;
            // What the caller still sends is not answered by a reset, which could overtake the bytes.
            connection.stream.shutdown().await?;
            connection.left().await;
            return Ok(Next::End);
        }
        Some(Fault::Endless {
            content_type,
            piece,
        }) => {
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\nconnection: close\r\n\r\n"
            );
            connection.stream.write_all(head.as_bytes()).await?;
            loop {
                connection.stream.write_all(piece).await?;
            }
        }
        _ => {}
    }
    let Some(vendor) = shared.vendor else {
        let answer = Head {
            first_line: "HTTP/1.1 404 Not Found".to_owned(),
            fields: Vec::new(),
        };
        return answer_whole(connection, in_work, answer, b"").await;
    };
    in_work.note(|seen| seen.passed_on = true);
    // On a task of its own: what is on its way to the vendor arrives, whether or not the caller stays.
    let passing = {
        let (head, body) = (head.clone(), body.to_vec());
        tokio::spawn(async move { pass_on(vendor, &head, &body).await })
    };
    let answer = tokio::select! {
        answer = passing => answer??,
        () = connection.left() => return Err(ErrorKind::ConnectionAborted.into()),
    };
    in_work.note(|seen| seen.answered_by_vendor = true);
    match fault {
        Some(Fault::Silent { .. }) => {
            connection.left().await;
            return Err(ErrorKind::ConnectionAborted.into());
        }
        Some(Fault::Reset { .. }) => return Ok(Next::Reset),
        _ => {}
    }
    match answer {
        FromVendor::Stream(head, stream) => relay(connection, &head, stream, fault.as_ref()).await,
        FromVendor::Whole(head, body) => {
            answer_planned(connection, shared, in_work, (head, body), fault).await
        }
    }
}

/// Sends the vendor's answer, changed as planned.
async fn answer_planned(
    connection: &mut Connection,
    shared: &Shared,
    in_work: &InWork<'_>,
    (mut head, mut body): (Head, Vec<u8>),
    fault: Option<Fault>,
) -> io::Result<Next> {
    let cut = |bytes: usize| bytes.min(body.len());
    match fault {
        Some(Fault::StalledAfter(bytes)) => {
            let bytes = cut(bytes);
            send_part(connection, &head, &body, bytes).await?;
            connection.left().await;
            Err(ErrorKind::ConnectionAborted.into())
        }
        Some(Fault::ResetAfter(bytes)) => {
            let bytes = cut(bytes);
            send_part(connection, &head, &body, bytes).await?;
            Ok(Next::Reset)
        }
        Some(Fault::CutAfter(bytes)) => {
            let bytes = cut(bytes);
            send_part(connection, &head, &body, bytes).await?;
            Ok(Next::End)
        }
        Some(Fault::HalfClosedAfter(bytes)) => {
            let bytes = cut(bytes);
            send_part(connection, &head, &body, bytes).await?;
            connection.stream.shutdown().await?;
            connection.left().await;
            Ok(Next::End)
        }
        Some(Fault::Garbled) => {
            garble(shared, &mut body);
            answer_whole(connection, in_work, head, &body).await
        }
        Some(Fault::Dripping { bytes, pause }) => {
            let answer = whole(&head, &body);
            for piece in answer.chunks(bytes) {
                tokio::time::sleep(pause).await;
                connection.stream.write_all(piece).await?;
            }
            Ok(Next::Another)
        }
        Some(Fault::Doubled) => {
            let answer = whole(&head, &body).repeat(2);
            connection.stream.write_all(&answer).await?;
            Ok(Next::Another)
        }
        Some(Fault::Informed(status)) => {
            let interim = format!("HTTP/1.1 {status} Interim\r\n\r\n");
            connection.stream.write_all(interim.as_bytes()).await?;
            answer_whole(connection, in_work, head, &body).await
        }
        Some(Fault::WithFields(fields)) => {
            head.fields
                .retain(|(name, _)| !fields.iter().any(|(other, _)| other == name));
            head.fields.extend(fields);
            answer_whole(connection, in_work, head, &body).await
        }
        _ => answer_whole(connection, in_work, head, &body).await,
    }
}

async fn answer_whole(
    connection: &mut Connection,
    in_work: &InWork<'_>,
    head: Head,
    body: &[u8],
) -> io::Result<Next> {
    let answer = whole(&head, body);
    // Before it is sent: whoever has it may ask the next thing at once.
    in_work.has_its_answer();
    connection.stream.write_all(&answer).await?;
    Ok(Next::Another)
}

fn whole(head: &Head, body: &[u8]) -> Vec<u8> {
    let mut bytes = head.bytes(&[("content-length", body.len().to_string())]);
    bytes.extend_from_slice(body);
    bytes
}

/// Sends the head, which announces the whole body, and the beginning of the body.
async fn send_part(
    connection: &mut Connection,
    head: &Head,
    body: &[u8],
    bytes: usize,
) -> io::Result<()> {
    let head = head.bytes(&[("content-length", body.len().to_string())]);
    connection.stream.write_all(&head).await?;
    connection.stream.write_all(&body[..bytes]).await
}

/// Makes about one byte in sixteen another one, at least one.
fn garble(shared: &Shared, body: &mut [u8]) {
    let mut random = shared.random();
    let count = body.len() / 16 + usize::from(!body.is_empty());
    for _ in 0..count {
        let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
        let place = usize::try_from(random.between(0, length)).unwrap_or_default();
        // Another byte for certain, and none that is white space, which would change nothing.
        body[place] ^= 0x80;
    }
}

/// Passes a stream of events on as it comes; what is counted are the bytes behind the head.
async fn relay(
    connection: &mut Connection,
    head: &Head,
    mut stream: Connection,
    fault: Option<&Fault>,
) -> io::Result<Next> {
    let encoding = head.field("transfer-encoding").map(str::to_owned);
    let of_connection = match encoding {
        Some(encoding) => vec![("transfer-encoding", encoding)],
        None => vec![("connection", "close".to_owned())],
    };
    connection
        .stream
        .write_all(&head.bytes(&of_connection))
        .await?;
    let limit = match fault {
        Some(
            Fault::StalledAfter(bytes)
            | Fault::ResetAfter(bytes)
            | Fault::CutAfter(bytes)
            | Fault::HalfClosedAfter(bytes),
        ) => *bytes,
        _ => usize::MAX,
    };
    let mut sent = 0;
    while sent < limit {
        let piece = tokio::select! {
            piece = stream.piece() => piece?,
            () = connection.left() => return Err(ErrorKind::ConnectionAborted.into()),
        };
        if piece.is_empty() {
            return Ok(Next::End);
        }
        let piece = &piece[..piece.len().min(limit - sent)];
        match fault {
            Some(Fault::Dripping { bytes, pause }) => {
                for part in piece.chunks(*bytes) {
                    tokio::time::sleep(*pause).await;
                    connection.stream.write_all(part).await?;
                }
            }
            _ => connection.stream.write_all(piece).await?,
        }
        sent += piece.len();
    }
    match fault {
        Some(Fault::ResetAfter(_)) => Ok(Next::Reset),
        Some(Fault::CutAfter(_)) => Ok(Next::End),
        Some(Fault::HalfClosedAfter(_)) => {
            connection.stream.shutdown().await?;
            connection.left().await;
            Ok(Next::End)
        }
        _ => {
            connection.left().await;
            Err(ErrorKind::ConnectionAborted.into())
        }
    }
}
