//! `dragoman migrate report`: everything that is known of a migration, every exception by name.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use backend::ports::{Finding, Item};
use migration::Status;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::wanted::Wanted;
use crate::cli::arguments::ReportFlags;
use crate::cli::client::{Database, Reached, with_gateway};
use crate::cli::ending::Ending;
use crate::failure::Failure;

/// How many entries are asked for at once.
const PAGE: usize = 200;

/// One page of a list.
#[derive(Deserialize)]
struct Page<T> {
    data: Vec<T>,
    #[serde(default)]
    next_cursor: Option<String>,
}

/// Writes the report to a file, or to standard output.
pub(super) fn run(
    flags: &ReportFlags,
    variables: &BTreeMap<String, String>,
) -> Result<Ending, Failure> {
    let wanted: Wanted = flags.id.parse()?;
    with_gateway(
        &flags.server,
        variables,
        "migrate report",
        Database::MustExist,
        async |reached| {
            let id = wanted.id(reached).await?;
            match &flags.out {
                Some(path) => write(reached, &id, path).await?,
                None => copy(reached, &id, BufWriter::new(std::io::stdout().lock())).await?,
            }
            Ok(Ending::Done)
        },
    )
}

/// Writes the report to a file.
pub(super) async fn write(reached: &Reached, id: &str, path: &Path) -> Result<(), Failure> {
    let file = File::create(path).map_err(|error| {
        Failure::permanent(
            format!("{} cannot be written: {error}", path.display()),
            "name another file",
        )
    })?;
    copy(reached, id, BufWriter::new(file)).await
}

/// Piece by piece, so that a million conversations need no memory.
async fn copy(reached: &Reached, id: &str, mut out: impl Write) -> Result<(), Failure> {
    let path = ["migrations", id, "report"];
    let mut pieces = reached.api.get(&path).pieces().await?;
    loop {
        let piece = pieces.next().await.map_err(|error| {
            Failure::temporary(
                format!("the report was cut off: {error}"),
                "the same command writes it anew",
            )
        })?;
        match piece {
            Some(piece) => out.write_all(&piece)?,
            None => return Ok(out.flush()?),
        }
    }
}

/// Every exception, page by page.
pub(super) async fn findings(
    reached: &Reached,
    id: &str,
    take: impl FnMut(Finding) -> Result<(), Failure>,
) -> Result<(), Failure> {
    pages(reached, &["migrations", id, "findings"], take).await
}

/// The first exceptions, at most `most`, and whether there are more.
pub(super) async fn first_findings(
    reached: &Reached,
    id: &str,
    most: usize,
) -> Result<(Vec<Finding>, bool), Failure> {
    let path = ["migrations", id, "findings"];
    let page: Page<Finding> = reached
        .api
        .get(&path)
        .query("limit", Some(most))
        .send()
        .await?;
    Ok((page.data, page.next_cursor.is_some()))
}

/// Whether one of the exceptions may pass by itself.
pub(super) async fn may_pass(reached: &Reached, id: &str) -> Result<bool, Failure> {
    let mut may_pass = false;
    findings(reached, id, |finding| {
        may_pass |= finding.temporary;
        Ok(())
    })
    .await?;
    Ok(may_pass)
}

/// Every conversation of the migration, page by page.
pub(super) async fn items(
    reached: &Reached,
    id: &str,
    take: impl FnMut(Item) -> Result<(), Failure>,
) -> Result<(), Failure> {
    pages(reached, &["migrations", id, "items"], take).await
}

/// Every migration, newest first.
pub(super) async fn migrations(reached: &Reached) -> Result<Vec<Status>, Failure> {
    let all: Page<Status> = reached.api.get(&["migrations"]).send().await?;
    Ok(all.data)
}

async fn pages<T: DeserializeOwned>(
    reached: &Reached,
    path: &[&str],
    mut take: impl FnMut(T) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut after: Option<String> = None;
    loop {
        let asking = reached.api.get(path).query("limit", Some(PAGE));
        let page: Page<T> = asking.query("cursor", after).send().await?;
        for entry in page.data {
            take(entry)?;
        }
        match page.next_cursor {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}
