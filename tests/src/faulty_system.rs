//! A process whose operating system has faults: writes to the database that fail or take long, and a clock that jumps.
//! The functions stand in `tests/fixtures/faulty_system.c`, which is compiled here and loaded before the C library.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::dragoman::Launch;

/// The numbers of the control file, in the order of `struct control`.
#[derive(Debug, Clone, Copy)]
enum Number {
    Operations,
    UntilFault,
    Faults,
    Error,
    Failed,
    SyncMicroseconds,
    ClockMilliseconds,
    Unused,
}

/// The compiled functions, in the folder of a system.
const LIBRARY: &str = "faulty_system.so";
/// The file by which they are told what to do.
const CONTROL: &str = "control";
/// How many bytes a number of it has.
const NUMBER_BYTES: u64 = 8;

/// No space left on the device.
pub const ENOSPC: i64 = 28;
/// The device failed.
pub const EIO: i64 = 5;
/// The file system takes no writes.
pub const EROFS: i64 = 30;

/// The system of one process.
#[derive(Debug)]
pub struct FaultySystem {
    folder: TempDir,
    control: File,
}

impl FaultySystem {
    /// One without faults.
    ///
    /// # Panics
    /// If the functions do not compile or the control file cannot be made.
    pub fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(folder.path().join(LIBRARY))
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/faulty_system.c"))
            .output()
            .expect("a C compiler, which linking Rust needs too");
        assert!(
            compiled.status.success(),
            "{}",
            String::from_utf8_lossy(&compiled.stderr)
        );
        let control = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(folder.path().join(CONTROL))
            .expect("a control file");
        control
            .set_len(NUMBER_BYTES * (Number::Unused as u64 + 1))
            .expect("a control file of full length");
        Self { folder, control }
    }

    /// A launch of a process on this system.
    ///
    /// # Panics
    /// If the path is no text.
    #[must_use]
    pub fn under(&self, launch: Launch) -> Launch {
        let path = |name: &str| {
            let path = self.folder.path().join(name);
            path.to_str().expect("a path that is text").to_owned()
        };
        launch
            .variable("LD_PRELOAD", &path(LIBRARY))
            .variable("FAULTY_SYSTEM", &path(CONTROL))
    }

    /// Lets the so many-th write, truncation or sync of the database from now fail with this error, and those after it,
    /// `faults` in all.
    ///
    /// # Panics
    /// If the control file cannot be written.
    pub fn fail(&self, nth: i64, faults: i64, error: i64) {
        self.set(Number::UntilFault, 0);
        self.set(Number::Error, error);
        self.set(Number::Faults, faults);
        self.set(Number::UntilFault, nth);
    }

    /// Takes the faults back that have not happened.
    ///
    /// # Panics
    /// If the control file cannot be written.
    pub fn heal(&self) {
        self.set(Number::UntilFault, 0);
        self.set(Number::SyncMicroseconds, 0);
    }

    /// How many operations have failed so far.
    ///
    /// # Panics
    /// If the control file cannot be read.
    pub fn failed(&self) -> i64 {
        self.get(Number::Failed)
    }

    /// How many operations there were so far.
    ///
    /// # Panics
    /// If the control file cannot be read.
    pub fn operations(&self) -> i64 {
        self.get(Number::Operations)
    }

    /// Lets each sync of the database take so much longer.
    ///
    /// # Panics
    /// If the control file cannot be written.
    pub fn slow_sync(&self, longer: Duration) {
        let longer = i64::try_from(longer.as_micros()).expect("a short time");
        self.set(Number::SyncMicroseconds, longer);
    }

    /// Moves the clock so far from the real one.
    ///
    /// # Panics
    /// If the control file cannot be written.
    pub fn clock_is_off_by_seconds(&self, seconds: i64) {
        self.set(Number::ClockMilliseconds, seconds * 1_000);
    }

    fn set(&self, number: Number, value: i64) {
        let place = number as u64 * NUMBER_BYTES;
        self.control
            .write_all_at(&value.to_ne_bytes(), place)
            .expect("the control file can be written");
    }

    fn get(&self, number: Number) -> i64 {
        let mut bytes = [0; 8];
        self.control
            .read_exact_at(&mut bytes, number as u64 * NUMBER_BYTES)
            .expect("the control file can be read");
        i64::from_ne_bytes(bytes)
    }
}

impl Default for FaultySystem {
    fn default() -> Self {
        Self::new()
    }
}
