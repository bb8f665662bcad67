//! `dragoman migrate`: in its own process, beside a server, and of a gateway elsewhere.

use serde_json::Value;

use crate::moving::{call, configure, ends, ends_with, fill, home, json_of, say, texts};
use crate::process::{Server, command, folder, run, text};

const PLAN: [&str; 5] = ["migrate", "plan", "--from", "old", "--to"];

/// Stops a server in good order.
fn stop(mut server: Server) {
    server.signal("-TERM");
    assert_eq!(server.wait().code(), Some(0));
}

/// How many messages the last job of the newest migration wrote.
fn written(status: &Value) -> u64 {
    status["last"]["progress"]["written"].as_u64().unwrap()
}

#[test]
fn without_a_server_every_step_is_done_in_the_command_s_own_process() {
    let folder = folder();
    configure(folder.path());
    let server = Server::start(folder.path());
    let key = server.key().unwrap();
    let ids = fill(&server, &key, 3, 4);
    stop(server);

    let plan = ends(folder.path(), 0, &[&PLAN[..], &["new"]].concat());
    assert!(plan.contains("3 conversations, 12 messages"), "{plan}");
    let next = plan
        .lines()
        .rfind(|line| line.starts_with("next: "))
        .unwrap();
    let id = next
        .split(' ')
        .find(|word| word.starts_with("mig_"))
        .unwrap();
    let copied = json_of(folder.path(), 0, &["migrate", "copy", id]);
    assert_eq!(copied["phase"], "copied", "{copied}");
    assert_eq!(written(&copied), 12, "{copied}");
    let again = json_of(folder.path(), 0, &["migrate", "copy", id]);
    assert_eq!(written(&again), 0, "{again}");

    let checked = ends(folder.path(), 0, &["migrate", "check", "latest"]);
    for conversation in &ids {
        assert!(
            checked.contains(&format!("= {conversation}\n")),
            "{checked}"
        );
    }
    assert!(checked.contains("= 3 same, - 0 missing"), "{checked}");
    let quiet = ends(folder.path(), 0, &["migrate", "check", id, "--quiet-same"]);
    assert!(!quiet.contains(&ids[0]), "{quiet}");

    let switched = json_of(folder.path(), 0, &["migrate", "switch", id]);
    assert_eq!(switched["phase"], "switched");
    let server = Server::start(folder.path());
    assert_eq!(
        server.key(),
        None,
        "a command's key is not the first start's"
    );
    for conversation in &ids {
        assert_eq!(home(&server, &key, conversation), "new");
        assert_eq!(texts(&server, &key, conversation).len(), 4);
    }
    let (_, born) = call(
        server.address,
        "POST",
        "/v1/conversations",
        &key,
        &serde_json::json!({}),
    );
    assert_eq!(born["backend"], "new");
    say(&server, &key, &ids[0], "written after the switch");
    stop(server);

    let back = json_of(folder.path(), 0, &["migrate", "rollback", id]);
    assert_eq!(back["phase"], "rolled_back");
    let server = Server::start(folder.path());
    assert_eq!(home(&server, &key, &ids[0]), "old");
    assert_eq!(home(&server, &key, born["id"].as_str().unwrap()), "old");
    let said = texts(&server, &key, &ids[0]);
    assert_eq!(said.len(), 5);
    assert_eq!(said[4], "written after the switch");
}

#[test]
fn beside_a_server_the_server_does_the_work_and_the_key_is_gone_afterwards() {
    let folder = folder();
    configure(folder.path());
    let server = Server::start(folder.path());
    let key = server.key().unwrap();
    let ids = fill(&server, &key, 2, 3);
    ends(folder.path(), 0, &[&PLAN[..], &["new"]].concat());
    let copied = json_of(folder.path(), 0, &["migrate", "copy", "latest", "--mirror"]);
    assert_eq!(copied["mirror"], true);
    say(&server, &key, &ids[0], "written while it is mirrored");
    ends(folder.path(), 0, &["migrate", "switch", "latest"]);
    assert_eq!(home(&server, &key, &ids[0]), "new");
    assert_eq!(texts(&server, &key, &ids[0]).len(), 4);
    ends(folder.path(), 0, &["migrate", "finish", "latest"]);

    let status = ends(folder.path(), 0, &["migrate", "status", "latest"]);
    assert!(status.contains("finished from old to new"), "{status}");
    let all = json_of(folder.path(), 0, &["migrate", "status"]);
    assert_eq!(all.as_array().unwrap().len(), 1);
    // One of a command that was killed, and has ended by itself; and one that only looks like it.
    let database = rusqlite::Connection::open(folder.path().join("dragoman-data/dragoman.db"));
    let database = database.unwrap();
    for (id, name, lived) in [
        ("killed", "dragoman migrate copy, process 7", 24 * 60 * 60),
        ("mine", "dragoman ci", 60),
    ] {
        let put = "INSERT INTO keys SELECT ?1, tenant, ?2, secret_hash, scopes, user, 0, ?3, NULL FROM keys LIMIT 1";
        let values = rusqlite::params![id, name, i64::from(lived) * 1_000_000];
        assert_eq!(database.execute(put, values).unwrap(), 1);
    }
    ends(folder.path(), 0, &["migrate", "status", "latest"]);
    let keys = json_of(folder.path(), 0, &["keys", "list"]);
    let names: Vec<&str> = keys
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["name"].as_str().unwrap())
        .filter(|name| name.starts_with("dragoman"))
        .collect();
    assert_eq!(names, ["dragoman ci"], "{keys}");
}

