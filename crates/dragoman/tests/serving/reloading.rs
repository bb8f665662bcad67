//! The configuration while the process runs: every kind of file that cannot be used, swaps, rollback, and all of it under
//! load.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::process::{Server, folder, request, run, text, wait_until};

/// How often the configuration is replaced under load.
const RELOADS: usize = 100;
/// Metrics without labels, with the space before their value.
const SUCCESS: &str = "dragoman_config_last_reload_success ";
const FAILURES: &str = "dragoman_config_reload_failures_total ";
/// How many vendors a file names that is written piece by piece.
const BACKENDS: usize = 20;
/// How long a file is left alone that may still be written. The product's own, which is what is tried.
const QUIET: Duration = Duration::from_millis(500);

/// A file that can be used, told from others by a limit.
fn good(requests_max: usize) -> String {
    format!(
        "# in use\n[limits]\nrequests_max = {requests_max}\n\n[telemetry]\nlog_level = \"info\"\n"
    )
}

fn file_in(folder: &Path) -> PathBuf {
    folder.join("dragoman.toml")
}

/// Puts a text in the place of the file at once, as careful editors do.
fn put(file: &Path, text: &str) {
    let beside = file.with_extension("new");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(beside, file).unwrap();
}

/// A server with a file, and its key.
fn started(folder: &Path, text: &str) -> (Server, String) {
    put(&file_in(folder), text);
    let server = Server::start(folder);
    let key = server.key().unwrap();
    (server, key)
}

fn body(answer: &str) -> Value {
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

fn asked(address: SocketAddr, key: &str, method: &str, path: &str, sent: &str) -> (u16, Value) {
    let (status, answer) = request(address, method, path, key, sent);
    (status, body(&answer))
}

fn status(server: &Server, key: &str) -> Value {
    let (status, answer) = asked(server.address, key, "GET", "/admin/v1/config", "");
    assert_eq!(status, 200, "{answer}");
    answer
}

fn requests_max(server: &Server, key: &str) -> Value {
    status(server, key)["effective"]["limits"]["requests_max"].clone()
}

/// The value of a metric without labels.
fn metric(server: &Server, name: &str) -> String {
    let (_, page) = request(server.address, "GET", "/metrics", "", "");
    let line = page.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("there is no {name}"))
        .trim()
        .to_owned()
}

/// Creates and reads conversations until it is told to stop; every one must succeed. Gives how many requests that were.
fn load(address: SocketAddr, key: &str, stop: &AtomicBool) -> usize {
    let mut answered = 0;
    while !stop.load(Ordering::Relaxed) {
        let title = format!(r#"{{"title":"{answered}"}}"#);
        let (status, answer) = request(address, "POST", "/v1/conversations", key, &title);
        assert_eq!(status, 201, "{answer}");
        let (status, answer) = request(address, "GET", "/v1/conversations?limit=5", key, "");
        assert_eq!(status, 200, "{answer}");
        answered += 2;
    }
    answered
}

/// Does `work` while callers call.
fn under_load(address: SocketAddr, key: &str, work: impl FnOnce()) {
    /// Also where the work panics: the callers must end.
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let (stop, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| answered.fetch_add(load(address, key, &stop), Ordering::Relaxed));
        }
        let _stop = Stop(&stop);
        work();
    });
    assert!(answered.into_inner() > 0, "nobody called");
}

