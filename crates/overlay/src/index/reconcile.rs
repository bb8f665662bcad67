//! What a reading of the backend's messages changes in the index. Pure, so that it can be proved: readers hold no lease,
//! and whoever comes first or second, the same list is shown.

use std::collections::{HashMap, HashSet};

use backend::ports::{Change, Holder, Indexed, Sending};
use conversation::{Digest, Message, MessageId, Role, Time};
use uuid::Uuid;

use super::questions::{IN_FLIGHT, is_bound, sending_of};

/// How long a sending whose words are bound is kept for whoever settles it, in microseconds.
const KEPT_WHEN_BOUND: i64 = 24 * 60 * 60 * 1_000_000;

/// What was read of a conversation, and what was known of it.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    /// The conversation's native id.
    pub(crate) native: &'a str,
    /// The index before the backend was read: what of it is missing in a whole reading is gone, and only a row that is
    /// still as it was then is changed.
    pub(crate) before: &'a HashMap<MessageId, Indexed>,
    /// The index by now.
    pub(crate) index: &'a [Indexed],
    /// What is on its way by now, oldest first. Read after the backend: a question that was read was noted before.
    pub(crate) sendings: &'a [Sending],
    /// The backend's messages, oldest first.
    pub(crate) messages: &'a [Message],
    /// True where these are all of them; else the newest, from one that was known before.
    pub(crate) is_whole: bool,
    /// Which of them are known to be the question of a sending, whatever they say.
    pub(crate) questions: &'a [(Uuid, MessageId)],
    /// When it was read.
    pub(crate) now: Time,
}

/// What a reading changes.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Reconciled {
    /// The changes, in their order.
    pub(crate) changes: Vec<Change>,
    /// The latest place of what was said.
    pub(crate) floor: Option<Time>,
    /// True where something is left for a later reading: the newest messages, because an answer is under way and they may
    /// be its question, or a message that was changed while the backend was read.
    pub(crate) is_cut: bool,
}

/// The digest by which a copy is told from what the backend has by now: that of its document.
pub(crate) fn digest_of(message: &Message) -> Option<Digest> {
    serde_json::to_vec(message)
        .ok()
        .map(|bytes| Digest::of(&bytes))
}

/// What `reading` changes in the index. Doing it twice changes nothing more.
pub(crate) fn reconcile(reading: &Reading<'_>) -> Reconciled {
    let mut work = Work::new(reading);
    for message in reading.messages {
        if !work.take(message) {
            work.done.is_cut = true;
            break;
        }
    }
    if reading.is_whole {
        work.bury();
    }
    work.clear();
    work.done
}

struct Work<'a> {
    reading: &'a Reading<'a>,
    known: HashMap<&'a MessageId, &'a Indexed>,
    /// Ours by the backend's message that carries their words.
    carriers: HashMap<&'a MessageId, Vec<&'a Indexed>>,
    questions: HashMap<&'a MessageId, Vec<&'a Sending>>,
    /// Sendings whose question is still to be found.
    open: Vec<&'a Sending>,
    /// Sendings whose question was found in this reading.
    taken: HashSet<Uuid>,
    /// True while an answer may be under way whose question is not known yet for certain.
    is_waiting: bool,
    /// The place of the backend's message before the one at hand.
    previous: Option<Time>,
    done: Reconciled,
}

impl<'a> Work<'a> {
    fn new(reading: &'a Reading<'a>) -> Self {
        let known: HashMap<&MessageId, &Indexed> =
            reading.index.iter().map(|row| (&row.id, row)).collect();
        let mut carriers: HashMap<&MessageId, Vec<&Indexed>> = HashMap::new();
        for row in reading.index {
            for native in &row.natives {
                carriers.entry(native).or_default().push(row);
            }
        }
        let sending = |intent: &Uuid| {
            reading
                .sendings
                .iter()
                .find(|sending| sending.intent == *intent)
        };
        let mut questions: HashMap<&MessageId, Vec<&Sending>> = HashMap::new();
        let mut taken = HashSet::new();
        for (intent, id) in reading.questions {
            if let Some(sending) = sending(intent) {
                questions.entry(id).or_default().push(sending);
                taken.insert(*intent);
            }
        }
        let open: Vec<&Sending> = reading
            .sendings
            .iter()
            .filter(|sending| !is_bound(sending, &known))
            .collect();
        // Whoever knows a question holds the conversation's lease: what else was sent is over.
        let is_waiting = reading.questions.is_empty()
            && reading.sendings.iter().any(|sending| {
                let until = sending.started_at.saturating_add_micros(IN_FLIGHT);
                reading.now < until
            });
        Self {
            reading,
            known,
            carriers,
            questions,
            open,
            taken,
            is_waiting,
            previous: None,
            done: Reconciled::default(),
        }
    }

