//! What was changed at the old home of a conversation that goes back to it: named, and no reason to keep it away.

use backend::ports::{Finding, Sign};
use conversation::ConversationId;

use crate::reasons::Reason;

/// The differences between both sides as changes at the side to which a conversation goes back. `None` where one of them
/// is more than that: something of ours would be missing there, or could not be compared.
pub(super) fn changed(id: ConversationId, found: &[Finding]) -> Option<Vec<Finding>> {
    found
        .iter()
        .map(|finding| {
            let detail = match reason_of(finding)? {
                Reason::MessageExtra => {
                    "it is only at the home to which the conversation goes back, and stays there".into()
                }
                Reason::MessageDifferent | Reason::FieldsDifferent => format!(
                    "at the home to which the conversation goes back it {}; it is left as it is there",
                    finding.detail
                ),
                Reason::MessageOutOfOrder => {
                    "at the home to which the conversation goes back it stands at another place".into()
                }
                _ => return None,
            };
            Some(Finding {
                sign: finding.sign,
                message: finding.message.clone(),
                ..Reason::ChangedBehind.finding(Some(id), detail)
            })
        })
        .collect()
}

/// True where all that differs is what arrived at the other side: both sides are equal once it was brought.
pub(super) fn is_extra_only(found: &[Finding]) -> bool {
    found.iter().all(|finding| finding.sign == Sign::Extra)
}

fn reason_of(finding: &Finding) -> Option<Reason> {
    let word = &*finding.reason;
    Reason::ALL
        .into_iter()
        .find(|reason| reason.as_str() == word)
}
