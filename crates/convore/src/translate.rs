//! Convore's bodies in canonical form and back, without a server.

mod read;
mod write;

use adapterkit::{read_body, unmappable_body};
use backend::ports::{Canonical, Subject, Translated, Translator};
use backend::{Error, Result};
use conversation::{JsonMap, RawJson};

/// The vendor's name in sentences, and the shape's.
const VENDOR: &str = "convore";

/// Reads and writes Convore's shapes: of a conversation the object and the body of a create, of a message the object
/// and the bodies of a send and of an import.
///
/// An object has an id, an import a date; a body without both is read as a send. Written are the bodies that the
/// adapter sends: what the business says is sent, what a customer says is imported. Ids of channels, conversations and
/// labels stand where they were read from a body of Convore's, else they are left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConvoreTranslator;

impl Translator for ConvoreTranslator {
    fn shape(&self) -> &'static str {
        VENDOR
    }

    fn read(&self, subject: Subject, body: &RawJson) -> Result<Translated<Canonical>> {
        let sent: JsonMap = read_body(body, VENDOR)?;
        let is_stored = sent.contains_key("id");
        match subject {
            Subject::Conversation if is_stored => read::conversation(body),
            Subject::Conversation => read::create(body),
            Subject::Message if is_stored => read::message(body),
            Subject::Message if sent.contains_key("date") => read::import(body),
            Subject::Message if sent.contains_key("direction") => read::import(body),
            Subject::Message => read::send(body),
        }
    }

    fn write(&self, canonical: &Canonical) -> Result<Translated<RawJson>> {
        match canonical {
            Canonical::Conversation(new) => write::create(new),
            Canonical::Message(new) => write::message(new),
        }
    }
}

fn unmappable(error: adapterkit::Unmappable) -> Error {
    unmappable_body(VENDOR, error)
}