#[test]
fn what_cannot_be_used_changes_nothing_and_is_told_once() {
    let folder = folder();
    let file = file_in(folder.path());
    let (mut server, key) = started(folder.path(), &good(1000));
    let half = good(1000)[..30].to_owned();
    let large = "#".repeat(50 << 20);
    let kinds: [(&str, &dyn Fn(), &str); 6] = [
        (
            "broken",
            &|| put(&file, "[limits]\nrequests_max = \"many\"\n"),
            "dragoman.toml:2:16: ",
        ),
        ("empty", &|| put(&file, ""), "is empty, and was not before"),
        ("half-written", &|| put(&file, &half), "dragoman.toml:3:"),
        (
            "unreadable",
            &|| {
                let beside = file.with_extension("new");
                std::os::unix::fs::symlink(folder.path(), &beside).unwrap();
                std::fs::rename(beside, &file).unwrap();
            },
            "it is not a file",
        ),
        ("50 MB", &|| put(&file, &large), "it is larger than"),
        (
            "deleted",
            &|| std::fs::remove_file(&file).unwrap(),
            "No such file",
        ),
    ];
    under_load(server.address, &key, || {
        for (position, (kind, spoil, reason)) in kinds.iter().enumerate() {
            let before = requests_max(&server, &key);
            spoil();
            // Nobody asks for it: the change itself is noticed.
            wait_until(|| metric(&server, FAILURES) == (position + 1).to_string());
            assert_eq!(metric(&server, SUCCESS), "0");
            assert_eq!(requests_max(&server, &key), before, "{kind}");
            let now = status(&server, &key);
            assert_eq!(now["last_attempt"]["result"], "refused", "{kind}");
            assert_eq!(now["file_differs"], true, "{kind}");
            let (ready, answer) = request(server.address, "GET", "/readyz?verbose", "", "");
            assert_eq!(ready, 200, "{kind}: {answer}");
            assert!(answer.contains(reason), "{kind}: {answer}");
            let (checked, found) =
                asked(server.address, &key, "POST", "/admin/v1/config/check", "");
            assert_eq!((checked, &found["usable"]), (200, &json!(false)), "{kind}");
            let next = 1001 + position;
            put(&file, &good(next));
            wait_until(|| requests_max(&server, &key) == next);
            wait_until(|| metric(&server, SUCCESS) == "1");
        }
    });
    server.signal("-TERM");
    assert_eq!(server.wait().code(), Some(0));
    let log = server.log();
    let refusals: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("the configuration was refused"))
        .collect();
    assert_eq!(refusals.len(), kinds.len(), "{refusals:#?}");
    for ((kind, _, reason), line) in kinds.iter().zip(&refusals) {
        assert!(line.contains(reason), "{kind}: {line}");
    }
}

/// A file in pieces, each of which ends where a table ends: with the first of them alone it can be used as well.
fn pieces(requests_max: usize) -> Vec<String> {
    let seconds = ["head_seconds", "body_seconds", "request_seconds"];
    let tables = [
        format!("[limits]\nrequests_max = {requests_max}\n"),
        format!("[timeouts]\n{} = 21\n", seconds.join(" = 21\n")),
        "[streams]\nheartbeat_seconds = 9\n".to_owned(),
    ];
    let backends = (0..BACKENDS).map(|number| {
        format!("[[backend]]\nname = \"support-{number}\"\nkind = \"chatter\"\nbase_url = \"http://127.0.0.1:1\"\n")
    });
    tables.into_iter().chain(backends).collect()
}

/// The start's file was in use, then the whole one, and nothing in between: that the history tells, whenever one looks.
fn assert_only_the_whole_came_into_use(server: &Server, key: &str, whole: usize) {
    wait_until(|| requests_max(server, key) == whole);
    let now = status(server, key);
    assert_eq!(now["version"], 2, "{now}");
    assert_eq!(now["effective"]["streams"]["heartbeat_seconds"], 9);
    let backends = now["effective"]["backend"].as_array().unwrap();
    let vendors = backends
        .iter()
        .filter(|backend| backend["kind"] == "chatter");
    assert_eq!(vendors.count(), BACKENDS, "{backends:?}");
    assert_eq!(metric(server, FAILURES), "0");
    let (_, history) = asked(server.address, key, "GET", "/admin/v1/config/history", "");
    let versions = history["data"].as_array().unwrap();
    assert_eq!(versions.len(), 2, "{history}");
}

#[test]
fn a_file_that_somebody_still_writes_is_left_alone_however_slow_they_are() {
    let folder = folder();
    let (server, key) = started(folder.path(), &good(1000));
    let mut file = std::fs::File::create(file_in(folder.path())).unwrap();
    for (number, piece) in pieces(2000).iter().enumerate() {
        file.write_all(piece.as_bytes()).unwrap();
        // Pauses in which a file that nobody holds open would have been read.
        if number < 4 {
            std::thread::sleep(2 * QUIET);
            assert_eq!(requests_max(&server, &key), 1000, "after {number}");
        }
    }
    drop(file);
    assert_only_the_whole_came_into_use(&server, &key, 2000);
}

