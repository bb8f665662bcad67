//! A stateful imitation of the Datamonkey server on a real loopback socket, defects included.
//!
//! Every behaviour was measured on the vendor's real server (commit 8fa7f84); the crate's README lists them. It speaks
//! through `datamonkey::wire` and never touches the mapping, so it cannot share its mistakes. The model behind it
//! echoes: `echo: <message>`. Directives in a message: `[[fail]]` model error, `[[blocked]]` filtered, `[[panic]]`
//! crash, `[[empty]]` empty reply, `[[slow:MS]]` delay, `[[big]]` 2 MB, `[[history]]` what the model was given,
//! `[[half]]` a failure between the two inserts.

mod access;
mod answer;
mod body;
mod chat;
mod data;
mod faults;
mod routes;
mod serve;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use datamonkey::wire;

use data::Data;
pub(crate) use faults::Fault;
use faults::PlannedFault;
pub(crate) use routes::Operation;

/// How the fake behaves; the default is the vendor's.
#[derive(Clone, Debug)]
pub(crate) struct FakeOptions {
    /// How long its tokens live, in seconds; absent: for ever.
    pub(crate) token_lifetime: Option<i64>,
    /// False: nobody is asked for a token, and no conversation can be made.
    pub(crate) user_tokens: bool,
    /// False: every send crashes.
    pub(crate) has_model: bool,
    /// Under load the vendor answers in a conversation that was deleted meanwhile, and leaves rows behind.
    pub(crate) stores_orphans: bool,
    /// How long the model thinks.
    pub(crate) model_delay: Duration,
}

impl Default for FakeOptions {
    fn default() -> Self {
        Self {
            token_lifetime: Some(24 * 60 * 60),
            user_tokens: true,
            has_model: true,
            stores_orphans: false,
            model_delay: Duration::ZERO,
        }
    }
}

/// One request that the fake has seen.
#[derive(Clone, Debug)]
pub(crate) struct SeenRequest {
    /// The method.
    pub(crate) method: String,
    /// The path.
    pub(crate) path: String,
    /// The token that counts.
    pub(crate) token: Option<String>,
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
pub(crate) struct FakeDatamonkey {
    address: SocketAddr,
    server: Arc<Server>,
    task: tokio::task::JoinHandle<()>,
}

impl FakeDatamonkey {
    /// What signs the fake's tokens.
    pub(crate) const KEY: &str = "the fake server's signing key";

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
        let server = Arc::new(Server {
            options,
            data: Mutex::new(Data::new(Self::KEY)),
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

    /// Plans a fault for the next request of this operation. Used up by that request.
    pub(crate) fn inject(&self, operation: Operation, fault: Fault) {
        self.inject_after(0, operation, fault);
    }

    /// Plans a fault for a later request of this operation: `skip` others go through before.
    pub(crate) fn inject_after(&self, skip: usize, operation: Operation, fault: Fault) {
        self.server.data().plan(PlannedFault {
            operation,
            skip,
            fault,
        });
    }

    /// From now on reads of this conversation's messages are answered with this status.
    pub(crate) fn break_messages(&self, id: &str, status: u16) {
        self.server.data().broken.insert(id.to_owned(), status);
    }

    /// Nothing is broken any more.
    pub(crate) fn mend(&self) {
        self.server.data().broken.clear();
    }

    /// Everything that was asked so far, oldest first.
    pub(crate) fn requests(&self) -> Vec<SeenRequest> {
        self.server.data().seen.clone()
    }

    /// The titles of all stored conversations, whoever's they are.
    pub(crate) fn titles(&self) -> Vec<String> {
        let data = self.server.data();
        data.conversations
            .values()
            .map(|stored| stored.title.clone())
            .collect()
    }

    /// How many users the server has made.
    pub(crate) fn users(&self) -> usize {
        self.server.data().sessions.len()
    }

    /// The stored messages of a conversation, in the order in which they were stored.
    pub(crate) fn messages(&self, id: &str) -> Vec<wire::ChatMessage> {
        let data = self.server.data();
        data.conversations
            .get(id)
            .map(|stored| stored.messages.clone())
            .unwrap_or_default()
    }

    /// Stores a message with its own time.
    pub(crate) fn store(&self, id: &str, role: &str, content: &str, timestamp: i64) {
        self.server.data().store(id, role, content, timestamp);
    }

    /// Makes a conversation for the user of a token, as another program would.
    pub(crate) fn make(&self, token: &str, title: &str) -> String {
        let mut data = self.server.data();
        let owner = access::subject_of(&data.key, token).expect("a token of the fake");
        data.add(&owner, title.to_owned()).id
    }

    /// Deletes a conversation, as another program would.
    pub(crate) fn remove(&self, id: &str) {
        self.server.data().conversations.remove(id);
    }

    /// Stops the server's clock.
    pub(crate) fn freeze(&self) -> i64 {
        let mut data = self.server.data();
        let now = data.now();
        data.frozen = Some(now);
        now
    }

    /// Another key from now on: no token of before is accepted.
    pub(crate) fn change_key(&self) {
        self.server.data().key = "another key".to_owned();
    }

    /// Forgets all users with their conversations, as after 30 idle days.
    pub(crate) fn forget_users(&self) {
        let mut data = self.server.data();
        data.sessions.clear();
        data.conversations.clear();
    }

    /// A token of this user, who is made where there is none; `lifetime` in seconds, negative for one that has ended.
    pub(crate) fn sign(&self, subject: &str, lifetime: Option<i64>) -> String {
        let mut data = self.server.data();
        data.sessions.insert(subject.to_owned());
        access::sign(&data.key, subject, lifetime)
    }

    /// Rows of messages without a conversation.
    pub(crate) fn orphans(&self) -> usize {
        self.server.data().orphans
    }
}

impl Drop for FakeDatamonkey {
    fn drop(&mut self) {
        self.task.abort();
    }
}
