//! This program again, as child processes: whose memory is measured is nobody else's.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::Outcome;

/// Pause between two looks at a process's memory.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// What a copy has done.
pub(crate) struct Copied {
    pub(crate) messages: usize,
    seconds: f64,
    /// The most memory of its own that the process had; pages of the database's file are the system's.
    pub(crate) mebibytes: f64,
}

impl Copied {
    pub(crate) fn per_second(&self) -> f64 {
        self.messages as f64 / self.seconds
    }
}

fn this_program() -> Outcome<Command> {
    Ok(Command::new(std::env::current_exe()?))
}

/// Fills a new database.
pub(crate) fn seed(file: &Path, messages: usize) -> Outcome<()> {
    let status = this_program()?
        .arg("seed")
        .arg(file)
        .arg(messages.to_string())
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("seeding failed: {status}").into())
    }
}

/// Copies what is in a database within it.
pub(crate) fn copy(file: &Path) -> Outcome<Copied> {
    run(this_program()?.arg("copy").arg(file))
}

/// The same with small caches.
pub(crate) fn copy_frugally(file: &Path) -> Outcome<Copied> {
    run(this_program()?.arg("copy-frugally").arg(file))
}

/// Copies what is in a database to a vendor.
pub(crate) fn copy_to_vendor(file: &Path, address: &str) -> Outcome<Copied> {
    run(this_program()?.arg("copy-to-vendor").arg(file).arg(address))
}

/// The child prints how many messages and in how many seconds.
fn run(command: &mut Command) -> Outcome<Copied> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut mebibytes = 0.0_f64;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        mebibytes = mebibytes.max(anonymous_mebibytes(child.id()).unwrap_or_default());
        thread::sleep(LOOK_INTERVAL);
    };
    let mut text = String::new();
    let mut output = child.stdout.take().ok_or("standard output is piped")?;
    output.read_to_string(&mut text)?;
    if !status.success() {
        return Err(format!("a copy failed: {status}: {text}").into());
    }
    let mut words = text.split_whitespace();
    let mut next = || words.next().ok_or("a copy says what it has done");
    Ok(Copied {
        messages: next()?.parse()?,
        seconds: next()?.parse()?,
        mebibytes,
    })
}

/// Memory that is the process's own, not of a file.
fn anonymous_mebibytes(process: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kibibytes: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes / 1024.0)
}

/// The imitation of a vendor, killed when this value is dropped.
pub(crate) struct Vendor {
    child: Child,
    address: String,
}

impl Vendor {
    pub(crate) fn start() -> Outcome<Self> {
        let mut child = this_program()?
            .arg("vendor")
            .stdout(Stdio::piped())
            .spawn()?;
        let mut address = String::new();
        let output = child.stdout.take().ok_or("standard output is piped")?;
        BufReader::new(output).read_line(&mut address)?;
        Ok(Self {
            child,
            address: address.trim().to_owned(),
        })
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        // Both fail only where the process has ended already.
        let killed = self.child.kill();
        let waited = self.child.wait();
        drop((killed, waited));
    }
}
