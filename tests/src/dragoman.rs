//! The real binary as a child process: started on a free port, stopped or killed, never left behind.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use testkit::Database;

/// How long a start may take. Generous, because test machines are slow and shared; nothing is measured by it.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long a stop may take: longer than the program's own deadline for open requests.
const STOP_LIMIT: Duration = Duration::from_secs(60);
/// Pause between two looks at a child process.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Seals credentials where the database is a server's: all gateways over it must have the same.
const SEALING_KEY: &str = "0707070707070707070707070707070707070707070707070707070707070707";
/// The commands that work on the state, so that they must be told where it lies.
const COMMANDS_ON_STATE: [&str; 5] = ["keys", "migrate", "export", "import", "erase"];

/// The binary: `DRAGOMAN_BINARY` where the caller has built it, else built here once, in the profile of the tests.
static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
    if let Some(given) = std::env::var_os("DRAGOMAN_BINARY") {
        return PathBuf::from(given);
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "build",
            "--package",
            "dragoman",
            "--bin",
            "dragoman",
            "--message-format=json-render-diagnostics",
        ])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo can be started");
    assert!(
        output.status.success(),
        "the dragoman binary does not build"
    );
    executable_in(&output.stdout).expect("cargo names the executable that it built")
});

/// The path of the binary.
pub(crate) fn binary() -> &'static Path {
    &BINARY
}

/// The executable that cargo's messages, one JSON object per line, name.
fn executable_in(messages: &[u8]) -> Option<PathBuf> {
    #[derive(serde::Deserialize)]
    struct Message {
        executable: Option<PathBuf>,
    }
    String::from_utf8_lossy(messages)
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok()?.executable)
        .find(|path| path.file_stem().is_some_and(|name| name == "dragoman"))
}

/// How to start the binary.
#[derive(Debug, Clone, Default)]
pub struct Launch {
    configuration: Option<String>,
    configuration_file: Option<PathBuf>,
    variables: Vec<(String, String)>,
    through: Vec<String>,
    data_dir: Option<Arc<TempDir>>,
    listen: Option<SocketAddr>,
    program: Option<PathBuf>,
}

impl Launch {
    /// With no configuration file and an environment that says nothing about Dragoman.
    pub fn new() -> Self {
        Self::default()
    }

    /// With this text as the configuration file.
    #[must_use]
    pub fn configuration(mut self, text: impl Into<String>) -> Self {
        self.configuration = Some(text.into());
        self
    }

    /// With more text at the end of the configuration file.
    #[must_use]
    pub fn appended(mut self, text: &str) -> Self {
        self.configuration.get_or_insert_default().push_str(text);
        self
    }

    /// With this file as the configuration file, which others may share and change.
    #[must_use]
    pub fn configuration_file(mut self, file: &Path) -> Self {
        self.configuration = None;
        self.configuration_file = Some(file.to_owned());
        self
    }

    /// The text of the configuration file that it would be started with.
    pub(crate) fn text(&self) -> &str {
        self.configuration.as_deref().unwrap_or_default()
    }

    /// With an environment variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Pinned to one core, for measurements.
    #[must_use]
    pub fn pinned_to(self, core: usize) -> Self {
        self.through(&["taskset", "-c", &core.to_string()])
    }

