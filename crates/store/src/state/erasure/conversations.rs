//! What is kept of a conversation: beside every backend, of writes and of migrations. Its id stays, so that it never
//! comes back, and so do its places, so that a copy which a vendor still has is never taken for another conversation.

use backend::ports::Erased;

use crate::failure::Attempt;
use crate::sql::{Connection, params};
use crate::state::{directory, explanations, facades, ledger, overlay, shadows};

/// Rows of what is kept beside a backend.
const KEPT: [&str; 4] = [
    "overlay_fields",
    "overlay_messages",
    "overlay_bindings",
    "overlay_sendings",
];

/// Erases it; what of it was answered is not counted here.
pub(super) fn erase(connection: &Connection, id: &str) -> Attempt<Erased> {
    let beside = connection
        .prepare_cached("SELECT number FROM overlay_conversations WHERE id = ?1")?
        .query_map(params![id], |row| row.get(0))?
        .collect::<crate::sql::Result<Vec<i64>>>()?;
    let mut erased = Erased::default();
    for number in beside {
        for table in KEPT {
            erased.kept += remove(connection, table, number)?;
        }
        erased.attachments += remove(connection, "overlay_attachments", number)?;
    }
    overlay::forget(connection, id)?;
    erased.intents = connection
        .prepare_cached("DELETE FROM intents WHERE conversation = ?1")?
        .execute(params![id])? as u64;
    erased.ledger = ledger::erase(connection, id)?;
    erased.kept += facades::erase_conversation(connection, id)?;
    erased.kept += shadows::erase(connection, id)?;
    erased.kept += explanations::erase_conversation(connection, id)?;
    directory::empty(connection, id)?;
    Ok(erased)
}

/// Removes all rows of a conversation; `table` is a constant of ours.
fn remove(connection: &Connection, table: &str, conversation: i64) -> Attempt<u64> {
    Ok(connection
        .prepare_cached(&format!("DELETE FROM {table} WHERE conversation = ?1"))?
        .execute(params![conversation])? as u64)
}
