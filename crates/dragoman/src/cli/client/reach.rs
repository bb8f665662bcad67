//! Reaching a gateway: one elsewhere, the server that serves from this database, or one in this process.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backend::ports::Keys;
use backon::{ConstantBuilder, Retryable};
use secrecy::SecretString;
use store::State;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use transport::{ProbeStep, TransportConfig, probe};

use super::api::Api;
use super::keys::{WithOwnKey, new_key, remove_ended};
use crate::cli::arguments::ServerFlags;
use crate::cli::signals::Signals;
use crate::config::Configuration;
use crate::config::load::{Flags, load};
use crate::failure::Failure;
use crate::running::{Purpose, Running};
use crate::state::{self, OpenState, Use};
use crate::telemetry::{self, Telemetry};

/// The variable with the key of a gateway elsewhere.
const KEY_VARIABLE: &str = "DRAGOMAN_KEY";
/// The level of a command's own log lines where no other is asked for.
const LOG_LEVEL: &str = "warn";
/// What still runs after the end gets this long.
const LEFTOVERS_PAUSE: Duration = Duration::from_secs(1);
/// A key beside a server is replaced this often: long before it ends by itself.
const KEY_RENEWAL: Duration = Duration::from_secs(12 * 60 * 60);
/// A server that starts says soon where it listens; it is asked so often, with a pause between.
const ADDRESS_ASKED: usize = 50;
const ADDRESS_PAUSE: Duration = Duration::from_millis(200);
/// How long one of several processes may take to accept a connection.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);

/// What a command without a server does where there is no database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Database {
    /// It refuses: a mistyped directory must not make a second, empty database.
    MustExist,
    /// It makes one.
    MayBeMade,
}

/// A gateway that was reached.
#[derive(Debug)]
pub(in crate::cli) struct Reached {
    /// Its admin API.
    pub(in crate::cli) api: Arc<Api>,
    /// True where it is this process, and ends with it.
    pub(in crate::cli) is_own: bool,
    interrupt: CancellationToken,
}

impl Reached {
    /// Ends when the operator asks the command to stop.
    pub(in crate::cli) async fn interrupted(&self) {
        self.interrupt.cancelled().await;
    }
}

/// Runs `work` against the gateway that the flags name, and leaves everything in good order.
///
/// `command` names it in lists of keys and to others who want to do the same.
pub(in crate::cli) fn with_gateway<T>(
    flags: &ServerFlags,
    variables: &BTreeMap<String, String>,
    command: &str,
    database: Database,
    work: impl AsyncFnOnce(&Reached) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::runtime(format!("the runtime cannot be started: {error}")))?;
    let result = match &flags.server {
        Some(address) => {
            let key = variables
                .get(KEY_VARIABLE)
                .filter(|key| !key.trim().is_empty());
            let key = key.ok_or_else(|| {
                Failure::usage(
                    format!("--server needs a key in the variable {KEY_VARIABLE}"),
                    "one with the scope `admin`: dragoman keys create --scopes admin",
                )
            })?;
            let key = SecretString::from(key.trim());
            runtime.block_on(async {
                let api = Arc::new(Api::new(address, key)?);
                attended(api, false, work).await.0
            })
        }
        None => {
            let source = Flags {
                log_level: Some(flags.log_level.as_deref().unwrap_or(LOG_LEVEL).to_owned()),
                ..flags.source.to_flags()
            };
            let configuration = load(&source, variables)?.configuration;
            // Given back when this returns: the last log lines are written then.
            let telemetry = telemetry::start(&configuration.telemetry).map_err(Failure::runtime)?;
            runtime.block_on(of_database(
                &configuration,
                &telemetry,
                command,
                database,
                work,
            ))
        }
    };
    runtime.shutdown_timeout(LEFTOVERS_PAUSE);
    result
}

