//! What the fake remembers, and how it makes ids and times.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use convore::wire::{self, Extra, Member};

use testkit::budget::Budget;

use super::SeenRequest;
use super::faults::{Broken, Fault, PlannedFault};

/// A stored file.
pub(crate) struct StoredFile {
    pub(crate) message_id: String,
    pub(crate) shown: wire::Attachment,
    pub(crate) bytes: Vec<u8>,
}

/// Everything the fake remembers.
#[derive(Default)]
pub(crate) struct Data {
    ids: u64,
    clock: i64,
    faults: Vec<PlannedFault>,
    pub(crate) broken: Vec<Broken>,
    /// What is left of the rate limit, where there is one.
    pub(crate) budget: Option<Budget>,
    /// Requests that were refused by it.
    pub(crate) refused: usize,
    /// Writes so far.
    pub(crate) writes: u64,
    pub(crate) seen: Vec<SeenRequest>,
    pub(crate) violations: Vec<String>,
    pub(crate) conversations: BTreeMap<String, wire::Conversation>,
    pub(crate) messages: BTreeMap<String, wire::Message>,
    /// The messages of each conversation, in the order of storing.
    by_conversation: BTreeMap<String, Vec<String>>,
    pub(crate) labels: BTreeMap<String, wire::Label>,
    pub(crate) files: BTreeMap<String, StoredFile>,
}

impl Data {
    pub(crate) fn new(budget: Option<Budget>) -> Self {
        Self {
            budget,
            ..Self::default()
        }
    }

    pub(crate) fn plan(&mut self, method: &'static str, path_part: &str, fault: Fault) {
        self.faults.push(PlannedFault {
            method,
            path_part: path_part.to_owned(),
            fault,
        });
    }

    pub(crate) fn take_fault(&mut self, method: &str, path: &str) -> Option<Fault> {
        let position = self
            .faults
            .iter()
            .position(|planned| planned.method == method && path.contains(&planned.path_part))?;
        Some(self.faults.remove(position).fault)
    }

    /// The server's clock, in milliseconds.
    pub(crate) fn now(&mut self) -> i64 {
        self.clock = self.clock.max(jiff::Timestamp::now().as_millisecond());
        self.clock
    }

    /// The present moment as the server spells it.
    pub(crate) fn timestamp(&mut self) -> String {
        spelled(self.now())
    }

    /// A TypeID: a prefix and a UUIDv7, growing with time.
    pub(crate) fn new_id(&mut self, prefix: &str) -> String {
        self.ids += 1;
        let milliseconds = u128::try_from(self.now()).unwrap_or_default();
        let bits = (milliseconds << 80) | (7 << 76) | (0b10 << 62) | u128::from(self.ids);
        format!(
            "{prefix}_{}",
            ulid::Ulid(bits).to_string().to_ascii_lowercase()
        )
    }

    pub(crate) fn add_label(
        &mut self,
        name: &str,
        kind: wire::LabelType,
        channel: Option<&str>,
    ) -> wire::Label {
        let label = wire::Label {
            id: self.new_id("lbl"),
            name: name.to_owned(),
            description: Member::Absent,
            created_at: self.timestamp(),
            kind,
            channel_id: Member::from(channel.map(str::to_owned)),
            external_label_id: Member::Absent,
            shared_label_id: Member::Absent,
            extra: Extra::new(),
        };
        self.labels.insert(label.id.clone(), label.clone());
        label
    }

    /// The conversation with its counters.
    pub(crate) fn counted(&self, id: &str, tells_counts: bool) -> Option<wire::Conversation> {
        let mut row = self.conversations.get(id)?.clone();
        if tells_counts {
            row.message_count = Member::Value(self.messages_of(id).len() as u64);
            row.draft_count = Member::Value(0);
            let files = self
                .files
                .values()
                .filter(|one| one.shown.conversation_id == id);
            row.attachment_count = Member::Value(files.count() as u64);
        } else {
            row.last_message_date = Member::Absent;
        }
        Some(row)
    }

    /// Whether somebody has written to a conversation.
    pub(crate) fn has_messages(&self, id: &str) -> bool {
        !self.messages_of(id).is_empty()
    }

    /// The messages of a conversation, in the order of storing.
    pub(crate) fn messages_of(&self, conversation_id: &str) -> &[String] {
        let ids = self.by_conversation.get(conversation_id);
        ids.map(Vec::as_slice).unwrap_or_default()
    }

    /// Stores a new message.
    pub(crate) fn store(&mut self, message: wire::Message) {
        self.said(&message.conversation_id, &message.date);
        let of = self
            .by_conversation
            .entry(message.conversation_id.clone())
            .or_default();
        of.push(message.id.clone());
        self.messages.insert(message.id.clone(), message);
    }

    /// The message with its files.
    pub(crate) fn with_files(&self, id: &str) -> Option<wire::Message> {
        let mut message = self.messages.get(id)?.clone();
        let files = self.files.values().filter(|file| file.message_id == id);
        message.attachments = Member::Value(files.map(|file| file.shown.clone()).collect());
        Some(message)
    }

    /// Notes that a message was said in a conversation: the newest counts.
    fn said(&mut self, conversation_id: &str, date: &str) {
        let Some(row) = self.conversations.get_mut(conversation_id) else {
            return;
        };
        let millis = |text: &str| {
            text.parse::<jiff::Timestamp>()
                .map(jiff::Timestamp::as_millisecond)
                .unwrap_or(i64::MIN)
        };
        let newest = row
            .last_message_date
            .value()
            .is_none_or(|last| millis(last) < millis(date));
        if newest {
            row.last_message_date = Member::Value(date.to_owned());
        }
    }
}

/// A time as the server spells it: milliseconds and `Z`.
pub(crate) fn spelled(milliseconds: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(milliseconds).expect("a time of this era");
    format!("{time:.3}")
}

/// A number that puts ids into an order that means nothing.
pub(crate) fn shuffle(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}
