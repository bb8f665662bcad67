//! What a comparison found, by name: bounded, with a count of the rest.

use backend::ports::{Finding, Sign};
use conversation::{ConversationId, MessageId};

use crate::reasons::Reason;

/// So many exceptions of one conversation are named.
pub(crate) const NAMED_MAX: usize = 1_000;

/// The exceptions of one conversation.
#[derive(Debug)]
pub(super) struct Names {
    conversation: ConversationId,
    findings: Vec<Finding>,
    /// How many were met and not named, by reason.
    unnamed: Vec<(Reason, u64)>,
    is_incomplete: bool,
}

impl Names {
    pub(super) fn new(conversation: ConversationId) -> Self {
        Self {
            conversation,
            findings: Vec::new(),
            unnamed: Vec::new(),
            is_incomplete: false,
        }
    }

    /// True where one more can be named.
    pub(super) fn has_room(&self) -> bool {
        self.findings.len() < NAMED_MAX
    }

    /// Names an exception, or counts it.
    pub(super) fn add(&mut self, reason: Reason, finding: Finding) {
        if self.has_room() {
            self.findings.push(finding);
        } else {
            self.count(reason);
        }
    }

    /// Names a message, or counts it.
    pub(super) fn message(&mut self, reason: Reason, id: &MessageId, detail: impl Into<Box<str>>) {
        if self.has_room() {
            let finding = reason.of_message(self.conversation, id, detail);
            self.findings.push(finding);
        } else {
            self.count(reason);
        }
    }

    /// Counts an exception that is not named.
    pub(super) fn count(&mut self, reason: Reason) {
        match self.unnamed.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => self.unnamed.push((reason, 1)),
        }
    }

    /// A side could not be read to its end. Told however many exceptions there are.
    pub(super) fn incomplete(&mut self, finding: Finding) {
        self.is_incomplete = true;
        self.findings.push(finding);
    }

    /// True where an exception of this sign was met.
    pub(super) fn has(&self, sign: Sign) -> bool {
        self.signs().any(|met| met == sign)
    }

    fn signs(&self) -> impl Iterator<Item = Sign> {
        let unnamed = self.unnamed.iter().map(|(reason, _)| reason.sign());
        self.findings.iter().map(|one| one.sign).chain(unnamed)
    }

    pub(super) fn is_complete(&self) -> bool {
        !self.is_incomplete
    }

    /// What the conversation as a whole is: what could not be compared to its end has failed, whatever was found until then.
    pub(super) fn sign(&self) -> Sign {
        if self.is_incomplete {
            return Sign::Failed;
        }
        if self
            .signs()
            .any(|sign| !matches!(sign, Sign::Same | Sign::Failed))
        {
            // One message more or less makes the conversation another one.
            Sign::Different
        } else if self.has(Sign::Failed) {
            Sign::Failed
        } else {
            Sign::Same
        }
    }

    /// All of them; the last one counts what is not named.
    pub(super) fn into_findings(mut self) -> Vec<Finding> {
        if !self.unnamed.is_empty() {
            let counts: Vec<String> = self
                .unnamed
                .iter()
                .map(|(reason, count)| format!("{count} more {}", reason.as_str()))
                .collect();
            let finding = Reason::More.finding(Some(self.conversation), counts.join(", "));
            self.findings.push(finding);
        }
        self.findings
    }
}
