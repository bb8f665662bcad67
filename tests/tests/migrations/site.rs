//! One gateway that an operator runs: the vendors behind it, its configuration, its data, and the commands typed there.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tests::client::Client;
use tests::dragoman::{Dragoman, Launch, Ran, Running};
use tests::looking;

use crate::vendors::Vendors;

/// How long the leases of a dead process may last. Nothing is measured by it.
const LEASES_END: Duration = Duration::from_secs(120);

/// A list waits for what the vendors say now, and what is polled is polled often.
const SETTINGS: &str = "\
[directory]
hydrate_budget_ms = 60000

[migration]
drain_interval_seconds = 1
settle_patience_seconds = 60
shadow_sample = 2
";
/// Where nothing is killed, a vendor that is slow is not taken for one that has lost a write.
const PATIENT: (&str, &str) = (
    "write_timeout_seconds = 30\n",
    "settle_after_seconds = 10\nclock_skew_seconds = 1\n",
);
/// Where processes are killed, their writes are settled soon.
const SOON: (&str, &str) = (
    "write_timeout_seconds = 5\n",
    "settle_after_seconds = 1\nclock_skew_seconds = 1\n",
);

/// A gateway that an operator runs.
pub(crate) struct Site {
    pub(crate) vendors: Arc<Vendors>,
    data_dir: Arc<TempDir>,
    /// Where new conversations go; the configuration's own choice where absent.
    default_backend: Option<&'static str>,
    /// More keys of single backends, by name.
    more: BTreeMap<&'static str, &'static str>,
    settles: (&'static str, &'static str),
}

impl Site {
    /// A new one, without data, behind which these vendors stand.
    pub(crate) fn new(vendors: &Arc<Vendors>) -> Self {
        Self {
            vendors: Arc::clone(vendors),
            data_dir: Arc::new(TempDir::new().expect("a temporary folder")),
            default_backend: None,
            more: BTreeMap::new(),
            settles: PATIENT,
        }
    }

    /// With these keys in the configuration of one backend.
    pub(crate) fn with(mut self, backend: &'static str, keys: &'static str) -> Self {
        self.more.insert(backend, keys);
        self
    }

    /// With doubtful writes that are settled soon, as where processes are killed.
    pub(crate) fn settling_soon(mut self) -> Self {
        self.settles = SOON;
        self
    }

    /// With new conversations at this backend.
    pub(crate) fn default_backend(mut self, name: &'static str) -> Self {
        self.default_backend = Some(name);
        self
    }

    fn launch(&self) -> Launch {
        let keys = |name: &str| {
            let more = self.more.get(name).copied().unwrap_or_default();
            format!("{}{more}\n", self.settles.1)
        };
        let placed = self.default_backend.map_or(String::new(), |name| {
            format!("default_backend = \"{name}\"\n")
        });
        let launch = self
            .vendors
            .launch_each(&(placed + SETTINGS + self.settles.0), keys);
        launch.data_dir(Arc::clone(&self.data_dir))
    }

    /// Starts the server.
    pub(crate) fn serve(&self) -> Dragoman {
        blocking(|| self.launch().start())
    }

    /// Starts the server for the first time and gives a client with its key.
    pub(crate) fn serve_first(&self) -> (Dragoman, Client) {
        let dragoman = self.serve();
        let key = dragoman.key().expect("a first start prints a key");
        let client = Client::new(dragoman.base_url(), Some(key));
        (dragoman, client)
    }

