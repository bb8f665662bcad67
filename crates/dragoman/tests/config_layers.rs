//! Which layer wins, what references and variables bring in, and what is never shown.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, helpers included"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use dragoman::config::load::{Flags, Loaded, load};
use dragoman::config::{BackendKind, ResponderKind};
use secrecy::ExposeSecret;

const FILE: &str = r#"
default_backend = "AcmeCorp"

[server]
listen = "127.0.0.1:1001"

[limits]
headers_max = "${env:HEADERS}"

[[backend]]
name = "AcmeCorp"
kind = "chatter"
base_url = "https://chat.example.org/base"
token = "${env:TOKEN}"

[[route]]
when = { metadata = { Plan = "pro" }, header = { x-region = "eu" } }
to = "store"
"#;

fn load_text(text: &str, flags: Flags, variables: &[(&str, &str)]) -> Loaded {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gateway.toml");
    std::fs::write(&path, text).unwrap();
    let flags = Flags {
        config: Some(path),
        ..flags
    };
    load(&flags, &map(variables)).unwrap()
}

fn map(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

const REFERENCES: [(&str, &str); 2] = [("HEADERS", "77"), ("TOKEN", "00123")];

fn with(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    [REFERENCES.as_slice(), more].concat()
}

#[test]
fn flags_win_over_variables_over_file_over_defaults() {
    let listen = |flags: Flags, variables: &[(&'static str, &'static str)]| {
        let loaded = load_text(FILE, flags, &with(variables));
        loaded.configuration.server.listen.port()
    };
    let variable = [("DRAGOMAN__SERVER__LISTEN", "127.0.0.1:1002")];
    let flag = Flags {
        listen: Some("127.0.0.1:1003".to_owned()),
        ..Flags::default()
    };
    assert_eq!(listen(Flags::default(), &[]), 1001);
    assert_eq!(listen(Flags::default(), &variable), 1002);
    assert_eq!(listen(flag, &variable), 1003);
    let defaults = load_text("", Flags::default(), &[]);
    assert_eq!(defaults.configuration.server.listen.port(), 8080);
}

#[test]
fn variables_override_every_type_of_value() {
    let table = [
        ("DRAGOMAN__DEFAULT_BACKEND", "store"),
        ("DRAGOMAN__SERVER__LISTEN", "[::1]:9"),
        ("DRAGOMAN__LIMITS__BODY_MAX_BYTES", "2048"),
        ("DRAGOMAN__TIMEOUTS__DRAIN_SECONDS", "3"),
        ("DRAGOMAN__STORE__DATA_DIR", "/tmp/00123"),
        ("DRAGOMAN__STORE__SYNCHRONOUS", "normal"),
        // It may hold a password.
        ("DRAGOMAN__STORE__DATABASE_URL", "sqlite:/tmp/x.db"),
        ("DRAGOMAN__TELEMETRY__LOG_FORMAT", "json"),
        ("DRAGOMAN__TELEMETRY__LOG_LEVEL", "info,server=debug"),
        ("DRAGOMAN__EXPOSE__METRICS", "false"),
    ];
    let loaded = load_text(FILE, Flags::default(), &with(&table));
    let values: BTreeMap<String, (serde_json::Value, String)> = loaded
        .values()
        .unwrap()
        .into_iter()
        .map(|shown| (shown.key, (shown.value, shown.origin)))
        .collect();
    for (name, value) in table {
        let key = name
            .trim_start_matches("DRAGOMAN__")
            .to_lowercase()
            .replace("__", ".");
        let (shown, origin) = &values[&key];
        let value = if key == "store.database_url" {
            "[redacted]"
        } else {
            value
        };
        assert_eq!(shown.to_string().trim_matches('"'), value, "{key}");
        assert_eq!(origin, name, "{key}");
    }
}

#[test]
fn references_keep_secrets_exactly_and_numbers_are_read() {
    let loaded = load_text(FILE, Flags::default(), &REFERENCES);
    let backend = &loaded.configuration.backends[0];
    let token = backend.token.as_ref().unwrap().to_secret_string();
    assert_eq!(token.expose_secret(), "00123");
    assert_eq!(loaded.configuration.limits.headers_max, 77);
}

#[test]
fn names_keep_their_case_everywhere() {
    let loaded = load_text(FILE, Flags::default(), &REFERENCES);
    let configuration = &loaded.configuration;
    assert_eq!(configuration.backends[0].name.as_str(), "AcmeCorp");
    assert_eq!(configuration.default_backend.as_str(), "AcmeCorp");
    assert_eq!(configuration.routes[0].when.metadata["Plan"], "pro");
}

#[test]
fn references_in_variables_are_plain_text() {
    let loaded = load_text(
        FILE,
        Flags::default(),
        &with(&[("DRAGOMAN__STORE__DATA_DIR", "/tmp/${env:TOKEN}")]),
    );
    assert_eq!(
        loaded.configuration.store.data_dir,
        PathBuf::from("/tmp/${env:TOKEN}")
    );
}

#[test]
fn store_is_added_last_unless_the_file_lists_one() {
    let added = load_text(FILE, Flags::default(), &REFERENCES).configuration;
    assert_eq!(added.backends.len(), 2);
    assert_eq!(added.backends[1].kind, BackendKind::Store);
    assert_eq!(added.backends[1].effective_responder(), ResponderKind::Echo);
    let own = "default_backend = \"mine\"\n[[backend]]\nname = \"mine\"\nkind = \"store\"\nresponder = \"none\"\n";
    let listed = load_text(own, Flags::default(), &[]).configuration;
    assert_eq!(listed.backends.len(), 1);
    assert_eq!(
        listed.backends[0].effective_responder(),
        ResponderKind::None
    );
}

#[test]
fn two_variables_add_a_chatter_and_make_it_the_default() {
    let variables = [
        ("DRAGOMAN_CHATTER_URL", "http://127.0.0.1:8000"),
        ("DRAGOMAN_CHATTER_TOKEN", "planted-secret"),
    ];
    let loaded = load(&Flags::default(), &map(&variables)).unwrap();
    let configuration = &loaded.configuration;
    assert_eq!(configuration.default_backend.as_str(), "chatter");
    assert_eq!(configuration.backends[0].kind, BackendKind::Chatter);
    let token = configuration.backends[0].token.as_ref().unwrap();
    assert_eq!(token.to_secret_string().expose_secret(), "planted-secret");
    assert_eq!(configuration.backends[1].name.as_str(), "store");
    let origins: Vec<String> = loaded
        .values()
        .unwrap()
        .into_iter()
        .filter(|shown| shown.key == "default_backend" || shown.key == "backend[0].token")
        .map(|shown| shown.origin)
        .collect();
    assert_eq!(origins, ["DRAGOMAN_CHATTER_TOKEN", "DRAGOMAN_CHATTER_URL"]);
}

#[test]
fn variables_of_several_vendors_add_them_all_and_leave_the_default_alone() {
    let variables = [
        ("DRAGOMAN_DATAMONKEY_URL", "http://127.0.0.1:9300"),
        ("DRAGOMAN_SUNSHINE_URL", "https://api.smooch.io"),
        ("DRAGOMAN_SUNSHINE_APP_ID", "app"),
        ("DRAGOMAN_SUNSHINE_KEY_ID", "key"),
        ("DRAGOMAN_SUNSHINE_KEY_SECRET", "planted-secret"),
        ("DRAGOMAN_CONVORE_URL", "https://api.convore.dev"),
        ("DRAGOMAN_CONVORE_TOKEN", "planted-secret"),
        ("DRAGOMAN_CONVORE_CHANNEL_ID", "channel"),
    ];
    let loaded = load(&Flags::default(), &map(&variables)).unwrap();
    let configuration = &loaded.configuration;
    let kinds: Vec<&str> = configuration
        .backends
        .iter()
        .map(|backend| backend.kind.as_str())
        .collect();
    assert_eq!(kinds, ["datamonkey", "sunshine", "convore", "store"]);
    assert_eq!(configuration.default_backend.as_str(), "store");
    assert_eq!(configuration.backends[1].app_id.as_deref(), Some("app"));
    let without_account = &variables[1..2];
    let error = load(&Flags::default(), &map(without_account)).unwrap_err();
    assert!(error.to_string().contains("app_id"), "{error}");
}

#[test]
fn default_backend_that_is_set_wins_over_the_chatter_variable() {
    let variables = [
        ("DRAGOMAN_CHATTER_URL", "http://127.0.0.1:8000"),
        ("DRAGOMAN__DEFAULT_BACKEND", "store"),
    ];
    let loaded = load(&Flags::default(), &map(&variables)).unwrap();
    assert_eq!(loaded.configuration.default_backend.as_str(), "store");
}

#[test]
fn secrets_are_in_no_form_of_the_configuration() {
    let text = format!(
        "{FILE}\n[store]\nsealing_key = \"{}\"\n",
        "5ec2e7".repeat(10) + "abcd"
    );
    let variables = [("HEADERS", "77"), ("TOKEN", "planted-secret")];
    let loaded = load_text(&text, Flags::default(), &variables);
    let shown = [
        loaded.to_toml().unwrap(),
        serde_json::to_string(&loaded.values().unwrap()).unwrap(),
        serde_json::to_string(&loaded.configuration).unwrap(),
        format!("{loaded:?}"),
        format!("{:#?}", loaded.configuration),
    ];
    for form in shown {
        assert!(!form.contains("planted-secret"), "{form}");
        assert!(!form.contains("5ec2e7"), "{form}");
    }
    assert!(loaded.to_toml().unwrap().contains("[redacted]"));
}

#[test]
fn facades_are_set_by_file_and_variable_and_a_list_is_words_with_commas() {
    let text = "[facades.sunshine]\napp_ids = [\"one\", \"${env:APP}\"]\n[facades.convore]\nenabled = false\n";
    let variables = [
        ("APP", "two"),
        ("DRAGOMAN__FACADES__CHATTER__REQUESTS_PER_MINUTE", "7"),
        (
            "DRAGOMAN__FACADES__DATAMONKEY__ANONYMOUS__TENANT",
            "visitors",
        ),
        (
            "DRAGOMAN__FACADES__DATAMONKEY__ANONYMOUS__SESSIONS_PER_MINUTE",
            "9",
        ),
    ];
    let facades = |more: &[(&'static str, &'static str)]| {
        let all = [variables.as_slice(), more].concat();
        load_text(text, Flags::default(), &all)
            .configuration
            .facades
    };
    let loaded = facades(&[]);
    let ids: Vec<&str> = loaded.sunshine.app_ids.iter().collect();
    assert_eq!(ids, ["one", "two"]);
    assert_eq!(loaded.chatter.requests_per_minute, 7);
    assert!(loaded.chatter.enabled && !loaded.convore.enabled);
    let anonymous = loaded.datamonkey.anonymous.unwrap();
    assert_eq!(anonymous.tenant.unwrap().as_str(), "visitors");
    assert_eq!(anonymous.sessions_per_minute, Some(9));
    let loaded = facades(&[("DRAGOMAN__FACADES__SUNSHINE__APP_IDS", "three, four")]);
    let ids: Vec<&str> = loaded.sunshine.app_ids.iter().collect();
    assert_eq!(ids, ["three", "four"]);
}

#[test]
fn a_responder_is_a_word_or_a_table() {
    let backend = "[[backend]]\nname = \"store\"\nkind = \"store\"\n";
    let kind = |keys: &str| {
        let loaded = load_text(
            &format!("{backend}{keys}"),
            Flags::default(),
            &[("MODEL_API_KEY", "planted-secret"), ("SECONDS", "30")],
        );
        let shown = loaded.to_toml().unwrap();
        assert!(!shown.contains("planted-secret"), "{shown}");
        (
            loaded.configuration.backends[0].effective_responder(),
            shown,
        )
    };
    assert_eq!(kind("").0, ResponderKind::Echo);
    let (none, shown) = kind("responder = \"none\"\n");
    assert_eq!(none, ResponderKind::None);
    assert!(shown.contains("responder = \"none\""), "{shown}");
    assert_eq!(
        kind("[backend.responder]\nkind = \"none\"\n").0,
        ResponderKind::None
    );
    let (openai, shown) = kind(
        "[backend.responder]\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:1/v1\"\nmodel = \"m\"\napi_key = \"${env:MODEL_API_KEY}\"\nother_models = [\"n\"]\ntemperature = 1\ntop_p = 0.5\nsilence_seconds = \"${env:SECONDS}\"\nasks_for_usage = false\n",
    );
    assert_eq!(openai, ResponderKind::OpenAi);
    for line in [
        "api_key = \"[redacted]\"",
        "other_models = [\"n\"]",
        "silence_seconds = 30",
        "temperature = 1.0",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
}
