//! What `migrate plan` is told, as a specification.

use backend::ports::{MigrationFilter, MigrationSpec, Oversize};
use conversation::{Status, Time};

use super::roster;
use crate::cli::arguments::{OversizeWord, PlanFlags};
use crate::failure::Failure;

impl PlanFlags {
    /// The specification.
    pub(super) fn to_spec(&self) -> Result<MigrationSpec, Failure> {
        let read_roster = |path| roster::roster(path, self.tenant.as_deref());
        Ok(MigrationSpec {
            from: self.from.as_str().into(),
            to: self.to.as_str().into(),
            filter: MigrationFilter {
                tenant: self.tenant.as_deref().map(Into::into),
                ids: self.ids.as_deref().map_or(Ok(Vec::new()), roster::ids)?,
                label: self.label.as_deref().map(Into::into),
                status: self
                    .status
                    .iter()
                    .map(|word| status(word))
                    .collect::<Result<_, _>>()?,
                updated_after: time("--updated-after", self.updated_after.as_deref())?,
                updated_before: time("--updated-before", self.updated_before.as_deref())?,
            },
            roster: self.roster.as_deref().map_or(Ok(Vec::new()), read_roster)?,
            oversize: match self.oversize {
                OversizeWord::Refuse => Oversize::Refuse,
                OversizeWord::Split => Oversize::Split,
                OversizeWord::Recent => Oversize::Recent,
            },
            parallel: self.parallel,
        })
    }
}

fn status(word: &str) -> Result<Status, Failure> {
    let status = Status::from(word);
    if status.is_known() {
        return Ok(status);
    }
    Err(Failure::usage(
        format!("--status: no conversation is `{word}`"),
        format!("known states: {}", Status::KNOWN.join(", ")),
    ))
}

fn time(flag: &str, text: Option<&str>) -> Result<Option<Time>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let parsed: Result<Time, _> = text.parse();
    parsed.map(Some).map_err(|error| {
        Failure::usage(
            format!("{flag}: {error}"),
            "write a time such as 2026-01-31T00:00:00Z",
        )
    })
}
