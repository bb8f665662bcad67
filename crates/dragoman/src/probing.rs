//! Looks at each vendor's server as an operator would: name, connection, TLS, clock, and one harmless call with the
//! backend's own credential. What is wrong is said with what to do about it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backend::{Backend, Context, Principal, Scope};
use futures_util::future::join_all;
use serde::Serialize;
use tempfile::TempDir;
use transport::{Probe, ProbeStep, TransportErrorKind, probe};

use crate::config::{BackendConfig, BackendKind, Configuration};
use crate::failure::Failure;
use crate::state::{self, OpenState, Use};
use crate::wiring;

/// The longest time of one step.
const STEP_MAX: Duration = Duration::from_secs(10);

/// What was found at one step.
#[derive(Debug, Serialize)]
pub(crate) struct Step {
    /// `dns`, `tcp`, `tls`, `http` or `call`: the last is one harmless call with the backend's credential.
    pub(crate) step: &'static str,
    /// Whether it is as it must be.
    pub(crate) ok: bool,
    /// How long it took.
    pub(crate) milliseconds: u64,
    /// What was found, in words.
    pub(crate) found: String,
}

/// What was found of one backend.
#[derive(Debug, Serialize)]
pub(crate) struct Probing {
    /// The backend's name.
    pub(crate) name: String,
    /// Its kind.
    pub(crate) kind: &'static str,
    /// Its address; absent for the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) base_url: Option<String>,
    /// Whether every step is as it must be.
    pub(crate) ok: bool,
    /// How long the harmless call took; absent where it did not succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) latency_milliseconds: Option<u64>,
    /// How far the vendor's clock is ahead of ours; absent where its answers tell no time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) clock_ahead_seconds: Option<i64>,
    /// Each step that was tried, in order.
    pub(crate) steps: Vec<Step>,
    /// What to do where something is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fix: Option<String>,
}

/// A database for one look, where there is none yet.
pub(crate) struct Scratch {
    open: OpenState,
    // After the database, which lies in it.
    _folder: TempDir,
}

impl Scratch {
    /// An empty database in a temporary folder.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub(crate) fn open(configuration: &Configuration) -> Result<Self, Failure> {
        let folder = tempfile::tempdir().map_err(Failure::runtime)?;
        let mut configuration = configuration.clone();
        configuration.store.data_dir = folder.path().to_owned();
        configuration.store.database_url = None;
        Ok(Self {
            open: state::open(&configuration, Use::Beside)?,
            _folder: folder,
        })
    }

    /// The state in it.
    pub(crate) fn state(&self) -> &OpenState {
        &self.open
    }

    /// Gives everything back.
    ///
    /// # Errors
    /// Where it did not close in good order.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        self.open.close().await
    }
}

/// Looks at every backend at once, or at the one that is named; in the order of the configuration.
///
/// # Errors
/// Where no backend has this name.
pub(crate) async fn look_at(
    configuration: &Configuration,
    open: &OpenState,
    name: Option<&str>,
) -> Result<Vec<Probing>, Failure> {
    let wanted = configuration
        .backends
        .iter()
        .filter(|config| name.is_none_or(|name| config.name.as_str() == name));
    let looks = wanted.map(|config| look(config, wiring::bare(config, &open.store, &open.state)));
    let found = join_all(looks).await;
    match (found.is_empty(), name) {
        (true, Some(name)) => Err(Failure::usage(
            format!("no backend is called `{name}`"),
            "`dragoman backends` lists them; --config names the file",
        )),
        _ => Ok(found),
    }
}

/// Looks at one backend.
async fn look(config: &BackendConfig, backend: backend::Result<Arc<dyn Backend>>) -> Probing {
    let mut probing = Probing {
        name: config.name.to_string(),
        kind: config.kind.as_str(),
        base_url: config.base_url.as_ref().map(|url| url.as_url().to_string()),
        ok: true,
        latency_milliseconds: None,
        clock_ahead_seconds: None,
        steps: Vec::new(),
        fix: None,
    };
    let backend = match backend {
        Ok(backend) => backend,
        Err(error) => {
            probing.fail("call", Duration::ZERO, error.to_string());
            probing.fix = Some("correct the keys of this backend in the file".to_owned());
            return probing;
        }
    };
    if let Some(url) = &config.base_url {
        let settings = wiring::transport(config);
        match probe(url.as_url().as_str(), &settings, STEP_MAX).await {
            Ok(way) => probing.take(&way, config),
            Err(error) => {
                probing.fail("dns", Duration::ZERO, error.to_string());
                probing.fix = Some("correct `base_url` or `ca_pem` of this backend".to_owned());
            }
        }
    }
    if probing.ok {
        probing.call(config, &*backend).await;
    }
    probing
}

