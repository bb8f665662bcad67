//! One vendor, simulated by the real binary on loopback: ended, with its data, when this is dropped.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::dragoman::binary;

/// How long the end may take before the process is killed.
const END_LIMIT: Duration = Duration::from_secs(20);
/// Pause between two looks at the process.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// A vendor that is simulated.
#[derive(Debug)]
pub struct Simulator {
    vendor: String,
    child: Child,
    /// Whoever closes this ends the simulator, also a test that is killed.
    stdin: Option<ChildStdin>,
    told: Value,
    _folder: TempDir,
}

impl Simulator {
    /// Starts one, with further arguments of `dragoman simulate`.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn start(vendor: &str, arguments: &[&str]) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let mut child = Command::new(binary())
            .args(["simulate", vendor, "--json", "--until-stdin-closes"])
            .args(arguments)
            .current_dir(folder.path())
            // What a killed one leaves behind goes with the folder.
            .env("TMPDIR", folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let stdin = child.stdin.take();
        let mut line = String::new();
        let stdout = child.stdout.take().expect("standard output is piped");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("standard output can be read");
        let told = serde_json::from_str(&line);
        let told = told.unwrap_or_else(|error| panic!("simulate {vendor}: {error}: {line}"));
        Self {
            vendor: vendor.to_owned(),
            child,
            stdin,
            told,
            _folder: folder,
        }
    }

    /// A member of what it told at its start.
    ///
    /// # Panics
    /// If there is no such text.
    pub fn told(&self, name: &str) -> &str {
        let text = self.told[name].as_str();
        text.unwrap_or_else(|| panic!("simulate {} tells no {name}", self.vendor))
    }

    /// A backend of this name behind which it stands, in the words of a gateway's configuration. Where the vendor has no AI
    /// the built-in responder answers.
    pub fn backend(&self, name: &str) -> String {
        let mut keys = vec![("name", name), ("kind", &self.vendor)];
        keys.push(("base_url", self.told("base_url")));
        match &*self.vendor {
            "chatter" => keys.push(("token", self.told("key"))),
            "datamonkey" => keys.push(("signing_key", self.told("signing_key"))),
            "sunshine" => keys.extend([
                ("app_id", self.told("app_id")),
                ("key_id", self.told("key_id")),
                ("key_secret", self.told("secret")),
                ("responder", "echo"),
            ]),
            "convore" => keys.extend([
                ("token", self.told("key")),
                ("channel_id", self.told("channel_id")),
                ("responder", "echo"),
            ]),
            other => panic!("no vendor {other}"),
        }
        let lines = keys
            .iter()
            .map(|(key, value)| format!("{key} = \"{value}\"\n"));
        format!("[[backend]]\n{}", lines.collect::<String>())
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let began = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && began.elapsed() < END_LIMIT {
            thread::sleep(LOOK_INTERVAL);
        }
        // Both fail only where the process has ended already, which is what is wanted.
        let killed = self.child.kill();
        let waited = self.child.wait();
        drop((killed, waited));
    }
}
