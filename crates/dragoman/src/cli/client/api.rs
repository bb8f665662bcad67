//! Calls to the admin API, and what their answers mean for an operator.

use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable};
use bytes::Bytes;
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use transport::{
    Method, Pieces, PiecewiseResponse, Response, Transport, TransportConfig, TransportError,
};

use crate::failure::Failure;

/// How long one call may take: an import waits for a vendor, an export may stream for days.
const CALL_LIMIT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// The longest silence of the gateway.
const SILENCE_LIMIT: Duration = Duration::from_secs(600);
/// A read that fails for now is repeated so often: in all about a minute, the time of a restart.
const READ_REPEATS: usize = 9;
/// The first and the longest pause before a call is repeated.
const REPEAT_PAUSE_FIRST: Duration = Duration::from_millis(500);
const REPEAT_PAUSE_MAX: Duration = Duration::from_secs(10);
/// For so long a call is repeated that must be done before the next: a vendor's doubt about a write that was cut off
/// lasts some minutes, and a server that starts again goes on with nothing lost.
const INSIST_LIMIT: Duration = Duration::from_secs(900);

/// One call, before it is sent.
pub(in crate::cli) struct Call<'a> {
    method: Method,
    path: Vec<&'a str>,
    query: Vec<(&'a str, String)>,
    body: Option<(&'a str, Bytes)>,
    silence: Duration,
}

/// An answer that is not JSON.
pub(in crate::cli) type Answer = Response;

/// The admin API of one gateway.
pub(in crate::cli) struct Api {
    transport: Transport,
    /// Where it is, for messages.
    address: String,
    key: RwLock<SecretString>,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Api")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Api {
    /// The API at an address.
    pub(super) fn new(address: &str, key: SecretString) -> Result<Self, Failure> {
        let config = TransportConfig {
            read_timeout_ms: u64::try_from(SILENCE_LIMIT.as_millis()).unwrap_or(u64::MAX),
            // What is large is read piece by piece.
            response_max_bytes: usize::MAX,
            json_max_bytes: usize::MAX,
            json_max_values: usize::MAX,
            ..TransportConfig::default()
        };
        let transport = Transport::new(address, &config).map_err(|error| {
            Failure::usage(
                format!("the gateway's address cannot be used: {error}"),
                "--server takes an address such as https://gateway.example",
            )
        })?;
        Ok(Self {
            transport,
            address: address.to_owned(),
            key: RwLock::new(key),
        })
    }

    /// Uses another key from now on.
    pub(super) fn renew(&self, key: SecretString) {
        *self.key.write().unwrap_or_else(PoisonError::into_inner) = key;
    }

    /// Reads something.
    pub(in crate::cli) fn get<'a>(&'a self, path: &[&'a str]) -> Asking<'a> {
        self.ask(Method::GET, path)
    }

    /// Does something.
    pub(in crate::cli) fn post<'a>(&'a self, path: &[&'a str]) -> Asking<'a> {
        self.ask(Method::POST, path)
    }

    /// Puts something.
    pub(in crate::cli) fn put<'a>(&'a self, path: &[&'a str]) -> Asking<'a> {
        self.ask(Method::PUT, path)
    }

    fn ask<'a>(&'a self, method: Method, path: &[&'a str]) -> Asking<'a> {
        Asking {
            api: self,
            call: Call {
                method,
                path: [&["admin", "v1"], path].concat(),
                query: Vec::new(),
                body: None,
                silence: SILENCE_LIMIT,
            },
        }
    }
}

/// A call under construction.
#[must_use = "a call does nothing until it is sent"]
pub(in crate::cli) struct Asking<'a> {
    api: &'a Api,
    call: Call<'a>,
}

impl<'a> Asking<'a> {
    /// With a query parameter, where there is a value.
    pub(in crate::cli) fn query(mut self, name: &'a str, value: Option<impl ToString>) -> Self {
        let value = value.map(|value| (name, value.to_string()));
        self.call.query.extend(value);
        self
    }

    /// With a JSON body.
    pub(in crate::cli) fn json(self, body: &impl Serialize) -> Result<Self, Failure> {
        let body = serde_json::to_vec(body)?;
        Ok(self.body("application/json", body.into()))
    }

    /// With a body of another type.
    pub(in crate::cli) fn body(mut self, media_type: &'a str, body: Bytes) -> Self {
        self.call.body = Some((media_type, body));
        self
    }

    /// Waits so long for an answer, where its work may take longer than others'.
    pub(in crate::cli) fn silence(mut self, limit: Duration) -> Self {
        self.call.silence = limit;
        self
    }

    /// Sends it and reads the answer as JSON. A read is repeated while it fails for now.
    pub(in crate::cli) async fn send<T: DeserializeOwned>(self) -> Result<T, Failure> {
        let api = self.api;
        let answer = self.raw().await?;
        api.read(&answer)
    }

    /// Sends it and gives the answer. A read is repeated while it fails for now.
    pub(in crate::cli) async fn raw(self) -> Result<Answer, Failure> {
        let once = || async { self.once().await.map_err(Refusal::into_failure) };
        if self.call.method != Method::GET {
            return once().await;
        }
        let pauses = ExponentialBuilder::default()
            .with_max_delay(REPEAT_PAUSE_MAX)
            .with_max_times(READ_REPEATS);
        once.retry(pauses)
            .when(|failure| matches!(failure, Failure::Temporary { .. }))
            .await
    }

    /// Sends something that changes nothing more the second time, and again while it fails for now.
    pub(in crate::cli) async fn insist(self) -> Result<Answer, Refusal> {
        let until = Instant::now() + INSIST_LIMIT;
        let mut pause = REPEAT_PAUSE_FIRST;
        loop {
            match self.once().await {
                Err(refusal) if refusal.is_temporary() && Instant::now() + pause < until => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(REPEAT_PAUSE_MAX);
                }
                answered => return answered,
            }
        }
    }

    async fn once(&self) -> Result<Answer, Refusal> {
        let sent = self.request().send().await;
        let answer = sent.map_err(|error| Refusal::Call(self.api.unreachable(&error)))?;
        if answer.is_success() {
            Ok(answer)
        } else {
            Err(self.api.refused(&answer))
        }
    }

    /// Sends it and reads the answer piece by piece.
    pub(in crate::cli) async fn pieces(self) -> Result<Pieces, Failure> {
        let sent = self.request().pieces().await;
        match sent.map_err(|error| self.api.unreachable(&error))? {
            PiecewiseResponse::Pieces(pieces) => Ok(pieces),
            PiecewiseResponse::Complete(answer) => Err(self.api.refused(&answer).into_failure()),
        }
    }

    fn request(&self) -> transport::Request<'_> {
        let (api, call) = (self.api, &self.call);
        let key = api.key.read().unwrap_or_else(PoisonError::into_inner);
        let mut request = api
            .transport
            .request(call.method.clone(), &call.path)
            .operation("admin")
            .bearer(&key)
            .read_timeout(call.silence)
            .deadline(Instant::now() + CALL_LIMIT);
        for (name, value) in &call.query {
            request = request.query(name, value);
        }
        if let Some((media_type, body)) = &call.body {
            request = request
                .json_bytes(body.clone())
                .header("content-type", media_type);
        }
        request
    }
}

/// Why a call was not done.
#[derive(Debug)]
pub(in crate::cli) enum Refusal {
    /// What was sent cannot be taken. Another of its kind may be.
    Sent(Failure),
    /// No such call is taken, or not now.
    Call(Failure),
}

impl Refusal {
    fn into_failure(self) -> Failure {
        match self {
            Self::Sent(failure) | Self::Call(failure) => failure,
        }
    }

    fn is_temporary(&self) -> bool {
        matches!(self, Self::Call(Failure::Temporary { .. }))
    }
}

/// The members of a problem document that an operator needs.
#[derive(serde::Deserialize)]
struct Problem {
    detail: String,
    code: String,
    #[serde(default)]
    retryable: bool,
    #[serde(default)]
    request_id: Option<String>,
    #[serde(default)]
    errors: Vec<ProblemPlace>,
}

#[derive(serde::Deserialize)]
struct ProblemPlace {
    pointer: String,
    detail: String,
}

impl Problem {
    /// True where every other call of its kind meets the same.
    fn is_of_call(&self) -> bool {
        match &*self.code {
            "unauthenticated" | "forbidden" | "route-not-found" | "method-not-allowed" => true,
            "invalid-query" => self.errors.iter().any(|place| place.pointer == "/backend"),
            _ => false,
        }
    }
}

impl Api {
    /// Reads an answer as JSON.
    pub(in crate::cli) fn read<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, Failure> {
        answer.json().map_err(|error| self.broken(&error))
    }

    /// What an answer that is no success means.
    fn refused(&self, answer: &Response) -> Refusal {
        let status = answer.status();
        let Ok(problem) = answer.json::<Problem>() else {
            return Refusal::Call(Failure::permanent(
                format!(
                    "{} answered with status {status} and no reason",
                    self.address
                ),
                "is this the address of a gateway, and of this version?",
            ));
        };
        let is_of_call = problem.is_of_call();
        let mut message = problem.detail;
        for place in &problem.errors {
            // The detail of a single error may be the problem's own.
            if !message.contains(&place.detail) {
                message.push_str(&format!("\n  {}: {}", place.pointer, place.detail));
            }
        }
        let help = match (problem.code.as_str(), problem.request_id) {
            ("unauthenticated" | "forbidden", _) => {
                "DRAGOMAN_KEY must hold a key with the scope `admin` of that gateway".to_owned()
            }
            ("route-not-found" | "method-not-allowed", _) => {
                "is the gateway of this version? `dragoman --version` tells this one's".to_owned()
            }
            (code, Some(id)) => format!("{code}; the gateway's log has more under request {id}"),
            (code, None) => code.to_owned(),
        };
        let failure = match status {
            _ if problem.retryable => return Refusal::Call(Failure::temporary(message, help)),
            400 | 404 | 413 | 422 => Failure::usage(message, help),
            _ => Failure::permanent(message, help),
        };
        match is_of_call {
            true => Refusal::Call(failure),
            false => Refusal::Sent(failure),
        }
    }

    /// What a call without an answer means.
    fn unreachable(&self, error: &TransportError) -> Failure {
        Failure::temporary(
            format!("no answer from the gateway at {}: {error}", self.address),
            "is it running, and reachable from here? The same command goes on where this one stopped",
        )
    }

    /// An answer that cannot be read.
    fn broken(&self, error: &TransportError) -> Failure {
        Failure::permanent(
            format!("the answer of {} cannot be read: {error}", self.address),
            "is the gateway of this version? `dragoman --version` tells this one's",
        )
    }
}
