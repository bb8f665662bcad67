//! A stateful imitation of Convore on a real loopback socket, as far as the vendor's own client shows it.
//!
//! It refuses what a careful server refuses: times without offset, a send or import that names no place, unknown ids.
//! What nobody knows of the real server is an option. Every request and every answer is held against the reduced
//! OpenAPI description; a violation fails the test that made it. It speaks through `convore::wire` and never touches
//! the mapping, so it cannot share its mistakes.

mod answer;
mod attachments;
pub(crate) mod behind;
mod conversations;
mod data;
mod faults;
mod labels;
mod messages;
mod serve;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use convore::wire;
use testkit::budget::Budget;
use testkit::openapi::Description;

use data::Data;
pub(crate) use faults::Fault;

/// The vendor's description, reduced to what the adapter uses.
static DESCRIPTION: LazyLock<Description> = LazyLock::new(|| {
    Description::parse(include_str!("../fixtures/openapi.json")).expect("the reduced description")
});

/// In which order lists come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListOrder {
    NewestFirst,
    OldestFirst,
    /// In no order that means anything, always the same one.
    Shuffled,
}

/// What nobody knows of the real server.
#[derive(Clone, Debug)]
pub(crate) struct FakeOptions {
    /// In which order lists come.
    pub(crate) order: ListOrder,
    /// The largest page that is really given.
    pub(crate) page_max: usize,
    /// A send that answers nothing goes into a conversation of its own, whatever it names.
    pub(crate) sends_start_conversations: bool,
    /// An import marks its conversation unread, opens it again and moves the time of its newest message to now.
    pub(crate) imports_are_news: bool,
    /// Lists show messages without their texts, whatever was asked for.
    pub(crate) lists_are_minimal: bool,
    /// A read of one message shows it without its texts.
    pub(crate) reads_are_minimal: bool,
    /// Writes answer with messages without their texts.
    pub(crate) writes_are_minimal: bool,
    /// Bodies are written anew: in a `div`, with other spellings of line breaks and quotes.
    pub(crate) rewrites_bodies: bool,
    /// Conversations do not tell how many messages they have.
    pub(crate) tells_counts: bool,
    /// A shared label brings a private twin of another name along.
    pub(crate) labels_have_twins: bool,
    /// The last page has an empty cursor instead of none.
    pub(crate) ends_with_empty_cursor: bool,
    /// The status of a success: 200 is declared.
    pub(crate) success: u16,
    /// The most requests in a minute; more are refused with 429 and `Retry-After`. Absent: as many as come.
    pub(crate) requests_per_minute: Option<u64>,
    /// How late each write is carried out, and how late it is answered then, by its number: also where the client has
    /// left meanwhile.
    pub(crate) write_delays: fn(u64) -> (Duration, Duration),
}

impl Default for FakeOptions {
    fn default() -> Self {
        Self {
            order: ListOrder::NewestFirst,
            page_max: 100,
            sends_start_conversations: false,
            imports_are_news: false,
            lists_are_minimal: false,
            reads_are_minimal: false,
            writes_are_minimal: false,
            rewrites_bodies: false,
            tells_counts: true,
            labels_have_twins: false,
            ends_with_empty_cursor: false,
            success: 200,
            requests_per_minute: None,
            write_delays: |_| (Duration::ZERO, Duration::ZERO),
        }
    }
}

/// One request that the fake has seen.
#[derive(Clone, Debug)]
pub(crate) struct SeenRequest {
    /// The method.
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    /// The body, as text.
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

/// A running fake; dropping it closes the socket.
pub(crate) struct FakeConvore {
    address: SocketAddr,
    server: Arc<Server>,
    task: tokio::task::JoinHandle<()>,
}

impl FakeConvore {
    /// The key that is known.
    pub(crate) const KEY: &str = "fake-secret-key";
    /// The channel that there is.
    pub(crate) const CHANNEL: &str = "chnnl_01h2xcejqtf2nbrexx3vqjhp41";

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

    /// What an adapter is configured with.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Plans a fault for the next request of this method whose path contains this text. Used up by that request.
    pub(crate) fn inject(&self, method: &'static str, path_part: &str, fault: Fault) {
        self.server.data().plan(method, path_part, fault);
    }

    /// Everything that was asked so far, oldest first.
    pub(crate) fn requests(&self) -> Vec<SeenRequest> {
        self.server.data().seen.clone()
    }

    /// Forgets what was asked so far.
    pub(crate) fn forget_requests(&self) {
        self.server.data().seen.clear();
    }

    /// A stored conversation.
    pub(crate) fn conversation(&self, id: &str) -> Option<wire::Conversation> {
        self.server.data().conversations.get(id).cloned()
    }

    /// How many conversations are stored.
    pub(crate) fn conversations(&self) -> usize {
        self.server.data().conversations.len()
    }

    /// Changes a stored conversation, as somebody else would.
    pub(crate) fn change(&self, id: &str, change: impl FnOnce(&mut wire::Conversation)) {
        let mut data = self.server.data();
        change(
            data.conversations
                .get_mut(id)
                .expect("a stored conversation"),
        );
    }

    /// The stored messages of a conversation, in the order of storing.
    pub(crate) fn messages(&self, conversation_id: &str) -> Vec<wire::Message> {
        let data = self.server.data();
        let ids = data.messages_of(conversation_id);
        ids.iter().map(|id| data.messages[id].clone()).collect()
    }

    /// All labels.
    pub(crate) fn labels(&self) -> Vec<wire::Label> {
        self.server.data().labels.values().cloned().collect()
    }

    /// Adds a label, as somebody else would.
    pub(crate) fn add_label(
        &self,
        name: &str,
        kind: wire::LabelType,
        channel: Option<&str>,
    ) -> String {
        self.server.data().add_label(name, kind, channel).id
    }
}

impl Drop for FakeConvore {
    fn drop(&mut self) {
        self.task.abort();
        if !std::thread::panicking() {
            let violations = std::mem::take(&mut self.server.data().violations);
            assert!(
                violations.is_empty(),
                "the description does not allow:\n{}",
                violations.join("\n")
            );
        }
    }
}
