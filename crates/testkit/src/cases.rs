//! Every case, the minimal create first.

use crate::Case;

mod activity;
mod answers;
mod attachments;
mod conversations;
mod deletes;
mod edits;
mod imports;
mod lists;
mod message_lists;
mod operations;
mod pages;
mod participants;
mod posts;
mod previews;
mod ratings;
mod settling;
mod streams;
mod texts;
mod updates;

const GROUPS: &[&[Case]] = &[
    conversations::CASES,
    previews::CASES,
    lists::CASES,
    updates::CASES,
    deletes::CASES,
    message_lists::CASES,
    pages::CASES,
    posts::CASES,
    texts::CASES,
    imports::CASES,
    edits::CASES,
    ratings::CASES,
    answers::CASES,
    streams::CASES,
    operations::CASES,
    participants::CASES,
    activity::CASES,
    attachments::CASES,
    settling::CASES,
];

/// Every case, in the order in which they run.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    GROUPS.iter().flat_map(|group| group.iter())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use backend::{Capabilities, Level, SettleSupport};

    use super::cases;

    /// The bullets below `# Behavior` in the port.
    fn bullets() -> Vec<&'static str> {
        let contract = include_str!("../../backend/src/contract.rs");
        contract
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("/// - "))
            .collect()
    }

    #[test]
    fn every_bullet_of_the_port_has_one_case_and_every_case_a_bullet() {
        let rules: Vec<&str> = cases().map(|case| case.rule).collect();
        let unique: BTreeSet<&str> = rules.iter().copied().collect();
        assert_eq!(unique.len(), rules.len(), "one case for each rule");
        assert_eq!(unique, bullets().into_iter().collect());
        assert!(rules.len() >= 60, "{} cases", rules.len());
        assert_eq!(
            rules.first(),
            Some(&"the minimal create succeeds and gives an open conversation")
        );
    }

    #[test]
    fn a_backend_that_can_do_nothing_is_given_a_reason_for_every_need() {
        let nothing = Capabilities::default();
        let mut everything = Capabilities::holds_everything();
        for operation in [
            &mut everything.conversation_create,
            &mut everything.conversation_get,
            &mut everything.conversation_list,
            &mut everything.conversation_update,
            &mut everything.conversation_delete,
            &mut everything.message_list,
            &mut everything.message_get,
            &mut everything.message_post,
            &mut everything.message_import,
            &mut everything.message_update,
            &mut everything.message_delete,
            &mut everything.message_rate,
            &mut everything.respond,
            &mut everything.templates,
            &mut everything.tools,
            &mut everything.participant_list,
            &mut everything.participant_add,
            &mut everything.participant_remove,
            &mut everything.activity,
            &mut everything.attachment_put,
            &mut everything.attachment_open,
        ] {
            *operation = Level::Full;
        }
        everything.settle = SettleSupport::Certain;
        for case in cases() {
            for need in case.needs {
                let lack = need.check(&nothing).expect_err(case.rule);
                assert!(
                    lack.reason.starts_with("backend can"),
                    "{}: {}",
                    case.rule,
                    lack.reason
                );
                assert_eq!(need.check(&everything), Ok(()), "{}", case.rule);
            }
        }
    }
}
