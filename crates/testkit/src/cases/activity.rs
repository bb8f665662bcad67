//! Telling the others that somebody reads or types.

use backend::{Error, Kind, Level, Location, Result};
use conversation::{Activity, ActivityKind};

use crate::bench::Bench;
use crate::case::{Case, Need, Outcome};
use crate::expect::{Must, not_found, refused};
use crate::json::{assert_same, members};

const NEEDS: &[Need] = &[
    Need::Works("conversation_create"),
    Need::Works("activity"),
    Need::Grows,
];

pub(super) const CASES: &[Case] = &[
    Case {
        rule: "activity is accepted and changes no message",
        needs: NEEDS,
        run: |bench| Box::pin(accepted(bench)),
    },
    Case {
        rule: "joined and left are not told as activity",
        needs: NEEDS,
        run: |bench| Box::pin(joined_and_left(bench)),
    },
    Case {
        rule: "activity in an unknown conversation is not found",
        needs: &[Need::Works("activity")],
        run: |bench| Box::pin(unknown(bench)),
    },
];

/// What is told of somebody.
const TOLD: [ActivityKind; 3] = [
    ActivityKind::TypingStart,
    ActivityKind::TypingStop,
    ActivityKind::Read,
];

async fn tell(bench: &Bench, at: &Location, activity: ActivityKind) -> Result<()> {
    let activity = Activity {
        activity,
        participant_id: None,
    };
    bench.backend.send_activity(&bench.cx(), at, activity).await
}

/// True where the backend tells activity, but not of this sort.
fn is_unsupported(error: &Error) -> bool {
    error.kind == Kind::Unsupported
}

async fn accepted(bench: &Bench) -> Outcome {
    let (at, before) = bench.conversation_of(2).await;
    let mut accepted = 0;
    for activity in TOLD {
        // Twice: who reads on, or types on, says so again.
        for _ in 0..2 {
            let told = tell(bench, &at, activity.clone()).await;
            let lacks_it = bench.capabilities.activity == Level::Partial;
            if lacks_it && told.as_ref().is_err_and(is_unsupported) {
                continue;
            }
            told.must(&format!("telling `{activity}`"));
            accepted += 1;
        }
    }
    assert_ne!(accepted, 0, "a backend that tells activity tells some");
    let after = bench.messages(&at).await;
    assert_eq!(after.len(), before.len(), "activity is no message");
    for (before, after) in before.iter().zip(&after) {
        assert_same(
            &members(before),
            &members(after),
            &[],
            "differs after activity",
        );
    }
    Ok(())
}

async fn joined_and_left(bench: &Bench) -> Outcome {
    let (at, _) = bench.conversation_of(1).await;
    for activity in [ActivityKind::Joined, ActivityKind::Left] {
        let what = format!("telling `{activity}`");
        refused(
            tell(bench, &at, activity).await,
            Kind::InvalidRequest,
            &what,
        );
    }
    Ok(())
}

async fn unknown(bench: &Bench) -> Outcome {
    for activity in TOLD {
        let what = format!("telling `{activity}` in an unknown conversation");
        not_found(tell(bench, &bench.missing, activity).await, &what);
    }
    Ok(())
}
