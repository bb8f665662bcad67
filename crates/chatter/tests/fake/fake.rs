//! A stateful imitation of the Chatter server on a real loopback socket, one generation at a time, defects included.
//!
//! Every behaviour was measured on the vendor's server (commits 2e6f1dad, 56cfcd49 and fe43ba0b); the crate's README
//! lists them. It speaks through `chatter::wire` and never touches the mapping, so it cannot share its mistakes.
//! The model behind it echoes: `Echo: <message>`. `[[fail500]]` and `[[fail429]]` in a message make the model fail,
//! `[[empty]]` makes it answer nothing.

mod answer;
mod chat;
mod check;
mod conversations;
mod data;
mod faults;
mod routes;
mod serve;
mod stream;
mod tools;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chatter::wire;

use data::Data;
pub(crate) use faults::Fault;

/// Which release of the vendor's server to imitate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generation {
    /// Commit 2e6f1dad: no `/conversations`, no ratings, every chat call fails.
    V0,
    /// Commit 56cfcd49 on FastAPI before 0.118: a stream leaves its conversation locked.
    V1OldFastApi,
    /// Commit 56cfcd49 on FastAPI 0.118 or newer.
    V1NewFastApi,
    /// Commit fe43ba0b: no `/chat/conversations`; streams for real.
    V2,
}

impl Generation {
    fn is_v1(self) -> bool {
        matches!(self, Self::V1OldFastApi | Self::V1NewFastApi)
    }
}

/// How the fake behaves; [`FakeOptions::new`] gives the vendor's defaults without its rate limits.
#[derive(Clone, Debug)]
pub(crate) struct FakeOptions {
    /// The release to imitate.
    pub(crate) generation: Generation,
    /// Decides the order of rows with equal sort keys.
    pub(crate) seed: u64,
    /// Requests per minute, path and address; the vendor's default is 100.
    pub(crate) requests_per_minute: usize,
    /// V2's own limits per user: chat 30, streams 20, lists 60 a minute.
    pub(crate) user_limits: bool,
    /// Production mode: a 500 says nothing about its cause.
    pub(crate) production: bool,
    /// How long a token is good for; the vendor's default is 30 minutes.
    pub(crate) token_lifetime: Duration,
    /// Profiles that exist in the database; another one cannot be named.
    pub(crate) profiles: Vec<String>,
    /// How long the model thinks before an answer, or before each token of a stream.
    pub(crate) model_delay: Duration,
    /// Lists of conversations begin anew at every offset.
    pub(crate) repeats_pages: bool,
    /// Bytes per chunk of a stream; a frame may be cut anywhere.
    pub(crate) stream_chunk_bytes: usize,
}

impl FakeOptions {
    pub(crate) fn new(generation: Generation) -> Self {
        Self {
            generation,
            seed: 1,
            requests_per_minute: 1_000_000,
            user_limits: false,
            production: false,
            token_lifetime: Duration::from_secs(1800),
            profiles: vec!["profile-1".to_owned()],
            model_delay: Duration::ZERO,
            repeats_pages: false,
            stream_chunk_bytes: 4096,
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
pub(crate) struct FakeChatter {
    address: SocketAddr,
    server: Arc<Server>,
    task: tokio::task::JoinHandle<()>,
}

impl FakeChatter {
    /// The user who may log in.
    pub(crate) const USERNAME: &str = "ada";
    /// That user's password.
    pub(crate) const PASSWORD: &str = "Analytical-Engine-1";
    /// A token of that user that never expires.
    pub(crate) const TOKEN: &str = "fake-token-of-ada";
    /// A token of another user that never expires.
    pub(crate) const OTHER_TOKEN: &str = "fake-token-of-bob";

    /// Starts a fake of one generation with default options.
    pub(crate) async fn start(generation: Generation) -> Self {
        Self::start_with(FakeOptions::new(generation)).await
    }

    /// Starts a fake on a free loopback port.
    pub(crate) async fn start_with(options: FakeOptions) -> Self {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a free loopback port");
        let address = listener.local_addr().expect("a bound address");
        let data = Data::new(options.seed);
        let server = Arc::new(Server {
            options,
            data: Mutex::new(data),
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

    /// From now on, whatever JSON is answered has the text `to` in the place of `from`: to spoil single values.
    pub(crate) fn rewrite(&self, from: &str, to: &str) {
        let mut data = self.server.data();
        data.rewrites.push((from.to_owned(), to.to_owned()));
    }

    /// Everything that was asked so far, oldest first.
    pub(crate) fn requests(&self) -> Vec<SeenRequest> {
        self.server.data().seen.clone()
    }

    /// The stored messages of a conversation, in the order of their numbers.
    pub(crate) fn messages(&self, conversation_id: &str) -> Vec<wire::MessageResponse> {
        self.server.data().messages(conversation_id)
    }

    /// The stored conversation, deleted or not.
    pub(crate) fn conversation(&self, conversation_id: &str) -> Option<wire::ConversationResponse> {
        self.server
            .data()
            .conversations
            .get(conversation_id)
            .map(|stored| stored.row.clone())
    }

    /// How many conversations are stored, deleted ones included.
    pub(crate) fn conversations(&self) -> usize {
        self.server.data().conversations.len()
    }

    /// Makes every token that came from a login worthless.
    pub(crate) fn expire_tokens(&self) {
        self.server.data().tokens.clear();
    }
}

impl Drop for FakeChatter {
    fn drop(&mut self) {
        self.task.abort();
    }
}
