//! The way to the collector of traces: by `transport`, as every other connection outwards.
//!
//! It runs on a small runtime of its own, so that the last spans can still be sent when the gateway's has ended.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use secrecy::SecretString;
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;
use transport::{Transport, TransportConfig};

/// One export, where the environment names no other time.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest time that can be named.
const EXPORT_TIMEOUT_MAX: Duration = Duration::from_secs(600);
/// The collector's answer says what it did not take, in a few words.
const ANSWER_MAX_BYTES: usize = 1024 * 1024;

/// A collector that cannot be called.
#[derive(Debug)]
pub(super) enum CollectorError {
    /// A variable has a value that cannot be used.
    Variable {
        /// The variable.
        variable: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The runtime cannot be started.
    Runtime(std::io::Error),
}

/// A client of the collector.
#[derive(Debug)]
pub(super) struct Collector {
    runtime: Option<Runtime>,
    transport: OnceCell<Transport>,
    timeout: Duration,
    authorities: Option<String>,
    /// Whether the last export failed: each change is logged once.
    fails: AtomicBool,
}

impl Collector {
    /// A client as the variables of OpenTelemetry want it; nothing is connected yet.
    ///
    /// # Errors
    /// Where one of them cannot be used.
    pub(super) fn new(variables: &BTreeMap<String, String>) -> Result<Self, CollectorError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("trace-sender")
            .enable_all()
            .build()
            .map_err(CollectorError::Runtime)?;
        Ok(Self {
            runtime: Some(runtime),
            transport: OnceCell::new(),
            timeout: timeout(variables)?,
            authorities: authorities(variables)?,
            fails: AtomicBool::new(false),
        })
    }

    /// Whether the variables can be used.
    ///
    /// # Errors
    /// Where one of them cannot.
    pub(super) fn check(variables: &BTreeMap<String, String>) -> Result<(), CollectorError> {
        timeout(variables)?;
        authorities(variables).map(drop)
    }

    fn connect(&self, request: &Request<Bytes>) -> Result<Transport, HttpError> {
        let uri = request.uri();
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err("the collector's address has no scheme or no host".into());
        };
        let millis = u64::try_from(self.timeout.as_millis())?;
        let config = TransportConfig {
            request_timeout_ms: millis,
            read_timeout_ms: millis,
            response_max_bytes: ANSWER_MAX_BYTES,
            extra_ca_pem: self.authorities.clone(),
            ..TransportConfig::default()
        };
        Ok(Transport::new(&format!("{scheme}://{authority}"), &config)?)
    }

    async fn post(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let transport = self
            .transport
            .get_or_try_init(|| async { self.connect(&request) })
            .await?
            .clone();
        let deadline = Instant::now() + self.timeout;
        let (parts, body) = request.into_parts();
        let sending = async move {
            let segments: Vec<&str> = parts
                .uri
                .path()
                .split('/')
                .filter(|segment| !segment.is_empty())
                .collect();
            let mut sent = transport
                .post(&segments)
                .operation("export_traces")
                .json_bytes(body)
                .deadline(deadline);
            for (name, value) in &parts.headers {
                // Any of them may hold the collector's key.
                let value = SecretString::from(value.to_str()?);
                sent = sent.secret_header(name.as_str(), &value);
            }
            let answer = sent.send().await?;
            let status = answer.status();
            let mut response = Response::builder().status(status);
            if let Some(wait) = answer.header("retry-after") {
                response = response.header("retry-after", wait);
            }
            Ok::<_, HttpError>(response.body(answer.into_body())?)
        };
        // The exporter's own thread has no runtime.
        let Some(runtime) = &self.runtime else {
            return Err("the sender of traces has ended".into());
        };
        runtime.spawn(sending).await?
    }

    /// Counts exports and logs when they begin to fail, and when they work again.
    fn note(&self, failure: Option<&str>) {
        let result = if failure.is_some() { "failed" } else { "ok" };
        metrics::counter!("dragoman_trace_exports_total", "result" => result).increment(1);
        let failed_before = self.fails.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(reason) if !failed_before => {
                tracing::warn!(reason, "traces do not reach the collector");
            }
            None if failed_before => tracing::info!("traces reach the collector again"),
            Some(_) | None => {}
        }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.post(request).await;
        match &answer {
            Ok(answer) if answer.status().is_success() => self.note(None),
            Ok(answer) => self.note(Some(&format!("status {}", answer.status().as_u16()))),
            Err(error) => self.note(Some(&error.to_string())),
        }
        answer
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // Waits for nothing, so that it may be dropped anywhere.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The first of these variables that is set, with its name.
fn first<'a>(
    variables: &'a BTreeMap<String, String>,
    names: [&'static str; 2],
) -> Option<(&'static str, &'a str)> {
    names.into_iter().find_map(|name| {
        let value = variables.get(name)?.trim();
        (!value.is_empty()).then_some((name, value))
    })
}

fn timeout(variables: &BTreeMap<String, String>) -> Result<Duration, CollectorError> {
    let names = [
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
        "OTEL_EXPORTER_OTLP_TIMEOUT",
    ];
    let Some((name, text)) = first(variables, names) else {
        return Ok(EXPORT_TIMEOUT);
    };
    let most = EXPORT_TIMEOUT_MAX.as_millis();
    match text.parse::<u64>() {
        Ok(millis) if (1..=most).contains(&u128::from(millis)) => Ok(Duration::from_millis(millis)),
        _ => Err(CollectorError::Variable {
            variable: name.to_owned(),
            reason: format!("must be a number of milliseconds from 1 to {most}"),
        }),
    }
}

/// Certificate authorities that the operator names for the collector.
fn authorities(variables: &BTreeMap<String, String>) -> Result<Option<String>, CollectorError> {
    let names = [
        "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
    ];
    let Some((name, path)) = first(variables, names) else {
        return Ok(None);
    };
    let read = std::fs::read_to_string(path);
    read.map(Some).map_err(|error| CollectorError::Variable {
        variable: name.to_owned(),
        reason: format!("names {path}, which cannot be read: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timeout_for_traces_wins_and_nonsense_is_refused() {
        let with = |pairs: &[(&str, &str)]| {
            let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            timeout(&pairs.iter().map(own).collect())
        };
        assert_eq!(with(&[]).unwrap(), EXPORT_TIMEOUT);
        let both = [
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "7"),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "9"),
        ];
        assert_eq!(with(&both).unwrap(), Duration::from_millis(9));
        for nonsense in ["0", "ten", "-1", "99999999999"] {
            let refused = with(&[("OTEL_EXPORTER_OTLP_TIMEOUT", nonsense)]);
            assert!(matches!(
                refused,
                Err(CollectorError::Variable { variable, .. }) if variable == "OTEL_EXPORTER_OTLP_TIMEOUT"
            ));
        }
    }
}
