//! Why something is an exception: a closed list of reasons, each with its sign and with what to do next.

use backend::ports::{Finding, Sign};
use backend::{Error, Retry};
use conversation::{ConversationId, MessageId};

/// Why something is an exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A message of the source is not at the target.
    MessageMissing,
    /// A message of the target is not at the source.
    MessageExtra,
    /// A message differs.
    MessageDifferent,
    /// A message stands at another place of the conversation.
    MessageOutOfOrder,
    /// The conversation's own fields differ.
    FieldsDifferent,
    /// The bytes of an attachment differ.
    AttachmentDifferent,
    /// An attachment cannot be opened.
    AttachmentUnreadable,
    /// A conversation of the source was never copied to the target.
    ConversationMissing,
    /// A conversation is at the target, where the ledger put it, and no longer at the source.
    ConversationExtra,
    /// A conversation could not be read to its end on one side.
    Incomplete,
    /// The source tells of more messages than it shows.
    SourceIncomplete,
    /// The source could not be looked through to its end: it may hold more conversations.
    ListingIncomplete,
    /// The source lists by end user only, and no roster names them.
    RosterNeeded,
    /// Nobody in the roster owns the conversation, or its owner is not known.
    OwnerUnknown,
    /// The conversation has more messages than the target takes, and is not copied.
    OversizeRefused,
    /// The conversation has more messages than the target takes; the older ones are kept beside it.
    OversizeSplit,
    /// The conversation has more messages than the target takes; only the newest are copied.
    OversizeRecent,
    /// The target takes something only in another form, or not at all.
    NotHeld,
    /// The target refused a write for good.
    TargetRefused,
    /// Whether a write was done cannot be found out. It is not sent again.
    OutcomeUnknown,
    /// The conversation could not be copied.
    CopyFailed,
    /// A write to the conversation is still open, so that it cannot be switched.
    WriteOpen,
    /// The conversation could not be switched.
    SwitchFailed,
    /// What arrived at the old home after the switch could not be carried over.
    DrainFailed,
    /// The conversation could not be carried back.
    RollbackFailed,
    /// A message was changed or deleted at the old home after the switch.
    ChangedBehind,
    /// What a write changed could not be copied; a full pass repeats it.
    MirrorFailed,
    /// A compared read differed, also when asked again.
    ShadowMismatch,
    /// The conversation was deleted, or erased, since the migration began.
    Deleted,
    /// The plan leaves the conversation out.
    Skipped,
    /// There are more exceptions of this conversation than are named.
    More,
}

impl Reason {
    /// Every reason, in the order of declaration.
    pub const ALL: [Self; 31] = [
        Self::MessageMissing,
        Self::MessageExtra,
        Self::MessageDifferent,
        Self::MessageOutOfOrder,
        Self::FieldsDifferent,
        Self::AttachmentDifferent,
        Self::AttachmentUnreadable,
        Self::ConversationMissing,
        Self::ConversationExtra,
        Self::Incomplete,
        Self::SourceIncomplete,
        Self::ListingIncomplete,
        Self::RosterNeeded,
        Self::OwnerUnknown,
        Self::OversizeRefused,
        Self::OversizeSplit,
        Self::OversizeRecent,
        Self::NotHeld,
        Self::TargetRefused,
        Self::OutcomeUnknown,
        Self::CopyFailed,
        Self::WriteOpen,
        Self::SwitchFailed,
        Self::DrainFailed,
        Self::RollbackFailed,
        Self::ChangedBehind,
        Self::MirrorFailed,
        Self::ShadowMismatch,
        Self::Deleted,
        Self::Skipped,
        Self::More,
    ];

