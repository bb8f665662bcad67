//! The suite catches defects: each backend here is right but for one thing, and the rule about that thing fails.

use std::sync::Arc;

use async_trait::async_trait;
use backend::{Backend, Location};
use conversation::ConversationId;
use responders::{Answering, Echo};
use store::{Store, StoreConfig};
use testkit::{Harness, Report};

use crate::broken::{Broken, Defect};

mod broken;
mod little;

/// Each defect, and a rule that it breaks.
const CAUGHT: &[(Defect, &str)] = &[
    (
        Defect::ClosesNewConversations,
        "the minimal create succeeds and gives an open conversation",
    ),
    (
        Defect::DropsLabels,
        "a created conversation has every held field that was sent",
    ),
    (
        Defect::MakesOneConversation,
        "two creates make two conversations",
    ),
    (
        Defect::TouchesOnRead,
        "reading a created conversation gives what create gave",
    ),
    (
        Defect::ConfusesNotFound,
        "an unknown conversation is not found",
    ),
    (Defect::KeepsDeleted, "a deleted conversation is not found"),
    (Defect::KeepsDeleted, "deleted conversations are not listed"),
    (
        Defect::KeepsDeleted,
        "the messages of a deleted conversation are not found",
    ),
    (
        Defect::LosesLabelsSilently,
        "preview names every field that is not held exactly",
    ),
    (
        Defect::DeniesLabels,
        "preview names every field that is not held exactly",
    ),
    (
        Defect::DeniesLabels,
        "a create that the backend cannot hold is refused and names the fields",
    ),
    (
        Defect::ShortensPages,
        "a walk over all conversations meets each created one exactly once",
    ),
    (
        Defect::ShortensPages,
        "a walk of conversations is complete while others are created",
    ),
    (Defect::IgnoresLimits, "a page holds at most the limit"),
    (
        Defect::ForgetsTitleUpdates,
        "an update changes what it names and keeps the rest",
    ),
    (
        Defect::ForgetsTitleUpdates,
        "null in an update clears a field",
    ),
    (Defect::ReplacesMetadata, "metadata merges member by member"),
    (Defect::ReplacesMetadata, "an empty update changes nothing"),
    (
        Defect::ConfusesNotFound,
        "an update of an unknown conversation is not found",
    ),
    (
        Defect::IgnoresPreconditions,
        "an update whose precondition fails changes nothing",
    ),
    (
        Defect::FailsPreconditions,
        "an update whose precondition holds succeeds",
    ),
    (
        Defect::IgnoresPreconditions,
        "a delete whose precondition fails deletes nothing",
    ),
    (
        Defect::IgnoresPreconditions,
        "a message update whose precondition fails changes nothing",
    ),
    (
        Defect::ForgivesDeletes,
        "deleting an unknown conversation is not found",
    ),
    (
        Defect::ForgivesDeletes,
        "deleting twice is not found the second time",
    ),
    (
        Defect::ReversesPages,
        "messages come in the order in which they were said",
    ),
    (
        Defect::IgnoresOrder,
        "descending order is the exact reverse",
    ),
    (
        Defect::ReadsOnlyTheFirst,
        "several conversations are each read as if alone",
    ),
    (
        Defect::RepeatsCursors,
        "pages forwards and backwards meet each message exactly once",
    ),
    (
        Defect::ShortensPages,
        "pages forwards and backwards meet each message exactly once",
    ),
    (
        Defect::StartsOver,
        "the previous cursor leads back to the same page",
    ),
    (
        Defect::IgnoresAnchors,
        "a page may begin right after or right before a message",
    ),
    (
        Defect::ShortensPages,
        "a walk over messages is complete while others are posted",
    ),
    (
        Defect::AlwaysMore,
        "an empty conversation has an empty page without cursors",
    ),
    (
        Defect::EmptyForUnknown,
        "messages of an unknown conversation are not found",
    ),
    (Defect::ForgivesCursors, "a foreign cursor is refused"),
    (
        Defect::IgnoresAnchors,
        "a page position at an unknown message is not found",
    ),
    (
        Defect::TouchesOnRead,
        "reading a message gives what the list gives",
    ),
    (Defect::ConfusesNotFound, "an unknown message is not found"),
    (
        Defect::ConfusesNotFound,
        "a message of another conversation is not found",
    ),
    (
        Defect::DropsMessageMetadata,
        "a posted message has every held field that was sent",
    ),
    (
        Defect::EverythingIsInbound,
        "role and direction are derived from each other",
    ),
    (Defect::DropsUnknownParts, "every part type survives a post"),
    (
        Defect::DropsUnknownParts,
        "unknown vendor parts are kept whole",
    ),
    (Defect::TrimsTexts, "unicode survives a post"),
    (Defect::CutsAtNul, "NUL survives a post"),
    (Defect::CutsLongTexts, "a long text survives a post"),
    (Defect::FillsEmptyTexts, "an empty text survives a post"),
    (
        Defect::CollapsesEqualPosts,
        "equal messages are two messages",
    ),
    (Defect::DoublesPosts, "parallel posts are all stored"),
    (Defect::DoublesPosts, "equal messages are two messages"),
    (
        Defect::StopsTheClock,
        "a post moves the conversation's times and counts",
    ),
    (
        Defect::ConfusesNotFound,
        "a post to an unknown conversation is not found",
    ),
    (Defect::AnswersPosts, "a post never runs an AI"),
    (
        Defect::ImportsAsNow,
        "imported messages keep their original times",
    ),
    (
        Defect::ImportsAsNow,
        "imported messages take their place by time",
    ),
    (
        Defect::TurnsImports,
        "messages of equal time keep the order of import",
    ),
    (
        Defect::LosesResults,
        "an import gives one result for each message",
    ),
    (
        Defect::DropsUsage,
        "an import keeps status, rating, usage and model",
    ),
    (
        Defect::ConfusesNotFound,
        "an import to an unknown conversation is not found",
    ),
    (
        Defect::ForgetsEdits,
        "an edited message has its new parts and the time of the edit",
    ),
    (
        Defect::ReplacesMetadata,
        "metadata of a message merges member by member",
    ),
    (
        Defect::ConfusesNotFound,
        "an update of an unknown message is not found",
    ),
    (
        Defect::KeepsDeleted,
        "a deleted message is gone from lists and reads",
    ),
    (
        Defect::DeletesNeighbours,
        "deleting a message leaves its neighbours alone",
    ),
    (
        Defect::ForgivesDeletes,
        "deleting an unknown message is not found",
    ),
    (
        Defect::ForgivesDeletes,
        "deleting a message twice is not found the second time",
    ),
    (Defect::ClampsRatings, "a rating is shown on the message"),
    (Defect::ClampsRatings, "a rating out of range is refused"),
    (
        Defect::ConfusesNotFound,
        "a rating of an unknown message is not found",
    ),
    (Defect::DoublesPosts, "respond stores input and answer"),
    (
        Defect::SkipsPartStarts,
        "the events of an answer come in their documented order",
    ),
    (
        Defect::GoesOnAfterTheEnd,
        "the events of an answer come in their documented order",
    ),
    (
        Defect::DoublesDeltas,
        "the deltas of an answer add up to its text",
    ),
    (
        Defect::AnswersNothing,
        "respond without anything to answer is refused",
    ),
    (
        Defect::NeedsInput,
        "respond without input answers the unanswered messages",
    ),
    (
        Defect::ConfusesNotFound,
        "respond in an unknown conversation is not found",
    ),
    (
        Defect::StaysBusy,
        "after a dropped stream the conversation can be written again",
    ),
    (
        Defect::ReversesPages,
        "two answers in one conversation keep their turns in order",
    ),
    (Defect::RepeatsNames, "templates have unique names"),
    (Defect::RepeatsNames, "tools have unique names"),
    (
        Defect::PretendsStatistics,
        "an operation that the backend has not is refused as unsupported",
    ),
    (
        Defect::DropsParticipants,
        "participants of a created conversation are listed",
    ),
    (
        Defect::DropsParticipants,
        "an added participant is listed and has an id",
    ),
    (
        Defect::ReplacesParticipants,
        "adding a participant whose id is taken is a conflict",
    ),
    (
        Defect::KeepsDeleted,
        "a removed participant is no longer listed",
    ),
    (
        Defect::ForgivesDeletes,
        "removing an unknown participant is not found",
    ),
    (
        Defect::StoresActivity,
        "activity is accepted and changes no message",
    ),
    (
        Defect::TellsArrivals,
        "joined and left are not told as activity",
    ),
    (
        Defect::ConfusesNotFound,
        "activity in an unknown conversation is not found",
    ),
    (
        Defect::ForgetsNames,
        "an attachment has the type, the name and the size that were sent",
    ),
    (
        Defect::LeavesMessagesAlone,
        "an attachment put to a message becomes a part of it",
    ),
    (
        Defect::ConfusesNotFound,
        "an attachment for an unknown conversation is not found",
    ),
    (
        Defect::CutsAttachments,
        "an attachment reads back with the same bytes",
    ),
    (
        Defect::ConfusesNotFound,
        "an unknown attachment is not found",
    ),
    (
        Defect::SharesAttachments,
        "an attachment of another conversation is not found",
    ),
    (Defect::IsIll, "a running backend is healthy"),
    (
        Defect::NothingIsApplied,
        "a write that was done settles as applied",
    ),
    (
        Defect::EverythingIsUnknown,
        "a write that was never sent settles as not applied",
    ),
];

