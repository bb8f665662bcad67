//! Compares one conversation on both sides: its own fields, each message by its public id, the order of its messages, and
//! the bytes of its files.
//!
//! Both sides are read in step and past every cache; what is in memory does not grow with the conversation. A side that
//! cannot be read to its end makes the comparison incomplete, and then nothing counts as missing: what was not seen may
//! be there.

use backend::Result;
use backend::ports::{Finding, Sign};
use conversation::Digest;

use crate::progress::Counters;
use crate::reasons::Reason;
use crate::run::{Run, Subject};

mod attachments;
mod both;
mod fields;
mod merge;
mod names;
mod side;
mod whole;

#[cfg(test)]
pub(crate) use attachments::stored;
pub(crate) use side::Side;

use both::Both;
use merge::End;
use whole::whole;

/// How much is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Everything.
    Whole,
    /// The own fields and the newest page of messages. Files are left out: their bytes were compared when they were
    /// copied, and somebody may be waiting.
    Newest,
}

/// So many messages are the newest.
pub(crate) const NEWEST: usize = 50;

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compared {
    /// What the conversation as a whole is.
    pub(crate) sign: Sign,
    /// The digest of the source's side, as far as it was compared; absent where it could not be read to its end.
    pub(crate) source: Option<Digest>,
    /// The same of the target.
    pub(crate) target: Option<Digest>,
    /// So many messages of the source were compared.
    pub(crate) messages: u64,
    /// Every exception by name.
    pub(crate) findings: Vec<Finding>,
    /// True where a side tells of more messages than it shows: what a copy is writing there is not shown yet.
    pub(crate) tells_more: bool,
}

impl Compared {
    /// Of a conversation that was not read: one finding is all there is to say.
    pub(crate) fn only(finding: Finding) -> Self {
        Self {
            sign: finding.sign,
            source: None,
            target: None,
            messages: 0,
            findings: vec![finding],
            tells_more: false,
        }
    }
}

/// Compares a conversation on both sides, past every cache.
///
/// # Errors
/// Those of the gateway's own state. A side that cannot be read is a finding.
pub(crate) async fn compare(run: &Run, subject: &Subject, scope: Scope) -> Result<Compared> {
    compare_counting(run, subject, scope, None).await
}

/// [`compare()`], counting messages as they are read.
///
/// # Errors
/// As [`compare()`].
pub(crate) async fn compare_counting(
    run: &Run,
    subject: &Subject,
    scope: Scope,
    counters: Option<&Counters>,
) -> Result<Compared> {
    let from = run.place(subject.id, &run.from).await?;
    let to = run.place(subject.id, &run.to).await?;
    let of = Some(subject.id);
    Ok(match (from, to) {
        (Some(from), Some(to)) => {
            let sides = (
                Side::new(run, &run.from, subject, from).asking_elsewhere(run, subject),
                Side::new(run, &run.to, subject, to),
            );
            let both = Both::new(sides, subject, counters);
            both.compare(scope).await
        }
        (Some(from), None) => {
            let finding = Reason::ConversationMissing.finding(of, "it was never copied");
            let side = Side::new(run, &run.from, subject, from);
            on_one_side(End::Source, side, finding, counters).await
        }
        (None, Some(to)) => {
            let finding = Reason::ConversationExtra.finding(of, "it was never at the source");
            let side = Side::new(run, &run.to, subject, to);
            on_one_side(End::Target, side, finding, counters).await
        }
        (None, None) => {
            let detail = "it is at neither side: it lives elsewhere by now";
            Compared::only(Reason::Incomplete.finding(of, detail))
        }
    })
}

/// A conversation that only this side has: its digest is in the root of that side.
async fn on_one_side(
    end: End,
    mut side: Side,
    finding: Finding,
    counters: Option<&Counters>,
) -> Compared {
    let of = finding.conversation;
    match whole(&mut side, counters).await {
        Ok((digest, messages)) => {
            let digest = Some(digest);
            let (source, target) = match end {
                End::Source => (digest, None),
                End::Target => (None, digest),
            };
            Compared {
                source,
                target,
                messages,
                ..Compared::only(finding)
            }
        }
        Err(error) => {
            let incomplete = Reason::Incomplete.because(of, &error);
            Compared {
                findings: vec![finding, incomplete.clone()],
                ..Compared::only(incomplete)
            }
        }
    }
}

#[cfg(test)]
mod tests;
