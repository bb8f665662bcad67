//! The n-th call fails, for every n and in every way: both sides always end equal, and nothing is there twice.

use super::super::Depth;
use super::plan::Fault;
use super::support::{Frail, edit, story};

/// More calls than a sync makes.
const CALLS_MAX: u64 = 500;

/// Fails the n-th call of a first sync, and of one that follows edits.
async fn fail_everywhere(fault: Fault, looks: bool) {
    let frail = Frail::new(looks).await;
    let mut reached = 0;
    for nth in 1..CALLS_MAX {
        let title = format!("{fault:?} {nth}");
        let at = story(&frail.world, &title).await;
        frail.plan.fail(nth, fault);
        frail.sync(&at, Depth::Whole).await;
        let failed_first = frail.plan.end();
        frail.assert_equal(&at, &format!("{title}, first")).await;

        edit(&frail.world, &at).await;
        frail.plan.fail(nth, fault);
        frail.sync(&at, Depth::Whole).await;
        let failed_then = frail.plan.end();
        frail.assert_equal(&at, &format!("{title}, then")).await;
        if !failed_first && !failed_then {
            break;
        }
        reached = nth;
    }
    assert!((20..CALLS_MAX - 1).contains(&reached), "{reached}");
}

macro_rules! everywhere {
    ($($name:ident: $fault:ident, $looks:literal;)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            fail_everywhere(Fault::$fault, $looks).await;
        })*
    };
}

everywhere! {
    a_refused_call_changes_nothing: Refused, false;
    a_lost_answer_is_found: LostDone, false;
    a_lost_call_is_repeated: LostUndone, false;
    a_late_write_is_waited_for: Late, false;
    a_death_before_any_call_is_survived: CutBefore, false;
    a_death_in_any_call_is_survived: CutDuring, false;
    a_death_after_any_call_is_survived: CutAfter, false;
    a_refused_call_changes_nothing_at_a_vendor: Refused, true;
    a_lost_answer_is_found_at_a_vendor: LostDone, true;
    a_lost_call_is_repeated_at_a_vendor: LostUndone, true;
    a_late_write_is_waited_for_at_a_vendor: Late, true;
    a_death_before_any_call_is_survived_at_a_vendor: CutBefore, true;
    a_death_in_any_call_is_survived_at_a_vendor: CutDuring, true;
    a_death_after_any_call_is_survived_at_a_vendor: CutAfter, true;
}

#[test]
fn every_fault_is_tried() {
    assert_eq!(Fault::ALL.len() * 2, 14);
}
