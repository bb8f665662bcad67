//! A line between a client and a fake server that can be cut anywhere: what becomes of one request is planned, the others
//! go through.
//!
//! One request travels on each connection, so the n-th connection is the n-th request.

mod message;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

pub use message::{answer, head_bytes, plain_body};
use message::{pass_on, read_request};

/// How long a late request may take once it is released.
const RELEASE_LIMIT: Duration = Duration::from_secs(120);

/// Changes an answer on its way: it is given the bytes of the whole answer, and gives those that are sent.
pub type Change = Arc<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// Says how much the server behind the line holds of what is done to it.
pub type Witness = Arc<dyn Fn() -> usize + Send + Sync>;

/// What becomes of a request.
#[derive(Clone)]
pub enum Fate {
    /// Nobody listens: the connection is refused.
    Refused,
    /// The connection is accepted, and closed before anything is read.
    Unread,
    /// It is read and not passed on; the connection is closed without an answer.
    Dropped,
    /// It is read and not passed on; these bytes are answered.
    Instead(Arc<[u8]>),
    /// It is carried out; its answer is changed on the way, and the connection closed after it.
    Changed(Change),
    /// It is carried out only after [`Line::release`], and not answered.
    Late,
}

impl fmt::Debug for Fate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Refused => "Refused",
            Self::Unread => "Unread",
            Self::Dropped => "Dropped",
            Self::Instead(_) => "Instead",
            Self::Changed(_) => "Changed",
            Self::Late => "Late",
        })
    }
}

/// One request that went through whole, and its answer.
#[derive(Clone)]
pub struct Exchange {
    /// The request's first line.
    pub request: String,
    /// The bytes of the whole answer.
    pub answer: Vec<u8>,
    /// What the witness said before the request was passed on, and after its answer had come.
    pub held: (usize, usize),
}

impl Exchange {
    /// The answer's body, as it travelled.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.answer[head_bytes(&self.answer)..]
    }
}

#[derive(Default)]
struct Plan {
    /// How many requests came since the plan was made.
    seen: usize,
    /// Which of them is meant, counted from 0, and its fate.
    fate: Option<(usize, Fate)>,
    met: bool,
    exchanges: Vec<Exchange>,
}

struct Shared {
    target: SocketAddr,
    plan: Mutex<Plan>,
    witness: Mutex<Option<Witness>>,
    doors: mpsc::Sender<Door>,
    released: watch::Sender<bool>,
    /// How many late requests were carried out.
    late: watch::Sender<usize>,
}

impl Shared {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn witnessed(&self) -> usize {
        let witness = self.witness.lock().unwrap_or_else(PoisonError::into_inner);
        witness.as_ref().map_or(0, |witness| witness())
    }

    fn note(&self, exchange: Exchange, is_met: bool) {
        let mut plan = self.plan();
        plan.exchanges.push(exchange);
        plan.met |= is_met;
    }

    /// Opens or closes the line to whoever wants to connect, and waits until that is so.
    async fn door(&self, is_open: bool) {
        let (done, is_done) = oneshot::channel();
        let sent = self.doors.send(Door { is_open, done }).await;
        if sent.is_ok() {
            let _ = is_done.await;
        }
    }
}

struct Door {
    is_open: bool,
    done: oneshot::Sender<()>,
}

/// A running line; dropping it ends it.
pub struct Line {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Line {
    /// A line to the server at `base_url`, on a free port of the loopback interface.
    ///
    /// # Panics
    /// Where `base_url` is no address, or no port is free.
    pub async fn to(base_url: &str) -> Self {
        let target = base_url
            .trim_start_matches("http://")
            .parse()
            .expect("an address and a port");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a free loopback port");
        let address = listener.local_addr().expect("a bound address");
        let (doors, commands) = mpsc::channel(1);
        let shared = Arc::new(Shared {
            target,
            plan: Mutex::default(),
            witness: Mutex::default(),
            doors,
            released: watch::Sender::new(false),
            late: watch::Sender::new(0),
        });
        let task = tokio::spawn(listen(listener, Arc::clone(&shared), commands));
        Self {
            address,
            shared,
            task,
        }
    }

    /// What a client is configured with.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Asks `witness` before and after every request that is passed on.
    pub fn watched_by(&self, witness: Witness) {
        *self
            .shared
            .witness
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(witness);
    }

