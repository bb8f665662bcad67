//! The arguments of `dragoman routes` and `dragoman shadows`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Listing, ServerFlags};

pub(super) const ROUTES_EXAMPLES: &str = "\
Examples:
  dragoman routes
      The rules in the order in which they are tried, the default last.
  dragoman routes explain --tenant acme --label vip
      Which rule would place such a conversation, and why the others do not.";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  dragoman routes explain --tenant acme --header x-region=eu --metadata plan=pro
      Where a new conversation of `acme` with this header and metadata would go.
  dragoman routes explain --via chatter --conversation new.json --json
      For a body as it is sent to POST /v1/conversations, through a vendor's API.";

pub(super) const SHADOWS_EXAMPLES: &str = "\
Examples:
  dragoman shadows
      What the second backends of rules with `shadow` answered otherwise, newest first.
  dragoman shadows --shadow chatter --limit 200 --json
      With one second backend, field by field, as JSON.";

/// `dragoman routes`, alone or with a command.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Routes {
    #[command(subcommand)]
    pub(crate) command: Option<RoutesCommand>,
    #[command(flatten)]
    pub(crate) listing: Listing,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RoutesCommand {
    /// Say which rule would place a new conversation, and why the others do not
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(Box<ExplainRouteFlags>),
}

#[derive(Debug, Args)]
pub(crate) struct ExplainRouteFlags {
    #[command(flatten)]
    pub(crate) server: ServerFlags,
    /// The caller's tenant [default: that of the command's own key]
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<String>,
    /// The id of the caller's key, with or without `drg_`
    #[arg(long, value_name = "ID")]
    pub(crate) key: Option<String>,
    /// The caller's end user
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// The API by which the caller comes: a facade's vendor [default: normalized]
    #[arg(long, value_name = "API")]
    pub(crate) via: Option<String>,
    /// The backend that the caller names in `Dragoman-Backend`
    #[arg(long, value_name = "NAME")]
    pub(crate) backend: Option<String>,
    /// A header of the request; may be repeated
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) headers: Vec<(String, String)>,
    /// The conversation's kind: direct, group, mail or assistant
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<String>,
    /// A label of the conversation; may be repeated
    #[arg(long = "label", value_name = "TEXT")]
    pub(crate) labels: Vec<String>,
    /// A member of the conversation's metadata; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) metadata: Vec<(String, String)>,
    /// The conversation as JSON, as it is sent to be made; the flags above go before it
    #[arg(long, value_name = "FILE")]
    pub(crate) conversation: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ShadowsFlags {
    #[command(flatten)]
    pub(crate) server: ServerFlags,
    /// Only of this conversation
    #[arg(long, value_name = "ID")]
    pub(crate) conversation: Option<String>,
    /// Only with this second backend
    #[arg(long, value_name = "NAME")]
    pub(crate) shadow: Option<String>,
    /// So many at most, 1 to 200
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    pub(crate) limit: u32,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_split_at_its_first_equals_sign() {
        assert_eq!(pair("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(pair("a="), Ok(("a".to_owned(), String::new())));
        assert!(pair("a").is_err());
        assert!(pair("=b").is_err());
    }
}
