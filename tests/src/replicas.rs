//! Several gateways over one database: real processes with data directories of their own, one configuration file and one
//! sealing key.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::thread;

use tempfile::TempDir;

use crate::client::Client;
use crate::dragoman::{Dragoman, Launch};
use crate::nginx::Nginx;

/// What seals credentials: the same for all, or they could not read each other's.
pub const SEALING_KEY: &str = "6b1d7a3f0c52e98446d1b0a7f3958e2c71d46a0b9e8f35c2d7104b6f8a93e5dc";

/// Gateways over one database.
#[derive(Debug)]
pub struct Replicas {
    launch: Launch,
    shared: TempDir,
    /// By number; absent where it was killed.
    replicas: Vec<Option<Dragoman>>,
    key: String,
}

impl Replicas {
    /// Starts so many over the database at this address. The first makes the first key; then all others start at once.
    ///
    /// # Panics
    /// If one does not come up, or no key is printed.
    pub fn start(count: usize, launch: &Launch, database_url: &str) -> Self {
        let mut replicas = Self::prepared(launch, database_url);
        let first = replicas.launch.clone().start();
        let key = first.key().expect("a first start prints a key").to_owned();
        replicas.key = key;
        replicas.replicas.push(Some(first));
        replicas.add(count - 1);
        replicas
    }

    /// Starts so many at once over an empty database: none is the first.
    ///
    /// # Panics
    /// If one does not come up, or not exactly one prints a key.
    pub fn start_at_once(count: usize, launch: &Launch, database_url: &str) -> Self {
        let mut replicas = Self::prepared(launch, database_url);
        replicas.add(count);
        let keys: Vec<String> = replicas
            .all()
            .filter_map(|(_, one)| one.key())
            .map(str::to_owned)
            .collect();
        let [key] = keys.as_slice() else {
            panic!("{} of {count} printed a first key", keys.len());
        };
        replicas.key.clone_from(key);
        replicas
    }

    fn prepared(launch: &Launch, database_url: &str) -> Self {
        let shared = TempDir::new().expect("a temporary folder");
        let file = shared.path().join("dragoman.toml");
        std::fs::write(&file, launch.text()).expect("the configuration file can be written");
        let launch = launch
            .clone()
            .configuration_file(&file)
            .variable("DRAGOMAN__STORE__DATABASE_URL", database_url)
            .variable("DRAGOMAN__STORE__SEALING_KEY", SEALING_KEY);
        Self {
            launch,
            shared,
            replicas: Vec::new(),
            key: String::new(),
        }
    }

    /// Starts so many more, at once.
    ///
    /// # Panics
    /// If one does not come up.
    pub fn add(&mut self, count: usize) {
        let starting: Vec<_> = (0..count)
            .map(|_| {
                let launch = self.launch.clone();
                thread::spawn(move || launch.start())
            })
            .collect();
        for one in starting {
            let started = one.join();
            let started = started.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            self.replicas.push(Some(started));
        }
    }

    /// Starts one more here, as `launch` says; its number.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn add_at(&mut self, address: SocketAddr, launch: Launch) -> usize {
        let started = launch.listening(address).start();
        self.replicas.push(Some(started));
        self.replicas.len() - 1
    }

    /// Stops the one of this number in good order, and starts another one at its address, as `launch` says; what the
    /// former had printed.
    ///
    /// # Panics
    /// If it was killed before or does not end well, or the other one does not come up.
    pub fn replace(&mut self, number: usize, launch: Launch) -> String {
        let address = self.one(number).address();
        let (status, printed) = self.stop(number);
        assert!(status.success(), "replica {number}: {status}:\n{printed}");
        self.replicas[number] = Some(launch.listening(address).start());
        printed
    }

    /// How one of them is started, for a command or one more.
    pub fn launch(&self) -> Launch {
        self.launch.clone()
    }

    /// The key that the first start printed.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Those that were not killed, with their numbers.
    pub fn all(&self) -> impl Iterator<Item = (usize, &Dragoman)> {
        let numbered = self.replicas.iter().enumerate();
        numbered.filter_map(|(number, one)| Some((number, one.as_ref()?)))
    }

    /// The one of this number.
    ///
    /// # Panics
    /// If it was killed.
    pub fn one(&self, number: usize) -> &Dragoman {
        let one = self.replicas[number].as_ref();
        one.unwrap_or_else(|| panic!("replica {number} was killed"))
    }

    /// A caller of the one of this number, with the first key.
    ///
    /// # Panics
    /// If it was killed.
    pub fn client(&self, number: usize) -> Client {
        Client::new(self.one(number).base_url(), Some(&self.key))
    }

    /// A caller of each that was not killed, with the first key.
    pub fn clients(&self) -> Vec<Client> {
        let client = |one: &Dragoman| Client::new(one.base_url(), Some(&self.key));
        self.all().map(|(_, one)| client(one)).collect()
    }

    /// Kills the one of this number at once, as a crash does; what it had printed.
    ///
    /// # Panics
    /// If it was killed before.
    pub fn kill(&mut self, number: usize) -> String {
        let one = self.replicas[number].take();
        let one = one.unwrap_or_else(|| panic!("replica {number} was killed"));
        let output = one.output();
        one.kill();
        output
    }

    /// Stops the one of this number in good order.
    ///
    /// # Panics
    /// If it was killed before, or does not end.
    pub fn stop(&mut self, number: usize) -> (ExitStatus, String) {
        let one = self.replicas[number].take();
        one.unwrap_or_else(|| panic!("replica {number} was killed"))
            .stop()
    }

    /// The configuration file that all of them read.
    pub fn configuration_file(&self) -> PathBuf {
        self.shared.path().join("dragoman.toml")
    }

    /// A real nginx before those that were not killed.
    ///
    /// # Panics
    /// As [`Nginx::before`].
    pub fn nginx(&self) -> Nginx {
        let addresses: Vec<SocketAddr> = self.all().map(|(_, one)| one.address()).collect();
        Nginx::before(&addresses)
    }
}