#[test]
fn a_copy_names_what_it_could_not_bring_there() {
    let folder = folder();
    configure(folder.path());
    let server = Server::start(folder.path());
    let key = server.key().unwrap();
    let ids = fill(&server, &key, 2, 2);
    stop(server);
    let database = rusqlite::Connection::open(folder.path().join("dragoman-data/dragoman.db"));
    let changed = database.unwrap().execute(
        "UPDATE messages SET role = NULL, content = '{' WHERE content LIKE '%message 1 of 0%'",
        [],
    );
    assert_eq!(changed.unwrap(), 1);
    let _incomplete = run(folder.path(), &[&PLAN[..], &["new"]].concat());
    let copied = ends(folder.path(), 1, &["migrate", "copy", "latest"]);
    assert!(copied.contains(&ids[0]), "{copied}");
    assert!(!copied.contains(&ids[1]), "{copied}");
    let output = run(folder.path(), &["migrate", "copy", "latest", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains(&ids[0]));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["phase"], "copied");
}

#[test]
fn a_changed_byte_at_the_target_is_named_and_ends_with_1() {
    let folder = folder();
    configure(folder.path());
    let server = Server::start(folder.path());
    let key = server.key().unwrap();
    let ids = fill(&server, &key, 2, 2);
    stop(server);
    ends(folder.path(), 0, &[&PLAN[..], &["new"]].concat());
    ends(folder.path(), 0, &["migrate", "copy", "latest"]);
    let changed = rusqlite::Connection::open(folder.path().join("dragoman-data/dragoman.db"))
        .unwrap()
        .execute(
            "UPDATE messages SET content = replace(content, 'message 1 of 0', 'message 1 oF 0')
             WHERE conversation IN (SELECT number FROM conversations WHERE backend = 'new')",
            [],
        )
        .unwrap();
    assert!(changed > 0);
    let report = folder.path().join("check.json");
    let arguments = [
        "migrate",
        "check",
        "latest",
        "--quiet-same",
        "--report",
        "check.json",
    ];
    let checked = ends(folder.path(), 1, &arguments);
    assert!(checked.contains(&format!("* {}\n", ids[0])), "{checked}");
    assert!(checked.contains(" message "), "{checked}");
    assert!(!checked.contains(&ids[1]), "{checked}");
    assert!(!checked.contains("message 1 o"), "content: {checked}");
    let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    assert_eq!(report["items"].as_array().unwrap().len(), 2);
    let findings = report["findings"].as_array().unwrap();
    assert!(
        findings
            .iter()
            .any(|finding| finding["message"].is_string()),
        "{report}"
    );
    for finding in findings {
        assert!(
            !finding["next_step"].as_str().unwrap().is_empty(),
            "{finding}"
        );
    }
    let printed = ends(folder.path(), 0, &["migrate", "report", "latest"]);
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(printed["findings"], report["findings"]);
}

#[test]
fn arguments_that_cannot_be_used_end_with_2_before_anything_is_made() {
    let folder = folder();
    configure(folder.path());
    std::fs::write(folder.path().join("users.txt"), "ann\n{\"user\":1}\n").unwrap();
    std::fs::write(folder.path().join("ids.txt"), "conv_1\n").unwrap();
    let plan = |more: &[&str]| ends(folder.path(), 2, &[&PLAN[..], &["new"], more].concat());
    assert!(plan(&["--roster", "users.txt"]).contains("users.txt:2: "));
    assert!(plan(&["--ids", "ids.txt"]).contains("ids.txt:1: "));
    assert!(plan(&["--roster", "absent.txt"]).contains("absent.txt cannot be read"));
    assert!(plan(&["--status", "opne"]).contains("known states: open, "));
    assert!(plan(&["--updated-after", "yesterday"]).contains("--updated-after: "));
    ends(folder.path(), 2, &["migrate", "copy", "mig_1"]);
    ends(folder.path(), 2, &["migrate", "copy"]);
    ends(folder.path(), 2, &["migrate", "status", "--wait"]);
    ends(folder.path(), 2, &["migrate", "plan", "--from", "old"]);
    assert!(!folder.path().join("dragoman-data").exists());
    let unknown = ends(folder.path(), 2, &[&PLAN[..], &["newer"]].concat());
    assert!(unknown.contains("newer"), "{unknown}");
}

