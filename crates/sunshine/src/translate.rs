//! Sunshine's bodies in canonical form and back, without a server.

mod read;
mod write;

use adapterkit::{read_body, unmappable_body};
use backend::ports::{Canonical, Subject, Translated, Translator};
use backend::{Error, Result};
use conversation::{JsonMap, RawJson};

/// The vendor's name in sentences, and the shape's.
const VENDOR: &str = "sunshine";

/// Reads and writes Sunshine's shapes: of a conversation the object and the body of a create, of a message the object
/// and the body of a post.
///
/// An object has an id; a body without one is read as what makes it. The vendor's ids of users stand for ours, which
/// only a lookup could tell. Written are the bodies that make a conversation, or say something now.
#[derive(Clone, Copy, Debug, Default)]
pub struct SunshineTranslator;

impl Translator for SunshineTranslator {
    fn shape(&self) -> &'static str {
        VENDOR
    }

    fn read(&self, subject: Subject, body: &RawJson) -> Result<Translated<Canonical>> {
        let sent: JsonMap = read_body(body, VENDOR)?;
        let is_stored = sent.contains_key("id");
        match subject {
            Subject::Conversation => read::conversation(body, is_stored),
            Subject::Message => read::message(body, is_stored),
        }
    }

    fn write(&self, canonical: &Canonical) -> Result<Translated<RawJson>> {
        match canonical {
            Canonical::Conversation(new) => write::create(new),
            Canonical::Message(new) => write::post(new),
        }
    }
}

fn unmappable(error: adapterkit::Unmappable) -> Error {
    unmappable_body(VENDOR, error)
}