#[test]
fn a_file_that_grows_by_small_appends_is_left_alone_until_it_is_whole() {
    // Whoever opens it anew for each piece must write on within a moment; where this machine stood still for longer,
    // the test has done something else than it should, and begins anew.
    for attempt in 0..20 {
        let folder = folder();
        let (server, key) = started(folder.path(), &good(1000));
        let path = file_in(folder.path());
        let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
        std::fs::write(&path, "").unwrap();
        for piece in pieces(2000) {
            let before = last;
            last = Instant::now();
            let mut file = std::fs::OpenOptions::new()
                .append(true)
                .open(&path)
                .unwrap();
            file.write_all(piece.as_bytes()).unwrap();
            drop(file);
            longest = longest.max(before.elapsed());
            std::thread::sleep(Duration::from_millis(110));
        }
        // A file's time has ticks.
        if longest + QUIET / 10 < QUIET {
            assert_only_the_whole_came_into_use(&server, &key, 2000);
            return;
        }
        assert!(
            attempt < 19,
            "this machine stands still all the time: {longest:?}"
        );
    }
}

#[test]
fn a_hundred_reloads_cost_no_request() {
    let folder = folder();
    let file = file_in(folder.path());
    let (server, key) = started(folder.path(), &good(1000));
    under_load(server.address, &key, || {
        for number in 1..=RELOADS {
            put(&file, &good(1000 + number));
            let (status, answer) =
                asked(server.address, &key, "POST", "/admin/v1/config/reload", "");
            assert_eq!(status, 200, "{answer}");
            assert_eq!(requests_max(&server, &key), 1000 + number);
        }
    });
    // The same text again changes nothing.
    let before = status(&server, &key)["version"].clone();
    let (_, answer) = asked(server.address, &key, "POST", "/admin/v1/config/reload", "");
    assert_eq!(answer["result"], "unchanged");
    assert_eq!(status(&server, &key)["version"], before);
    assert_eq!(before, 1 + RELOADS);
}

/// As Kubernetes mounts a `ConfigMap`: the file is a link into `..data`, which is a link that is swapped.
#[test]
fn a_swapped_link_is_noticed() {
    use std::os::unix::fs::symlink;
    let folder = folder();
    let mounted = folder.path().join("mounted");
    for (version, requests_max) in [("..one", 1000), ("..two", 1001)] {
        std::fs::create_dir_all(mounted.join(version)).unwrap();
        std::fs::write(
            mounted.join(version).join("dragoman.toml"),
            good(requests_max),
        )
        .unwrap();
    }
    symlink("..one", mounted.join("..data")).unwrap();
    symlink("..data/dragoman.toml", mounted.join("dragoman.toml")).unwrap();
    let file = mounted.join("dragoman.toml");
    let arguments = [
        "--listen",
        "127.0.0.1:0",
        "--config",
        file.to_str().unwrap(),
    ];
    let server = Server::start_with(folder.path(), &[], &arguments);
    let key = server.key().unwrap();
    assert_eq!(requests_max(&server, &key), 1000);
    symlink("..two", mounted.join("..data_tmp")).unwrap();
    std::fs::rename(mounted.join("..data_tmp"), mounted.join("..data")).unwrap();
    wait_until(|| requests_max(&server, &key) == 1001);
    assert_eq!(status(&server, &key)["by"], "file");
}

#[test]
fn a_signal_asks_for_the_file() {
    let folder = folder();
    let (server, key) = started(folder.path(), &good(1000));
    put(&file_in(folder.path()), "limits = 3\n");
    server.signal("-HUP");
    let last = || status(&server, &key)["last_attempt"].clone();
    // The change itself is noticed as well; the signal is heard in any case.
    wait_until(|| last()["by"] == "signal" && last()["result"] == "refused");
    put(&file_in(folder.path()), &good(1001));
    server.signal("-HUP");
    wait_until(|| last()["by"] == "signal" && last()["result"] != "refused");
    assert_eq!(requests_max(&server, &key), 1001);
}

