//! Looking step by step at the way to a service: its name, a connection, TLS, an answer, and the time that it tells.
//!
//! For an operator who wants to know what is wrong; calls themselves never need it.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use crate::client::Transport;
use crate::config::TransportConfig;
use crate::error::{Delivery, Phase, TransportError, TransportErrorKind};
use crate::target::parse_base_url;

/// A step on the way to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProbeStep {
    /// The host's name is resolved.
    Dns,
    /// A connection is opened.
    Tcp,
    /// The TLS handshake, with a certificate that is trusted. Not a step of `http` addresses.
    Tls,
    /// An answer of any status comes.
    Http,
}

impl ProbeStep {
    /// The step as one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Http => "http",
        }
    }
}

/// What was found at one step.
#[derive(Debug)]
pub struct Probed {
    /// The step.
    pub step: ProbeStep,
    /// How long it took. TLS and the answer are timed together, as one request.
    pub took: Duration,
    /// What was found, in a few words; else why it failed. No step follows one that failed.
    pub found: Result<String, TransportError>,
}

/// What was found on the whole way.
#[derive(Debug)]
pub struct Probe {
    /// Each step that was tried, in order.
    pub steps: Vec<Probed>,
    /// How far the service's clock is ahead of ours, in seconds, by the `Date` of its answer; within a second or two.
    pub clock_ahead_seconds: Option<i64>,
}

impl Probe {
    /// The step that failed.
    #[must_use]
    pub fn failure(&self) -> Option<(ProbeStep, &TransportError)> {
        self.steps
            .iter()
            .find_map(|probed| Some((probed.step, probed.found.as_ref().err()?)))
    }
}

/// Looks at the way to a service; `limit` bounds each step. One `GET` without credentials is sent, to the base URL
/// itself.
///
/// # Errors
/// Where base URL or settings cannot be used.
pub async fn probe(
    base_url: &str,
    config: &TransportConfig,
    limit: Duration,
) -> Result<Probe, TransportError> {
    let url = parse_base_url(base_url)?;
    let transport = Transport::new(base_url, config)?;
    let mut probe = Probe {
        steps: Vec::new(),
        clock_ahead_seconds: None,
    };
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = url.port_or_known_default().unwrap_or(443);

    let started = Instant::now();
    let addresses = match resolve(host, port, limit).await {
        Ok(addresses) => addresses,
        Err(error) => {
            probe.note(ProbeStep::Dns, started, Err(error));
            return Ok(probe);
        }
    };
    probe.note(ProbeStep::Dns, started, Ok(told(&addresses)));

    let started = Instant::now();
    let connected = connect(&addresses, limit).await;
    let is_connected = connected.is_ok();
    probe.note(ProbeStep::Tcp, started, connected);
    if !is_connected {
        return Ok(probe);
    }

    let started = Instant::now();
    let deadline = started + limit;
    let answer = transport
        .get(&[])
        .operation("probe")
        .accept("*/*")
        .deadline(deadline)
        .send()
        .await;
    if url.scheme() == "https" {
        match answer.as_ref().err().map(TransportError::kind) {
            Some(kind) if fails_in_handshake(kind) => {}
            _ => {
                let words = "the certificate is trusted and names the host".to_owned();
                probe.note(ProbeStep::Tls, started, Ok(words));
            }
        }
    }
    match answer {
        Ok(answer) => {
            probe.clock_ahead_seconds = answer.header("date").and_then(ahead);
            let words = format!("answers with status {}", answer.status());
            probe.note(ProbeStep::Http, started, Ok(words));
        }
        Err(error) => {
            let in_handshake = url.scheme() == "https" && fails_in_handshake(error.kind());
            let step = if in_handshake {
                ProbeStep::Tls
            } else {
                ProbeStep::Http
            };
            probe.note(step, started, Err(error));
        }
    }
    Ok(probe)
}

impl Probe {
    fn note(&mut self, step: ProbeStep, started: Instant, found: Result<String, TransportError>) {
        self.steps.push(Probed {
            step,
            took: started.elapsed(),
            found,
        });
    }
}

/// A connection was open a moment ago, so what fails before a request is sent is the handshake.
fn fails_in_handshake(kind: TransportErrorKind) -> bool {
    matches!(
        kind,
        TransportErrorKind::Tls
            | TransportErrorKind::Connect
            | TransportErrorKind::Timeout(Phase::Connecting)
    )
}

async fn resolve(
    host: &str,
    port: u16,
    limit: Duration,
) -> Result<Vec<SocketAddr>, TransportError> {
    let looked_up = tokio::time::timeout(limit, tokio::net::lookup_host((host, port))).await;
    let failed =
        |detail: String| TransportError::new(TransportErrorKind::Dns, Delivery::NotSent, detail);
    let addresses: Vec<SocketAddr> = match looked_up {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(error)) => return Err(failed(error.to_string())),
        Err(_) => return Err(failed(format!("no answer within {} s", limit.as_secs()))),
    };
    if addresses.is_empty() {
        return Err(failed("the name has no address".to_owned()));
    }
    Ok(addresses)
}

/// Opens a connection to the first address that takes one, and closes it.
async fn connect(addresses: &[SocketAddr], limit: Duration) -> Result<String, TransportError> {
    let deadline = tokio::time::Instant::now() + limit;
    let mut last = None;
    for address in addresses {
        let connecting = tokio::net::TcpStream::connect(address);
        match tokio::time::timeout_at(deadline, connecting).await {
            Ok(Ok(_connection)) => return Ok(address.to_string()),
            Ok(Err(error)) => last = Some(format!("{address}: {error}")),
            Err(_) => {
                return Err(TransportError::new(
                    TransportErrorKind::Timeout(Phase::Connecting),
                    Delivery::NotSent,
                    format!("{address}: no connection within {} s", limit.as_secs()),
                ));
            }
        }
    }
    let detail = last.unwrap_or_else(|| "the name has no address".to_owned());
    Err(TransportError::new(
        TransportErrorKind::Connect,
        Delivery::NotSent,
        detail,
    ))
}

/// The addresses in a few words: there may be many.
fn told(addresses: &[SocketAddr]) -> String {
    match addresses {
        [one] => one.ip().to_string(),
        [first, others @ ..] => format!("{} and {} more", first.ip(), others.len()),
        [] => String::new(),
    }
}

/// How far a `Date` is ahead of our clock, in seconds.
fn ahead(date: &str) -> Option<i64> {
    let theirs = httpdate::parse_http_date(date).ok()?;
    let seconds = |time: SystemTime| {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        i64::try_from(since.as_secs()).ok()
    };
    Some(seconds(theirs)? - seconds(SystemTime::now())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_compared_with_our_clock() {
        let now = SystemTime::now();
        for (theirs, least, most) in [
            // However long this takes: sign and size are what is tried.
            (now, -120, 1),
            (now + Duration::from_secs(600), 480, 601),
            (now - Duration::from_secs(600), -720, -599),
        ] {
            let found = ahead(&httpdate::fmt_http_date(theirs)).unwrap();
            assert!((least..=most).contains(&found), "{found}");
        }
        assert_eq!(ahead("yesterday"), None);
    }
}