/// Asks the server that serves from the configuration's database, else a gateway in this process.
async fn of_database<T>(
    configuration: &Configuration,
    telemetry: &Telemetry,
    command: &str,
    database: Database,
    work: impl AsyncFnOnce(&Reached) -> Result<T, Failure>,
) -> Result<T, Failure> {
    if database == Database::MustExist
        && let Some(path) = configuration.store.missing_file()
    {
        return Err(no_database(&path));
    }
    match state::open_for_serving(configuration)? {
        Some(open) => in_this_process(configuration, telemetry, open, command, work).await,
        None => beside(state::open(configuration, Use::Beside)?, command, work).await,
    }
}

fn no_database(path: &Path) -> Failure {
    Failure::permanent(
        format!("there is no database at {}", path.display()),
        "name its directory with --data-dir, or the file that does with --config",
    )
}

async fn in_this_process<T>(
    configuration: &Configuration,
    telemetry: &Telemetry,
    open: OpenState,
    command: &str,
    work: impl AsyncFnOnce(&Reached) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.map_err(Failure::runtime)?;
    let key = new_key(command)?;
    let others = Arc::clone(&open.state) as Arc<dyn Keys>;
    let purpose = Purpose::Command {
        keys: Arc::new(WithOwnKey::new(key.record, others)),
    };
    let running =
        Running::start(configuration, listener, open, telemetry, purpose, command).await?;
    let api = Arc::new(Api::new(&format!("http://{}", running.address()), key.key)?);
    let (done, hurry) = attended(api, true, work).await;
    running.shutdown().begin();
    let ended = running.end(&hurry).await;
    let result = done?;
    ended?;
    Ok(result)
}

async fn beside<T>(
    open: OpenState,
    command: &str,
    work: impl AsyncFnOnce(&Reached) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let done = match Beside::new(&open, command).await {
        Ok(beside) => {
            let api = Arc::clone(&beside.api);
            let renewing = tokio::spawn(beside.clone().keep_renewing(command.to_owned()));
            let (done, _) = attended(api, false, work).await;
            renewing.abort();
            let removed = beside.remove_all().await;
            done.and_then(|result| removed.map(|()| result))
        }
        Err(failure) => Err(failure),
    };
    let closed = open.close().await;
    let result = done?;
    closed?;
    Ok(result)
}

/// Runs `work` until it ends or the operator asks it to. Also gives what says that the operator asked twice.
async fn attended<T>(
    api: Arc<Api>,
    is_own: bool,
    work: impl AsyncFnOnce(&Reached) -> Result<T, Failure>,
) -> (Result<T, Failure>, Arc<Notify>) {
    let hurry = Arc::new(Notify::new());
    let interrupt = CancellationToken::new();
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => {
            let failure = Failure::runtime(format!("signals cannot be received: {error}"));
            return (Err(failure), hurry);
        }
    };
    let (first, second) = (interrupt.clone(), Arc::clone(&hurry));
    tokio::spawn(async move {
        signals.next().await;
        first.cancel();
        signals.next().await;
        second.notify_one();
    });
    let reached = Reached {
        api,
        is_own,
        interrupt: interrupt.clone(),
    };
    // Work that knows better what an interruption means for it says so first.
    let done = tokio::select! {
        biased;
        done = work(&reached) => done,
        () = interrupt.cancelled() => Err(Failure::temporary(
            "stopped before it was done",
            "the same command goes on where it stopped",
        )),
    };
    (done, hurry)
}

/// A place beside the server that serves from the same database.
#[derive(Clone)]
struct Beside {
    state: Arc<State>,
    api: Arc<Api>,
    /// The ids of the keys that were made and not yet removed.
    made: Arc<Mutex<Vec<Box<str>>>>,
}

