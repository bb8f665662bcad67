//! What is planned: which requests, how often, and what happens to them.

use std::time::Duration;

use crate::random::Random;

/// What happens to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// It is passed on so much later.
    Late(Duration),
    /// No answer comes, and the connection stays. The vendor carries it out where `applied`.
    Silent {
        /// Whether the vendor gets it.
        applied: bool,
    },
    /// The connection is reset instead of an answer.
    Reset {
        /// Whether the vendor gets it.
        applied: bool,
    },
    /// It is passed on; after so many bytes of the answer's body nothing more comes.
    StalledAfter(usize),
    /// It is passed on; after so many bytes of the answer's body the connection is reset.
    ResetAfter(usize),
    /// It is passed on; after so many bytes of the answer's body the connection ends.
    CutAfter(usize),
    /// It is passed on; after so many bytes of the answer's body our direction ends, the other stays open.
    HalfClosedAfter(usize),
    /// It is passed on; some bytes of the answer's body are other ones, by chance.
    Garbled,
    /// It is passed on; the answer comes in pieces of so many bytes, each after a pause.
    Dripping {
        /// Bytes of a piece, at least 1.
        bytes: usize,
        /// The pause before each.
        pause: Duration,
    },
    /// It is passed on; the answer is sent twice on the same connection.
    Doubled,
    /// It is passed on; an interim answer stands before the answer.
    Informed(u16),
    /// It is passed on; these header fields replace those of the answer.
    WithFields(Vec<(String, String)>),
    /// The vendor does not get it; this is answered.
    Answer {
        /// The status.
        status: u16,
        /// Header fields beside the length.
        fields: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// The vendor does not get it; these bytes are sent, then the connection ends.
    Bytes(Vec<u8>),
    /// The vendor does not get it; a good head, then this again and again until the caller leaves.
    Endless {
        /// The media type.
        content_type: &'static str,
        /// What is repeated.
        piece: Vec<u8>,
    },
}

impl Fault {
    /// Another answer of JSON instead of the vendor's.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::Answer {
            status,
            fields: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.to_string().into_bytes(),
        }
    }

    /// An answer without a body.
    pub fn status(status: u16) -> Self {
        Self::Answer {
            status,
            fields: Vec::new(),
            body: Vec::new(),
        }
    }

    /// The answer with one more header field.
    ///
    /// # Panics
    /// If it is no [`Fault::Answer`].
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        let Self::Answer { fields, .. } = &mut self else {
            panic!("only an answer has header fields");
        };
        fields.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A fault, and for which requests.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    pub(super) fault: Fault,
    method: Option<&'static str>,
    path_part: String,
    skips: usize,
    times: Option<usize>,
    chance: f64,
    pub(super) pause: Duration,
}

impl Rule {
    /// For every request, always.
    pub fn new(fault: Fault) -> Self {
        Self {
            fault,
            method: None,
            path_part: String::new(),
            skips: 0,
            times: None,
            chance: 1.0,
            pause: Duration::ZERO,
        }
    }

    /// Only for this method.
    #[must_use]
    pub fn method(mut self, method: &'static str) -> Self {
        self.method = Some(method);
        self
    }

    /// Only where path and query hold this text.
    #[must_use]
    pub fn path(mut self, part: &str) -> Self {
        part.clone_into(&mut self.path_part);
        self
    }

    /// Not for the first so many.
    #[must_use]
    pub fn after(mut self, skips: usize) -> Self {
        self.skips = skips;
        self
    }

    /// At most so often.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = Some(times);
        self
    }

    /// Only by chance, 0 to 1.
    #[must_use]
    pub fn chance(mut self, chance: f64) -> Self {
        self.chance = chance;
        self
    }

    /// After a pause.
    #[must_use]
    pub fn pausing(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Whether it decides about this request; counts where it could.
    pub(super) fn takes(&mut self, method: &str, path: &str, random: &mut Random) -> bool {
        let fits = self.method.is_none_or(|one| one == method) && path.contains(&self.path_part);
        if !fits || self.times == Some(0) {
            return false;
        }
        if self.skips > 0 {
            self.skips -= 1;
            return false;
        }
        if !random.chance(self.chance) {
            return false;
        }
        self.times = self.times.map(|times| times - 1);
        true
    }
}