    /// Takes in one message; false where it and all after it are left for later.
    fn take(&mut self, message: &'a Message) -> bool {
        if let Some(sendings) = self.questions.get(&message.id).cloned() {
            for sending in sendings {
                self.bind(message, sending);
            }
            return true;
        }
        if let Some(rows) = self.carriers.get(&message.id) {
            let latest = rows.iter().map(|row| row.place.time).max();
            self.after(latest);
            return true;
        }
        if let Some(row) = self.known.get(&message.id).copied() {
            self.look_at(row, message);
            return true;
        }
        if let Some(sending) = sending_of(message, &self.open, &self.taken) {
            self.taken.insert(sending.intent);
            self.bind(message, sending);
            return true;
        }
        if self.is_waiting && message.role == Role::User {
            return false;
        }
        let time = self
            .previous
            .map_or(message.sent_at, |previous| previous.max(message.sent_at));
        self.done.changes.push(Change::Message {
            time,
            holder: self.holder(),
            message: Box::new(message.clone()),
        });
        self.said(time);
        true
    }

    fn holder(&self) -> Holder {
        Holder::Backend(self.reading.native.into())
    }

    /// What follows comes behind this place.
    fn after(&mut self, time: Option<Time>) {
        self.previous = self.previous.max(time);
    }

    /// Something was said at this place.
    fn said(&mut self, time: Time) {
        self.after(Some(time));
        self.done.floor = self.done.floor.max(Some(time));
    }

    /// One that is known: what changed of it replaces the copy.
    fn look_at(&mut self, row: &Indexed, message: &Message) {
        self.said(row.place.time);
        let holder = self.holder();
        let is_changed =
            !row.is_hidden && (row.holder != holder || digest_of(message) != Some(row.digest));
        if !is_changed && !row.is_gone {
            return;
        }
        if !self.is_as_before(row) {
            // Whoever changed it meanwhile may know better than this reading does; the next one tells.
            self.done.is_cut = true;
        } else if is_changed {
            self.done.changes.push(Change::Message {
                time: row.place.time,
                holder,
                message: Box::new(message.clone()),
            });
        } else {
            self.done.changes.push(Change::Gone {
                id: row.id.clone(),
                is_gone: false,
            });
        }
    }

    /// True where nobody changed a row of the index since before the backend was read.
    fn is_as_before(&self, row: &Indexed) -> bool {
        self.reading.before.get(&row.id).is_some_and(|before| {
            before.digest == row.digest
                && before.holder == row.holder
                && before.is_gone == row.is_gone
        })
    }

    /// This message of the backend carries the words of a sending.
    fn bind(&mut self, message: &Message, sending: &Sending) {
        let carriers = self.carriers.get(&message.id);
        let is_carried =
            |id: &MessageId| carriers.is_some_and(|rows| rows.iter().any(|row| row.id == *id));
        if !sending.carries.iter().all(is_carried) {
            if let Some(input) = &sending.input
                && !self.known.contains_key(&input.id)
            {
                self.done.changes.push(Change::Message {
                    time: sending.after,
                    holder: Holder::Gateway,
                    message: input.clone(),
                });
            }
            let mut seen = HashSet::new();
            let to = sending.carries.iter().filter(|id| seen.insert(*id));
            self.done.changes.push(Change::Bind {
                native: message.id.clone(),
                to: to.cloned().collect(),
            });
        }
        let carried = sending
            .carries
            .iter()
            .filter_map(|id| self.known.get(id))
            .map(|row| row.place.time)
            .max();
        self.said(carried.max(Some(sending.after)).unwrap_or(sending.after));
    }

    /// What was known at the backend before it was read, and is missing in all that it has, is gone.
    fn bury(&mut self) {
        let read: HashSet<&MessageId> = self
            .reading
            .messages
            .iter()
            .map(|message| &message.id)
            .collect();
        let holder = self.holder();
        let gone = self.reading.index.iter().filter(|row| {
            row.holder == holder
                && !row.is_gone
                && self.is_as_before(row)
                && !read.contains(&row.id)
        });
        let changes: Vec<Change> = gone
            .map(|row| Change::Gone {
                id: row.id.clone(),
                is_gone: true,
            })
            .collect();
        self.done.changes.extend(changes);
    }

    /// Sendings that were bound long ago are of no use to anybody.
    fn clear(&mut self) {
        let old = self.reading.sendings.iter().filter(|sending| {
            let until = sending.started_at.saturating_add_micros(KEPT_WHEN_BOUND);
            self.reading.now > until && is_bound(sending, &self.known)
        });
        let changes: Vec<Change> = old.map(|sending| Change::Sent(sending.intent)).collect();
        self.done.changes.extend(changes);
    }
}
