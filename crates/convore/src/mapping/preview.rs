//! What would really be sent for a write, and the fate of each of its fields.

mod conversation;
mod message;
mod people;

use adapterkit::Fates;
use backend::{Projection, Write};

/// Why Convore never answers by itself.
const NO_AI: &str = "convore has no ai that answers";
/// Why a text is refused.
const NO_NUL: &str = "convore's texts are html, which has no character NUL";

/// The fate of a write.
#[must_use]
pub fn preview(write: &Write) -> Projection {
    let mut fates = Fates::new("convore");
    let write = match write {
        Write::CreateConversation(new) => {
            Write::CreateConversation(conversation::create(new, &mut fates))
        }
        Write::UpdateConversation(patch) => {
            Write::UpdateConversation(conversation::update(patch, &mut fates))
        }
        Write::PostMessage(new) => Write::PostMessage(message::post(new, &mut fates)),
        Write::ImportMessage(new) => Write::ImportMessage(message::import(new, &mut fates)),
        Write::UpdateMessage { id, patch } => Write::UpdateMessage {
            id: id.clone(),
            patch: message::update(patch, &mut fates),
        },
        Write::Respond(_) => {
            fates.refuse("/input", NO_AI);
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

/// A subject as it is held, where it is held at all.
fn held_subject(pointer: &str, subject: Option<Box<str>>, fates: &mut Fates) -> Option<Box<str>> {
    let subject = subject?;
    if subject.contains('\0') {
        fates.reject(pointer, NO_NUL);
        return None;
    }
    if subject.is_empty() {
        fates.convert(pointer, "an empty subject counts as none");
        return None;
    }
    Some(subject)
}