    /// Types a command and waits for its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let running = self.begin(arguments);
        blocking(|| running.wait())
    }

    /// Types a command.
    pub(crate) fn begin(&self, arguments: &[&str]) -> Running {
        blocking(|| self.launch().begin(arguments))
    }

    /// Types a command that must end with this exit code; what it printed to standard output.
    #[track_caller]
    pub(crate) fn ends(&self, code: i32, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        if ran.status.code() == Some(code) {
            return ran.output;
        }
        // What an operator would look at next.
        let report = match arguments.first() {
            Some(&"migrate") => self.run(&["migrate", "report", "latest"]).output,
            _ => String::new(),
        };
        let findings = serde_json::from_str::<Value>(&report).unwrap_or_default();
        panic!(
            "dragoman {} ended with {:?} instead of {code}\n{}\n{}\nfindings: {:#}",
            arguments.join(" "),
            ran.status.code(),
            ran.output,
            ran.errors,
            findings["findings"]
        );
    }

    /// Like [`Site::ends`], with `--json` behind; what it printed, as JSON.
    #[track_caller]
    pub(crate) fn tells(&self, code: i32, arguments: &[&str]) -> Value {
        let output = self.ends(code, &[arguments, &["--json"]].concat());
        last_json(&output)
    }

    /// Plans a migration; its id, and what `plan` told. `more` are further arguments.
    #[track_caller]
    pub(crate) fn plan(&self, from: &str, to: &str, more: &[&str]) -> (String, Value) {
        let plan = ["migrate", "plan", "--from", from, "--to", to];
        let told = self.tells(0, &[&plan, more].concat());
        (migration_of(&told), told)
    }

    /// A file in the folder of the data.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.data_dir.path().join(name)
    }

    /// Writes a file into the folder of the data; its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.file(name);
        std::fs::write(&path, text).expect("a file can be written");
        path.to_string_lossy().into_owned()
    }

    /// The folder of the database.
    pub(crate) fn data(&self) -> PathBuf {
        self.file("data")
    }

    /// Where each conversation lives: by public id, backend and the vendor's id.
    pub(crate) fn directory(&self) -> BTreeMap<String, (String, String)> {
        let found = self.rows("SELECT id, backend, native FROM directory");
        let all = found.into_iter().map(|row| {
            let [id, backend, native] = <[String; 3]>::try_from(row).expect("three columns");
            (id, (backend, native))
        });
        all.collect()
    }

    /// The vendor's id of a conversation at a backend where it lived before, or is copied to.
    pub(crate) fn place(&self, conversation: &str, backend: &str) -> String {
        let found = self.rows(&format!(
            "SELECT native FROM places WHERE conversation = '{conversation}' AND backend = '{backend}'"
        ));
        match found.as_slice() {
            [row] => row[0].clone(),
            _ => panic!("{conversation} at {backend}: {found:?}"),
        }
    }

    /// How many writes were begun and are not known to have ended.
    pub(crate) fn open_intents(&self) -> u64 {
        let found = self.rows("SELECT count(*) FROM intents");
        found[0][0].parse().expect("a count")
    }

    /// Waits until nobody holds what a killed process held: where several may serve, it is dead when its leases end.
    pub(crate) async fn let_leases_end(&self) {
        let data = self.data();
        if !looking::is_shared(data.parent().expect("a folder around it")) {
            return;
        }
        let held = "SELECT count(*) FROM leases WHERE name LIKE 'migration/%' \
             AND expires_at > extract(epoch FROM clock_timestamp()) * 1000000";
        let deadline = Instant::now() + LEASES_END;
        while self.rows(held)[0][0] != "0" {
            assert!(Instant::now() < deadline, "a lease does not end");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        let data = self.data();
        looking::rows(data.parent().expect("a folder around it"), sql)
    }
}

/// Work during which this thread waits for others: the imitations of the vendors go on.
pub(crate) fn blocking<T>(work: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(work)
}

/// The JSON of an output: all of it, or its last line.
#[track_caller]
pub(crate) fn last_json(output: &str) -> Value {
    if let Ok(value) = serde_json::from_str(output) {
        return value;
    }
    let last = output.lines().rev().find(|line| !line.trim().is_empty());
    let last = last.unwrap_or_else(|| panic!("nothing was printed"));
    serde_json::from_str(last).unwrap_or_else(|error| panic!("not JSON ({error}): {output}"))
}

/// The id of the migration that this tells of.
#[track_caller]
pub(crate) fn migration_of(told: &Value) -> String {
    let id = told["id"].as_str();
    id.unwrap_or_else(|| panic!("no migration: {told:#}"))
        .to_owned()
}