struct Bench {
    backend: Arc<dyn Backend>,
    skips_are_failures: bool,
    /// The store's files, deleted with the last use.
    _directory: tempfile::TempDir,
}

impl Bench {
    fn new(defect: Option<Defect>) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(StoreConfig::at(directory.path().join("dragoman.db")))
            .expect("a new store");
        let right: Arc<dyn Backend> = Arc::new(Answering::new(
            Arc::new(store.backend("store")),
            Arc::new(Echo),
        ));
        let backend: Arc<dyn Backend> = match defect {
            None => right,
            Some(defect) => Arc::new(Broken::new(right, defect)),
        };
        Self {
            backend,
            skips_are_failures: false,
            _directory: directory,
        }
    }
}

#[async_trait]
impl Harness for Bench {
    fn name(&self) -> &str {
        "mutant"
    }

    async fn backend(&self) -> Arc<dyn Backend> {
        self.backend.clone()
    }

    fn missing(&self) -> Location {
        let id = ConversationId::generate();
        Location {
            backend: "store".into(),
            native: id.to_string().into(),
            ..Location::unresolved(id)
        }
    }

    fn no_case_may_be_skipped(&self) -> bool {
        self.skips_are_failures
    }
}

async fn run_rule(bench: &Bench, rule: &str) -> Report {
    let report = testkit::run(bench, &[rule.to_owned()], |_, _| {}).await;
    assert!(
        report.verdicts.iter().any(|(name, _)| *name == rule),
        "no such rule: {rule}"
    );
    report
}

