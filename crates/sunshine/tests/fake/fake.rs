//! A stateful imitation of Sunshine Conversations v2 on a real loopback socket.
//!
//! It does what the vendor's OpenAPI description 17.12.1 states, and where that is silent what its options say; every
//! request and every answer of its own is held against that description. It speaks through `sunshine::wire` and never
//! touches the mapping, so it cannot share its mistakes.

mod answer;
mod attachments;
mod auth;
mod content;
mod conversations;
mod data;
mod faults;
mod messages;
mod page;
mod participants;
mod routes;
mod serve;
mod users;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use sunshine::wire;
use testkit::budget::Budget;
use testkit::openapi::Description;

use data::Data;
pub(crate) use faults::Fault;

/// The only app there is.
pub(crate) const APP_ID: &str = "65f0c0de5eed00000000a001";
/// The only key, which belongs to that app.
pub(crate) const KEY_ID: &str = "app_65f0c0de5eed00000000b002";
/// The secret of that key.
pub(crate) const SECRET: &str = "a-secret-of-the-fake-that-is-long-enough";

/// The vendor's description, reduced to what the adapter uses.
static DESCRIPTION: LazyLock<Description> = LazyLock::new(|| {
    Description::parse_closed(include_str!("../fixtures/openapi.json"))
        .expect("a sound description")
});

/// What becomes of a cursor that is no record's id. Not documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnknownCursor {
    /// It is a place between ids.
    Place,
    /// It is refused with this status.
    Refused(u16),
    /// It is passed over, as if there were none.
    Ignored,
    /// Nothing follows it.
    End,
}

/// How the fake behaves where the vendor's description is silent, and limits lowered for tests.
#[derive(Clone, Debug)]
pub(crate) struct FakeOptions {
    /// A changed metadata replaces the old one; otherwise both merge and null clears. Not documented.
    pub(crate) metadata_replaces: bool,
    /// Messages of a page come newest first. Not documented.
    pub(crate) newest_first: bool,
    /// What becomes of a cursor that is no record's id.
    pub(crate) unknown_cursor: UnknownCursor,
    /// `meta` and `links` are absent where no page follows in the direction of travel; both are optional.
    pub(crate) bare_lists: bool,
    /// A deleted message stays as a placeholder with `deleted`; otherwise it is gone. Not documented.
    pub(crate) deleted_placeholders: bool,
    /// Attachments are served to who brings an `Authorization` header only.
    pub(crate) private_attachments: bool,
    /// What the vendor adds to the text of an author with subtype `AI`.
    pub(crate) ai_disclaimer: Option<&'static str>,
    /// From this many messages on a conversation is locked; the vendor's limit is 30,000.
    pub(crate) messages_max: usize,
    /// Messages of a page; the vendor's size is fixed at 100.
    pub(crate) messages_per_page: usize,
    /// Participants of a conversation; the vendor's limit is 10.
    pub(crate) participants_max: usize,
    /// Understands `page={"after":…}`, which the vendor's Python client 17 sends instead of `page[after]=…`.
    pub(crate) json_queries: bool,
    /// The most requests in a minute; more are refused with 429 and `Retry-After`. Absent: as many as come.
    pub(crate) requests_per_minute: Option<u64>,
    /// Violations that contain one of these texts do not count.
    pub(crate) tolerated: Vec<&'static str>,
}

impl Default for FakeOptions {
    fn default() -> Self {
        Self {
            metadata_replaces: false,
            newest_first: false,
            unknown_cursor: UnknownCursor::Place,
            bare_lists: false,
            deleted_placeholders: false,
            private_attachments: false,
            ai_disclaimer: None,
            messages_max: 30_000,
            messages_per_page: 100,
            participants_max: 10,
            json_queries: false,
            requests_per_minute: None,
            tolerated: Vec::new(),
        }
    }
}

/// One request that the fake has seen.
#[derive(Clone, Debug)]
pub(crate) struct SeenRequest {
    /// The `operationId`; none where the description has no such path.
    pub(crate) operation: Option<String>,
    /// The method.
    pub(crate) method: String,
    /// Path and query, raw.
    pub(crate) path: String,
    /// The `Authorization` header.
    pub(crate) authorization: String,
    /// The body; bytes that are no text are replaced.
    pub(crate) body: String,
}

/// What the handlers share.
pub(crate) struct Server {
    options: FakeOptions,
    data: Mutex<Data>,
}

