//! The programs of PostgreSQL, and the user who runs them.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

/// Where Debian has them, in a folder for each version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// The oldest version that will do.
const VERSION_LEAST: u32 = 15;

/// The folder of the programs.
#[derive(Debug)]
pub(super) struct Programs {
    folder: PathBuf,
    version: u32,
}

impl Programs {
    /// The newest there are.
    ///
    /// # Panics
    /// If there are none.
    pub(super) fn find() -> Self {
        let debian = fs::read_dir(DEBIAN).into_iter().flatten();
        let debian = debian.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let in_path = std::env::split_paths(&path)
            .filter_map(|folder| folder.join("initdb").canonicalize().ok())
            .filter_map(|program| program.parent().map(Path::to_owned));
        let found = debian.chain(in_path).filter_map(|folder| {
            let version = version_of(&folder)?;
            Some(Self { folder, version })
        });
        let newest = found.max_by_key(|programs| programs.version);
        newest
            .filter(|programs| programs.version >= VERSION_LEAST)
            .unwrap_or_else(|| {
                panic!("PostgreSQL {VERSION_LEAST} or later is missing: install Debian's package postgresql")
            })
    }

    pub(super) fn path(&self, program: &str) -> PathBuf {
        self.folder.join(program)
    }

    /// Makes an empty cluster: a copy of one that is made once and kept below cargo's target directory.
    pub(super) fn cluster(&self, owner: &Owner, user: &str, place: &Path) {
        static ONE: Mutex<()> = Mutex::new(());
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let template = target_directory().join(format!("postgres-template-{}", self.version));
        if !template.is_dir() {
            self.make_template(owner, user, &template);
        }
        drop(one);
        copy(&template, place);
    }

    fn make_template(&self, owner: &Owner, user: &str, template: &Path) {
        // Where its owner may write; the target directory may be another user's.
        let home = TempDir::with_prefix("dragoman-postgres-").expect("a temporary folder");
        owner.own(home.path());
        let made = home.path().join("data");
        // It sorts text as a language does and not by its bytes, as most servers do: nothing may rely on one order. Where
        // that cannot be had, by bytes.
        let by_language = ["--locale-provider=icu", "--icu-locale=en-US"].as_slice();
        let is_made = [by_language, &[]].into_iter().any(|options| {
            let mut command = Command::new(self.path("initdb"));
            command.arg("--pgdata").arg(&made).args([
                &format!("--username={user}"),
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
            ]);
            owner.runs(command.args(options));
            let made = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
            made.expect("initdb can be started").success()
        });
        assert!(is_made, "initdb failed");
        // Another process may do the same: whoever is first wins.
        let unfinished = template.with_extension(std::process::id().to_string());
        copy(&made, &unfinished);
        if fs::rename(&unfinished, template).is_err() {
            fs::remove_dir_all(&unfinished).expect("our own copy can be removed");
        }
        assert!(template.is_dir(), "no template at {}", template.display());
    }
}

fn version_of(folder: &Path) -> Option<u32> {
    let output = Command::new(folder.join("initdb"))
        .arg("--version")
        .output();
    let output = String::from_utf8(output.ok()?.stdout).ok()?;
    let digits = output.split_once(") ")?.1;
    let end = digits.find(|character: char| !character.is_ascii_digit());
    digits[..end.unwrap_or(digits.len())].parse().ok()
}

/// Copies a folder as it is, with its owner.
fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status();
    let is_copied = status.expect("cp can be started").success();
    assert!(is_copied, "{} cannot be copied", from.display());
}

/// Cargo's target directory, above the program that runs; else one for temporary files.
fn target_directory() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let mut above = program.ancestors();
    let is_deps = |folder: &&Path| folder.ends_with("deps");
    let profile = above.find(is_deps).and_then(Path::parent);
    let target = profile.and_then(Path::parent).map(Path::to_owned);
    target.unwrap_or_else(std::env::temp_dir)
}

/// Who runs the programs: PostgreSQL refuses root.
#[derive(Debug)]
pub(super) struct Owner(Option<(u32, u32)>);

impl Owner {
    /// Whoever runs the tests; where that is root, the user that PostgreSQL's package has made.
    ///
    /// # Panics
    /// If there is none.
    pub(super) fn find() -> Self {
        let is_root = fs::metadata("/proc/self").expect("a process").uid() == 0;
        Self(is_root.then(|| user_of("postgres").expect("the user postgres")))
    }

    /// Gives a file or folder to the owner.
    pub(super) fn own(&self, path: &Path) {
        if let Some((user, group)) = self.0 {
            chown(path, Some(user), Some(group)).expect("root may give files away");
        }
    }

    /// Lets a program run as the owner, and with nothing else of its environment.
    pub(super) fn runs(&self, command: &mut Command) {
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path).current_dir("/");
        if let Some((user, group)) = self.0 {
            command.uid(user).gid(group);
        }
    }
}

/// Numbers of a user and its group.
fn user_of(name: &str) -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let line = users
        .lines()
        .find(|line| line.split(':').next() == Some(name))?;
    let mut numbers = line.split(':').skip(2);
    let user = numbers.next()?.parse().ok()?;
    Some((user, numbers.next()?.parse().ok()?))
}
