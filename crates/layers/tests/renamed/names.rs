//! Names for tests: noted one by one, and by a rule that gives every message and attachment another id.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use backend::ports::{Arriving, Names, PlaceQuery};
use backend::{Error, Kind, Result};
use conversation::{AttachmentId, MessageId};

/// Names that were noted, with a count of the questions.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    pairs: Mutex<HashMap<String, String>>,
    asked: AtomicUsize,
    fails: Mutex<bool>,
    arriving: Mutex<Vec<Arriving>>,
    arriving_asked: AtomicUsize,
    arriving_fails: Mutex<bool>,
    /// A name that is noted, with the end of what arrives, when it is asked what does.
    noted_late: Mutex<Option<(String, String, Late)>>,
}

/// When exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Late {
    /// Before it is said what arrives.
    Before,
    /// After it was said.
    After,
}

impl Noted {
    /// From now on callers know `native` as `public`.
    pub(crate) fn note(&self, public: &str, native: &str) {
        let mut pairs = self.pairs.lock().unwrap();
        pairs.insert(public.to_owned(), native.to_owned());
    }

    /// What copies are writing from now on.
    pub(crate) fn arrive(&self, arriving: Vec<Arriving>) {
        *self.arriving.lock().unwrap() = arriving;
    }

    /// Like [`Noted::note`], with the end of all that arrives, when it is next asked what does.
    pub(crate) fn note_late(&self, public: &str, native: &str, late: Late) {
        let noted = (public.to_owned(), native.to_owned(), late);
        *self.noted_late.lock().unwrap() = Some(noted);
    }

    fn arriving(&self) -> Result<Vec<Arriving>> {
        self.arriving_asked.fetch_add(1, Ordering::Relaxed);
        if *self.arriving_fails.lock().unwrap() {
            return Err(Error::new(Kind::Internal, "the disk is full"));
        }
        let before = self.arriving.lock().unwrap().clone();
        let Some((public, native, late)) = self.noted_late.lock().unwrap().take() else {
            return Ok(before);
        };
        self.arrive(Vec::new());
        self.note(&public, &native);
        Ok(match late {
            Late::Before => Vec::new(),
            Late::After => before,
        })
    }

    /// How often it was asked what arrives since this was last asked.
    pub(crate) fn arriving_asked(&self) -> usize {
        self.arriving_asked.swap(0, Ordering::Relaxed)
    }

    /// Nobody is told what arrives; names are told all the same.
    pub(crate) fn fail_arriving(&self, fails: bool) {
        *self.arriving_fails.lock().unwrap() = fails;
    }

    /// How often it was asked since this was last asked.
    pub(crate) fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::Relaxed)
    }

    pub(crate) fn fail(&self, fails: bool) {
        *self.fails.lock().unwrap() = fails;
    }

    fn answer<I: Clone + AsText>(&self, ids: &[I], is_public: bool) -> Result<Vec<Option<I>>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if *self.fails.lock().unwrap() {
            return Err(Error::new(Kind::Internal, "the disk is full"));
        }
        let pairs = self.pairs.lock().unwrap();
        let other = |id: &I| {
            let mut found = pairs.iter().filter_map(|(public, native)| {
                let (from, to) = if is_public {
                    (public, native)
                } else {
                    (native, public)
                };
                (from == id.text()).then(|| I::of(to))
            });
            found.next()
        };
        Ok(ids.iter().map(other).collect())
    }
}

/// An id that is text.
pub(crate) trait AsText {
    fn text(&self) -> &str;
    fn of(text: &str) -> Self;
}

impl AsText for MessageId {
    fn text(&self) -> &str {
        self.as_str()
    }

    fn of(text: &str) -> Self {
        text.parse().unwrap()
    }
}

impl AsText for AttachmentId {
    fn text(&self) -> &str {
        self.as_str()
    }

    fn of(text: &str) -> Self {
        text.parse().unwrap()
    }
}

/// Public ids are `p-` and the backend's id: all of them, whatever is made. Nothing else is one.
#[derive(Debug)]
pub(crate) struct ByRule;

impl ByRule {
    fn native<I: AsText>(id: &I) -> Option<I> {
        id.text().strip_prefix("p-").map(I::of)
    }

    /// What the layer tells apart by itself is in no ledger.
    fn public<I: AsText>(id: &I) -> Option<I> {
        let is_noted = !id.text().starts_with("native-");
        is_noted.then(|| I::of(&format!("p-{}", id.text())))
    }
}

macro_rules! names {
    ($name:ty, |$this:ident, $ids:ident| $native:expr, $public:expr, $arriving:expr) => {
        #[async_trait]
        impl Names for $name {
            async fn message_natives(
                &self,
                _at: &PlaceQuery,
                $ids: &[MessageId],
            ) -> Result<Vec<Option<MessageId>>> {
                let $this = self;
                $native
            }

            async fn message_publics(
                &self,
                _at: &PlaceQuery,
                $ids: &[MessageId],
            ) -> Result<Vec<Option<MessageId>>> {
                let $this = self;
                $public
            }

            async fn attachment_natives(
                &self,
                _at: &PlaceQuery,
                $ids: &[AttachmentId],
            ) -> Result<Vec<Option<AttachmentId>>> {
                let $this = self;
                $native
            }

            async fn attachment_publics(
                &self,
                _at: &PlaceQuery,
                $ids: &[AttachmentId],
            ) -> Result<Vec<Option<AttachmentId>>> {
                let $this = self;
                $public
            }

            async fn arriving(&self, _at: &PlaceQuery) -> Result<Vec<Arriving>> {
                let $this = self;
                $arriving
            }
        }
    };
}

names!(
    Noted,
    |this, ids| this.answer(ids, true),
    this.answer(ids, false),
    this.arriving()
);
names!(
    ByRule,
    |_this, ids| Ok(ids.iter().map(ByRule::native).collect()),
    Ok(ids.iter().map(ByRule::public).collect()),
    Ok(Vec::new())
);
