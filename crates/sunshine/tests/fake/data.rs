//! What the fake remembers: users, conversations, attachments, planned faults, seen requests and their violations.

use std::collections::BTreeMap;

use sunshine::wire::{self, Extra, Member};
use testkit::budget::Budget;

use super::SeenRequest;
use super::faults::{Fault, PlannedFault};

/// One conversation with its participants and messages, oldest first.
pub(crate) struct StoredConversation {
    pub(crate) row: wire::Conversation,
    pub(crate) participants: Vec<wire::Participant>,
    pub(crate) messages: Vec<wire::Message>,
}

/// Uploaded bytes.
pub(crate) struct StoredAttachment {
    pub(crate) bytes: Vec<u8>,
    pub(crate) media_type: String,
    /// The conversation with which they die.
    pub(crate) conversation: Option<String>,
}

/// Everything the fake remembers. Ids grow, so maps keep the order of creation.
#[derive(Default)]
pub(crate) struct Data {
    ids: u64,
    clock: i64,
    faults: Vec<PlannedFault>,
    /// What is left of the rate limit, where there is one.
    pub(crate) budget: Option<Budget>,
    /// Requests that were refused by it.
    pub(crate) refused: usize,
    pub(crate) users: BTreeMap<String, wire::User>,
    pub(crate) conversations: BTreeMap<String, StoredConversation>,
    /// By the path of their URL.
    pub(crate) attachments: BTreeMap<String, StoredAttachment>,
    pub(crate) seen: Vec<SeenRequest>,
    pub(crate) violations: Vec<String>,
    pub(crate) violations_expected: bool,
    /// A test has put a message of its own in; it need not be as described.
    pub(crate) has_added_messages: bool,
}

impl Data {
    pub(crate) fn new(budget: Option<Budget>) -> Self {
        Self {
            budget,
            ..Self::default()
        }
    }

    pub(crate) fn plan(&mut self, operation: &'static str, fault: &Fault, times: usize) {
        for _ in 0..times {
            let fault = fault.clone();
            self.faults.push(PlannedFault { operation, fault });
        }
    }

    pub(crate) fn take_fault(&mut self, operation: &str) -> Option<Fault> {
        let position = self
            .faults
            .iter()
            .position(|planned| planned.operation == operation)?;
        Some(self.faults.remove(position).fault)
    }

    /// 24 lower-case hexadecimal characters: seconds, then a number that grows.
    pub(crate) fn new_id(&mut self) -> String {
        self.ids += 1;
        let seconds = self.milliseconds() / 1000;
        format!("{seconds:08x}{:016x}", self.ids)
    }

    /// RFC 3339 with milliseconds. Never goes back; two calls may give the same time.
    pub(crate) fn now(&mut self) -> String {
        let time = jiff::Timestamp::from_millisecond(self.milliseconds()).expect("a time of today");
        format!("{time:.3}")
    }

    fn milliseconds(&mut self) -> i64 {
        self.clock = self.clock.max(jiff::Timestamp::now().as_millisecond());
        self.clock
    }

    /// The id of a user by id or external id. An external id of a brand needs that brand.
    pub(crate) fn find_user(&self, name: &str, brand_id: Option<&str>) -> Option<String> {
        if self.users.contains_key(name) {
            return Some(name.to_owned());
        }
        self.by_external_id(name, brand_id)
    }

    pub(crate) fn by_external_id(&self, name: &str, brand_id: Option<&str>) -> Option<String> {
        let found = self.users.iter().find(|(_, user)| {
            let brand = user.brand_id.value().map(String::as_str);
            user.external_id.value().is_some_and(|id| id == name) && brand == brand_id
        });
        found.map(|(id, _)| id.clone())
    }

    pub(crate) fn add_user(&mut self, external_id: Option<&str>) -> String {
        let id = self.new_id();
        let now = self.now();
        let user = wire::User {
            id: Member::Value(id.clone()),
            authenticated: Member::Value(external_id.is_some()),
            external_id: external_id.map(str::to_owned).into(),
            zendesk_id: Member::Absent,
            brand_id: Member::Absent,
            signed_up_at: Member::Value(now),
            to_be_retained: Member::Value(false),
            profile: Member::Absent,
            metadata: Member::Absent,
            identities: Member::Value(Vec::new()),
            extra: Extra::new(),
        };
        self.users.insert(id.clone(), user);
        id
    }

    pub(crate) fn add_personal(&mut self, user_id: &str) -> String {
        let participant = self.new_participant(user_id);
        let kind = wire::ConversationType::Personal;
        self.add_conversation(kind, vec![participant])
    }

    /// The first personal conversation of a user is the default one.
    pub(crate) fn add_conversation(
        &mut self,
        kind: wire::ConversationType,
        participants: Vec<wire::Participant>,
    ) -> String {
        let personal = kind == wire::ConversationType::Personal;
        let has_default = participants.iter().any(|participant| {
            self.conversations.values().any(|stored| {
                stored.row.is_default == Member::Value(true)
                    && stored.participants[0].user_id == participant.user_id
            })
        });
        let (id, now) = (self.new_id(), self.now());
        let row = wire::Conversation {
            id: Member::Value(id.clone()),
            kind: Member::Value(kind),
            metadata: Member::Absent,
            active_switchboard_integration: Member::Absent,
            pending_switchboard_integration: Member::Absent,
            is_default: Member::Value(personal && !has_default),
            display_name: Member::Absent,
            description: Member::Absent,
            icon_url: Member::Absent,
            business_last_read: Member::Absent,
            last_updated_at: Member::Value(now.clone()),
            created_at: Member::Value(now),
            extra: Extra::new(),
        };
        let stored = StoredConversation {
            row,
            participants,
            messages: Vec::new(),
        };
        self.conversations.insert(id.clone(), stored);
        id
    }

    pub(crate) fn new_participant(&mut self, user_id: &str) -> wire::Participant {
        let user = self.users.get(user_id).expect("a known user");
        let external_id = user.external_id.clone();
        wire::Participant {
            id: Member::Value(self.new_id()),
            user_id: Member::Value(user_id.to_owned()),
            unread_count: Member::Value(0),
            client_associations: Member::Value(Vec::new()),
            user_external_id: external_id,
            last_read: Member::Absent,
            extra: Extra::new(),
        }
    }

    pub(crate) fn add_message(
        &mut self,
        conversation_id: &str,
        message: &serde_json::Value,
    ) -> String {
        self.has_added_messages = true;
        let mut message: wire::Message =
            serde_json::from_value(message.clone()).expect("a message as the vendor sends it");
        let id = match message.id.value() {
            Some(id) => id.clone(),
            None => self.new_id(),
        };
        let received = match message.received.value() {
            Some(time) => time.clone(),
            None => self.now(),
        };
        message.id = Member::Value(id.clone());
        message.received = Member::Value(received.clone());
        let stored = self
            .conversations
            .get_mut(conversation_id)
            .expect("a known conversation");
        let place = stored
            .messages
            .partition_point(|other| other.id.value() < Some(&id));
        stored.messages.insert(place, message);
        stored.row.last_updated_at = Member::Value(received);
        id
    }

    /// Removes a conversation with its messages and attachments.
    pub(crate) fn remove_conversation(&mut self, id: &str) {
        self.conversations.remove(id);
        self.attachments
            .retain(|_, attachment| attachment.conversation.as_deref() != Some(id));
    }
}