#[test]
fn what_needs_a_restart_is_told_and_the_rest_is_applied() {
    let folder = folder();
    let file = file_in(folder.path());
    let (server, key) = started(folder.path(), &good(1000));
    let more = "[store]\nqueue_max_writes = 77\n";
    put(&file, &format!("{}{more}", good(1001)));
    let reload = || asked(server.address, &key, "POST", "/admin/v1/config/reload", "");
    let (code, answer) = reload();
    assert_eq!(code, 200, "{answer}");
    assert_eq!(answer["needs_restart"], json!(["store.queue_max_writes"]));
    let now = status(&server, &key);
    assert_eq!(now["effective"]["limits"]["requests_max"], 1001);
    assert_ne!(now["effective"]["store"]["queue_max_writes"], 77);
    assert_eq!(now["needs_restart"], json!(["store.queue_max_writes"]));

    // A new backend is there at once; its name belongs to its address from then on.
    let vendor = |address: &str| {
        let backend =
            "[[backend]]\nname = \"support\"\nkind = \"chatter\"\ntoken = \"planted-secret\"";
        format!("{}{more}{backend}\nbase_url = \"{address}\"\n", good(1001))
    };
    put(&file, &vendor("http://127.0.0.1:1"));
    assert_eq!(reload().0, 200);
    let (code, found) = asked(server.address, &key, "GET", "/v1/backends/support", "");
    assert_eq!(code, 200, "{found}");
    put(&file, &vendor("http://127.0.0.1:2"));
    let (_, checked) = asked(server.address, &key, "POST", "/admin/v1/config/check", "");
    assert_eq!(checked["usable"], false, "{checked}");
    let (code, answer) = reload();
    assert_eq!(code, 422, "{answer}");
    let detail = answer["detail"].as_str().unwrap();
    assert!(detail.contains("dragoman.toml:10:"), "{detail}");
    assert!(detail.contains("`support`"), "{detail}");
    let now = status(&server, &key);
    assert_eq!(
        now["effective"]["backend"][0]["base_url"],
        "http://127.0.0.1:1/"
    );
    assert!(!now.to_string().contains("planted"), "{now}");
}

#[test]
fn an_earlier_version_comes_back_until_the_file_is_read_again() {
    let folder = folder();
    let file = file_in(folder.path());
    let (server, key) = started(folder.path(), &good(1000));
    put(&file, &good(1001));
    let post = |path: &str, sent: &str| asked(server.address, &key, "POST", path, sent);
    assert_eq!(post("/admin/v1/config/reload", "").0, 200);
    let (code, answer) = post("/admin/v1/config/rollback", r#"{"version":1}"#);
    assert_eq!(code, 200, "{answer}");
    assert_eq!(answer["version"]["restored"], 1);
    let notes = answer["notes"][0].as_str().unwrap();
    assert!(
        notes.contains("dragoman.toml still holds another"),
        "{notes}"
    );
    assert_eq!(requests_max(&server, &key), 1000);
    assert_eq!(status(&server, &key)["file_differs"], true);
    let (_, diff) = post("/admin/v1/config/diff", "");
    let change =
        json!({"key": "limits.requests_max", "from": 1000, "to": 1001, "needs_restart": false});
    assert_eq!(diff["changes"], json!([change]));
    let (code, answer) = post("/admin/v1/config/rollback", r#"{"version":99}"#);
    assert_eq!(code, 404, "{answer}");

    // The same by the command line.
    let history = run(folder.path(), &["config", "history"]);
    let table = text(&history.stdout);
    assert!(history.status.success(), "{}", text(&history.stderr));
    assert!(table.contains("back to version 1"), "{table}");
    let reloaded = run(folder.path(), &["config", "reload"]);
    assert!(reloaded.status.success(), "{}", text(&reloaded.stderr));
    let words = text(&reloaded.stdout);
    assert!(
        words.contains("limits.requests_max: 1000 → 1001"),
        "{words}"
    );
    assert_eq!(requests_max(&server, &key), 1001);

    let (_, audit) = asked(server.address, &key, "GET", "/admin/v1/audit", "");
    let done: Vec<(&str, &str)> = audit["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let word = |name: &str| entry[name].as_str().unwrap();
            (word("action"), word("outcome"))
        })
        .collect();
    assert!(done.contains(&("config.reload", "applied")), "{done:?}");
    assert!(done.contains(&("config.rollback", "applied")), "{done:?}");
}
