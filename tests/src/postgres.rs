//! A PostgreSQL server of a test's own, for faults of the database: stopped, killed, frozen, read-only. It is gone when it
//! is dropped. Tests that only need a database take one of the server that all share, `testkit::Database`.

mod family;
mod programs;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use self::family::Family;
use self::programs::{Owner, Programs};
use crate::ports::free_port;

/// The user that may do everything there.
const USER: &str = "dragoman";
/// How long a start or a stop may take. Nothing is measured by it.
const LIMIT: Duration = Duration::from_secs(120);
/// Pause between two looks at a process.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// How many ports are tried.
const PORTS_TRIED: usize = 20;

/// A server, on a port that stays its own also while it is down.
#[derive(Debug)]
pub struct Postgres {
    programs: Programs,
    owner: Owner,
    home: TempDir,
    options: Vec<String>,
    port: u16,
    /// Absent while it is down.
    server: Option<Child>,
}

impl Postgres {
    /// Starts an empty one.
    ///
    /// # Panics
    /// If there are no programs of PostgreSQL 15 or later, or it does not start.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with settings of its own, `name=value`.
    ///
    /// # Panics
    /// As [`Postgres::start`].
    pub fn start_with(settings: &[&str]) -> Self {
        let mut postgres = Self::prepare();
        postgres.options = settings.iter().map(|one| (*one).to_owned()).collect();
        postgres.started()
    }

    /// The same with a certificate and its key, as PEM; nobody enters without encryption.
    ///
    /// # Panics
    /// As [`Postgres::start`].
    pub fn start_encrypted(certificate: &str, key: &str) -> Self {
        let mut postgres = Self::prepare();
        for (name, text) in [("ssl_cert_file", certificate), ("ssl_key_file", key)] {
            let path = postgres.home.path().join(name);
            fs::write(&path, text).expect("a file can be written");
            // A key that others may read is refused.
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("our own file");
            postgres.owner.own(&path);
            postgres.options.push(format!("{name}={}", path.display()));
        }
        postgres.options.push("ssl=on".to_owned());
        let rules = postgres.data().join("pg_hba.conf");
        fs::write(&rules, "hostssl all all 127.0.0.1/32 trust\n").expect("its own file");
        postgres.started()
    }

    fn prepare() -> Self {
        let (programs, owner) = (Programs::find(), Owner::find());
        let home = TempDir::with_prefix("dragoman-postgres-").expect("a temporary folder");
        owner.own(home.path());
        programs.cluster(&owner, USER, &home.path().join("data"));
        Self {
            programs,
            owner,
            home,
            options: Vec::new(),
            port: 0,
            server: None,
        }
    }

    fn started(mut self) -> Self {
        let postgres = &mut self;
        for _ in 0..PORTS_TRIED {
            postgres.port = free_port();
            match postgres.run() {
                Ok(()) => return self,
                Err(log) if log.contains("could not create any TCP") => {}
                Err(log) => panic!("PostgreSQL does not start:\n{log}"),
            }
        }
        panic!("no free port for PostgreSQL");
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of its first database, where others can be made.
    pub fn url(&self) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/postgres", self.port)
    }

    /// Runs it; its log where it ends instead.
    fn run(&mut self) -> Result<(), String> {
        let log = self.home.path().join("log");
        let file = File::create(&log).expect("its log can be written");
        let mut command = Command::new(self.programs.path("postgres"));
        command
            .arg("-D")
            .arg(self.data())
            .args(["-p", &self.port.to_string()]);
        let usual = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=100",
            "shared_buffers=32MB",
            // A crash of the machine is not tried, and one of its processes loses nothing without waiting for the disk.
            "fsync=off",
        ];
        let options = usual
            .into_iter()
            .chain(self.options.iter().map(String::as_str));
        for option in options {
            command.args(["-c", option]);
        }
        self.owner.runs(&mut command);
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            // What ends this process from a terminal does not end it behind our back.
            .process_group(0)
            .spawn()
            .expect("PostgreSQL can be started");
        self.server = Some(child);
        let began = Instant::now();
        while !self.answers() {
            let server = self.server.as_mut().expect("it was just started");
            let ended = server.try_wait().expect("the child can be asked");
            let log = || fs::read_to_string(&log).unwrap_or_default();
            if ended.is_some() {
                self.server = None;
                return Err(log());
            }
            assert!(
                began.elapsed() < LIMIT,
                "PostgreSQL does not come up:\n{}",
                log()
            );
            thread::sleep(LOOK_INTERVAL);
        }
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// Whether it takes connections.
    fn answers(&self) -> bool {
        let mut command = Command::new(self.programs.path("pg_isready"));
        command.args([
            "--quiet",
            "--host=127.0.0.1",
            "--port",
            &self.port.to_string(),
        ]);
        command.status().is_ok_and(|status| status.success())
    }