    /// The reason as it is written in [`Finding::reason`].
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MessageMissing => "message-missing",
            Self::MessageExtra => "message-extra",
            Self::MessageDifferent => "message-different",
            Self::MessageOutOfOrder => "message-out-of-order",
            Self::FieldsDifferent => "fields-different",
            Self::AttachmentDifferent => "attachment-different",
            Self::AttachmentUnreadable => "attachment-unreadable",
            Self::ConversationMissing => "conversation-missing",
            Self::ConversationExtra => "conversation-extra",
            Self::Incomplete => "incomplete",
            Self::SourceIncomplete => "source-incomplete",
            Self::ListingIncomplete => "listing-incomplete",
            Self::RosterNeeded => "roster-needed",
            Self::OwnerUnknown => "owner-unknown",
            Self::OversizeRefused => "oversize-refused",
            Self::OversizeSplit => "oversize-split",
            Self::OversizeRecent => "oversize-recent",
            Self::NotHeld => "not-held",
            Self::TargetRefused => "target-refused",
            Self::OutcomeUnknown => "outcome-unknown",
            Self::CopyFailed => "copy-failed",
            Self::WriteOpen => "write-open",
            Self::SwitchFailed => "switch-failed",
            Self::DrainFailed => "drain-failed",
            Self::RollbackFailed => "rollback-failed",
            Self::ChangedBehind => "changed-behind",
            Self::MirrorFailed => "mirror-failed",
            Self::ShadowMismatch => "shadow-mismatch",
            Self::Deleted => "deleted",
            Self::Skipped => "skipped",
            Self::More => "more",
        }
    }

    /// The sign of a finding with this reason, where the finder knows nothing closer.
    #[must_use]
    pub fn sign(self) -> Sign {
        match self {
            Self::MessageMissing | Self::ConversationMissing => Sign::Missing,
            Self::MessageExtra | Self::ConversationExtra => Sign::Extra,
            Self::MessageDifferent
            | Self::MessageOutOfOrder
            | Self::FieldsDifferent
            | Self::AttachmentDifferent
            | Self::OversizeRecent
            | Self::NotHeld
            | Self::ChangedBehind
            | Self::ShadowMismatch
            | Self::More => Sign::Different,
            // Nothing is lost: both sides are equal.
            Self::OversizeSplit => Sign::Same,
            Self::AttachmentUnreadable
            | Self::Incomplete
            | Self::SourceIncomplete
            | Self::ListingIncomplete
            | Self::RosterNeeded
            | Self::OwnerUnknown
            | Self::OversizeRefused
            | Self::TargetRefused
            | Self::OutcomeUnknown
            | Self::CopyFailed
            | Self::WriteOpen
            | Self::SwitchFailed
            | Self::DrainFailed
            | Self::RollbackFailed
            | Self::MirrorFailed
            | Self::Deleted
            | Self::Skipped => Sign::Failed,
        }
    }

    /// What an operator does next.
    #[must_use]
    pub fn next_step(self) -> &'static str {
        match self {
            Self::MessageMissing | Self::ConversationMissing => {
                "copy again, then check again; after a switch the drain brings it"
            }
            Self::MessageExtra => {
                "before a switch copy again: it takes back what the source has no more; after a switch it is what was \
                 written since, and right"
            }
            Self::MessageOutOfOrder => {
                "nothing, where several messages were said in the same moment or the vendor's clock is behind: a target \
                 orders them by time, then by arrival; else delete the copy and copy again"
            }
            Self::MessageDifferent | Self::FieldsDifferent => {
                "before a switch copy again, then check again; where it stays, somebody changes one side: look who \
                 writes there past the gateway"
            }
            Self::AttachmentDifferent => {
                "look which side is right with the attachment's id, then copy again and check again"
            }
            Self::AttachmentUnreadable => {
                "look whether the file is still at its backend; where it is, copy and check again"
            }
            Self::ConversationExtra => {
                "copy again: it takes the copy back; or keep it, where the source lost it by mistake"
            }
            Self::Incomplete | Self::SourceIncomplete => {
                "look at the backend's health and at the words given, then copy and check again; nothing was taken for \
                 deleted"
            }
            Self::ListingIncomplete => {
                "look at the backend's health and at the words given, then copy again: it looks through the source again"
            }
            Self::RosterNeeded => {
                "name the end users in a roster, then plan again; nothing where the gateway made all their conversations"
            }
            Self::OwnerUnknown => "name its end user in the roster, then plan again",
            Self::OversizeRefused => {
                "plan again with oversize `split`, which keeps the older messages beside the target, or `recent`, which \
                 leaves them"
            }
            Self::OversizeSplit => "nothing: readers through the gateway see all messages",
            Self::OversizeRecent => {
                "keep the source, or an archive of it, for as long as the older messages are needed"
            }
            Self::NotHeld => {
                "look at the field's fate in the plan; shorten or leave out what does not fit"
            }
            Self::TargetRefused => {
                "correct at the source what the target refuses, or the target's settings, then copy again"
            }
            Self::OutcomeUnknown => {
                "look at the target for what the intent wrote (`GET /admin/v1/intents`), then resolve the intent and \
                 copy again"
            }
            Self::CopyFailed => {
                "remove the cause in the words given, then copy again: it goes on where it stopped"
            }
            Self::WriteOpen => {
                "wait until the write is settled (`GET /admin/v1/intents`), then switch again"
            }
            Self::SwitchFailed => {
                "remove the cause in the words given, then switch again: it goes on where it stopped"
            }
            Self::DrainFailed => {
                "keep the migration unfinished until it is gone: the next round of the drain tries again"
            }
            Self::RollbackFailed => {
                "remove the cause in the words given, then roll back again: it goes on where it stopped"
            }
            Self::ChangedBehind => {
                "stop who still writes at the old home; carry the change over by hand where it is wanted"
            }
            Self::MirrorFailed => {
                "nothing at once: the mirror tries again; look at the target where it stays"
            }
            Self::ShadowMismatch => {
                "check, look at what differs, copy again; switch when new reads are equal"
            }
            Self::Deleted => "nothing",
            Self::Skipped => "nothing, or plan again with another filter or policy",
            Self::More => "repair what is named, then check again",
        }
    }

    /// A finding with this reason: of a conversation, or of the whole migration.
    #[must_use]
    pub fn finding(
        self,
        conversation: Option<ConversationId>,
        detail: impl Into<Box<str>>,
    ) -> Finding {
        Finding {
            sign: self.sign(),
            conversation,
            message: None,
            reason: self.as_str().into(),
            detail: detail.into(),
            next_step: self.next_step().into(),
            temporary: false,
        }
    }

    /// A finding with this reason, of one message.
    #[must_use]
    pub fn of_message(
        self,
        conversation: ConversationId,
        message: &MessageId,
        detail: impl Into<Box<str>>,
    ) -> Finding {
        Finding {
            message: Some(message.clone()),
            ..self.finding(Some(conversation), detail)
        }
    }

    /// A finding with this reason that an error led to: in its words, and temporary where trying again may help.
    #[must_use]
    pub fn because(self, conversation: Option<ConversationId>, error: &Error) -> Finding {
        Finding {
            temporary: error.retry != Retry::Permanent,
            ..self.finding(conversation, words(error))
        }
    }
}

