//! Answers that end too early: at every byte, in each way in which HTTP tells where a body ends.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt};

use crate::line::{Fate, head_bytes, plain_body};
use crate::outcome::judge;
use crate::trial::{Subject, Trial};

/// How many trials run at once.
const AT_ONCE: usize = 4;
/// How long a chunk of a chunked body is, in bytes.
const CHUNK: usize = 64;

/// How the end of a body is told.
#[derive(Debug, Clone, Copy)]
enum Ending {
    /// By its length.
    Announced,
    /// By a last chunk.
    Chunked,
    /// By the end of the connection: only its content shows that some of it is missing.
    Connection,
}

impl Ending {
    const ALL: [Self; 3] = [Self::Announced, Self::Chunked, Self::Connection];

    /// The body as it travels.
    fn framed(self, body: &[u8]) -> Vec<u8> {
        match self {
            Self::Announced | Self::Connection => body.to_vec(),
            Self::Chunked => {
                let chunks = body.chunks(CHUNK).flat_map(|chunk| {
                    let size = format!("{:x}\r\n", chunk.len()).into_bytes();
                    [size.as_slice(), chunk, b"\r\n"].concat()
                });
                chunks.chain(*b"0\r\n\r\n").collect()
            }
        }
    }

    fn header(self, body: &[u8]) -> String {
        match self {
            Self::Announced => format!("content-length: {}\r\n", body.len()),
            Self::Chunked => "transfer-encoding: chunked\r\n".to_owned(),
            Self::Connection => String::new(),
        }
    }

    /// The same answer with a body that ends so, cut after `bytes` of it.
    fn cut(self, answer: &[u8], bytes: usize) -> Vec<u8> {
        let (head, body) = answer.split_at(head_bytes(answer));
        let body = plain_body(head, body);
        let head = String::from_utf8_lossy(head).into_owned();
        let mut sent = String::new();
        for line in head.lines().filter(|line| !line.is_empty()) {
            let name = line.to_ascii_lowercase();
            if !name.starts_with("content-length:") && !name.starts_with("transfer-encoding:") {
                sent.push_str(line);
                sent.push_str("\r\n");
            }
        }
        sent.push_str(&self.header(&body));
        sent.push_str("\r\n");
        let framed = self.framed(&body);
        let end = bytes.min(framed.len().saturating_sub(1));
        [sent.as_bytes(), &framed[..end]].concat()
    }
}

/// Cuts the longest answer of each deed after every `step` bytes of its body.
///
/// - a part of an answer is never taken for the answer
/// - what is said of a write is so
///
/// # Panics
/// With all that was broken.
pub async fn check(subjects: Vec<Subject>, step: usize) {
    let mut broken = Vec::new();
    for subject in &subjects {
        let trial = (subject.make)().await;
        trial.line.heal().await;
        let before = (trial.done)();
        trial.run().await;
        let whole = (trial.done)() - before;
        let exchanges = trial.line.exchanges();
        let longest = exchanges
            .iter()
            .enumerate()
            .max_by_key(|(_, exchange)| exchange.body().len());
        let Some((index, exchange)) = longest else {
            panic!("{}: nothing was asked", subject.name);
        };
        let mut places = Vec::new();
        for ending in Ending::ALL {
            let bytes = ending.framed(exchange.body()).len();
            places.extend((0..bytes).step_by(step).map(|bytes| (ending, bytes)));
        }
        if exchanges.len() == 1 && trial.is_read() {
            // Nothing comes before it that would be remembered.
            for (ending, bytes) in places {
                broken.extend(try_one(subject, &trial, index, ending, bytes, whole).await);
            }
            continue;
        }
        let found: Vec<String> = stream::iter(places)
            .map(|(ending, bytes)| async move {
                let trial = (subject.make)().await;
                try_one(subject, &trial, index, ending, bytes, whole).await
            })
            .buffer_unordered(AT_ONCE)
            .flat_map(stream::iter)
            .collect()
            .await;
        broken.extend(found);
    }
    assert!(
        broken.is_empty(),
        "{}:\n{}",
        broken.len(),
        broken.join("\n")
    );
}

async fn try_one(
    subject: &Subject,
    trial: &Trial,
    index: usize,
    ending: Ending,
    bytes: usize,
    whole: usize,
) -> Vec<String> {
    let cut = move |answer: &[u8]| ending.cut(answer, bytes);
    trial.line.plan(index, Fate::Changed(Arc::new(cut))).await;
    let before = (trial.done)();
    let tried = trial.run().await;
    let held = (trial.done)() - before;
    let mut broken = judge(&tried, held, whole, false);
    if !trial.line.is_met() {
        broken.push("the request never came".to_owned());
    }
    if trial.is_read() && tried.results.iter().any(Result::is_ok) {
        broken.push("a part was taken for the whole".to_owned());
    }
    let what = format!("{}, {ending:?}, cut after {bytes} bytes", subject.name);
    broken
        .into_iter()
        .map(|rule| format!("{what}: {rule}"))
        .collect()
}
