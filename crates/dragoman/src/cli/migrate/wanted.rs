//! Which migration is meant: one by its id, or the newest.

use std::str::FromStr;

use backend::ports::MigrationId;
use serde::Deserialize;

use crate::cli::client::Reached;
use crate::failure::Failure;

/// The word for the newest migration.
const LATEST: &str = "latest";

/// Which migration is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The one with this id.
    Id(MigrationId),
    /// The one that was planned last.
    Latest,
}

/// The list of migrations, newest first.
#[derive(Deserialize)]
struct Listed {
    data: Vec<Migration>,
}

#[derive(Deserialize)]
struct Migration {
    id: MigrationId,
}

impl Wanted {
    /// Its id.
    pub(super) async fn id(self, reached: &Reached) -> Result<String, Failure> {
        match self {
            Self::Id(id) => Ok(id.to_string()),
            Self::Latest => {
                let newest: Listed = reached.api.get(&["migrations"]).send().await?;
                let latest = newest.data.first().map(|migration| migration.id);
                let latest = latest.ok_or_else(|| {
                    Failure::usage(
                        "there is no migration yet",
                        "`dragoman migrate plan --help` shows how to begin",
                    )
                })?;
                Ok(latest.to_string())
            }
        }
    }
}

impl FromStr for Wanted {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        if text == LATEST {
            return Ok(Self::Latest);
        }
        text.parse().map(Self::Id).map_err(|error| {
            Failure::usage(
                format!("`{text}` is {error}, nor `{LATEST}`"),
                "`dragoman migrate status` lists the ids",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_is_named_by_its_id_or_as_the_latest() {
        let id = MigrationId::generate();
        assert_eq!(id.to_string().parse::<Wanted>().unwrap(), Wanted::Id(id));
        assert_eq!("latest".parse::<Wanted>().unwrap(), Wanted::Latest);
        let failure = "mig_1".parse::<Wanted>().unwrap_err();
        assert!(
            format!("{failure:?}").contains("32 hexadecimal digits"),
            "{failure:?}"
        );
    }
}