#[test]
fn a_directory_without_a_database_is_refused_and_none_is_made() {
    let folder = folder();
    configure(folder.path());
    for arguments in [
        &["migrate", "status"][..],
        &["migrate", "copy", "latest"],
        &["export", "--out", "archive"],
        &["erase", "--tenant", "default", "--user", "ann", "--yes"],
    ] {
        let errors = ends(folder.path(), 6, arguments);
        assert!(errors.contains("there is no database at"), "{errors}");
    }
    assert!(!folder.path().join("dragoman-data").exists());
}

#[test]
fn a_gateway_elsewhere_is_asked_with_the_key_of_the_variable() {
    let (folder, elsewhere) = (folder(), folder());
    configure(elsewhere.path());
    let server = Server::start(elsewhere.path());
    let key = server.key().unwrap();
    fill(&server, &key, 1, 1);
    let url = format!("http://{}", server.address);
    let good = [("DRAGOMAN_KEY", key.as_str())];
    let remote = ["--server", &url];
    let plan = [&PLAN[..], &["new"], &remote].concat();
    let planned = ends_with(folder.path(), &good, 0, &plan);
    assert!(planned.contains("1 conversation, 1 message"), "{planned}");
    let status = [&["migrate", "status"][..], &remote].concat();
    assert!(ends_with(folder.path(), &[], 2, &status).contains("DRAGOMAN_KEY"));
    let bad = [("DRAGOMAN_KEY", "drg_0123456789abcdef_00")];
    assert!(ends_with(folder.path(), &bad, 6, &status).contains("DRAGOMAN_KEY"));
    assert!(!folder.path().join("dragoman-data").exists());
    stop(server);
    let refused = ends_with(
        folder.path(),
        &good,
        5,
        &[
            &["migrate", "pause", "mig_0193b0e3c1a27d5c8f0e4b2a6d9c1f00"][..],
            &remote,
        ]
        .concat(),
    );
    assert!(refused.contains("no answer from the gateway"), "{refused}");
}

#[test]
fn no_wait_needs_a_server_and_says_how_to_follow() {
    let folder = folder();
    configure(folder.path());
    let server = Server::start(folder.path());
    let key = server.key().unwrap();
    fill(&server, &key, 1, 1);
    ends(folder.path(), 0, &[&PLAN[..], &["new"]].concat());
    let begun = ends(
        folder.path(),
        0,
        &["migrate", "copy", "latest", "--no-wait"],
    );
    assert!(begun.contains("migrate status"), "{begun}");
    let ended = ends(folder.path(), 0, &["migrate", "status", "latest", "--wait"]);
    assert!(ended.contains("copied from old to new"), "{ended}");
    stop(server);
    let refused = ends(
        folder.path(),
        2,
        &["migrate", "check", "latest", "--no-wait"],
    );
    assert!(refused.contains("none serves"), "{refused}");
}

#[test]
fn a_second_process_finds_the_one_that_does_the_work() {
    let folder = folder();
    configure(folder.path());
    let server = Server::start(folder.path());
    let key = server.key().unwrap();
    fill(&server, &key, 40, 25);
    stop(server);
    ends(folder.path(), 0, &[&PLAN[..], &["new"]].concat());
    let first = command(folder.path(), &[], &["migrate", "copy", "latest"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Whichever of the two comes first does the work; the other one is told who does, or finds it done.
    let second = command(folder.path(), &[], &["migrate", "copy", "latest"])
        .output()
        .unwrap();
    let first = first.wait_with_output().unwrap();
    for output in [&first, &second] {
        match output.status.code() {
            Some(0) => {}
            Some(5) => {
                let errors = text(&output.stderr);
                assert!(
                    errors.contains("dragoman migrate copy, process")
                        || errors.contains("no answer"),
                    "{errors}"
                );
            }
            other => panic!("{other:?}: {}", text(&output.stderr)),
        }
    }
    ends(folder.path(), 0, &["migrate", "copy", "latest"]);
    let checked = ends(
        folder.path(),
        0,
        &["migrate", "check", "latest", "--quiet-same"],
    );
    assert!(checked.contains("= 40 same"), "{checked}");
}

#[test]
fn interrupted_in_its_own_process_it_stops_in_good_order_and_goes_on_later() {
    let folder = folder();
    configure(folder.path());
    let server = Server::start(folder.path());
    let key = server.key().unwrap();
    fill(&server, &key, 40, 25);
    stop(server);
    ends(folder.path(), 0, &[&PLAN[..], &["new"]].concat());
    let mut copy = command(folder.path(), &[], &["migrate", "copy", "latest"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let interrupted = std::process::Command::new("kill")
        .args(["-INT", &copy.id().to_string()])
        .status()
        .unwrap();
    assert!(interrupted.success());
    // Before it listens for signals one ends it, by the signal itself.
    let status = copy.wait().unwrap();
    assert!(matches!(status.code(), None | Some(0 | 5)), "{status:?}");
    ends(folder.path(), 0, &["migrate", "copy", "latest"]);
    let checked = ends(
        folder.path(),
        0,
        &["migrate", "check", "latest", "--quiet-same"],
    );
    assert!(checked.contains("= 40 same"), "{checked}");
}