    /// Started by another program, which gets the binary and its arguments behind these words and becomes it.
    #[must_use]
    pub fn through(mut self, words: &[&str]) -> Self {
        self.through = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// With the data directory of an earlier process.
    #[must_use]
    pub fn data_dir(mut self, data_dir: Arc<TempDir>) -> Self {
        self.data_dir = Some(data_dir);
        self
    }

    /// Listening here, and not on any free port.
    #[must_use]
    pub fn listening(mut self, address: SocketAddr) -> Self {
        self.listen = Some(address);
        self
    }

    /// With another program, such as an earlier version; without one it is the one under test.
    #[must_use]
    pub fn program(mut self, program: Option<PathBuf>) -> Self {
        self.program = program;
        self
    }

    /// Starts the server and waits until it says where it listens.
    ///
    /// # Panics
    /// If it does not come up; the message holds everything it printed.
    pub fn start(self) -> Dragoman {
        let data_dir = self
            .data_dir
            .clone()
            .unwrap_or_else(|| Arc::new(TempDir::new().expect("a temporary folder")));
        let listen = self.listen.map(|address| address.to_string());
        let listen = listen.as_deref().unwrap_or("127.0.0.1:0");
        let mut command = self.command(&data_dir, &["serve", "--listen", listen]);
        command.arg("--data-dir").arg(data_dir.path().join("data"));
        let started = Instant::now();
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let output = Output::default();
        let readers = vec![
            output.follow(child.stdout.take().expect("standard output is piped")),
            output.follow(child.stderr.take().expect("standard error is piped")),
        ];
        let mut dragoman = Dragoman {
            child,
            output,
            readers,
            address: None,
            key: None,
            data_dir,
        };
        dragoman.wait_until_listening(started);
        dragoman
    }

    /// Runs one command to its end: exit status and everything it printed.
    ///
    /// # Panics
    /// If the binary cannot be started.
    pub fn run(self, arguments: &[&str]) -> (ExitStatus, String) {
        let ran = self.begin(arguments).wait();
        (ran.status, ran.output + &ran.errors)
    }

    /// Begins one command, which runs beside the caller.
    ///
    /// # Panics
    /// If the binary cannot be started.
    pub fn begin(self, arguments: &[&str]) -> Running {
        let data_dir = self
            .data_dir
            .clone()
            .unwrap_or_else(|| Arc::new(TempDir::new().expect("a temporary folder")));
        let mut command = self.command(&data_dir, arguments);
        if arguments
            .first()
            .is_some_and(|name| COMMANDS_ON_STATE.contains(name))
        {
            command.arg("--data-dir").arg(data_dir.path().join("data"));
        }
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let (output, errors) = (Output::default(), Output::default());
        let readers = [
            output.follow(child.stdout.take().expect("standard output is piped")),
            errors.follow(child.stderr.take().expect("standard error is piped")),
        ];
        Running {
            child,
            output,
            errors,
            readers: readers.into(),
            _data_dir: data_dir,
        }
    }

    fn command(&self, data_dir: &TempDir, arguments: &[&str]) -> Command {
        let binary = self.program.as_deref().unwrap_or_else(|| binary());
        let mut command = match self.through.split_first() {
            Some((program, words)) => {
                let mut command = Command::new(program);
                command.args(words).arg(binary);
                command
            }
            None => Command::new(binary),
        };
        command
            .args(arguments)
            .current_dir(data_dir.path())
            .stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("DRAGOMAN") {
                command.env_remove(name);
            }
        }
        if let Some(url) = Database::of_folder(data_dir.path()) {
            command.env("DRAGOMAN__STORE__DATABASE_URL", url);
            command.env("DRAGOMAN__STORE__SEALING_KEY", SEALING_KEY);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        // What needs no gateway takes no configuration.
        let needs_none = arguments.first() == Some(&"verify");
        if let Some(text) = self.configuration.as_ref().filter(|_| !needs_none) {
            let file = data_dir.path().join("dragoman.toml");
            std::fs::write(&file, text).expect("the configuration file can be written");
            command.arg("--config").arg(file);
        }
        if let Some(file) = self.configuration_file.as_ref().filter(|_| !needs_none) {
            command.arg("--config").arg(file);
        }
        command
    }
}

/// What a child process has printed so far, both streams in order of arrival.
#[derive(Debug, Clone, Default)]
struct Output {
    text: Arc<Mutex<String>>,
}

impl Output {
    fn follow(&self, stream: impl Read + Send + 'static) -> JoinHandle<()> {
        let text = Arc::clone(&self.text);
        thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n') {
                let Ok(line) = line else { return };
                let mut text = text.lock().unwrap_or_else(PoisonError::into_inner);
                writeln!(text, "{}", String::from_utf8_lossy(&line))
                    .expect("writing to a string cannot fail");
            }
        })
    }

    fn get(&self) -> String {
        self.text
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// A command that has ended.
#[derive(Debug)]
pub struct Ran {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed to standard output.
    pub output: String,
    /// What it printed to standard error.
    pub errors: String,
}

/// A command that runs. It is killed when this value is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    output: Output,
    errors: Output,
    readers: Vec<JoinHandle<()>>,
    _data_dir: Arc<TempDir>,
}

