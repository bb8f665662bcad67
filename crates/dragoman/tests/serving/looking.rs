//! `dragoman backends test` and `dragoman doctor`, and credentials that change while the gateway serves.

use std::path::Path;

use serde_json::{Value, json};

use crate::process::{Server, command, folder, nobody, request, run, text};
use crate::simulating::Simulator;

/// A file with one backend at this address.
fn configure(folder: &Path, base_url: &str, token: &str, channel: &str) {
    let file = format!(
        "default_backend = \"mail\"\n\n[[backend]]\nname = \"mail\"\nkind = \"convore\"\nbase_url = \"{base_url}\"\n\
         token = \"{token}\"\nchannel_id = \"{channel}\"\n"
    );
    std::fs::write(folder.join("dragoman.toml"), file).unwrap();
}

fn json(output: &std::process::Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)))
}

/// The finding with this id.
fn finding<'a>(findings: &'a Value, id: &str) -> &'a Value {
    findings
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["id"] == id)
        .unwrap_or_else(|| panic!("no finding {id}: {findings:#}"))
}

#[test]
fn a_backend_that_works_is_tested_with_exit_code_0() {
    let vendor = Simulator::start(&["convore"]);
    let folder = folder();
    let (url, key) = (vendor.text("base_url"), vendor.text("key"));
    configure(folder.path(), url, key, vendor.text("channel_id"));
    let output = run(folder.path(), &["backends", "test", "--json"]);
    let found = json(&output);
    assert_eq!(output.status.code(), Some(0), "{found:#}");
    let one = &found[0];
    assert_eq!((&one["name"], &one["ok"]), (&json!("mail"), &json!(true)));
    let steps = one["steps"].as_array().unwrap();
    let steps: Vec<&str> = steps
        .iter()
        .map(|step| step["step"].as_str().unwrap())
        .collect();
    assert_eq!(steps, ["dns", "tcp", "http", "call"]);
    assert!(one["latency_milliseconds"].is_u64());
    // Nothing is left behind where there was no database.
    assert!(!folder.path().join("dragoman-data").exists());
    let table = run(folder.path(), &["backends", "test", "mail"]);
    let table = text(&table.stdout);
    assert!(
        table.starts_with("ok ") && table.contains("mail"),
        "{table}"
    );
    assert!(!table.contains(key), "{table}");
}

