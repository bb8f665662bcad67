//! `dragoman export`, `verify` and `import`.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::moving::{configure, ends, ends_with, fill, home, json_of, texts};
use crate::process::{Server, command, folder, text};

fn root(folder: &Path, archive: &str) -> String {
    let verified = json_of(folder, 0, &["verify", archive]);
    verified["root"].as_str().unwrap().to_owned()
}

fn filled(folder: &Path, conversations: usize, messages: usize) -> (String, Vec<String>) {
    configure(folder);
    let mut server = Server::start(folder);
    let key = server.key().unwrap();
    let ids = fill(&server, &key, conversations, messages);
    server.signal("-TERM");
    assert_eq!(server.wait().code(), Some(0));
    (key, ids)
}

#[test]
fn an_archive_comes_back_with_the_same_ids_and_the_same_root() {
    let (from, to) = (folder(), folder());
    let (key, ids) = filled(from.path(), 3, 4);
    let exported = ends(from.path(), 0, &["export", "--out", "archive"]);
    assert!(
        exported.contains("3 conversations, 12 messages"),
        "{exported}"
    );
    let digest = root(from.path(), "archive");
    assert!(exported.contains(&digest), "{exported}");
    ends(from.path(), 0, &["verify", "archive", "--root", &digest]);
    ends(
        from.path(),
        1,
        &["verify", "archive", "--root", &"0".repeat(64)],
    );
    ends(from.path(), 2, &["verify", "archive", "--root", "0"]);
    let again = ends(from.path(), 0, &["export", "--out", "archive"]);
    assert!(again.contains("finished before"), "{again}");

    configure(to.path());
    let archive = from.path().join("archive");
    let archive = archive.to_str().unwrap();
    let imported = json_of(to.path(), 0, &["import", archive, "--to", "new"]);
    assert_eq!(imported["conversations"], 3, "{imported}");
    assert_eq!(imported["written"], 12, "{imported}");
    let again = json_of(to.path(), 0, &["import", archive, "--to", "new"]);
    assert_eq!(again["written"], 0, "{again}");
    ends(to.path(), 0, &["export", "--out", "copy"]);
    assert_eq!(root(to.path(), "copy"), digest);

    // Everything is there for callers too, under the ids that it had.
    let created = json_of(to.path(), 0, &["keys", "create"]);
    let other = created["key"].as_str().unwrap();
    let server = Server::start(to.path());
    for id in &ids {
        assert_eq!(home(&server, other, id), "new");
        assert_eq!(texts(&server, other, id).len(), 4);
    }
    drop(key);
}

#[test]
fn a_flipped_byte_is_named() {
    let folder = folder();
    filled(folder.path(), 2, 2);
    ends(folder.path(), 0, &["export", "--out", "archive"]);
    let segment = folder.path().join("archive/segments/000001.jsonl.zst");
    let sound = fs::read(&segment).unwrap();
    let mut flipped = sound.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    fs::write(&segment, &flipped).unwrap();
    let found = ends(folder.path(), 1, &["verify", "archive"]);
    assert!(found.contains("segments/000001.jsonl.zst"), "{found}");
    assert!(found.contains("not intact"), "{found}");
    let found = json_of(folder.path(), 1, &["verify", "archive"]);
    assert_eq!(found["sound"], false);
    assert!(!found["found"].as_array().unwrap().is_empty(), "{found}");
    fs::write(&segment, &sound).unwrap();
    ends(folder.path(), 0, &["verify", "archive"]);
    let manifest = folder.path().join("archive/manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(
        &manifest,
        text.replace("\"conversations\": 2", "\"conversations\": 3"),
    )
    .unwrap();
    ends(folder.path(), 1, &["verify", "archive"]);
}

#[test]
fn verify_needs_no_gateway_and_says_what_cannot_be_read() {
    let folder = folder();
    ends(folder.path(), 6, &["verify", "absent"]);
    fs::create_dir(folder.path().join("empty")).unwrap();
    let found = ends(folder.path(), 1, &["verify", "empty"]);
    assert!(found.contains("manifest.json"), "{found}");
    assert!(!folder.path().join("dragoman-data").exists());
}

#[test]
fn a_folder_with_something_else_is_left_alone() {
    let folder = folder();
    filled(folder.path(), 1, 1);
    fs::create_dir(folder.path().join("mine")).unwrap();
    fs::write(folder.path().join("mine/diary.txt"), "dear").unwrap();
    ends(folder.path(), 2, &["export", "--out", "mine"]);
    assert_eq!(fs::read_dir(folder.path().join("mine")).unwrap().count(), 1);
    ends(
        folder.path(),
        0,
        &["export", "--out", "of-old", "--backend", "old"],
    );
    let other = ["export", "--out", "of-old", "--backend", "new"];
    ends(folder.path(), 2, &other);
}