impl Beside {
    async fn new(open: &OpenState, command: &str) -> Result<Self, Failure> {
        let address = serving_address(open).await?;
        let state = Arc::clone(&open.state);
        remove_ended(&state).await.map_err(Failure::runtime)?;
        let key = new_key(command)?;
        let api = Arc::new(Api::new(&format!("http://{address}"), key.key)?);
        let inserted = state.insert(&key.record).await;
        inserted.map_err(Failure::runtime)?;
        Ok(Self {
            state,
            api,
            made: Arc::new(Mutex::new(vec![key.record.id])),
        })
    }

    /// Replaces the key before it ends by itself, for as long as the command runs.
    async fn keep_renewing(self, command: String) {
        loop {
            tokio::time::sleep(KEY_RENEWAL).await;
            if let Err(error) = self.renew(&command).await {
                tracing::warn!(?error, "the command's key could not be renewed");
            }
        }
    }

    async fn renew(&self, command: &str) -> Result<(), Failure> {
        let key = new_key(command)?;
        let inserted = self.state.insert(&key.record).await;
        inserted.map_err(Failure::runtime)?;
        let old = std::mem::replace(&mut *self.made(), vec![key.record.id]);
        self.api.renew(key.key);
        self.remove(&old).await
    }

    async fn remove_all(&self) -> Result<(), Failure> {
        let all = std::mem::take(&mut *self.made());
        self.remove(&all).await
    }

    async fn remove(&self, ids: &[Box<str>]) -> Result<(), Failure> {
        for id in ids {
            let removed = self.state.remove_key(id).await;
            removed.map_err(|error| {
                Failure::with_help(
                    format!("the command's own key {id} could not be removed: {error}"),
                    format!(
                        "revoke it with `dragoman keys revoke {id}`; it ends by itself within a day"
                    ),
                )
            })?;
        }
        Ok(())
    }

    fn made(&self) -> std::sync::MutexGuard<'_, Vec<Box<str>>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a process listens that serves from the database: the first one that answers, where there are several. One that was
/// killed is noted for a while, and does not.
async fn serving_address(open: &OpenState) -> Result<Box<str>, Failure> {
    let pauses = ConstantBuilder::default()
        .with_delay(ADDRESS_PAUSE)
        .with_max_times(ADDRESS_ASKED);
    let ask = || async {
        let servings = open.store.serving().await.map_err(Failure::runtime)?;
        let addresses: Vec<Box<str>> = servings.into_iter().map(|one| one.address).collect();
        let answering = match addresses.as_slice() {
            // Whoever calls it tells best why it cannot be reached.
            [only] => Some(only.clone()),
            several => first_listening(several).await,
        };
        answering.ok_or_else(|| {
            Failure::temporary(
                match addresses.is_empty() {
                    true => "another process uses this database and does not say where it listens",
                    false => "of the processes that serve from this database none can be reached from here",
                },
                "is it of this version, and still starting? Try again in a moment",
            )
        })
    };
    ask.retry(pauses)
        .when(|failure| matches!(failure, Failure::Temporary { .. }))
        .await
}

/// The first address that takes a connection.
async fn first_listening(addresses: &[Box<str>]) -> Option<Box<str>> {
    for address in addresses {
        let base = format!("http://{address}");
        let looked = probe(&base, &TransportConfig::default(), CONNECT_PATIENCE).await;
        let is_there = looked.is_ok_and(|looked| {
            let is_connected = |step: ProbeStep| !matches!(step, ProbeStep::Dns | ProbeStep::Tcp);
            looked.failure().is_none_or(|(step, _)| is_connected(step))
        });
        if is_there {
            return Some(address.clone());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_several_processes_one_that_listens_is_called() {
        let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let nobody: Box<str> = gone.local_addr().unwrap().to_string().into();
        drop(gone);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let somebody: Box<str> = listener.local_addr().unwrap().to_string().into();
        let both = [nobody.clone(), somebody.clone()];
        assert_eq!(first_listening(&both).await, Some(somebody));
        assert_eq!(first_listening(&[nobody]).await, None);
    }
}