impl Server {
    fn data(&self) -> MutexGuard<'_, Data> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running fake. Dropping it closes the socket and fails the test if a request broke the vendor's description.
pub(crate) struct FakeSunshine {
    address: SocketAddr,
    server: Arc<Server>,
    task: tokio::task::JoinHandle<()>,
}

impl FakeSunshine {
    /// Starts a fake with default options.
    pub(crate) async fn start() -> Self {
        Self::start_with(FakeOptions::default()).await
    }

    /// Starts a fake on a free loopback port.
    pub(crate) async fn start_with(options: FakeOptions) -> Self {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a free loopback port");
        let address = listener.local_addr().expect("a bound address");
        let budget = options.requests_per_minute.map(Budget::per_minute);
        let server = Arc::new(Server {
            options,
            data: Mutex::new(Data::new(budget)),
        });
        let task = tokio::spawn(serve::serve(listener, Arc::clone(&server)));
        Self {
            address,
            server,
            task,
        }
    }

    /// What an adapter is configured with. With `/sc` behind it the fake answers as well, as on Zendesk's own hosts.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Plans a fault for the next request of this operation (`operationId`), which uses it up.
    pub(crate) fn inject(&self, operation: &'static str, fault: Fault) {
        self.inject_times(operation, fault, 1);
    }

    /// Plans a fault for the next requests of this operation.
    pub(crate) fn inject_times(&self, operation: &'static str, fault: Fault, times: usize) {
        self.server.data().plan(operation, &fault, times);
    }

    /// Everything that was asked so far, oldest first.
    pub(crate) fn received(&self) -> Vec<SeenRequest> {
        self.server.data().seen.clone()
    }

    /// The `operationId`s that were asked so far, oldest first.
    pub(crate) fn operations(&self) -> Vec<String> {
        let seen = self.received();
        seen.into_iter()
            .filter_map(|request| request.operation)
            .collect()
    }

    /// Every request that the vendor's description does not allow, in words; also an answer of the fake's own.
    pub(crate) fn violations(&self) -> Vec<String> {
        self.server.data().violations.clone()
    }

    /// This test breaks the vendor's description on purpose.
    pub(crate) fn expect_violations(&self) {
        self.server.data().violations_expected = true;
    }

    /// The stored messages of a conversation, oldest first.
    pub(crate) fn messages(&self, conversation_id: &str) -> Vec<wire::Message> {
        let data = self.server.data();
        let stored = data.conversations.get(conversation_id);
        stored
            .map(|stored| stored.messages.clone())
            .unwrap_or_default()
    }

    /// The stored conversation.
    pub(crate) fn conversation(&self, conversation_id: &str) -> Option<wire::Conversation> {
        let data = self.server.data();
        Some(data.conversations.get(conversation_id)?.row.clone())
    }

    /// The stored participants of a conversation.
    pub(crate) fn participants(&self, conversation_id: &str) -> Vec<wire::Participant> {
        let data = self.server.data();
        let stored = data.conversations.get(conversation_id);
        stored
            .map(|stored| stored.participants.clone())
            .unwrap_or_default()
    }

    /// The ids of all conversations, oldest first.
    pub(crate) fn conversation_ids(&self) -> Vec<String> {
        self.server.data().conversations.keys().cloned().collect()
    }

    /// The stored users, oldest first.
    pub(crate) fn users(&self) -> Vec<wire::User> {
        self.server.data().users.values().cloned().collect()
    }

    /// How many requests were refused because there were too many.
    pub(crate) fn refused(&self) -> usize {
        self.server.data().refused
    }

    /// How many attachments are stored.
    pub(crate) fn attachments(&self) -> usize {
        self.server.data().attachments.len()
    }

    /// A new user, as if somebody else had made it; gives its id.
    pub(crate) fn add_user(&self, external_id: Option<&str>) -> String {
        self.server.data().add_user(external_id)
    }

    /// A new personal conversation of this user, as if somebody else had made it; gives its id.
    pub(crate) fn add_conversation(&self, user_id: &str) -> String {
        self.server.data().add_personal(user_id)
    }

    /// Stores a message as a channel or the platform would; gives its id. `id` and `received` are made where they are
    /// absent; a message with an id is put where that id belongs.
    pub(crate) fn add_message(&self, conversation_id: &str, message: &serde_json::Value) -> String {
        self.server.data().add_message(conversation_id, message)
    }
}

impl Drop for FakeSunshine {
    fn drop(&mut self) {
        self.task.abort();
        let data = self.server.data();
        if !data.violations_expected && !std::thread::panicking() {
            assert!(
                data.violations.is_empty(),
                "requests that the vendor's description does not allow: {:#?}",
                data.violations
            );
        }
    }
}
