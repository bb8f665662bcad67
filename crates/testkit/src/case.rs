//! A case: one rule of the port, when it applies, and how it is tried.

use backend::{Capabilities, Level};
use futures_util::future::BoxFuture;

use crate::bench::Bench;

/// One rule of the port.
pub struct Case {
    /// The rule, in the very words of the trait's `# Behavior` bullet.
    pub rule: &'static str,
    /// What a backend must be able to do for the rule to say anything about it.
    pub(crate) needs: &'static [Need],
    /// Tries it; panics where the backend breaks it.
    pub(crate) run: Run,
}

/// A case's body.
pub(crate) type Run = for<'a> fn(&'a Bench) -> BoxFuture<'a, Outcome>;

/// What a case says when the backend did not break its rule.
pub(crate) type Outcome = Result<(), Skip>;

/// Why a rule says nothing about a backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Skip {
    /// The reason, for a person.
    pub(crate) reason: String,
    /// True where that is no weakness: the rule is about a refusal and nothing is refused, or about something that
    /// only some vendors have. Also a stack that holds everything may skip it.
    pub(crate) no_weakness: bool,
}

/// The backend lacks what the rule is about.
pub(crate) fn skip(reason: impl Into<String>) -> Skip {
    Skip {
        reason: reason.into(),
        no_weakness: false,
    }
}

/// The rule has nothing to say, and no stack could change that.
pub(crate) fn nothing_to_say(reason: impl Into<String>) -> Skip {
    Skip {
        reason: reason.into(),
        no_weakness: true,
    }
}

/// What a rule needs of a backend.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Need {
    /// This operation works, in part at least.
    Works(&'static str),
    /// This field or part reads back exactly as it was sent.
    Held(&'static str),
    /// A conversation can be filled with messages, one way or another, and they can be listed.
    Grows,
    /// Writes whose answers were lost can be found again.
    Settles,
}

impl Need {
    /// Says why `capabilities` do not fulfil it.
    pub(crate) fn check(self, capabilities: &Capabilities) -> Outcome {
        match self {
            Self::Works(operation) => {
                let level = level(capabilities, operation);
                if level.works() {
                    Ok(())
                } else {
                    Err(skip(format!(
                        "backend cannot `{operation}` ({})",
                        word(level)
                    )))
                }
            }
            Self::Held(field) => {
                let level = level(capabilities, field);
                if is_held(level) {
                    Ok(())
                } else {
                    Err(skip(format!(
                        "backend cannot hold `{field}` exactly ({})",
                        word(level)
                    )))
                }
            }
            Self::Grows => {
                let grows = ["message_post", "message_import", "respond"];
                let grows = grows
                    .iter()
                    .any(|operation| level(capabilities, operation).works());
                if grows && capabilities.message_list.works() {
                    Ok(())
                } else {
                    Err(skip(
                        "backend can fill no conversation with messages and list them",
                    ))
                }
            }
            Self::Settles => match capabilities.settle {
                backend::SettleSupport::None => {
                    Err(skip("backend cannot find lost writes (settle: none)"))
                }
                backend::SettleSupport::Likely | backend::SettleSupport::Certain => Ok(()),
            },
        }
    }
}

/// The level of that name.
///
/// # Panics
/// Where there is none: a spelling mistake in a case.
pub(crate) fn level(capabilities: &Capabilities, name: &str) -> Level {
    let levels = capabilities.levels();
    levels
        .iter()
        .find(|(known, _)| *known == name)
        .map_or_else(|| panic!("no capability `{name}`"), |(_, level)| *level)
}

/// True where a field of this level reads back exactly as it was sent.
pub(crate) fn is_held(level: Level) -> bool {
    matches!(level, Level::Full | Level::Overlay)
}

/// True where a field of this level is refused.
pub(crate) fn is_refused(level: Level) -> bool {
    matches!(level, Level::Rejected | Level::None)
}

/// A level's name.
pub(crate) fn word(level: Level) -> &'static str {
    match level {
        Level::Full => "full",
        Level::Partial => "partial",
        Level::Converted => "converted",
        Level::Overlay => "overlay",
        Level::Rejected => "rejected",
        Level::None => "none",
    }
}
