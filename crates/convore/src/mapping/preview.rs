//! What would really be sent for a write, and the fate of each of its fields.

mod conversation;
mod message;
mod people;

use ::conversation::JsonMap;
use backend::{FieldFate, Projection, Write};

/// Why Convore never answers by itself.
const NO_AI: &str = "convore has no ai that answers";
/// Why a field is refused.
const NO_PLACE: &str = "convore has no place for this";
/// Why a text is refused.
const NO_NUL: &str = "convore's texts are html, which has no character NUL";

/// The fate of a write.
#[must_use]
pub fn preview(write: &Write) -> Projection {
    let mut fates = Fates::default();
    let write = match write {
        Write::CreateConversation(new) => {
            Write::CreateConversation(conversation::create(new, &mut fates))
        }
        Write::UpdateConversation(patch) => {
            Write::UpdateConversation(conversation::update(patch, &mut fates))
        }
        Write::PostMessage(new) => Write::PostMessage(message::post(new, &mut fates)),
        Write::ImportMessage(new) => Write::ImportMessage(message::import(new, &mut fates)),
        Write::UpdateMessage(patch) => Write::UpdateMessage(message::update(patch, &mut fates)),
        Write::Respond(_) => {
            fates.reject("/input", NO_AI);
            write.clone()
        }
    };
    Projection {
        write,
        fates: fates.0,
    }
}

#[derive(Default)]
struct Fates(Vec<FieldFate>);

impl Fates {
    fn reject(&mut self, pointer: impl Into<String>, detail: &str) {
        self.0.push(FieldFate::rejected(pointer, detail));
    }

    fn convert(&mut self, pointer: impl Into<String>, detail: &str) {
        self.0.push(FieldFate::converted(pointer, detail));
    }

    /// Rejects a field that the vendor has no place for, and takes it out.
    fn take<T: Default + PartialEq>(&mut self, pointer: impl Into<String>, field: &mut T) {
        if *field != T::default() {
            *field = T::default();
            self.reject(pointer, NO_PLACE);
        }
    }

    /// Rejects each member of a map that the vendor has no place for.
    fn map(&mut self, pointer: &str, map: &mut JsonMap) {
        for name in std::mem::take(map).keys() {
            let name = name.replace('~', "~0").replace('/', "~1");
            self.reject(format!("{pointer}/{name}"), NO_PLACE);
        }
    }

    /// A subject as it is held, where it is held at all.
    fn subject(&mut self, pointer: &str, subject: Option<Box<str>>) -> Option<Box<str>> {
        let subject = subject?;
        if subject.contains('\0') {
            self.reject(pointer, NO_NUL);
            return None;
        }
        if subject.is_empty() {
            self.convert(pointer, "an empty subject counts as none");
            return None;
        }
        Some(subject)
    }
}
