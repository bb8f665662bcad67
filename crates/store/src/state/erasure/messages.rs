//! What is kept of one message.

use backend::ports::{Erased, KeptAt};
use conversation::MessageId;

use crate::failure::Attempt;
use crate::sql::Connection;
use crate::state::{ledger, overlay};

/// How a backend's message is shown whose own id is another one's public id.
const NATIVE: &str = "native-";

/// Erases it at one backend, by its public id.
pub(super) fn erase(connection: &Connection, at: &KeptAt, id: &MessageId) -> Attempt<Erased> {
    let conversation = at.conversation.to_string();
    let native = ledger::copied::native_of(connection, &conversation, &at.backend, id)?;
    let own_id = native.unwrap_or_else(|| id.clone());
    let mut kept = overlay::erase_message(connection, at, &own_id)?;
    let hidden_name = own_id.as_str().strip_prefix(NATIVE);
    if let (0, Some(Ok(own_id))) = (kept, hidden_name.map(str::parse)) {
        kept = overlay::erase_message(connection, at, &own_id)?;
    }
    Ok(Erased {
        kept,
        ledger: ledger::copied::forget_digest(connection, &conversation, &at.backend, id)?,
        ..Erased::default()
    })
}