    fn family(&self) -> Family {
        let server = self.server.as_ref().expect("it runs");
        Family::of(server.id())
    }

    /// Stops it as an operator does who does not wait: who is connected is cut off, nothing is lost.
    ///
    /// # Panics
    /// If it is down, or does not stop.
    pub fn stop(&mut self) {
        self.family().signal_parent(Signal::INT);
        self.wait();
    }

    /// Kills all of its processes at once, as a crash of its machine does.
    ///
    /// # Panics
    /// If it is down.
    pub fn kill(&mut self) {
        let mut family = self.family();
        // It makes no more processes then.
        family.stop_all();
        family.signal_all(Signal::KILL);
        self.wait();
        family.wait_for_ends(LIMIT);
    }

    fn wait(&mut self) {
        let mut server = self.server.take().expect("it runs");
        let began = Instant::now();
        while server.try_wait().expect("the child can be asked").is_none() {
            assert!(began.elapsed() < LIMIT, "PostgreSQL does not stop");
            thread::sleep(LOOK_INTERVAL);
        }
    }

    /// Starts it again, with what it holds.
    ///
    /// # Panics
    /// If it runs, or does not start.
    pub fn start_again(&mut self) {
        assert!(self.server.is_none(), "it runs already");
        self.run()
            .unwrap_or_else(|log| panic!("PostgreSQL does not start again:\n{log}"));
    }

    /// Freezes all of its processes: connections stay, and nobody answers.
    ///
    /// # Panics
    /// If it is down.
    pub fn freeze(&self) {
        self.family().stop_all();
    }

    /// Lets it go on.
    ///
    /// # Panics
    /// If it is down.
    pub fn thaw(&self) {
        self.family().signal_all(Signal::CONT);
    }

    /// Stops it and brings it up as a standby, which only reads: what is left where its primary is lost.
    ///
    /// # Panics
    /// If it is down, or does not come up.
    pub fn become_standby(&mut self) {
        self.stop();
        let mark = self.data().join("standby.signal");
        File::create(&mark).expect("a mark can be made");
        self.owner.own(&mark);
        self.start_again();
    }

    /// Makes a standby the primary, which writes.
    ///
    /// # Panics
    /// If it is no standby.
    pub async fn promote(&self) {
        let client = self.connect().await;
        let promoted = client.query_one("SELECT pg_promote()", &[]).await;
        let promoted: bool = promoted.expect("a standby is promoted").get(0);
        assert!(promoted, "the standby is not promoted");
    }

    /// Lets it refuse writes, or take them again.
    ///
    /// # Panics
    /// If it does not obey.
    pub async fn read_only(&self, is_read_only: bool) {
        let word = if is_read_only { "on" } else { "off" };
        let client = self.connect().await;
        for order in [
            // Also where it is read-only now.
            "SET default_transaction_read_only = off".to_owned(),
            format!("ALTER SYSTEM SET default_transaction_read_only = {word}"),
            "SELECT pg_reload_conf()".to_owned(),
        ] {
            client.batch_execute(&order).await.expect("it obeys");
        }
    }

    /// Ends everybody's connection; how many there were.
    ///
    /// # Panics
    /// If it does not obey.
    pub async fn terminate_backends(&self) -> usize {
        let client = self.connect().await;
        let ended = client
            .query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
                &[],
            )
            .await;
        ended.expect("it obeys").len()
    }

    /// A connection to its first database.
    ///
    /// # Panics
    /// If there is none.
    pub async fn connect(&self) -> Client {
        let connected = tokio_postgres::connect(&self.url(), NoTls).await;
        let (client, connection) = connected.expect("a connection to PostgreSQL");
        // It ends with its client.
        tokio::spawn(connection);
        client
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let Some(mut server) = self.server.take() else {
            return;
        };
        let mut family = Family::of(server.id());
        family.stop_all();
        family.signal_all(Signal::KILL);
        // It fails only where the process has ended already, which is what is wanted.
        drop::<io::Result<_>>(server.wait());
    }
}