impl Running {
    /// True until it has ended.
    ///
    /// # Panics
    /// If the process cannot be asked.
    pub fn is_running(&mut self) -> bool {
        let ended = self.child.try_wait().expect("the child can be asked");
        ended.is_none()
    }

    /// Everything it has printed so far.
    pub fn printed(&self) -> String {
        self.output.get() + &self.errors.get()
    }

    /// Where it listens, once it has said so.
    pub fn address(&self) -> Option<SocketAddr> {
        listening_address(&self.printed())
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If the process cannot be waited for.
    pub fn wait(mut self) -> Ran {
        let status = self.child.wait().expect("the child can be waited for");
        self.ended(status)
    }

    /// Kills it at once, as a crash does. Where it has ended by itself, this is how.
    ///
    /// # Panics
    /// If the process cannot be killed.
    pub fn kill(mut self) -> Ran {
        self.child.kill().expect("the child can be killed");
        let status = self.child.wait().expect("the child can be waited for");
        self.ended(status)
    }

    fn ended(&mut self, status: ExitStatus) -> Ran {
        for reader in self.readers.drain(..) {
            reader.join().expect("a reader does not panic");
        }
        Ran {
            status,
            output: self.output.get(),
            errors: self.errors.get(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only where the process has ended already, which is what is wanted.
        let killed = self.child.kill();
        let waited = self.child.wait();
        drop((killed, waited));
    }
}

/// A running server. It is killed when this value is dropped.
#[derive(Debug)]
pub struct Dragoman {
    child: Child,
    output: Output,
    readers: Vec<JoinHandle<()>>,
    address: Option<SocketAddr>,
    key: Option<String>,
    data_dir: Arc<TempDir>,
}

impl Dragoman {
    fn wait_until_listening(&mut self, started: Instant) {
        loop {
            let text = self.output.get();
            self.address = listening_address(&text);
            // The key stands beside the address in one banner, whose last line invites to try it.
            let banner_is_complete = text.contains("curl ");
            self.key = first_key(&text);
            if self.address.is_some() && banner_is_complete {
                return;
            }
            let ended = self.child.try_wait().expect("the child can be asked");
            assert!(
                ended.is_none(),
                "the server ended while starting ({ended:?}):\n{}",
                self.output.get()
            );
            assert!(
                started.elapsed() < START_LIMIT,
                "the server does not come up:\n{text}"
            );
            thread::sleep(LOOK_INTERVAL);
        }
    }

    /// Where it listens.
    ///
    /// # Panics
    /// Never: a value of this type exists only after the address was read.
    pub fn address(&self) -> SocketAddr {
        self.address.expect("the address was read at start")
    }

    /// The base of its URLs, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The key that was printed at start: only a first start prints one.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The folder with its data, for a second process.
    pub fn data_dir(&self) -> Arc<TempDir> {
        Arc::clone(&self.data_dir)
    }

    /// Its process id.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has printed so far: banner and log.
    pub fn output(&self) -> String {
        self.output.get()
    }

    /// Asks it to stop, as a service manager does, without waiting.
    ///
    /// # Panics
    /// If the signal cannot be sent.
    pub fn ask_to_stop(&self) {
        self.signal("-TERM");
    }

    /// Takes its time away: it does nothing, and does not know it.
    ///
    /// # Panics
    /// If the signal cannot be sent.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on after a pause.
    ///
    /// # Panics
    /// If the signal cannot be sent.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .arg(signal)
            .arg(self.process_id().to_string())
            .status();
        assert!(
            status.expect("kill can be started").success(),
            "the signal was not sent"
        );
    }

    /// Asks it to stop and waits for the end.
    ///
    /// # Panics
    /// If it does not end within a minute.
    pub fn stop(mut self) -> (ExitStatus, String) {
        self.ask_to_stop();
        let status = self.wait();
        (status, self.output.get())
    }

    /// Waits for its end; [`Dragoman::output`] is whole then.
    ///
    /// # Panics
    /// If it does not end within a minute.
    pub fn wait(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the child can be asked") {
                self.read_to_the_end();
                return status;
            }
            assert!(
                started.elapsed() < STOP_LIMIT,
                "the server does not stop:\n{}",
                self.output.get()
            );
            thread::sleep(LOOK_INTERVAL);
        }
    }

