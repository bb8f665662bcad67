//! The vendors' APIs beside our own: where they are, and how their callers are let in.

use serde_json::{Value, json};

use crate::process::{Server, command, folder, http, run, text, with_authorization};

/// One call that succeeds at each vendor's API, as its programs send it.
fn calls(key: &str, id: &str) -> [(&'static str, String, &'static str); 4] {
    let secret = key.rsplit('_').next().unwrap();
    let basic = base64(&format!("{id}:{secret}"));
    [
        (
            "chatter",
            format!("authorization: Bearer {key}"),
            "/facade/chatter/api/v1/conversations/",
        ),
        (
            "datamonkey",
            format!("user_token: {key}"),
            "/facade/datamonkey/api/v1/chat",
        ),
        (
            "sunshine",
            format!("authorization: Basic {basic}"),
            "/facade/sunshine/v2/apps/any/users/nobody",
        ),
        (
            "convore",
            format!("authorization: Bearer {key}"),
            "/facade/convore/v1/channels",
        ),
    ]
}

pub(crate) fn base64(plain: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letters = plain.as_bytes().chunks(3).flat_map(|chunk| {
        let at = |index: usize| u32::from(chunk.get(index).copied().unwrap_or_default());
        let bits = (at(0) << 16) | (at(1) << 8) | at(2);
        (0..4).map(move |position| {
            let index = (bits >> (18 - 6 * position)) & 63;
            match position <= chunk.len() {
                true => char::from(ALPHABET[usize::try_from(index).unwrap()]),
                false => '=',
            }
        })
    });
    letters.collect()
}

fn key_of(server: &Server) -> (String, String) {
    let key = server.key().unwrap();
    let id = key.split('_').nth(1).unwrap().to_owned();
    (key, id)
}

#[test]
fn every_vendor_s_api_is_there_and_opens_to_a_key_of_ours() {
    let folder = folder();
    let server = Server::start(folder.path());
    let (key, id) = key_of(&server);
    for (vendor, header, path) in calls(&key, &id) {
        // Sunshine has no list without a user: to be told that there is no such user is to be let in.
        let wanted = if vendor == "sunshine" { 404 } else { 200 };
        let (status, answer) = http(server.address, "GET", path, &[&header], "");
        assert_eq!(status, wanted, "{vendor}: {answer}");
        let wrong = header.replace(&header[header.len() - 4..], "AAA=");
        let (status, answer) = http(server.address, "GET", path, &[&wrong], "");
        assert_eq!(status, 401, "{vendor}: {answer}");
    }
}

#[test]
fn an_api_that_is_switched_off_is_not_there() {
    let folder = folder();
    let variables = [
        ("DRAGOMAN__FACADES__CHATTER__ENABLED", "false"),
        ("DRAGOMAN__FACADES__SUNSHINE__ENABLED", "false"),
        ("DRAGOMAN__FACADES__SUNSHINE__APP_IDS", "one,two"),
    ];
    let server = Server::start_with(folder.path(), &variables, &["--listen", "127.0.0.1:0"]);
    let (key, id) = key_of(&server);
    for (vendor, header, path) in calls(&key, &id) {
        let (status, answer) = http(server.address, "GET", path, &[&header], "");
        let is_off = answer.contains("route-not-found");
        assert_eq!(is_off, matches!(vendor, "chatter" | "sunshine"), "{vendor}");
        assert_eq!(status, if is_off { 404 } else { 200 }, "{vendor}: {answer}");
    }
}

