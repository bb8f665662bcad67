//! The rollback: the route override ends, then every conversation is bound to the source again, with what was written
//! since. Those that were born at the target are copied to the source and live there.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use backend::Result;
use backend::ports::{ItemState, Phase};

use crate::binding::Binder;
use crate::progress::Counters;
use crate::run::Run;
use crate::service::Service;
use crate::switch::{bind_all, follow};
use crate::work::{Done, count};

/// The states of conversations that live at the target.
const THERE: [ItemState; 2] = [ItemState::Switched, ItemState::Born];
/// How often it is looked for conversations that were born meanwhile. Those that come later are the drain's.
const LOOKS_MAX: usize = 10;

/// Binds every conversation of a migration to the source again.
pub(crate) async fn roll_back(
    service: &Arc<Service>,
    run: &Run,
    counters: &Counters,
) -> Result<Done> {
    let changes = follow(service)?;
    // First: or new ones would be born for as long as others go back.
    run.parts.ledger.end_override(run.migration).await?;
    let back = run.reversed();
    let binder = Binder {
        run: &back,
        changes: &changes,
        state: ItemState::Copied,
        is_back: true,
    };
    let tried = Mutex::new(HashSet::new());
    let mut before = None;
    for _ in 0..LOOKS_MAX {
        bind_all(&binder, &THERE, &tried, counters).await?;
        let left = count(run, &THERE).await?;
        if left == 0 || before == Some(left) {
            break;
        }
        before = Some(left);
    }
    let left = count(run, &THERE).await?;
    if left > 0 {
        return Ok(Done {
            but: Some(format!(
                "rolled back, but {left} conversations stay on `{}`: see the findings, remove the causes and roll back again; \
                 or finish, and leave them there",
                run.spec.to
            )),
            ..Done::default()
        });
    }
    Ok(Done::in_phase(Phase::RolledBack))
}