    /// What was printed last may still be on its way.
    fn read_to_the_end(&mut self) {
        for reader in self.readers.drain(..) {
            reader.join().expect("a reader does not panic");
        }
    }

    /// Kills it at once, as a crash does.
    ///
    /// # Panics
    /// If the process cannot be killed.
    pub fn kill(mut self) -> Arc<TempDir> {
        self.child.kill().expect("the child can be killed");
        self.child.wait().expect("the child can be waited for");
        self.data_dir()
    }
}

impl Drop for Dragoman {
    fn drop(&mut self) {
        // Both fail only where the process has ended already, which is what is wanted.
        let killed = self.child.kill();
        let waited = self.child.wait();
        drop((killed, waited));
        if thread::panicking() {
            use std::io::Write as _;
            // The log of the server belongs to the failed test; if standard error is gone, nobody reads it.
            let shown = writeln!(
                std::io::stderr(),
                "--- output of dragoman ---\n{}",
                self.output.get()
            );
            drop(shown);
        }
    }
}

/// The address in the banner: the first `http://` followed by a socket address.
fn listening_address(text: &str) -> Option<SocketAddr> {
    text.match_indices("http://").find_map(|(at, mark)| {
        let rest = &text[at + mark.len()..];
        let end = rest.find(|character: char| {
            !(character.is_ascii_digit() || matches!(character, '.' | ':'))
        });
        rest[..end.unwrap_or(rest.len())].parse().ok()
    })
}

/// The first key in the banner.
fn first_key(text: &str) -> Option<String> {
    let rest = &text[text.find("drg_")?..];
    let end = rest.find(|character: char| {
        !(character.is_ascii_alphanumeric() || matches!(character, '_' | '-'))
    });
    let key = &rest[..end.unwrap_or(rest.len())];
    // A key has an id and a secret; help texts may mention the bare prefix.
    (key.len() > 20).then(|| key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{executable_in, first_key, listening_address};

    #[test]
    fn address_and_key_are_read_from_the_banner() {
        let banner = "Dragoman\n  docs http://127.0.0.1:41234/docs\n  key drg_abc123_0123456789abcdef (shown once)\n";
        assert_eq!(listening_address(banner).expect("an address").port(), 41234);
        assert_eq!(
            first_key(banner).as_deref(),
            Some("drg_abc123_0123456789abcdef")
        );
        assert_eq!(first_key("keys look like drg_…"), None);
        assert_eq!(listening_address("see http://example.org/"), None);
    }

    #[test]
    fn executable_is_found_among_cargo_messages() {
        let messages = b"{\"reason\":\"a\",\"executable\":null}\n{\"reason\":\"b\",\"executable\":\"/t/debug/dragoman\"}\n";
        assert_eq!(
            executable_in(messages).expect("a path").to_string_lossy(),
            "/t/debug/dragoman"
        );
    }
}
