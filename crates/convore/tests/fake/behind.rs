//! What others do at the vendor, past us, and what a test asks of it afterwards.

use std::collections::BTreeMap;

use convore::wire::{
    ContactHandle, ContactHandleType, Extra, Member, Message, MessageDirection, MessageFormat,
    MessageParticipant, MessageParticipantRole,
};

use super::FakeConvore;
use super::data::spelled;
use super::faults::Broken;
use super::messages::implicit;

/// A message that somebody else has stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said<'t> {
    /// From a customer; else from the business.
    pub(crate) inbound: bool,
    /// The address of the sender.
    pub(crate) from: &'t str,
    /// The words, as plain HTML.
    pub(crate) body: &'t str,
    /// When, in milliseconds since 1970.
    pub(crate) at: i64,
}

impl FakeConvore {
    /// A new conversation, as if somebody else had made it; gives its id.
    pub(crate) fn add_conversation(&self, subject: &str) -> String {
        let mut data = self.server.data();
        let (id, created_at) = (data.new_id("conv"), data.timestamp());
        let mut row = implicit(&id, &created_at);
        row.subject = Member::Value(subject.to_owned());
        data.conversations.insert(id.clone(), row);
        id
    }

    /// Stores a message as somebody else would; gives its id.
    pub(crate) fn add_message(&self, conversation_id: &str, said: Said<'_>) -> String {
        let mut data = self.server.data();
        let id = data.new_id("msg");
        let message = Message {
            id: id.clone(),
            channel_id: Self::CHANNEL.to_owned(),
            conversation_id: conversation_id.to_owned(),
            reply_to_message_id: Member::Absent,
            reply_type: Member::Absent,
            subject: Member::Absent,
            direction: if said.inbound {
                MessageDirection::Inbound
            } else {
                MessageDirection::Outbound
            },
            date: spelled(said.at),
            sender: MessageParticipant {
                name: Member::Absent,
                handle: ContactHandle {
                    kind: ContactHandleType::Email,
                    value: said.from.to_owned(),
                    extra: Extra::new(),
                },
                role: MessageParticipantRole::From,
                extra: Extra::new(),
            },
            recipients: Vec::new(),
            snippet: Member::Absent,
            body: Member::Value(said.body.to_owned()),
            text_body: Member::Value(conversation::html_to_text(said.body)),
            raw_body: Member::Value(said.body.to_owned()),
            attachments: Member::Value(Vec::new()),
            external_message_id: Member::Absent,
            created_at: data.timestamp(),
            format: MessageFormat::Full,
            extra: Extra::new(),
        };
        data.store(message);
        id
    }

    /// The ids of all conversations, oldest first.
    pub(crate) fn conversation_ids(&self) -> Vec<String> {
        self.server.data().conversations.keys().cloned().collect()
    }

    /// Messages that are stored more than once: equal conversation, time, sender and words. Each with how often.
    pub(crate) fn doubled(&self) -> Vec<(Message, usize)> {
        let data = self.server.data();
        let mut met: BTreeMap<_, (&Message, usize)> = BTreeMap::new();
        for message in data.messages.values() {
            let words = (message.body.value(), &message.sender.handle.value);
            let key = (&message.conversation_id, &message.date, words);
            met.entry(key).or_insert((message, 0)).1 += 1;
        }
        met.into_values()
            .filter(|(_, times)| *times > 1)
            .map(|(message, times)| (message.clone(), times))
            .collect()
    }

    /// How many writes were carried out or refused so far.
    pub(crate) fn writes(&self) -> u64 {
        self.server.data().writes
    }

    /// How many requests were refused because there were too many.
    pub(crate) fn refused(&self) -> usize {
        self.server.data().refused
    }

    /// From now on requests whose path and query contain this text are answered with this status.
    pub(crate) fn break_paths(&self, path_part: &str, status: u16) {
        self.server.data().broken.push(Broken {
            path_part: path_part.to_owned(),
            status,
        });
    }

    /// Nothing is broken any more.
    pub(crate) fn mend(&self) {
        self.server.data().broken.clear();
    }
}