#[test]
fn settings_of_a_facade_reach_it() {
    let folder = folder();
    std::fs::write(
        folder.path().join("dragoman.toml"),
        "[facades.chatter]\nrequests_per_minute = 2\n\
         [facades.datamonkey.anonymous]\ntenant = \"visitors\"\nsessions_per_minute = 1\n\
         [facades.sunshine]\napp_ids = [\"known\"]\n\
         [facades.convore]\nchannel_name = \"Front desk\"\n",
    )
    .unwrap();
    let server = Server::start(folder.path());
    let (key, id) = key_of(&server);
    let ask = |header: &str, method: &str, path: &str, body: &str| {
        http(server.address, method, path, &[header], body)
    };
    let bearer = format!("authorization: Bearer {key}");
    for expected in [200, 200, 429] {
        let (status, answer) = ask(&bearer, "GET", "/facade/chatter/api/v1/conversations/", "");
        assert_eq!(status, expected, "{answer}");
    }
    let create = |body| {
        ask(
            "accept: */*",
            "POST",
            "/facade/datamonkey/api/v1/chat",
            body,
        )
    };
    let (status, answer) = create("{}");
    assert!(matches!(status, 200 | 201), "{answer}");
    assert!(
        answer.to_lowercase().contains("x-session-token: "),
        "{answer}"
    );
    assert_eq!(create("{}").0, 429);
    let (_, header, _) = &calls(&key, &id)[2];
    let (_, unknown) = ask(header, "GET", "/facade/sunshine/v2/apps/other/users/x", "");
    assert!(unknown.contains("app_not_found"), "{unknown}");
    let (_, known) = ask(header, "GET", "/facade/sunshine/v2/apps/known/users/x", "");
    assert!(!known.contains("app_not_found"), "{known}");
    let (_, channels) = ask(&bearer, "GET", "/facade/convore/v1/channels", "");
    assert!(channels.contains("Front desk"), "{channels}");
}

#[test]
fn a_tenant_s_key_leads_to_the_backend_of_its_route() {
    let folder = folder();
    std::fs::write(
        folder.path().join("dragoman.toml"),
        "[[backend]]\nname = \"store\"\nkind = \"store\"\n\
         [[backend]]\nname = \"other\"\nkind = \"store\"\n\
         [[route]]\nto = \"other\"\nwhen = { tenant = \"acme\" }\n",
    )
    .unwrap();
    let server = Server::start(folder.path());
    let created = run(folder.path(), &["keys", "create", "--tenant", "acme"]);
    let acme = text(&created.stdout).trim().to_owned();
    let path = "/facade/chatter/api/v1/conversations/";
    for (key, home) in [(acme.as_str(), "other"), (&key_of(&server).0, "store")] {
        let bearer = with_authorization(key);
        let (status, made) = http(server.address, "POST", path, &[&bearer], r#"{"title":"t"}"#);
        assert_eq!(status, 201, "{made}");
        let (_, listed) = http(server.address, "GET", "/v1/conversations", &[&bearer], "");
        let listed = listed.split("\r\n\r\n").nth(1).unwrap();
        let listed: Value = serde_json::from_str(listed).unwrap();
        assert_eq!(listed["data"][0]["backend"], home, "{listed}");
        assert_eq!(listed["data"].as_array().unwrap().len(), 1, "{listed}");
    }
}

#[test]
fn a_signing_secret_is_shown_once_kept_sealed_and_removed_with_its_key() {
    let folder = folder();
    let _server = Server::start(folder.path());
    let created = run(folder.path(), &["keys", "create", "--signing", "--json"]);
    assert_eq!(created.status.code(), Some(0), "{}", text(&created.stderr));
    let created: Value = serde_json::from_slice(&created.stdout).unwrap();
    let (id, secret) = (&created["id"], created["signing_secret"].as_str().unwrap());
    let id = id.as_str().unwrap();
    assert_eq!(secret.len(), 64, "{created}");
    let names = || {
        let listed = run(folder.path(), &["credentials", "list", "--json"]);
        text(&listed.stdout)
    };
    let kept: Value = serde_json::from_str(&names()).unwrap();
    let name = json!({"backend": "facade/sunshine", "reference": format!("signing/{id}")});
    assert_eq!(kept, json!([name]));
    assert!(!names().contains(secret));
    for file in std::fs::read_dir(folder.path().join("dragoman-data")).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let is_there = bytes
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert!(!is_there, "the secret stands in a file");
    }
    let plain = run(folder.path(), &["keys", "create", "--signing"]);
    let plain = text(&plain.stdout);
    assert!(plain.starts_with("drg_"), "{plain}");
    assert!(plain.contains("\nsigning secret "), "{plain}");
    let revoked = run(folder.path(), &["keys", "revoke", id]);
    assert_eq!(revoked.status.code(), Some(0), "{}", text(&revoked.stderr));
    assert!(!names().contains(id), "{}", names());
}

#[test]
fn whoever_forgets_half_of_what_a_facade_needs_is_told() {
    let folder = folder();
    std::fs::write(
        folder.path().join("dragoman.toml"),
        "[facades.datamonkey.anonymous]\ntenant = \"visitors\"\n",
    )
    .unwrap();
    let output = command(folder.path(), &[], &["serve"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let errors = text(&output.stderr);
    assert!(errors.contains("sessions_per_minute"), "{errors}");
}