#[tokio::test]
async fn without_a_defect_every_rule_is_kept() {
    let bench = Bench::new(None);
    let report = testkit::run(&bench, &[], |_, _| {}).await;
    assert!(report.failures().is_empty(), "{report}");
}

#[tokio::test]
async fn each_defect_is_caught_by_its_rule() {
    let mut escaped = Vec::new();
    for (defect, rule) in CAUGHT {
        let report = run_rule(&Bench::new(Some(*defect)), rule).await;
        if !report.failures().iter().any(|(name, _)| name == rule) {
            escaped.push(format!("{defect:?}: {rule}"));
        }
    }
    assert!(
        escaped.is_empty(),
        "these defects are not caught:\n{}",
        escaped.join("\n")
    );
}

#[tokio::test]
async fn honest_backends_that_can_do_less_are_tested_in_what_they_can() {
    for (less, wanted) in [
        (Defect::OnlyAnswers, 17),
        (Defect::OnlyImports, 17),
        (Defect::HoldsLittle, 8),
    ] {
        let report = testkit::run(&Bench::new(Some(less)), &[], |_, _| {}).await;
        assert!(report.failures().is_empty(), "{less:?}: {report}");
        let skips = report.skips();
        assert_eq!(skips.len(), wanted, "what {less:?} cannot do: {skips:#?}");
        for rule in [
            "pages forwards and backwards meet each message exactly once",
            "a walk over messages is complete while others are posted",
            "deleting a message leaves its neighbours alone",
            "a rating is shown on the message",
            "unicode survives a post",
        ] {
            assert!(
                skips.iter().all(|(skipped, _)| *skipped != rule),
                "{less:?} skips `{rule}`"
            );
        }
    }
}

#[test]
fn every_rule_is_shown_to_be_able_to_fail() {
    let unproved: Vec<&str> = testkit::cases()
        .map(|case| case.rule)
        .filter(|rule| CAUGHT.iter().all(|(_, caught)| caught != rule))
        .collect();
    assert!(
        unproved.is_empty(),
        "no defect shows that these rules can fail:\n{}",
        unproved.join("\n")
    );
}

#[tokio::test]
async fn where_no_case_may_be_skipped_a_skip_is_a_failure() {
    let rule = "a post never runs an AI";
    let lenient = run_rule(&Bench::new(Some(Defect::OnlyImports)), rule).await;
    assert_eq!(lenient.failures(), []);
    assert_eq!(
        lenient.skips(),
        [(rule, "backend cannot `message_post` (none)")]
    );
    let strict = |defect| Bench {
        skips_are_failures: true,
        ..Bench::new(defect)
    };
    assert_eq!(
        run_rule(&strict(Some(Defect::OnlyImports)), rule)
            .await
            .failures()
            .len(),
        1
    );
    // What no stack could change is no failure: the store has no templates, and refuses no field.
    let report = testkit::run(&strict(None), &[], |_, _| {}).await;
    assert!(report.failures().is_empty(), "{report}");
    assert_eq!(report.skips().len(), 3, "{:#?}", report.skips());
}
