//! The fault proxy: stands between the gateway and a vendor, or instead of one, and does to each request what was
//! planned: late, silent, cut, garbled, doubled, refused, slow. Seeded. Keeps every request that it saw, as the witness.

mod http;
mod plan;
mod serve;
mod witness;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::task::{JoinHandle, JoinSet};

pub use plan::{Fault, Rule};
pub use witness::{Seen, Witness};

use crate::random::Random;

/// How many connections may wait to be taken.
const BACKLOG: u32 = 1_024;

/// What all connections share.
#[derive(Debug)]
struct Shared {
    /// The vendor behind; absent where the plan answers everything.
    vendor: Option<SocketAddr>,
    rules: Mutex<Vec<Rule>>,
    random: Mutex<Random>,
    witness: Witness,
}

impl Shared {
    /// What shall happen to a request, and after which pause.
    fn fault(&self, method: &str, path: &str) -> Option<(Fault, Duration)> {
        let mut rules = locked(&self.rules);
        let mut random = locked(&self.random);
        rules.iter_mut().find_map(|rule| {
            let takes = rule.takes(method, path, &mut random);
            takes.then(|| (rule.fault.clone(), rule.pause))
        })
    }

    fn random(&self) -> MutexGuard<'_, Random> {
        locked(&self.random)
    }
}

/// Whoever panicked while holding a lock has failed the test already.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running fault proxy; dropping it closes its connections.
#[derive(Debug)]
pub struct Faultd {
    address: SocketAddr,
    shared: Arc<Shared>,
    state: Mutex<State>,
}

/// Whether connections are taken.
#[derive(Debug)]
enum State {
    Up(JoinHandle<()>),
    /// The port is kept, and every connection to it is refused by the operating system.
    Down(TcpSocket),
    Changing,
}

impl Faultd {
    /// One in front of a vendor's base URL, `http://ADDRESS:PORT` and maybe a path.
    ///
    /// # Panics
    /// If the address cannot be read or no port is free.
    pub fn before(base_url: &str, seed: u64) -> Self {
        let address = base_url.strip_prefix("http://").unwrap_or(base_url);
        let address = address.split('/').next().unwrap_or_default();
        let address = address.parse();
        Self::start(Some(address.expect("an address and a port")), seed)
    }

    /// One without a vendor behind it: what no rule answers is 404.
    ///
    /// # Panics
    /// If no port is free.
    pub fn alone(seed: u64) -> Self {
        Self::start(None, seed)
    }

    fn start(vendor: Option<SocketAddr>, seed: u64) -> Self {
        let shared = Arc::new(Shared {
            vendor,
            rules: Mutex::default(),
            random: Mutex::new(Random::new("faultd", seed)),
            witness: Witness::default(),
        });
        let listener = bound((Ipv4Addr::LOCALHOST, 0).into()).and_then(|one| one.listen(BACKLOG));
        let listener = listener.expect("a free port on loopback");
        let address = listener.local_addr().expect("an address");
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            state: Mutex::new(State::Up(task)),
        }
    }

    /// The base of its URLs, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Replaces the plan. The first rule that takes a request decides; where none does, it is passed on.
    pub fn plan(&self, rules: impl Into<Vec<Rule>>) {
        *locked(&self.shared.rules) = rules.into();
    }

    /// Passes everything on from now.
    pub fn heal(&self) {
        self.plan([]);
    }

    /// Everything that it saw.
    pub fn witness(&self) -> &Witness {
        &self.shared.witness
    }

    /// Refuses connections from now on, and resets the open ones.
    ///
    /// # Panics
    /// If it is down already, or its port is lost.
    pub async fn down(&self) {
        let before = std::mem::replace(&mut *locked(&self.state), State::Changing);
        let State::Up(task) = before else {
            panic!("the proxy is down already");
        };
        task.abort();
        // Its end closes the listener and every connection.
        drop(task.await);
        let socket = bound(self.address).expect("the port is still ours");
        *locked(&self.state) = State::Down(socket);
    }

    /// Takes connections again.
    ///
    /// # Panics
    /// If it is up already, or its port is lost.
    pub fn up(&self) {
        let mut state = locked(&self.state);
        let State::Down(socket) = std::mem::replace(&mut *state, State::Changing) else {
            panic!("the proxy is up already");
        };
        let listener = socket.listen(BACKLOG).expect("the port is still ours");
        *state = State::Up(tokio::spawn(accept(listener, Arc::clone(&self.shared))));
    }
}

impl Drop for Faultd {
    fn drop(&mut self) {
        if let State::Up(task) = &*locked(&self.state) {
            task.abort();
        }
    }
}

/// A socket that holds an address, which may have been ours before.
fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped with this task, and every connection with it.
    let mut connections = JoinSet::new();
    for number in 0_u64.. {
        // A connection that is gone before it is taken is nobody's loss.
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        while connections.try_join_next().is_some() {}
        connections.spawn(serve::connection(stream, number, Arc::clone(&shared)));
    }
}
