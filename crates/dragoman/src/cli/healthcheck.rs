//! `dragoman healthcheck`: one question to a server, for whoever restarts containers.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use transport::{Transport, TransportConfig, TransportError};
use url::Url;

use super::arguments::HealthcheckFlags;
use super::print;
use crate::config::load::listen_address;
use crate::failure::Failure;
use crate::running::reachable;

/// What is asked where no path is named: it looks at the process alone.
const PATH: &str = "healthz";
/// A server that says nothing for so long is not well: the question costs it no work.
const LIMIT: Duration = Duration::from_secs(3);

/// Asks the server. Whatever the reason, a failure is exit code 1: container engines know no other.
pub(super) fn run(
    flags: &HealthcheckFlags,
    variables: &BTreeMap<String, String>,
) -> Result<ExitCode, Failure> {
    match asked(flags, variables) {
        Ok(url) => {
            print::out(&format!("{url}: ok\n"))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) => {
            // It says why; its own exit code is for other commands.
            let _of_other_commands = failure.report();
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Gives what was asked where it was answered well.
fn asked(flags: &HealthcheckFlags, variables: &BTreeMap<String, String>) -> Result<Url, Failure> {
    let url = match &flags.url {
        Some(text) => named(text)?,
        None => local(flags, variables)?,
    };
    let transport = Transport::new(url.as_str(), &config()).map_err(unusable)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::runtime(format!("the runtime cannot be started: {error}")))?;
    let answer = runtime.block_on(
        transport
            .get(&[])
            .operation("healthcheck")
            .deadline(Instant::now() + LIMIT)
            .send(),
    );
    match answer {
        Ok(answer) if answer.is_success() => Ok(url),
        Ok(answer) => Err(Failure::with_help(
            format!("{url} answers with status {}", answer.status()),
            "the log of the server says more; /readyz?verbose lists what it needs",
        )),
        Err(error) => Err(Failure::with_help(
            format!("{url} does not answer: {error}"),
            "is the server running? --listen or --url names another address",
        )),
    }
}

fn named(text: &str) -> Result<Url, Failure> {
    let mut url = Url::parse(text).map_err(|error| {
        Failure::usage(
            format!("--url is not an address: {error}"),
            "write it as http://127.0.0.1:8080",
        )
    })?;
    if url.path() == "/" {
        url.set_path(PATH);
    }
    Ok(url)
}

fn local(flags: &HealthcheckFlags, variables: &BTreeMap<String, String>) -> Result<Url, Failure> {
    let address = reachable(listen_address(&flags.to_flags(), variables)?);
    if address.port() == 0 {
        return Err(Failure::usage(
            "the server chooses its port by itself",
            "name the one that it printed with --listen",
        ));
    }
    Url::parse(&format!("http://{address}/{PATH}")).map_err(Failure::runtime)
}

fn config() -> TransportConfig {
    let limit = u64::try_from(LIMIT.as_millis()).unwrap_or(u64::MAX);
    TransportConfig {
        connect_timeout_ms: limit,
        read_timeout_ms: limit,
        ..TransportConfig::default()
    }
}

fn unusable(error: TransportError) -> Failure {
    Failure::usage(
        format!("the address cannot be asked: {error}"),
        "write it as http://127.0.0.1:8080",
    )
}