impl Probing {
    fn take(&mut self, way: &Probe, config: &BackendConfig) {
        for probed in &way.steps {
            let step = probed.step.as_str();
            match &probed.found {
                Ok(found) => self.steps.push(Step {
                    step,
                    ok: true,
                    milliseconds: millis(probed.took),
                    found: found.clone(),
                }),
                Err(error) => self.fail(step, probed.took, error.detail().to_owned()),
            }
        }
        self.clock_ahead_seconds = way.clock_ahead_seconds;
        if let Some((step, error)) = way.failure() {
            self.fix = Some(fix_of(step, error.kind(), config));
        }
    }

    /// One harmless call, as the adapter makes it for `GET /readyz?verbose`.
    async fn call(&mut self, config: &BackendConfig, backend: &dyn Backend) {
        let nobody = Principal {
            tenant: "default".into(),
            key: "probe".into(),
            user: None,
            scopes: vec![Scope::Read],
        };
        let cx = Context::new(Arc::new(nobody), "probe", STEP_MAX);
        let started = Instant::now();
        let health = tokio::time::timeout(STEP_MAX * 2, backend.health(&cx)).await;
        let took = started.elapsed();
        match health {
            Ok(health) if health.ok => {
                self.latency_milliseconds = Some(millis(took));
                self.steps.push(Step {
                    step: "call",
                    ok: true,
                    milliseconds: millis(took),
                    found: health.detail,
                });
            }
            Ok(health) => {
                self.fail("call", took, health.detail);
                self.fix = Some(call_fix(config));
            }
            Err(_) => {
                let found = format!("no answer within {} s", (STEP_MAX * 2).as_secs());
                self.fail("call", took, found);
                self.fix = Some(
                    "the server takes requests and does not answer them: look at its own logs"
                        .to_owned(),
                );
            }
        }
    }

    fn fail(&mut self, step: &'static str, took: Duration, found: String) {
        self.ok = false;
        self.steps.push(Step {
            step,
            ok: false,
            milliseconds: millis(took),
            found,
        });
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn fix_of(step: ProbeStep, kind: TransportErrorKind, config: &BackendConfig) -> String {
    let host = config
        .base_url
        .as_ref()
        .and_then(|url| url.as_url().host_str())
        .unwrap_or_default();
    match (step, kind) {
        (ProbeStep::Dns, _) => {
            format!("look at the spelling of {host} in `base_url`, and at this machine's name server")
        }
        (ProbeStep::Tcp, TransportErrorKind::Timeout(_)) => {
            "a firewall or a wrong port swallows connections: let this machine reach it, or correct `base_url`".to_owned()
        }
        (ProbeStep::Tcp, _) => {
            "nothing listens there: start the vendor's server, or correct the port in `base_url`".to_owned()
        }
        (ProbeStep::Tls, TransportErrorKind::Tls) => format!(
            "the certificate is not trusted, has ended, or is not {host}'s: renew it there, or put its authority into `ca_pem`; where nothing speaks TLS at all, `base_url` begins with http://"
        ),
        (ProbeStep::Tls, _) => {
            "the server breaks off the TLS handshake: is it `http` instead of `https` on this port?".to_owned()
        }
        (ProbeStep::Http, TransportErrorKind::Timeout(_)) => {
            "the server takes connections and does not answer: look at its own logs".to_owned()
        }
        (ProbeStep::Http, _) => {
            "what listens there speaks no HTTP: correct scheme and port in `base_url`".to_owned()
        }
    }
}

/// Which keys hold what the call needs.
fn call_fix(config: &BackendConfig) -> String {
    let keys = match config.kind {
        BackendKind::Store => return "look at `dragoman doctor`".to_owned(),
        BackendKind::Chatter => "`token`, or `username` and `password`",
        BackendKind::Datamonkey => "`signing_key`",
        BackendKind::Sunshine => "`app_id`, `key_id` and `key_secret`, or `token`",
        BackendKind::Convore => "`token` and `channel_id`",
    };
    format!(
        "if it refuses the credential, renew it at the vendor and here ({keys}); else look at `base_url`'s path and the vendor's status page"
    )
}
