//! What an operator may do with a migration, by how far it has come.

use backend::ports::{MigrationRecord, Phase};
use backend::{Error, Kind};

/// What an operator does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Copy,
    Pause,
    Cancel,
    Check,
    Switch,
    Rollback,
    Finish,
}

impl Command {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 7] = [
        Self::Copy,
        Self::Pause,
        Self::Cancel,
        Self::Check,
        Self::Switch,
        Self::Rollback,
        Self::Finish,
    ];

    /// The phases in which it is allowed.
    pub(crate) fn phases(self) -> &'static [Phase] {
        match self {
            // Again where it stopped, and again for what changed since.
            Self::Copy => &[Phase::Planned, Phase::Copying, Phase::Paused, Phase::Copied],
            Self::Pause => &[Phase::Copying, Phase::Copied],
            Self::Cancel => &[
                Phase::Planning,
                Phase::Planned,
                Phase::Copying,
                Phase::Paused,
                Phase::Copied,
            ],
            Self::Check => &[
                Phase::Planned,
                Phase::Copying,
                Phase::Paused,
                Phase::Copied,
                Phase::Switching,
                Phase::Switched,
                Phase::RollingBack,
                Phase::RolledBack,
                Phase::Finished,
            ],
            Self::Switch => &[Phase::Copied, Phase::Switching],
            Self::Rollback => &[Phase::Switching, Phase::Switched, Phase::RollingBack],
            // From `switching` and `rolling_back` where some conversations cannot be bound: they stay where they are then.
            Self::Finish => &[
                Phase::Switching,
                Phase::Switched,
                Phase::RollingBack,
                Phase::RolledBack,
            ],
        }
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Copy => (
                "be copied",
                "a migration is copied after its plan and before its switch; plan another one",
            ),
            Self::Pause => ("be paused", "only a copy, or its mirror, can be paused"),
            Self::Cancel => (
                "be cancelled",
                "after the switch a migration is rolled back or finished",
            ),
            Self::Check => (
                "be checked",
                "there is nothing to compare; plan and copy first",
            ),
            Self::Switch => ("be switched", "copy it to the end first"),
            Self::Rollback => ("be rolled back", "nothing of it was switched"),
            Self::Finish => (
                "be finished",
                "it was not switched; cancel it where it is not wanted any more",
            ),
        }
    }

    /// Refuses where the migration's phase does not allow it.
    ///
    /// # Errors
    /// [`Kind::Conflict`], with what to do instead.
    pub(crate) fn check(self, record: &MigrationRecord) -> Result<(), Error> {
        if self.phases().contains(&record.phase) {
            return Ok(());
        }
        let (what, instead) = self.words();
        Err(Error::new(
            Kind::Conflict,
            format!(
                "a migration that is `{}` cannot {what}: {instead}",
                record.phase.as_str()
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every phase and, in the order of `Command::ALL`, what is allowed in it.
    const TABLE: [(Phase, &str); 11] = [
        (Phase::Planning, "..c...."),
        (Phase::Planned, "C.cK..."),
        (Phase::Copying, "CPcK..."),
        (Phase::Paused, "C.cK..."),
        (Phase::Copied, "CPcKS.."),
        (Phase::Switching, "...KSRF"),
        (Phase::Switched, "...K.RF"),
        (Phase::RollingBack, "...K.RF"),
        (Phase::RolledBack, "...K..F"),
        (Phase::Finished, "...K..."),
        (Phase::Cancelled, "......."),
    ];

    #[test]
    fn every_command_is_allowed_in_just_these_phases() {
        assert_eq!(TABLE.map(|(phase, _)| phase), Phase::ALL);
        for (phase, allowed) in TABLE {
            for (command, sign) in Command::ALL.into_iter().zip(allowed.chars()) {
                assert_eq!(
                    command.phases().contains(&phase),
                    sign != '.',
                    "{command:?} in {phase:?}"
                );
            }
        }
    }
}
