//! What would really be sent for a write, and the fate of each of its fields.

mod conversation;
mod message;
mod people;

pub(crate) use message::stored_file;

use adapterkit::Fates;
use backend::{Projection, Write};

/// Why Convore never answers by itself.
const NO_AI: &str = "convore has no ai that answers";
/// What a delete leaves behind.
const DELETED_IS_KEPT: &str = "hidden, still held by convore: it moves a conversation to its trash and keeps it with its messages";
/// Why a file needs a message.
pub const FILES_BELONG_TO_MESSAGES: &str = "convore takes a file for a stored message only: store the message first, then name it as `message_id`";
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
        Write::DeleteMessage { .. } => {
            fates.refuse("/id", "convore cannot delete a message");
            write.clone()
        }
        Write::RateMessage { .. } => {
            fates.refuse("/rating", "convore has no votes on messages");
            write.clone()
        }
        Write::AddParticipants(new) => {
            Write::AddParticipants(people::participants(new.clone(), &mut fates))
        }
        Write::PutAttachment { message_id, .. } => {
            if message_id.is_none() {
                fates.refuse("/message_id", FILES_BELONG_TO_MESSAGES);
            }
            write.clone()
        }
        Write::DeleteConversation => {
            fates.convert("", DELETED_IS_KEPT);
            write.clone()
        }
        // These are tried: nothing of them can be left out.
        Write::ImportMessages(_) | Write::RemoveParticipant { .. } => write.clone(),
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
