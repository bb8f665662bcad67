//! Archives: written, proven without any gateway, read into a new one, killed half-way; a flipped byte is named.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tests::client::Client;

use crate::fake_convore;
use crate::fake_sunshine;
use crate::generated::{Generator, seed};
use crate::seeds;
use crate::seen::{self, Whole};
use crate::site::Site;
use crate::vendors::Vendors;

const CONVERSATIONS: usize = 25;
const MESSAGES: usize = 12;
const FILE: &[u8] = b"what is in the file, \x00\xff\xfe and no text";
/// How often an export, and an import, is killed.
const KILLS: usize = 4;
/// The longest time until such a kill, in milliseconds.
const KILL_WITHIN_MS: u64 = 1_500;

/// Conversations at Convore, made there by others and through the gateway, with what is kept beside it and files.
async fn furnish(site: &Site, client: &Client) -> BTreeMap<(String, String), Vec<u8>> {
    seeds::at_convore(&site.vendors.convore, CONVERSATIONS, |_| MESSAGES);
    let mut files = BTreeMap::new();
    for number in 0..3 {
        let request = client
            .request(Method::POST, "/v1/conversations")
            .header("dragoman-backend", "four")
            .json(&json!({
                "title": format!("with files {number}"), "labels": ["kept"], "metadata": {"nested": {"n": number}}
            }));
        let made = client.send(request).await.expect(201);
        let id = made["id"].as_str().expect("an id").to_owned();
        let path = format!("/v1/attachments?conversation_id={id}&name=file-{number}.bin");
        let bytes = [FILE, &[number]].concat();
        let put = client
            .request(Method::POST, &path)
            .header("content-type", "application/octet-stream")
            .body(bytes.clone());
        let put = client.send(put).await.expect(201);
        let file = put["id"].as_str().expect("an id").to_owned();
        let posts = format!("/v1/conversations/{id}/messages");
        let words = json!({
            "subject": "a subject", "metadata": {"k": {"v": 1}},
            "parts": [{"type": "text", "text": "see the file"}, {"type": "file", "attachment_id": file}]
        });
        client.post(&posts, &words).await.expect(201);
        files.insert((id, file), bytes);
    }
    // A list finds what others have made.
    assert_eq!(seen::ids(client).await.len(), CONVERSATIONS + 3);
    files
}

fn site(vendors: &Arc<Vendors>) -> Site {
    Site::new(vendors)
        .with("four", "default_tenant = \"default\"")
        .settling_soon()
}

async fn start_vendors() -> Arc<Vendors> {
    let convore = fake_convore::FakeOptions {
        // Slow enough for an import to be killed inside.
        write_delays: |_| (Duration::from_millis(1), Duration::from_millis(1)),
        ..fake_convore::FakeOptions::default()
    };
    Arc::new(Vendors::start_with(fake_sunshine::FakeOptions::default(), convore).await)
}

fn root_of(told: &Value) -> String {
    let root = told["root"].as_str();
    root.unwrap_or_else(|| panic!("no root: {told:#}"))
        .to_owned()
}

async fn assert_files(client: &Client, files: &BTreeMap<(String, String), Vec<u8>>) {
    for ((id, file), bytes) in files {
        let read = seen::bytes_of(client, id, file).await;
        assert_eq!(read, *bytes, "{file} of {id}");
    }
}

/// Reads the archive into a gateway and vendors that are new, and compares everything.
async fn read_back(
    archive: &str,
    root: &str,
    before: &BTreeMap<String, Whole>,
    files: &BTreeMap<(String, String), Vec<u8>>,
    kills: &mut dyn FnMut(&Site, &[&str]),
) {
    let vendors = start_vendors().await;
    let site = site(&vendors);
    drop(site.serve_first());
    let import = ["import", archive, "--to", "four"];
    kills(&site, &import);
    site.ends(0, &import);
    let again = site.file("again").to_string_lossy().into_owned();
    site.ends(0, &["export", "--out", &again]);
    let told = site.tells(0, &["verify", &again]);
    assert_eq!(root_of(&told), root, "{told:#}");
    let doubled = vendors.convore.doubled();
    assert!(doubled.is_empty(), "{doubled:#?}");

    let dragoman = site.serve();
    let key = site.ends(0, &["keys", "create", "--name", "reader"]);
    let key = key
        .split_whitespace()
        .find(|word| word.starts_with("drg_"))
        .unwrap_or_else(|| panic!("no key in {key}"));
    let client = Client::new(dragoman.base_url(), Some(key));
    let after = seen::everything(&client).await;
    seen::assert_all_same(before, &after, "read back");
    assert_files(&client, files).await;
    dragoman.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_that_was_killed_and_wiped_reads_back_with_the_same_root() {
    let seed = seed();
    let mut random = Generator::new("archives", seed);
    let vendors = start_vendors().await;
    let site = site(&vendors);
    let (dragoman, client) = site.serve_first();
    let files = furnish(&site, &client).await;
    let before = seen::everything(&client).await;
    dragoman.stop();

    let archive = site.file("archive").to_string_lossy().into_owned();
    let export = ["export", "--out", &archive];
    let mut kill = |site: &Site, command: &[&str]| {
        for _ in 0..KILLS {
            let running = site.begin(command);
            let moment = Duration::from_millis(random.any(&(50..KILL_WITHIN_MS)));
            crate::site::blocking(|| std::thread::sleep(moment));
            running.kill();
        }
    };
    kill(&site, &export);
    site.ends(0, &export);
    let told = site.tells(0, &["verify", &archive]);
    let root = root_of(&told);
    assert_eq!(told["counts"]["conversations"], before.len(), "{told:#}");
    assert_eq!(told["counts"]["attachments"], files.len(), "{told:#}");

    let whole = site.file("whole").to_string_lossy().into_owned();
    site.ends(0, &["export", "--out", &whole]);
    let once = site.tells(0, &["verify", &whole]);
    assert_eq!(root_of(&once), root, "killed or not, it is the same");

    read_back(&archive, &root, &before, &files, &mut kill).await;
}

/// Files below a folder.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_byte_of_an_archive_is_named() {
    let vendors = start_vendors().await;
    let site = site(&vendors);
    let (dragoman, client) = site.serve_first();
    furnish(&site, &client).await;
    let archive = site.file("archive");
    let named = archive.to_string_lossy().into_owned();
    site.ends(0, &["export", "--out", &named]);
    dragoman.stop();
    site.ends(0, &["verify", &named]);

    let segment = files_in(&archive.join("segments")).remove(0);
    let attachment = files_in(&archive.join("attachments")).remove(0);
    for file in [&segment, &attachment, &archive.join("manifest.json")] {
        let whole = std::fs::read(file).expect("a file");
        for place in [0, whole.len() / 2, whole.len() - 1] {
            let mut changed = whole.clone();
            changed[place] ^= 0x20;
            std::fs::write(file, &changed).expect("a file can be written");
            let ran = site.run(&["verify", &named]);
            let told = ran.output + &ran.errors;
            let name = file
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            assert_eq!(ran.status.code(), Some(1), "byte {place} of {name}: {told}");
            let is_named =
                told.contains(&*name) || (name == "manifest.json" && told.contains("manifest"));
            assert!(is_named, "byte {place} of {name} is not named: {told}");
            if file == &segment {
                assert!(
                    told.contains("conv_"),
                    "its conversations are named: {told}"
                );
            }
        }
        std::fs::write(file, &whole).expect("a file can be written");
    }
    site.ends(0, &["verify", &named]);
}
