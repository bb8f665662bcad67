//! Child processes under measurement: pinned to a core, their CPU time and memory read from `/proc`.

use std::fs;
use std::io;
use std::process::{Child, Command};

/// Clock ticks per second in `/proc/<pid>/stat`; Linux shows 100 to user space on every platform that we build for.
const TICKS_PER_SECOND: f64 = 100.0;
/// Position of `utime` in `/proc/<pid>/stat` after the command's name; `stime` follows, then both of ended children.
const USER_TIME_FIELD: usize = 11;

/// A child process that is killed when this value is dropped.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        command.spawn().map(Self)
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only where the process has ended already.
        let killed = self.0.kill();
        let waited = self.0.wait();
        drop((killed, waited));
    }
}

/// A command that runs on one core only.
pub(crate) fn on_core(core: usize, program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.arg("-c").arg(core.to_string()).arg(program);
    command
}

/// CPU time of a process and its children, in seconds, those included that have ended.
pub(crate) fn cpu_seconds(process: u32) -> io::Result<f64> {
    let mut ticks = 0.0;
    for id in family(process)? {
        let stat = match fs::read_to_string(format!("/proc/{id}/stat")) {
            // It has ended since it was listed. Its parent, which is read last, has its time by then.
            Err(error) if id != process && error.kind() == io::ErrorKind::NotFound => continue,
            stat => stat?,
        };
        // The command's name stands in parentheses and may hold spaces.
        let after_name = stat
            .rsplit_once(')')
            .map_or(stat.as_str(), |(_, rest)| rest);
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        let times = fields.iter().skip(USER_TIME_FIELD);
        ticks += times
            .take(if id == process { 4 } else { 2 })
            .filter_map(|field| field.parse::<f64>().ok())
            .sum::<f64>();
    }
    Ok(ticks / TICKS_PER_SECOND)
}

/// Resident memory of a process and its children, in MiB.
pub(crate) fn resident_mebibytes(process: u32) -> io::Result<f64> {
    let mut kibibytes = 0.0;
    for id in family(process)? {
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap_or_default();
        kibibytes += line
            .split_whitespace()
            .next()
            .and_then(|field| field.parse::<f64>().ok())
            .unwrap_or_default();
    }
    Ok(kibibytes / 1024.0)
}

/// A process and its children (nginx works in one, PostgreSQL in one for each connection), itself at the end.
fn family(process: u32) -> io::Result<Vec<u32>> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children"))?;
    let children = children
        .split_whitespace()
        .filter_map(|field| field.parse().ok());
    Ok(children.chain(std::iter::once(process)).collect())
}
