//! What would really be sent for a write, and the fate of each of its fields.

mod checks;
mod fit;
mod message;
mod parts;
mod thread;

use adapterkit::Fates;
use backend::{Projection, Write};
use conversation::Participant;

use crate::config::ImportMode;
pub use thread::is_customer;

/// Why history cannot be stored.
pub const IMPORT_IS_IMPOSSIBLE: &str = "sunshine stores a message only as said now, and a user's message wakes bots and webhooks: set `import_mode = \"post\"` for this backend to post history all the same";

/// Why a file does not become a part of a stored message.
pub const NOT_TO_A_MESSAGE: &str =
    "sunshine cannot change a message: put the attachment first, and name it by its url";

/// The fate of a write.
#[must_use]
pub fn preview(write: &Write, import_mode: ImportMode) -> Projection {
    let mut fates = Fates::new("sunshine");
    let write = match write {
        Write::CreateConversation(new) => {
            Write::CreateConversation(thread::create(new, &mut fates))
        }
        Write::UpdateConversation(patch) => {
            Write::UpdateConversation(thread::update(patch, &mut fates))
        }
        Write::PostMessage(new) => Write::PostMessage(message::post(new, &mut fates)),
        Write::ImportMessage(new) => match import_mode {
            ImportMode::Post => Write::ImportMessage(message::import(new, &mut fates)),
            ImportMode::Overlay => {
                fates.refuse("/parts", IMPORT_IS_IMPOSSIBLE);
                write.clone()
            }
        },
        Write::UpdateMessage { patch, .. } => {
            fates.refuse_edit(patch);
            write.clone()
        }
        Write::RateMessage { .. } => {
            fates.refuse("/rating", "sunshine has no votes on messages");
            write.clone()
        }
        Write::Respond(_) => {
            fates.refuse("/input", "sunshine has no ai of its own");
            write.clone()
        }
        Write::AddParticipants(new) => Write::AddParticipants(joining(new, &mut fates)),
        Write::PutAttachment { message_id, .. } => {
            if message_id.is_some() {
                fates.refuse("/message_id", NOT_TO_A_MESSAGE);
            }
            write.clone()
        }
        // Deletes are tried: nothing of them can be left out.
        Write::DeleteConversation
        | Write::ImportMessages(_)
        | Write::DeleteMessage { .. }
        | Write::RemoveParticipant { .. } => write.clone(),
    };
    fates.into_projection(write)
}

/// What is left of participants who are to join.
fn joining(new: &[Participant], fates: &mut Fates) -> Vec<Participant> {
    let mut kept = Vec::new();
    for (index, participant) in new.iter().enumerate() {
        let pointer = format!("/participants/{index}");
        if is_customer(participant) {
            kept.extend(thread::user(&pointer, participant, fates));
        } else {
            fates.reject(pointer, thread::CUSTOMERS_ONLY);
        }
    }
    if kept.is_empty() && !new.is_empty() {
        fates.nothing_is_left();
    }
    kept
}
