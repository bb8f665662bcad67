//! The ways in which one request of a write is lost.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::line::{Change, Exchange, Fate, answer, head_bytes};

/// What a fault leaves to be known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Knowable {
    /// The request was certainly not carried out, and the client can tell.
    NotDone,
    /// The client cannot tell.
    Nothing,
}

/// A fault, and what can be known after it.
pub(super) struct Fault {
    pub(super) name: String,
    pub(super) fate: Fate,
    pub(super) knowable: Knowable,
    /// One for each sort of failure.
    pub(super) is_typical: bool,
}

/// A part of an answer: how many bytes of it, by the length of its head and its own.
type Part = fn(usize, usize) -> usize;

const CUTS: [(&str, Part); 9] = [
    ("cut before the answer", |_, _| 0),
    ("cut after a byte", |_, _| 1),
    ("cut in the status line", |_, _| 12),
    ("cut in the head", |head, _| head / 2),
    ("cut before the head's last byte", |head, _| head - 1),
    ("cut behind the head", |head, _| head),
    ("cut behind the body's first byte", |head, _| head + 1),
    ("cut in the body", |head, whole| head + (whole - head) / 2),
    ("cut before the body's last byte", |_, whole| whole - 1),
];

/// One of each sort: for requests that write nothing.
const TYPICAL: [&str; 7] = [
    "refused connection",
    "429",
    "500",
    "closed after reading",
    "nothing with 200",
    "cut in the body",
    "garbled",
];

/// The faults of one request, of which the whole answer is known from a run without faults.
pub(super) fn faults(whole: &Exchange) -> Vec<Fault> {
    let fault = |name: &str, fate, knowable| Fault {
        name: name.to_owned(),
        fate,
        knowable,
        is_typical: TYPICAL.contains(&name),
    };
    let instead = |name: &str, status, content_type, body: &str, knowable| {
        let fate = Fate::Instead(answer(status, content_type, body.as_bytes()));
        fault(name, fate, knowable)
    };
    let changed =
        |name: &str, change: Change| fault(name, Fate::Changed(change), Knowable::Nothing);
    let page = "<html><body>planted page</body></html>";
    let mut faults = vec![
        fault("refused connection", Fate::Refused, Knowable::NotDone),
        instead("429", 429, "text/plain", "planted", Knowable::NotDone),
        instead("503", 503, "text/plain", "planted", Knowable::NotDone),
        fault("closed before reading", Fate::Unread, Knowable::Nothing),
        fault("closed after reading", Fate::Dropped, Knowable::Nothing),
        instead("500", 500, "text/html", page, Knowable::Nothing),
        instead("502", 502, "text/html", page, Knowable::Nothing),
        instead("504", 504, "", "", Knowable::Nothing),
        instead("a page with 200", 200, "text/html", page, Knowable::Nothing),
        instead("nothing with 200", 200, "", "", Knowable::Nothing),
        changed(
            "done, then a 500",
            Arc::new(|_| answer(500, "text/html", b"planted").to_vec()),
        ),
        changed(
            "done, then a 502",
            Arc::new(|_| answer(502, "text/html", b"planted").to_vec()),
        ),
        changed(
            "done, then a 504",
            Arc::new(|_| answer(504, "", b"").to_vec()),
        ),
        changed(
            "done, then no HTTP",
            Arc::new(|_| b"planted\r\n\r\nplanted".to_vec()),
        ),
    ];
    if whole.body().is_empty() {
        // It is what the vendor answers: nobody can tell that it is not meant.
        faults.retain(|fault| fault.name != "nothing with 200");
    }
    let (head, all) = (head_bytes(&whole.answer), whole.answer.len());
    for (name, part) in CUTS {
        // Without a body there is less to lose.
        if part(head, all) < all {
            let cut = move |answer: &[u8]| {
                let end = part(head_bytes(answer), answer.len());
                answer[..end.min(answer.len() - 1)].to_vec()
            };
            faults.push(changed(name, Arc::new(cut)));
        }
    }
    if all > head {
        faults.push(changed("garbled", Arc::new(garbled)));
        faults.push(changed(
            "half, told as all",
            Arc::new(|whole| resized(whole, true)),
        ));
        faults.push(changed(
            "half, ended by the connection",
            Arc::new(|whole| resized(whole, false)),
        ));
        faults.push(changed(
            "said twice",
            Arc::new(|whole| [whole, whole].concat()),
        ));
    }
    faults
}

/// Other bytes in the body, as many.
fn garbled(whole: &[u8]) -> Vec<u8> {
    let (head, body) = whole.split_at(head_bytes(whole));
    let body = body.iter().map(|byte| byte ^ 0x55);
    head.iter().copied().chain(body).collect()
}

/// Half of the body, with its own length, or with none.
fn resized(whole: &[u8], tells_length: bool) -> Vec<u8> {
    let (head, body) = whole.split_at(head_bytes(whole));
    let half = &body[..body.len() / 2];
    let head = String::from_utf8_lossy(head);
    let mut bytes = String::new();
    for line in head.lines().filter(|line| !line.is_empty()) {
        let name = line.to_ascii_lowercase();
        if !name.starts_with("content-length:") && !name.starts_with("transfer-encoding:") {
            let _ = write!(bytes, "{line}\r\n");
        }
    }
    if tells_length {
        let _ = write!(bytes, "content-length: {}\r\n", half.len());
    }
    [bytes.as_bytes(), b"\r\n", half].concat()
}