    /// Plans the fate of the request number `index` from now, counted from 0. Every other one goes through.
    pub async fn plan(&self, index: usize, fate: Fate) {
        let is_open = index > 0 || !matches!(fate, Fate::Refused);
        *self.shared.plan() = Plan {
            fate: Some((index, fate)),
            met: !is_open,
            ..Plan::default()
        };
        self.shared.released.send_replace(false);
        self.shared.door(is_open).await;
    }

    /// From now on every request goes through.
    pub async fn heal(&self) {
        *self.shared.plan() = Plan::default();
        self.shared.door(true).await;
    }

    /// Whether the planned request came.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.shared.plan().met
    }

    /// What went through since the last plan, oldest first.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.shared.plan().exchanges.clone()
    }

    /// Has the late request carried out, and waits until it is.
    ///
    /// # Panics
    /// Where the line has ended, or the request is not carried out within two minutes.
    pub async fn release(&self) {
        let mut late = self.shared.late.subscribe();
        let before = *late.borrow_and_update();
        self.shared.released.send_replace(true);
        let carried_out = late.wait_for(|done| *done > before);
        tokio::time::timeout(RELEASE_LIMIT, carried_out)
            .await
            .expect("a server that carries it out")
            .expect("a line that still runs");
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(mut listener: TcpListener, shared: Arc<Shared>, mut doors: mpsc::Receiver<Door>) {
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    let shared = Arc::clone(&shared);
                    tokio::spawn(async move {
                        // A client that leaves is what the tests are about.
                        let _ = carry(stream, &shared).await;
                    });
                }
            }
            door = doors.recv() => {
                let Some(door) = door else { return };
                if door.is_open {
                    let _ = door.done.send(());
                    continue;
                }
                let Some(reopened) = closed(listener, door, &mut doors).await else { return };
                listener = reopened;
            }
        }
    }
}

/// Refuses connections until the door is opened again. The port stays ours: a socket that is bound and does not listen
/// refuses.
async fn closed(
    listener: TcpListener,
    door: Door,
    doors: &mut mpsc::Receiver<Door>,
) -> Option<TcpListener> {
    let address = listener.local_addr().expect("a bound address");
    drop(listener);
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("an option of sockets");
    socket.bind(address).expect("the port that was just left");
    let _ = door.done.send(());
    loop {
        let door = doors.recv().await?;
        if door.is_open {
            let listener = socket.listen(128).expect("a bound socket");
            let _ = door.done.send(());
            return Some(listener);
        }
        let _ = door.done.send(());
    }
}

/// One request and what becomes of it.
async fn carry(mut client: TcpStream, shared: &Shared) -> io::Result<()> {
    let (fate, refuses_next) = {
        let mut plan = shared.plan();
        let index = plan.seen;
        plan.seen += 1;
        let fate = match &plan.fate {
            Some((planned, fate)) if *planned == index => Some(fate.clone()),
            _ => None,
        };
        // A late one is met when it has come whole: its caller may leave before.
        plan.met |= fate
            .as_ref()
            .is_some_and(|fate| !matches!(fate, Fate::Late));
        let refuses_next =
            matches!(&plan.fate, Some((planned, Fate::Refused)) if *planned == index + 1);
        (fate, refuses_next)
    };
    if matches!(fate, Some(Fate::Unread | Fate::Refused)) {
        return Ok(());
    }
    let request = read_request(&mut client).await?;
    let answer = match fate {
        Some(Fate::Dropped) => return Ok(()),
        Some(Fate::Instead(answer)) => answer.to_vec(),
        Some(Fate::Late) => {
            shared.plan().met = true;
            let mut released = shared.released.subscribe();
            let _ = released.wait_for(|released| *released).await;
            pass_on(shared.target, &request).await?;
            shared.late.send_modify(|done| *done += 1);
            return Ok(());
        }
        Some(Fate::Changed(change)) => change(&pass_on(shared.target, &request).await?),
        _ => {
            let before = shared.witnessed();
            let answer = pass_on(shared.target, &request).await?;
            let first_line = request.split(|byte| *byte == b'\r').next();
            let exchange = Exchange {
                request: String::from_utf8_lossy(first_line.unwrap_or_default()).into_owned(),
                answer: answer.clone(),
                held: (before, shared.witnessed()),
            };
            shared.note(exchange, refuses_next);
            if refuses_next {
                // Before the client can send the next one.
                shared.door(false).await;
            }
            answer
        }
    };
    client.write_all(&answer).await?;
    client.shutdown().await
}
