//! What `serve` prints once it listens: everything a first user needs, ready to paste.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::running::reachable;

/// The name of the variable in the `curl` line of a start that makes no key.
const KEY_VARIABLE: &str = "$DRAGOMAN_KEY";

/// What `serve` prints once it listens.
#[derive(Debug)]
pub(crate) struct Banner<'a> {
    /// The configuration file, if any.
    pub(crate) file: Option<PathBuf>,
    /// The file of the embedded database.
    pub(crate) database: String,
    /// Whether this start made the database.
    pub(crate) database_is_new: bool,
    /// Where the server listens, with the real port.
    pub(crate) address: SocketAddr,
    /// Whether `/docs` is served.
    pub(crate) docs: bool,
    /// The vendors whose APIs are served too.
    pub(crate) facades: Vec<&'static str>,
    /// The names of the backends, the default first.
    pub(crate) backends: Vec<String>,
    /// The key that this start made, if any. It is shown here and nowhere else.
    pub(crate) new_key: Option<&'a str>,
}

impl Banner<'_> {
    pub(crate) fn text(&self) -> String {
        let url = format!("http://{}", reachable(self.address));
        let mut text = format!("\n  Dragoman {}\n", env!("CARGO_PKG_VERSION"));
        let mut line = |name: &str, value: &str| {
            // Writing into a string cannot fail.
            let _ = writeln!(text, "  {name:<11} {value}");
        };
        let file = self.file.as_ref().map_or_else(
            || "none, using defaults (config/dragoman.toml shows every setting)".to_owned(),
            |path| path.display().to_string(),
        );
        line("config", &file);
        let age = if self.database_is_new {
            "new"
        } else {
            "reused"
        };
        line("store", &format!("{} ({age})", self.database));
        line("backends", &self.backends.join(", "));
        line("listening", &format!("{url} ({})", self.reach()));
        if self.docs {
            line("docs", &format!("{url}/docs"));
        }
        if !self.facades.is_empty() {
            let vendors = self.facades.join(", ");
            line("vendor APIs", &format!("{vendors} (below {url}/facade/)"));
        }
        if let Some(key) = self.new_key {
            line(
                "admin key",
                &format!("{key} (shown once; `dragoman keys create` makes more)"),
            );
        }
        let key = self.new_key.unwrap_or(KEY_VARIABLE);
        line(
            "try",
            &format!("curl -H \"authorization: Bearer {key}\" {url}/v1/conversations"),
        );
        text.push('\n');
        text
    }

    fn reach(&self) -> &'static str {
        if self.address.ip().is_loopback() {
            "this machine only, `server.listen` opens it"
        } else {
            "reachable from outside, put TLS in front"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn banner(address: &str, new_key: Option<&'static str>) -> String {
        Banner {
            file: None,
            database: "./dragoman-data/dragoman.db".to_owned(),
            database_is_new: new_key.is_some(),
            address: address.parse().unwrap(),
            docs: true,
            facades: match new_key {
                Some(_) => vec!["chatter", "convore"],
                None => Vec::new(),
            },
            backends: vec!["store (default)".to_owned(), "support".to_owned()],
            new_key,
        }
        .text()
    }

    #[test]
    fn first_start_shows_the_key_and_a_line_to_paste() {
        insta::assert_snapshot!(banner("127.0.0.1:8080", Some("drg_0123456789ab_secret")));
    }

    #[test]
    fn later_start_shows_no_key() {
        insta::assert_snapshot!(banner("0.0.0.0:8080", None));
    }
}
