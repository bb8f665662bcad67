//! Imports into a conversation's home of which the end is not known: they are asked about before anything is taken for
//! arrived, or for missing.

use backend::ports::{IntentQuery, IntentState};
use backend::{Result, Write};
use conversation::{ConversationId, NewConversation};

use crate::run::{Run, Subject};
use crate::sync::CopyWriter;

/// The most writes of one conversation that are looked at.
const OPEN_MAX: usize = 100;

/// True where an import of this migration into the place that `run` writes was cut off.
///
/// # Errors
/// Those of the gateway's own state.
pub(crate) async fn has_open(run: &Run, id: ConversationId) -> Result<bool> {
    let query = IntentQuery {
        state: Some(IntentState::Open),
        backend: Some(run.to.stack.info().name.clone()),
        conversation: Some(id),
        limit: OPEN_MAX,
        ..IntentQuery::default()
    };
    let open = run.parts.intents.list(&query).await?.items;
    Ok(open.iter().any(|record| {
        let is_import = matches!(record.intent.write, Write::ImportMessages(_));
        is_import && record.migration == Some(run.migration)
    }))
}

/// Finds out what became of such imports, and does again what was not done. Needs nothing of the place that `run` reads,
/// which may not be there any more. Its writers wait.
///
/// # Errors
/// Where the backend cannot be asked, or does not tell yet.
pub(crate) async fn settle(run: &Run, subject: &Subject) -> Result<()> {
    let id = subject.id;
    let Some(there) = run.place(id, &run.to).await? else {
        return Ok(());
    };
    let writer = CopyWriter::open(
        run.parts.clone(),
        run.migration,
        run.copy_at(id),
        run.end(&run.to, subject),
        Some(there),
        NewConversation::default,
    );
    Box::pin(writer).await?.close().await
}
