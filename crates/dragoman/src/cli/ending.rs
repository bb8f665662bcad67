//! How a command on conversations ended, where nothing stopped it.

use std::process::ExitCode;

/// How a command on conversations ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// All done, or everything the same: 0.
    Done,
    /// Done with exceptions, or something is different: 1.
    Exceptions,
}

impl Ending {
    /// Done, where there is no exception.
    pub(super) fn unless(exceptions: bool) -> Self {
        if exceptions {
            Self::Exceptions
        } else {
            Self::Done
        }
    }

    pub(super) fn exit_code(self) -> ExitCode {
        match self {
            Self::Done => ExitCode::SUCCESS,
            Self::Exceptions => ExitCode::from(1),
        }
    }
}
