//! What an operator reads about a wrong configuration: file, line, column, the nearest known key.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, helpers included"
)]

use std::collections::BTreeMap;
use std::path::Path;

use dragoman::config::diagnose::ConfigError;
use dragoman::config::load::{Flags, Loaded, load};

fn load_text(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gateway.toml");
    std::fs::write(&path, text).unwrap();
    load_file(&path, variables)
}

fn load_file(path: &Path, variables: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let flags = Flags {
        config: Some(path.to_owned()),
        ..Flags::default()
    };
    load(&flags, &map(variables))
}

fn map(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// The report without the temporary folder's name.
fn report(text: &str, variables: &[(&str, &str)]) -> String {
    let report = load_text(text, variables).unwrap_err().report(false);
    report
        .lines()
        .map(|line| match (line.find('['), line.find("gateway.toml")) {
            (Some(open), Some(file)) if open < file => {
                format!("{}[{}", &line[..open], &line[file..])
            }
            _ => line.to_owned(),
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn unknown_key_names_file_line_column_and_the_nearest_known_key() {
    insta::assert_snapshot!(report("[server]\nlisen = \"127.0.0.1:0\"\n", &[]));
}

#[test]
fn unknown_section_is_told_like_an_unknown_key() {
    insta::assert_snapshot!(report("[servre]\nlisten = \"127.0.0.1:0\"\n", &[]));
}

#[test]
fn every_unknown_key_and_wrong_kind_is_told_at_once() {
    insta::assert_snapshot!(report(
        "default_backend = 7\n\n[limits]\nbody_max_byte = 1\njson_max_depth = \"deep\"\n\n[expose]\ndocs = 1\n",
        &[]
    ));
}

#[test]
fn broken_toml_is_shown_where_it_breaks() {
    insta::assert_snapshot!(report("[server]\nlisten = \"127.0.0.1:0\n", &[]));
}

#[test]
fn single_table_instead_of_an_array_says_how_to_write_it() {
    insta::assert_snapshot!(report("[backend]\nname = \"store\"\n", &[]));
}

#[test]
fn unknown_kind_of_backend_lists_the_known_ones() {
    insta::assert_snapshot!(report(
        "[[backend]]\nname = \"a\"\nkind = \"chater\"\n",
        &[]
    ));
}

#[test]
fn missing_key_of_a_backend_is_named() {
    insta::assert_snapshot!(report("[[backend]]\nkind = \"store\"\n", &[]));
}

#[test]
fn value_out_of_bounds_says_the_bounds() {
    insta::assert_snapshot!(report(
        "[limits]\njson_max_depth = 5000\n\n[timeouts]\nrequest_seconds = 0\n",
        &[]
    ));
}

#[test]
fn negative_count_is_refused() {
    insta::assert_snapshot!(report("[limits]\nheaders_max = -1\n", &[]));
}

#[test]
fn dangling_references_are_shown_with_their_lines() {
    insta::assert_snapshot!(report(
        "default_backend = \"sotre\"\n\n[[backend]]\nname = \"store\"\nkind = \"store\"\n\n[[route]]\nto = \"nowhere\"\nwhen = { kind = \"male\", header = { Accept = \"a\", X-Region = \"eu\" } }\n",
        &[]
    ));
}

#[test]
fn a_rule_says_what_is_wrong_in_its_shares_its_fallback_and_its_shadow() {
    let store = "[[backend]]\nname = \"store\"\nkind = \"store\"\n\n";
    let all = "[[route]]\nto = [{ backend = \"store\", weight = 0 }, { backend = \"stor\", weight = 0 }, { backend = \"store\", weight = 0 }]\nfallback = [\"store\", \"store\", \"none\"]\nshadow = { backend = \"gone\", sample = 1.5 }\nwhen = { via = \"mail\" }\n";
    let shares = "[[route]]\nto = [{ backend = \"store\" }]\n";
    let keys = "[[route]]\nto = [{ backend = \"store\", wieght = 1 }]\nfallback = \"store\"\n";
    let cases: [(&str, &[&str]); 3] = [
        (
            all,
            &[
                "`route[0].to[1].backend`: no backend is called `stor`",
                "`route[0].to[2].backend`: `store` is named before",
                "`route[0].to` leads nowhere: no weight is above 0",
                "`route[0].fallback[1]`: `store` is named before",
                "`route[0].fallback[2]`: no backend is called `none`",
                "`route[0].shadow.backend`: no backend is called `gone`",
                "`route[0].shadow.sample` is 1.5, it must be between 0 and 1",
                "known ways: normalized, chatter, datamonkey, sunshine, convore",
                "gateway.toml:9:16",
            ],
        ),
        (
            shares,
            &[
                "`route[0].to[0]`: the key `weight` is missing",
                "gateway.toml:6:7",
            ],
        ),
        (
            keys,
            &[
                "unknown key `wieght` in `route[0].to[0]`",
                "did you mean `weight`?",
                "`route[0].fallback` takes an array of strings, not a string",
            ],
        ),
    ];
    for (rule, told) in cases {
        let report = report(&format!("{store}{rule}"), &[]);
        for words in told {
            assert!(report.contains(words), "{words}: {report}");
        }
    }
}

#[test]
fn keys_of_the_other_kind_are_refused() {
    insta::assert_snapshot!(report(
        "[[backend]]\nname = \"store\"\nkind = \"store\"\nbase_url = \"http://127.0.0.1:1\"\n\n[[backend]]\nname = \"vendor\"\nkind = \"chatter\"\nresponder = \"echo\"\n",
        &[]
    ));
}

#[test]
fn the_store_keeps_nothing_beside_itself() {
    insta::assert_snapshot!(report(
        "[[backend]]\nname = \"store\"\nkind = \"store\"\ndrift = \"kept\"\nindex_max_age_seconds = 1\ncontext = \"none\"\ncontext_max_tokens = 1\noverlay_cache_max_bytes = 0\n",
        &[]
    ));
}

#[test]
fn what_is_kept_beside_a_vendor_has_bounds_and_words() {
    insta::assert_snapshot!(report(
        "[[backend]]\nname = \"a\"\nkind = \"chatter\"\nbase_url = \"http://127.0.0.1:1\"\nindex_max_age_seconds = 0\ncontext_max_tokens = 0\noverlay_cache_max_bytes = 99999999999999\n",
        &[]
    ));
    insta::assert_snapshot!(report(
        "[[backend]]\nname = \"a\"\nkind = \"chatter\"\nbase_url = \"http://127.0.0.1:1\"\ndrift = \"ours\"\n",
        &[]
    ));
}

#[test]
fn vendors_say_which_keys_they_need() {
    insta::assert_snapshot!(report(
        "[[backend]]\nname = \"a\"\nkind = \"datamonkey\"\ntoken = \"t\"\n\n[[backend]]\nname = \"b\"\nkind = \"sunshine\"\nbase_url = \"http://127.0.0.1:1\"\nkey_id = \"k\"\n\n[[backend]]\nname = \"c\"\nkind = \"convore\"\nbase_url = \"http://127.0.0.1:1\"\nsign_in = \"jwt\"\n",
        &[]
    ));
    insta::assert_snapshot!(report(
        "[[backend]]\nname = \"a\"\nkind = \"datamonkey\"\ntoken = \"t\"\nsigning_key = \"\"\n\n[[backend]]\nname = \"b\"\nkind = \"sunshine\"\nbase_url = \"http://127.0.0.1:1\"\nkey_id = \"k\"\ndefault_tenant = \"t\"\n\n[[backend]]\nname = \"c\"\nkind = \"convore\"\nbase_url = \"http://127.0.0.1:1\"\nresponder = \"echo\"\n",
        &[]
    ));
}

#[test]
fn facades_say_what_they_need_and_what_they_do_not_take() {
    insta::assert_snapshot!(report(
        "[facades.datamonkey.anonymous]\n\n[facades.sunshine]\napp_ids = [\"good\", \"a/b\"]\n\n[facades.convore]\nchannel_name = \" \"\nevents_kept_seconds = 0\n",
        &[]
    ));
    insta::assert_snapshot!(report(
        "[facades.datamonkey]\nsigning_key = \"planted-secret\"\n\n[facades.datamonkey.anonymous]\ntenant = \"t\"\nsessions_per_minute = 0\n",
        &[]
    ));
    insta::assert_snapshot!(report(
        "[facades.chater]\nenabled = true\n\n[facades.sunshine]\napp_ids = \"one\"\npublic_url = \"nowhere\"\n",
        &[]
    ));
}

#[test]
fn a_responder_s_table_says_what_is_wrong_in_it() {
    let backend = "[[backend]]\nname = \"store\"\nkind = \"store\"\n";
    let report = |keys: &str| report(&format!("{backend}{keys}"), &[]);
    insta::assert_snapshot!(report(
        "[backend.responder]\nkind = \"openai\"\napi_key = \"\"\ntemperature = 3\ntop_p = 1.5\nmax_tokens = 0\nsilence_seconds = 0\n"
    ));
    insta::assert_snapshot!(report(
        "[backend.responder]\nkind = \"echo\"\nmodel = \"m\"\ntemperature = 0.5\n"
    ));
    insta::assert_snapshot!(report("responder = \"ecco\"\n"));
    insta::assert_snapshot!(report(
        "[backend.responder]\nmodel = \"m\"\nmodle = \"m\"\n"
    ));
    insta::assert_snapshot!(report("[backend.responder]\nmodel = \"m\"\n"));
}

#[test]
fn the_key_of_a_model_is_in_no_excerpt() {
    let text = "[[backend]]\nname = \"store\"\nkind = \"store\"\n[backend.responder]\nkind = \"openai\"\napi_key = \"planted-secret\"\n";
    let error = load_text(text, &[]).unwrap_err();
    let shown = format!("{} {error} {error:?}", error.report(true));
    assert!(!shown.contains("planted-secret"), "{shown}");
}

#[test]
fn two_backends_of_one_name_are_refused() {
    insta::assert_snapshot!(report(
        "[[backend]]\nname = \"a\"\nkind = \"store\"\n\n[[backend]]\nname = \"a\"\nkind = \"store\"\n",
        &[]
    ));
}

#[test]
fn missing_variable_of_a_reference_is_named() {
    insta::assert_snapshot!(report(
        "[[backend]]\nname = \"vendor\"\nkind = \"chatter\"\nbase_url = \"http://127.0.0.1:1\"\ntoken = \"${env:ABSENT_TOKEN}\"\n",
        &[]
    ));
}

#[test]
fn base_url_with_a_password_is_refused_without_repeating_it() {
    let report = report(
        "[[backend]]\nname = \"vendor\"\nkind = \"chatter\"\nbase_url = \"${env:ADDRESS}\"\n",
        &[("ADDRESS", "http://user:planted-password@localhost")],
    );
    assert!(!report.contains("planted"), "{report}");
    insta::assert_snapshot!(report);
}

#[test]
fn secret_in_the_wrong_place_is_not_repeated() {
    let report = report(
        "[limits]\nheaders_max = \"${env:PLANTED}\"\n",
        &[("PLANTED", "planted-secret")],
    );
    assert!(!report.contains("planted-secret"), "{report}");
}

#[test]
fn excerpt_hides_the_secret_beside_the_mistake() {
    let text = "[[backend]]\nname = \"vendor\"\ntoken = \"planted-secret\"\nkid = \"chatter\"\n";
    let error = load_text(text, &[]).unwrap_err();
    let shown = format!("{} {error} {error:?}", error.report(true));
    assert!(!shown.contains("planted-secret"), "{shown}");
    insta::assert_snapshot!(report(text, &[]));
}

#[test]
fn one_line_form_has_file_line_and_column() {
    let error = load_text("[server]\nlisen = 1\n", &[]).unwrap_err();
    let line = error.to_string();
    assert!(
        line.ends_with("gateway.toml:2:1: unknown key `lisen` in `server`"),
        "{line}"
    );
}

#[test]
fn missing_file_is_told_with_its_name() {
    let error = load_file(Path::new("/nowhere/gateway.toml"), &[]).unwrap_err();
    assert!(
        error.to_string().contains("/nowhere/gateway.toml"),
        "{error}"
    );
}

#[test]
fn error_of_a_variable_names_the_variable() {
    let wrong = [
        ("DRAGOMAN__SERVER__LISTEN", "nonsense"),
        ("DRAGOMAN__SERVER__LISEN", "127.0.0.1:0"),
        ("DRAGOMAN__LIMITS__HEADERS_MAX", "many"),
        ("DRAGOMAN__LIMITS__HEADERS_MAX", "1"),
        ("DRAGOMAN__EXPOSE__DOCS", "perhaps"),
        ("DRAGOMAN__BACKEND__0__TOKEN", "planted-secret"),
        ("DRAGOMAN_SERVER_LISTEN", "127.0.0.1:0"),
        ("DRAGOMAN__DEFAULT_BACKEND", "nowhere"),
        ("DRAGOMAN__TELEMETRY__LOG_LEVEL", "server=loud"),
        ("DRAGOMAN_CHATTER_URL", "not a url"),
        ("DRAGOMAN_CHATTER_TOKEN", "planted-secret"),
    ];
    let mut lines = Vec::new();
    for (name, value) in wrong {
        let error = load(&Flags::default(), &map(&[(name, value)])).unwrap_err();
        let line = error.to_string();
        assert!(line.starts_with(&format!("{name}: ")), "{line}");
        assert!(!line.contains("planted-secret"), "{line}");
        lines.push(error.report(false));
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn error_of_a_flag_names_the_flag() {
    let flags = Flags {
        listen: Some("8080".to_owned()),
        ..Flags::default()
    };
    let line = load(&flags, &map(&[])).unwrap_err().to_string();
    assert!(line.starts_with("--listen: `server.listen`: "), "{line}");
}
