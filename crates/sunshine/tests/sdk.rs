//! The vendor's own Python client drives the fake: so the fake is held to what real programs send and read.
//!
//! `tests/run` prepares one virtual environment for each version and names its Python in the environment. Where that
//! is missing the version is skipped, and the run says so.

#[path = "fake/fake.rs"]
#[expect(
    dead_code,
    reason = "a foreign client needs no faults and no look inside"
)]
mod fake;

use std::process::{Command, ExitCode, Stdio};

use fake::{APP_ID, FakeOptions, FakeSunshine, KEY_ID, SECRET};

/// What `sdk/drive.py` expects.
const MESSAGES_MAX: usize = 40;
/// What `sdk/drive.py` expects.
const MESSAGES_PER_PAGE: usize = 10;

/// One version of the client.
struct Client {
    version: &'static str,
    /// The variable that names a Python with this version.
    variable: &'static str,
    options: FakeOptions,
}

fn clients() -> [Client; 2] {
    let options = FakeOptions {
        messages_max: MESSAGES_MAX,
        messages_per_page: MESSAGES_PER_PAGE,
        ..FakeOptions::default()
    };
    [
        // It spells deep objects of a query as JSON, which the description does not know.
        Client {
            version: "17.0.1",
            variable: "DRAGOMAN_PYTHON_SUNSHINE_17",
            options: FakeOptions {
                json_queries: true,
                ..options.clone()
            },
        },
        // It sends a content type with every request.
        Client {
            version: "16.0.1",
            variable: "DRAGOMAN_PYTHON_SUNSHINE_16",
            options: FakeOptions {
                tolerated: vec!["a content type is sent without a body"],
                ..options
            },
        },
    ]
}

/// Runs the script with this Python; gives what it complains about.
async fn drive(python: String, options: FakeOptions) -> Result<(), String> {
    let fake = FakeSunshine::start_with(options).await;
    let mut command = Command::new(python);
    command
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/drive.py"))
        .args([&fake.base_url(), APP_ID, KEY_ID, SECRET])
        // Nothing is written beside the script.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await;
    let output = output
        .expect("the thread ends")
        .map_err(|error| format!("the Python does not start: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    let violations = fake.violations();
    // They are in the complaint already.
    fake.expect_violations();
    Err(format!("{complaint}violations: {violations:#?}"))
}

#[expect(clippy::print_stdout, reason = "this is a test's own report")]
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for client in clients() {
        let name = format!("sunshine-conversations-client {}", client.version);
        let Ok(python) = std::env::var(client.variable) else {
            println!("{name}: skipped, {} names no Python", client.variable);
            continue;
        };
        match drive(python, client.options).await {
            Ok(()) => println!("{name}: ok"),
            Err(complaint) => {
                println!("{name}: FAILED\n{complaint}");
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}
