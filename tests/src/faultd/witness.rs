//! What the proxy saw: every request, in order, and what became of it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use super::locked;

/// One request.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Which connection it came on, counted from 0.
    pub connection: u64,
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The header fields, as they came.
    pub fields: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// When it had come whole.
    pub at: Instant,
    /// Whether it was handed to the vendor.
    pub passed_on: bool,
    /// Whether the vendor has answered, whatever became of the answer.
    pub answered_by_vendor: bool,
    /// Whether something was planned for it.
    pub planned: bool,
    /// When its answer was out, or there was none to give.
    pub ended: Option<Instant>,
    /// Whether the caller left before.
    pub left: bool,
}

impl Seen {
    /// A header field, where there is one.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        let field = fields.find(|(known, _)| known.eq_ignore_ascii_case(name));
        field.map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Everything that was seen.
#[derive(Debug, Default)]
pub struct Witness {
    requests: Mutex<Vec<Seen>>,
    open: AtomicUsize,
    taken: AtomicUsize,
    in_work: AtomicUsize,
    most_in_work: AtomicUsize,
}

impl Witness {
    /// Every request so far.
    pub fn requests(&self) -> Vec<Seen> {
        locked(&self.requests).clone()
    }

    /// How many requests there were.
    pub fn count(&self) -> usize {
        locked(&self.requests).len()
    }

    /// How many requests have this method and this text in path, query or body.
    pub fn count_of(&self, method: &str, part: &str) -> usize {
        let requests = locked(&self.requests);
        let fits = |seen: &&Seen| {
            seen.method == method && (seen.path.contains(part) || seen.text().contains(part))
        };
        requests.iter().filter(fits).count()
    }

    /// Forgets what was seen.
    pub fn forget(&self) {
        locked(&self.requests).clear();
        self.most_in_work
            .store(self.in_work.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Connections that are open now.
    pub fn open_connections(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Connections that were taken so far.
    pub fn connections(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// Requests that have no answer yet.
    pub fn in_work(&self) -> usize {
        self.in_work.load(Ordering::Relaxed)
    }

    /// The most of them at once.
    pub fn most_in_work(&self) -> usize {
        self.most_in_work.load(Ordering::Relaxed)
    }

    /// Counts a connection until the value is dropped.
    pub(super) fn connection(&self) -> Open<'_> {
        self.taken.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        Open(&self.open)
    }

    /// Notes a request; it is in work until the value is dropped.
    pub(super) fn request(&self, seen: Seen) -> InWork<'_> {
        let number = {
            let mut requests = locked(&self.requests);
            requests.push(seen);
            requests.len() - 1
        };
        let now = self.in_work.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_in_work.fetch_max(now, Ordering::Relaxed);
        InWork {
            witness: self,
            number,
            has_its_answer: AtomicBool::new(false),
        }
    }
}

/// An open connection.
pub(super) struct Open<'a>(&'a AtomicUsize);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request without an answer yet.
pub(super) struct InWork<'a> {
    witness: &'a Witness,
    number: usize,
    has_its_answer: AtomicBool,
}

impl InWork<'_> {
    /// From now on it is not in work any more.
    pub(super) fn has_its_answer(&self) {
        if !self.has_its_answer.swap(true, Ordering::Relaxed) {
            self.witness.in_work.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Changes what is known of it; nothing where it was forgotten meanwhile.
    pub(super) fn note(&self, change: impl FnOnce(&mut Seen)) {
        if let Some(seen) = locked(&self.witness.requests).get_mut(self.number) {
            change(seen);
        }
    }
}

impl Drop for InWork<'_> {
    fn drop(&mut self) {
        self.note(|seen| seen.ended = Some(Instant::now()));
        self.has_its_answer();
    }
}