#[test]
fn an_export_that_is_killed_again_and_again_ends_in_the_same_archive() {
    let folder = folder();
    filled(folder.path(), 60, 30);
    ends(folder.path(), 0, &["export", "--out", "whole"]);
    let expected = root(folder.path(), "whole");
    // Each run gets longer than the one before, so that one comes to its end.
    let mut allowed = Duration::from_millis(50);
    let mut kills = 0;
    loop {
        let mut export = command(folder.path(), &[], &["export", "--out", "killed"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(allowed);
        if let Some(status) = export.try_wait().unwrap() {
            assert_eq!(status.code(), Some(0));
            break;
        }
        export.kill().unwrap();
        export.wait().unwrap();
        kills += 1;
        allowed += allowed / 2;
        assert!(kills < 100, "it never ends");
    }
    assert!(kills > 0);
    assert_eq!(root(folder.path(), "killed"), expected);
    let manifest = fs::read(folder.path().join("killed/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["complete"], true);
}

#[test]
fn what_no_conversation_can_help_ends_an_import_at_once() {
    let folder = folder();
    let (key, _) = filled(folder.path(), 3, 1);
    ends(folder.path(), 0, &["export", "--out", "archive"]);
    let import = ["import", "archive", "--to"];
    let typo = ends(folder.path(), 2, &[&import[..], &["nwe"]].concat());
    assert_eq!(
        typo.matches("no backend has this name").count(),
        1,
        "{typo}"
    );
    assert!(!typo.contains("conv_"), "{typo}");
    let tenant = [&import[..], &["new", "--tenant", "a:b"]].concat();
    let refused = ends(folder.path(), 2, &tenant);
    assert!(refused.contains("--tenant"), "{refused}");

    let server = Server::start(folder.path());
    let create = ["keys", "create", "--scopes", "read,write"];
    let weak = json_of(folder.path(), 0, &create)["key"].clone();
    let address = format!("http://{}", server.address);
    let elsewhere = [&import[..], &["new", "--server", &address]].concat();
    let variables = [("DRAGOMAN_KEY", weak.as_str().unwrap())];
    let refused = ends_with(folder.path(), &variables, 6, &elsewhere);
    assert_eq!(refused.matches("lacks the scope").count(), 1, "{refused}");
    drop(key);
}

#[test]
fn an_import_waits_for_a_gateway_that_starts_again() {
    let (from, to) = (folder(), folder());
    filled(from.path(), 3, 4);
    ends(from.path(), 0, &["export", "--out", "archive"]);
    configure(to.path());
    let mut first = Server::start(to.path());
    let key = first.key().unwrap();
    first.signal("-TERM");
    assert_eq!(first.wait().code(), Some(0));
    // Nobody listens there yet.
    let address = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let archive = from.path().join("archive");
    let arguments = [
        "import",
        archive.to_str().unwrap(),
        "--to",
        "new",
        "--server",
        &format!("http://{address}"),
    ];
    let import = command(to.path(), &[("DRAGOMAN_KEY", key.as_str())], &arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(1));
    let _server = Server::start_with(to.path(), &[], &["--listen", &address.to_string()]);
    let ended = import.wait_with_output().unwrap();
    let (out, errors) = (text(&ended.stdout), text(&ended.stderr));
    assert_eq!(ended.status.code(), Some(0), "{out}{errors}");
    assert!(out.contains("3 conversations at new"), "{out}");
}

#[cfg(unix)]
#[test]
fn a_folder_that_another_export_writes_is_waited_for_later() {
    let folder = folder();
    filled(folder.path(), 1, 1);
    fs::create_dir(folder.path().join("archive")).unwrap();
    let other = fs::File::open(folder.path().join("archive")).unwrap();
    other.lock().unwrap();
    let refused = ends(folder.path(), 5, &["export", "--out", "archive"]);
    assert!(refused.contains("another export"), "{refused}");
    assert!(refused.contains("wait for its end"), "{refused}");
    drop(other);
    ends(folder.path(), 0, &["export", "--out", "archive"]);
}

#[cfg(unix)]
#[test]
fn links_and_pipes_in_an_archive_are_named_and_not_followed() {
    let folder = folder();
    filled(folder.path(), 1, 1);
    ends(folder.path(), 0, &["export", "--out", "archive"]);
    let segment = folder.path().join("archive/segments/000001.jsonl.zst");
    let aside = folder.path().join("aside");
    fs::rename(&segment, &aside).unwrap();
    std::os::unix::fs::symlink(&aside, &segment).unwrap();
    let found = ends(folder.path(), 1, &["verify", "archive"]);
    assert!(found.contains("a link or a device"), "{found}");
    fs::remove_file(&segment).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&segment).status();
    assert!(made.unwrap().success());
    // It would wait for ever.
    let found = ends(folder.path(), 1, &["verify", "archive"]);
    assert!(found.contains("a link or a device"), "{found}");
    ends(folder.path(), 6, &["import", "archive", "--to", "new"]);
}
