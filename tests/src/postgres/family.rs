//! A server and the processes that it has made. Each of them leads a process group of its own, so that no signal reaches
//! all of them.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Pause between two looks at a process.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);
/// How long a process may take to stop. Nothing is measured by it.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// A process that makes others.
#[derive(Debug)]
pub(super) struct Family {
    parent: u32,
    /// Those that it had when they were last looked for, for whoever outlives it.
    children: Vec<u32>,
}

impl Family {
    pub(super) fn of(parent: u32) -> Self {
        Self {
            parent,
            children: children_of(parent),
        }
    }

    pub(super) fn signal_parent(&self, signal: Signal) {
        send(self.parent, signal);
    }

    /// Stops the parent, which makes no more children then, and all children.
    pub(super) fn stop_all(&mut self) {
        send(self.parent, Signal::STOP);
        let began = Instant::now();
        while !matches!(state_of(self.parent), None | Some('T' | 'Z')) {
            assert!(
                began.elapsed() < STOP_LIMIT,
                "process {} cannot be stopped",
                self.parent
            );
            thread::sleep(LOOK_INTERVAL);
        }
        self.children = children_of(self.parent);
        for child in &self.children {
            send(*child, Signal::STOP);
        }
    }

    /// Sends a signal to all children that are known, and to the parent.
    pub(super) fn signal_all(&self, signal: Signal) {
        for child in &self.children {
            send(*child, signal);
        }
        send(self.parent, signal);
    }

    /// Waits until no child runs. Nobody may have buried them yet.
    pub(super) fn wait_for_ends(&self, limit: Duration) {
        let began = Instant::now();
        for child in &self.children {
            while !matches!(state_of(*child), None | Some('Z' | 'X')) {
                assert!(began.elapsed() < limit, "process {child} does not end");
                thread::sleep(LOOK_INTERVAL);
            }
        }
    }
}

fn send(process: u32, signal: Signal) {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    if let Some(process) = process {
        // One that has ended meanwhile needs no signal.
        let _ = kill_process(process, signal);
    }
}

/// What `/proc` says of a process: its state, and whose child it is.
fn stat_of(process: &str) -> Option<(char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // Its name stands before, in brackets, and may hold anything.
    let mut words = stat.rsplit_once(')')?.1.split_whitespace();
    let state = words.next()?.chars().next()?;
    Some((state, words.next()?.parse().ok()?))
}

fn state_of(process: u32) -> Option<char> {
    stat_of(&process.to_string()).map(|(state, _)| state)
}

fn children_of(parent: u32) -> Vec<u32> {
    let listing = fs::read_dir("/proc").expect("processes can be listed");
    let names = listing.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names
        .filter(|name| stat_of(name).is_some_and(|(_, of)| of == parent))
        .filter_map(|name| name.parse().ok())
        .collect()
}
