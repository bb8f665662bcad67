//! Experiment 15, a directory that takes no writes: a start there says so and ends, a gateway that runs loses nothing, and
//! with the rights back everything goes on.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Instant;

use tests::dragoman::Launch;

use crate::bench::Bench;
use crate::gateway::{Gateway, PATIENCE, problem, said};

/// Rights as usual, and without any to write: of a folder and of a file.
const USUAL: (u32, u32) = (0o700, 0o600);
const READ_ONLY: (u32, u32) = (0o500, 0o400);
/// What lets root write everywhere, taken away.
const RIGHTS: &str = "-dac_override,-dac_read_search";

/// A folder and its files without rights to write, until it is dropped.
struct ReadOnly(PathBuf);

impl ReadOnly {
    fn new(folder: &Path) -> Self {
        set(folder, READ_ONLY);
        Self(folder.to_owned())
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        set(&self.0, USUAL);
    }
}

fn set(folder: &Path, (of_folder, of_file): (u32, u32)) {
    let rights = |path: &Path, mode| {
        // A file of the database may go meanwhile.
        drop(fs::set_permissions(path, Permissions::from_mode(mode)));
    };
    rights(folder, 0o700);
    for entry in fs::read_dir(folder).expect("our own folder") {
        rights(&entry.expect("an entry").path(), of_file);
    }
    rights(folder, of_folder);
}

/// A process that is held to the rights of files, whoever runs the tests.
fn launch() -> Launch {
    let launch = Launch::new().variable("DRAGOMAN__TELEMETRY__LOG_FORMAT", "json");
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !is_root {
        return launch;
    }
    let inherited = format!("--inh-caps={RIGHTS}");
    let bounds = format!("--bounding-set={RIGHTS}");
    launch.through(&["setpriv", &inherited, &bounds])
}

/// The directory of the data loses its rights, under a gateway and before its start.
pub(crate) async fn run(_: Bench) -> u64 {
    let mut gateway = Gateway::start(launch());
    let conversation = gateway.conversation("store").await;
    let path = format!("/v1/conversations/{conversation}/messages");
    gateway.say(&path, "before").await.expect(201);
    let data_dir = gateway.dragoman.data_dir();
    let folder = data_dir.path().join("data");
    let mut acknowledged = vec!["before".to_owned()];
    {
        let _read_only = ReadOnly::new(&folder);
        // What is open stays open: it may go on, or say that nothing was done. Reads do.
        for number in 0..5 {
            let text = format!("meanwhile {number}");
            let written = gateway.client.post(&path, &said(&text)).await;
            if written.status == 201 {
                acknowledged.push(text);
            } else {
                let words = problem(&written, &["Permission denied"]);
                assert_eq!(written.status, 503, "{words}");
                assert_eq!(words["outcome"], "not_applied", "{words}");
            }
            assert_eq!(gateway.texts(&conversation).await, acknowledged);
        }
    }
    gateway.say(&path, "after").await.expect(201);
    acknowledged.push("after".to_owned());
    gateway.holds(&[]).await;
    gateway.ask_to_stop();
    assert!(gateway.ended().success(), "{}", gateway.dragoman.output());
    let key = gateway.key().to_owned();
    {
        let _read_only = ReadOnly::new(&folder);
        let words = refused(&folder);
        assert!(words.contains("Permission denied"), "{words}");
        assert!(words.contains(&*folder.to_string_lossy()), "{words}");
        assert!(!words.contains("panicked"), "{words}");
    }
    let gateway = Gateway::again(launch(), data_dir, key);
    assert_eq!(gateway.texts(&conversation).await, acknowledged);
    gateway.assert_sound();
    gateway.holds(&[]).await;
    2
}

/// What a start says that cannot write, and ends for.
fn refused(folder: &Path) -> String {
    tokio::task::block_in_place(|| {
        let folder = folder.to_string_lossy();
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--data-dir", &folder];
        let mut start = launch().begin(&arguments);
        let began = Instant::now();
        while start.is_running() {
            assert!(began.elapsed() < PATIENCE, "it starts without its data");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let ran = start.wait();
        assert!(!ran.status.success(), "{}{}", ran.output, ran.errors);
        ran.errors
    })
}
