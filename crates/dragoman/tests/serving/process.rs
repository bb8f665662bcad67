//! The binary as a child process, and requests to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::net::TcpSocket;

/// Generous, because test machines are slow and shared; nothing is measured by it.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// More lines than any run here prints.
const LINES_MAX: usize = 100_000;

pub(crate) fn command(directory: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dragoman"));
    command
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .envs(variables.iter().copied())
        .stdin(Stdio::null());
    command
}

pub(crate) fn run(directory: &Path, arguments: &[&str]) -> Output {
    command(directory, &[], arguments).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// An address at which nobody listens, and that nobody else is given as long as the socket is held.
pub(crate) fn nobody() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// A server of this test; killed when the test ends.
pub(crate) struct Server {
    pub(crate) child: Child,
    lines: Receiver<String>,
    /// What it printed to standard output until it listened.
    pub(crate) banner: String,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start(directory: &Path) -> Self {
        Self::start_with(directory, &[], &["--listen", "127.0.0.1:0"])
    }

    pub(crate) fn start_with(
        directory: &Path,
        variables: &[(&str, &str)],
        arguments: &[&str],
    ) -> Self {
        let mut child = command(directory, variables, arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut banner = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        while !banner.contains("curl ") {
            let read = stdout.read_line(&mut banner).unwrap();
            if read == 0 {
                let mut errors = String::new();
                child
                    .stderr
                    .take()
                    .unwrap()
                    .read_to_string(&mut errors)
                    .unwrap();
                panic!("it did not come up: {banner}{errors}");
            }
        }
        let lines = follow(child.stderr.take().unwrap());
        let address = banner
            .split("http://")
            .nth(1)
            .and_then(|rest| rest.split([' ', '/']).next())
            .unwrap()
            .parse()
            .unwrap();
        Self {
            child,
            lines,
            banner,
            address,
        }
    }

    pub(crate) fn key(&self) -> Option<String> {
        let rest = self.banner.split("admin key").nth(1)?;
        rest.split_whitespace().next().map(str::to_owned)
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([name, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(started.elapsed() < WAIT_MAX, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Everything that it wrote to standard error; ends with the process.
    pub(crate) fn log(&self) -> String {
        self.lines.iter().collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail where it has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn follow(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = sync_channel(LINES_MAX);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { return };
            if sender.send(line + "\n").is_err() {
                return;
            }
        }
    });
    lines
}

/// One request with a key on its own connection: status and everything that came back.
pub(crate) fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    key: &str,
    body: &str,
) -> (u16, String) {
    http(address, method, path, &[&with_authorization(key)], body)
}

/// The header with which a key is sent.
pub(crate) fn with_authorization(key: &str) -> String {
    format!("authorization: Bearer {key}")
}

/// One request on its own connection: status and everything that came back.
pub(crate) fn http(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &str,
) -> (u16, String) {
    let answer = exchange(address, method, path, headers, body);
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}

/// One request on its own connection, and whatever came back, broken off or not.
pub(crate) fn exchange(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &str,
) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\n{headers}\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

pub(crate) fn wait_until(condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < WAIT_MAX, "it never happens");
        std::thread::sleep(Duration::from_millis(20));
    }
}
