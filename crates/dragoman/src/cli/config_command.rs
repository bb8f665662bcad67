//! `dragoman config check` and `dragoman config show`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::arguments::Show;
use super::print;
use crate::config::load::{Flags, load};
use crate::failure::Failure;

/// Says that the configuration can be used, or why not.
pub(crate) fn check(flags: &Flags, variables: &BTreeMap<String, String>) -> Result<(), Failure> {
    let loaded = load(flags, variables)?;
    let subject = loaded.file.as_deref().map_or_else(
        || "no configuration file, the defaults".to_owned(),
        |path| path.display().to_string(),
    );
    let configuration = &loaded.configuration;
    print::out(&format!(
        "{subject}: can be used ({}, {})\n",
        counted(configuration.backends.len(), "backend"),
        counted(configuration.routes.len(), "route"),
    ))?;
    Ok(())
}

fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

/// Prints the configuration in force.
pub(crate) fn show(show: &Show, variables: &BTreeMap<String, String>) -> Result<(), Failure> {
    let loaded = load(&show.serve.to_flags(), variables)?;
    let text = match (show.origin, show.json) {
        (true, true) => super::listings::to_json(&loaded.values()?)?,
        (true, false) => {
            let mut text = String::new();
            for shown in loaded.values()? {
                // Writing into a string cannot fail.
                let _ = writeln!(text, "{} = {}  # {}", shown.key, shown.value, shown.origin);
            }
            text
        }
        (false, true) => super::listings::to_json(&loaded.configuration)?,
        (false, false) => loaded.to_toml().map_err(|error| {
            Failure::runtime(format!("the configuration has no TOML form: {error}"))
        })?,
    };
    print::out(&text)?;
    Ok(())
}
