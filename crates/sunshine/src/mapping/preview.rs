//! What would really be sent for a write, and the fate of each of its fields.

mod checks;
mod fit;
mod message;
mod parts;
mod thread;

use adapterkit::Fates;
use backend::{FieldFate, Projection, Write};

use conversation::Participant;

use crate::config::ImportMode;
pub use thread::is_customer;

/// Why history cannot be stored.
pub const IMPORT_IS_IMPOSSIBLE: &str = "sunshine stores a message only as said now, and a user's message wakes bots and webhooks: set `import_mode = \"post\"` for this backend to post history all the same";

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
        Write::UpdateMessage { .. } => {
            fates.refuse("/parts", "sunshine cannot change a message");
            write.clone()
        }
        Write::Respond(_) => {
            fates.refuse("/input", "sunshine has no ai of its own");
            write.clone()
        }
        // Deletes, votes, participants and files are tried: nothing of them can be left out.
        Write::DeleteConversation
        | Write::ImportMessages(_)
        | Write::DeleteMessage { .. }
        | Write::RateMessage { .. }
        | Write::AddParticipants(_)
        | Write::RemoveParticipant { .. }
        | Write::PutAttachment { .. } => write.clone(),
    };
    fates.into_projection(write)
}

/// What is left of participants who are to join, and the fate of each of their fields.
#[must_use]
pub fn projected_participants(new: &[Participant]) -> (Vec<Participant>, Vec<FieldFate>) {
    let mut fates = Fates::new("sunshine");
    let mut kept = Vec::new();
    for (index, participant) in new.iter().enumerate() {
        let pointer = format!("/participants/{index}");
        if is_customer(participant) {
            kept.extend(thread::user(&pointer, participant, &mut fates));
        } else {
            fates.reject(pointer, thread::CUSTOMERS_ONLY);
        }
    }
    (kept, fates.into_inner())
}