/// An error in words for an operator: where it happened, what was said, and the vendor's own word and id of the
/// request. Never the vendor's body, which may hold content.
#[must_use]
pub fn words(error: &Error) -> String {
    let mut text = String::new();
    if let Some(backend) = &error.backend {
        text.push_str(&format!("backend `{backend}`"));
        if let Some(operation) = error.operation {
            text.push_str(&format!(", {}", operation.replace('_', " ")));
        }
        text.push_str(": ");
    }
    text.push_str(&error.message);
    if let Some(upstream) = &error.upstream {
        let status = upstream.status.map(|status| format!("status {status}"));
        let code = upstream.code.as_ref().map(|code| format!("code `{code}`"));
        let request = upstream
            .request_id
            .as_ref()
            .map(|id| format!("request `{id}`"));
        let said: Vec<String> = [status, code, request].into_iter().flatten().collect();
        if !said.is_empty() {
            text.push_str(&format!(" ({})", said.join(", ")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use backend::{Kind, Upstream};

    #[test]
    fn every_reason_is_listed_once_and_says_what_to_do() {
        let words: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(words.len(), Reason::ALL.len());
        assert!(Reason::ALL.iter().all(|one| !one.next_step().is_empty()));
        // The last one closes the list: a new variant behind it, or a forgotten one, is noticed here.
        assert!(Reason::ALL.is_sorted());
        assert_eq!(Reason::ALL.len(), Reason::More as usize + 1);
    }

    #[test]
    fn an_error_is_told_with_the_vendors_word_and_without_its_body() {
        let error = Error::new(Kind::RateLimited, "too many requests")
            .at("talk", "list_messages")
            .upstream(Upstream {
                status: Some(429),
                code: Some("slow_down".to_owned()),
                request_id: Some("r-1".to_owned()),
                excerpt: Some("somebody's words".to_owned()),
            });
        let finding = Reason::Incomplete.because(Some(ConversationId::from_bits(1)), &error);
        assert_eq!(
            &*finding.detail,
            "backend `talk`, list messages: too many requests (status 429, code `slow_down`, request `r-1`)"
        );
        assert!(finding.temporary);
        assert_eq!(finding.sign, Sign::Failed);
    }
}