#[test]
fn what_is_wrong_with_a_backend_is_said_with_what_to_do() {
    let vendor = Simulator::start(&["convore"]);
    let folder = folder();
    let (url, channel) = (vendor.text("base_url"), vendor.text("channel_id"));
    let test = || {
        let output = run(folder.path(), &["backends", "test", "--json"]);
        assert_eq!(output.status.code(), Some(3));
        let found = json(&output)[0].clone();
        let failed = found["steps"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(failed["ok"], false);
        (failed, found["fix"].as_str().unwrap().to_owned())
    };

    configure(folder.path(), url, "a planted wrong key", channel);
    let (failed, fix) = test();
    assert_eq!(failed["step"], "call");
    assert!(fix.contains("`token`"), "{fix}");
    assert!(!failed.to_string().contains("planted"), "{failed}");

    let (_held, address) = nobody();
    let url_of_nobody = format!("http://{address}");
    configure(folder.path(), &url_of_nobody, "key", channel);
    let (failed, fix) = test();
    assert_eq!(failed["step"], "tcp");
    assert!(fix.contains("nothing listens there"), "{fix}");

    // Longer than any name can be, so that nobody on the network is asked.
    let host = "a".repeat(64);
    configure(folder.path(), &format!("http://{host}"), "key", channel);
    let (failed, fix) = test();
    assert_eq!(failed["step"], "dns");
    assert!(fix.contains(&host), "{fix}");

    // A server without TLS behind an address that promises it.
    configure(
        folder.path(),
        &url.replace("http://", "https://"),
        "key",
        channel,
    );
    let (failed, fix) = test();
    assert_eq!(failed["step"], "tls", "{failed}");
    assert!(fix.contains("TLS"), "{fix}");

    let unknown = run(folder.path(), &["backends", "test", "nobody"]);
    assert_eq!(unknown.status.code(), Some(2));
    let told = text(&unknown.stderr);
    assert!(told.contains("nobody"), "{told}");
}

#[test]
fn the_doctor_says_of_each_thing_what_it_is_and_what_to_do() {
    let vendor = Simulator::start(&["convore"]);
    let folder = folder();
    let (url, key) = (vendor.text("base_url"), vendor.text("key"));
    configure(folder.path(), url, key, vendor.text("channel_id"));
    let doctor = |arguments: &[&str]| {
        let arguments = [&["doctor", "--json", "--listen", "127.0.0.1:0"], arguments].concat();
        let output = run(folder.path(), &arguments);
        (output.status.code(), json(&output))
    };
    // Before the first start.
    let (code, findings) = doctor(&[]);
    assert_eq!(code, Some(0), "{findings:#}");
    assert_eq!(finding(&findings, "database")["result"], "ok");
    assert_eq!(finding(&findings, "backend.mail.call")["result"], "ok");
    assert!(
        !folder.path().join("dragoman-data").exists(),
        "it made a database"
    );

    // Beside a server.
    let arguments = ["--listen", "127.0.0.1:0"];
    let server = Server::start_with(folder.path(), &[], &arguments);
    let address = server.address.to_string();
    let output = run(folder.path(), &["doctor", "--json", "--listen", &address]);
    let findings = json(&output);
    assert_eq!(output.status.code(), Some(0), "{findings:#}");
    for id in [
        "config",
        "traces",
        "disk.room",
        "limits.open_files",
        "data_dir.permissions",
        "database.integrity",
        "database.schema",
        "credentials",
        "writes.in_doubt",
        "server.listen",
        "backend.mail.dns",
        "backend.mail.tcp",
        "backend.mail.http",
        "backend.mail.call",
        "backend.mail.clock",
    ] {
        let finding = finding(&findings, id);
        assert_ne!(finding["result"], "failure", "{finding}");
    }
    let listens = finding(&findings, "server.listen")["found"]
        .as_str()
        .unwrap();
    assert!(listens.contains("dragoman serve listens"), "{listens}");
    // The first start's key never ends, which is worth a look and no failure.
    let keys = finding(&findings, "keys");
    assert_eq!(keys["result"], "warning");
    assert!(keys["fix"].as_str().unwrap().contains("keys create"));
    assert_eq!(doctor(&["--strict"]).0, Some(1));
    drop(server);

    // Nobody is where its vendor should be.
    let (_held, address) = nobody();
    let url = format!("http://{address}");
    configure(folder.path(), &url, key, vendor.text("channel_id"));
    let (code, findings) = doctor(&[]);
    assert_eq!(code, Some(3));
    let tcp = finding(&findings, "backend.mail.tcp");
    assert_eq!(tcp["result"], "failure");
    assert!(tcp["fix"].is_string());
}

#[test]
fn the_doctor_reads_a_broken_file_and_a_damaged_database() {
    let folder = folder();
    std::fs::write(folder.path().join("dragoman.toml"), "[expose]\ndoc = 1\n").unwrap();
    let output = run(folder.path(), &["doctor", "--json"]);
    assert_eq!(output.status.code(), Some(3));
    let findings = json(&output);
    let config = finding(&findings, "config");
    assert_eq!(config["result"], "failure");
    let found = config["found"].as_str().unwrap();
    assert!(
        found.contains("dragoman.toml") && found.contains('2'),
        "{found}"
    );

    std::fs::remove_file(folder.path().join("dragoman.toml")).unwrap();
    let data = folder.path().join("dragoman-data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("dragoman.db"), "this is no database ".repeat(500)).unwrap();
    let output = run(
        folder.path(),
        &["doctor", "--json", "--listen", "127.0.0.1:0"],
    );
    assert_eq!(output.status.code(), Some(3));
    let findings = json(&output);
    let database = finding(&findings, "database");
    assert_eq!(database["result"], "failure", "{database}");
    assert!(database["fix"].is_string());

    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ];
    let arguments = ["doctor", "--json", "--listen", "127.0.0.1:0"];
    let output = command(folder.path(), &variables, &arguments).output();
    let findings = json(&output.unwrap());
    assert_eq!(finding(&findings, "traces")["result"], "failure");
}

#[test]
fn a_stored_credential_is_the_next_calls_and_is_never_shown() {
    let vendor = Simulator::start(&["convore"]);
    let folder = folder();
    let (url, right) = (vendor.text("base_url"), vendor.text("key"));
    configure(folder.path(), url, "a wrong key", vendor.text("channel_id"));
    let server = Server::start(folder.path());
    let key = server.key().unwrap();
    let call = |method: &str, path: &str, body: &str| {
        let (status, answer) = request(server.address, method, path, &key, body);
        assert!(!answer.contains(right), "{answer}");
        let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    };
    let create = || call("POST", "/v1/conversations", r#"{"title":"x"}"#).0;
    let put = |secret: &str, user: Option<&str>| {
        let mut body = json!({"backend": "mail", "tenant": "default", "secret": secret});
        if let Some(user) = user {
            body["user"] = user.into();
        }
        call("PUT", "/admin/v1/credentials", &body.to_string())
    };
    assert_eq!(create(), 502);

    let (status, stored) = put(right, None);
    assert_eq!(status, 200, "{stored}");
    assert_eq!(
        stored,
        json!({"backend": "mail", "tenant": "default", "reference": "tenant:default"})
    );
    assert_eq!(create(), 201);
    let (_, listed) = call("GET", "/admin/v1/credentials?backend=mail", "");
    assert_eq!(listed["data"], json!([stored]));
    let (_, none) = call("GET", "/admin/v1/credentials?tenant=acme", "");
    assert_eq!(none["data"], json!([]));

    // Replaced by the command line while the gateway serves.
    let mut set = command(
        folder.path(),
        &[],
        &["credentials", "set", "--backend", "mail"],
    )
    .stdin(std::process::Stdio::piped())
    .stdout(std::process::Stdio::null())
    .spawn()
    .unwrap();
    let mut input = set.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, b"another wrong key\n").unwrap();
    drop(input);
    assert!(set.wait().unwrap().success());
    assert_eq!(create(), 502);
    assert_eq!(put(right, None).0, 200);
    assert_eq!(create(), 201);

    assert_eq!(put(right, Some("ann")).0, 200);
    let remove = "/admin/v1/credentials?backend=mail&tenant=default";
    assert_eq!(call("DELETE", remove, "").0, 204);
    assert_eq!(call("DELETE", remove, "").0, 404);
    assert_eq!(
        create(),
        502,
        "the tenant's is gone, and the user's is not everybody's"
    );

    for (backend, tenant, secret, pointer) in [
        ("nobody", "default", "x", "/backend"),
        ("mail", "no tenant", "x", "/tenant"),
        ("mail", "default", "", "/secret"),
        ("mail", "default", "two\nlines", "/secret"),
    ] {
        let body = json!({"backend": backend, "tenant": tenant, "secret": secret});
        let (status, problem) = call("PUT", "/admin/v1/credentials", &body.to_string());
        assert_eq!(status, 422, "{problem}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
}
