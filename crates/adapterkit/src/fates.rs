//! The fates of a write's fields, as a preview finds them.

use backend::{Fate, FieldFate, Projection, Write};
use conversation::{
    Extensions, JsonMap, MessagePatch, NewMessage, Part, Patch, Role, TextFormat, text_of,
};

/// What is found of the fields of one write. What is rejected is taken out of the write, so that the rest is what the
/// vendor would hold.
#[derive(Debug)]
pub struct Fates {
    vendor: &'static str,
    found: Vec<FieldFate>,
    is_held: bool,
}

impl Fates {
    /// Nothing found yet. `vendor` is the name as it stands in sentences.
    #[must_use]
    pub fn new(vendor: &'static str) -> Self {
        Self {
            vendor,
            found: Vec::new(),
            is_held: true,
        }
    }

    /// Every field that is not held exactly.
    #[must_use]
    pub fn into_inner(self) -> Vec<FieldFate> {
        self.found
    }

    /// What would be sent, with what was found.
    #[must_use]
    pub fn into_projection(self, write: Write) -> Projection {
        Projection {
            write,
            fates: self.found,
            is_held: self.is_held,
        }
    }

    /// Adds what was found elsewhere.
    pub fn push(&mut self, fate: FieldFate) {
        self.found.push(fate);
    }

    /// The vendor cannot hold this.
    pub fn reject(&mut self, pointer: impl Into<String>, detail: &str) {
        self.push(FieldFate::rejected(pointer, detail));
    }

    /// The vendor has no place for the write as a whole; this field is why.
    pub fn refuse(&mut self, pointer: impl Into<String>, detail: &str) {
        self.is_held = false;
        self.reject(pointer, detail);
    }

    /// Nothing of the write is left to be sent: the vendor has no place for it as a whole. What was rejected says why.
    pub fn nothing_is_left(&mut self) {
        self.is_held = false;
    }

    /// The vendor has no place for the write as a whole, where anything of it was rejected.
    pub fn refuse_if_rejected(&mut self) {
        let is_rejected = |fate: &FieldFate| fate.fate == Fate::Rejected;
        self.is_held = self.is_held && !self.found.iter().any(is_rejected);
    }

    /// This is beyond a limit of the vendor; `value` is what was sent, where it is counted.
    pub fn reject_beyond(
        &mut self,
        pointer: impl Into<String>,
        detail: &str,
        limit: u64,
        value: Option<u64>,
    ) {
        self.push(FieldFate::rejected(pointer, detail).exceeds(limit, value));
    }

    /// The vendor has no such field.
    pub fn no_place(&mut self, pointer: impl Into<String>) {
        let detail = format!("{} has no place for this", self.vendor);
        self.reject(pointer, &detail);
    }

    /// The vendor holds this in another form.
    pub fn convert(&mut self, pointer: impl Into<String>, detail: &str) {
        self.push(FieldFate::converted(pointer, detail));
    }

    /// Takes out a field that the vendor does not have, where it holds something.
    pub fn take<T: Default + PartialEq>(&mut self, pointer: impl Into<String>, field: &mut T) {
        if *field != T::default() {
            *field = T::default();
            self.no_place(pointer);
        }
    }

    /// Takes out a field, where it holds something, and says why.
    pub fn take_because<T>(&mut self, pointer: &str, field: &mut Option<T>, detail: &str) {
        if field.take().is_some() {
            self.reject(pointer, detail);
        }
    }

    /// Takes out every member of a map that the vendor does not have.
    pub fn take_members(&mut self, pointer: &str, map: &mut JsonMap) {
        for name in std::mem::take(map).keys() {
            self.no_place(member_pointer(pointer, name));
        }
    }

    /// Takes out every member of the extensions. `pointer` is that of the extensions.
    pub fn take_extensions(&mut self, pointer: &str, extensions: &mut Extensions) {
        for (vendor, mut members) in std::mem::take(extensions) {
            let pointer = member_pointer(pointer, &vendor);
            if members.is_empty() {
                self.no_place(pointer);
            } else {
                self.take_members(&pointer, &mut members);
            }
        }
    }

    /// A change of a field that the vendor does not have: setting it is rejected, clearing it changes nothing.
    pub fn patch<T>(&mut self, pointer: &str, field: &mut Patch<T>) {
        if std::mem::take(field).set().is_some() {
            self.no_place(pointer);
        }
    }

    /// A change of a map that the vendor does not have: every member that it sets is rejected.
    pub fn patch_members(&mut self, pointer: &str, field: &mut Patch<JsonMap>) {
        if let Patch::Set(members) = std::mem::take(field) {
            for (name, _) in members.iter().filter(|(_, value)| !value.is_null()) {
                self.no_place(member_pointer(pointer, name));
            }
        }
    }

    /// As [`Self::patch_members`], for the members of each vendor.
    pub fn patch_extensions(&mut self, pointer: &str, field: &mut Patch<JsonMap>) {
        if let Patch::Set(vendors) = std::mem::take(field) {
            for (vendor, value) in vendors.iter().filter(|(_, value)| !value.is_null()) {
                let pointer = member_pointer(pointer, vendor);
                match value.to::<JsonMap>() {
                    Ok(members) if !members.is_empty() => {
                        self.patch_members(&pointer, &mut Patch::Set(members));
                    }
                    _ => self.no_place(pointer),
                }
            }
        }
    }

    /// The vendor changes no messages: every field that an edit names is why.
    pub fn refuse_edit(&mut self, patch: &MessagePatch) {
        let detail = format!("{} cannot change a message", self.vendor);
        let mut named = Vec::new();
        let mut name = |pointer: &str, is_named: bool| {
            if is_named {
                named.push(pointer.to_owned());
            }
        };
        name("/parts", !patch.parts.is_keep());
        name("/subject", !patch.subject.is_keep());
        name("/status", !patch.status.is_keep());
        for (pointer, map) in [
            ("/metadata", &patch.metadata),
            ("/extensions", &patch.extensions),
        ] {
            match map {
                Patch::Set(members) if !members.is_empty() => {
                    named.extend(members.keys().map(|name| member_pointer(pointer, name)));
                }
                Patch::Keep => {}
                Patch::Set(_) | Patch::Clear => named.push(pointer.to_owned()),
            }
        }
        if named.is_empty() {
            named.push("/parts".to_owned());
        }
        for pointer in named {
            self.refuse(pointer, &detail);
        }
    }

    /// What is left of a question to a vendor that takes one plain text of the user and nothing beside it. Pointers
    /// begin with `/input`. Refused is what is not the user's, and what has no words.
    #[must_use]
    pub fn question(&mut self, sent: &NewMessage) -> NewMessage {
        let (mut input, vendor) = (sent.clone(), self.vendor);
        if input.role != Role::User {
            input.role = Role::User;
            let detail = format!("{vendor} answers messages of the user only");
            self.refuse("/input/role", &detail);
        }
        let direction = input.direction.take();
        if direction.is_some_and(|direction| direction != Role::User.direction()) {
            let detail = format!("{vendor} derives the direction from the role");
            self.reject("/input/direction", &detail);
        }
        self.take("/input/author", &mut input.author);
        self.take("/input/recipients", &mut input.recipients);
        self.take("/input/subject", &mut input.subject);
        self.take("/input/in_reply_to", &mut input.in_reply_to);
        self.take("/input/status", &mut input.status);
        self.take("/input/rating", &mut input.rating);
        self.take("/input/usage", &mut input.usage);
        self.take("/input/model", &mut input.model);
        self.take("/input/provider", &mut input.provider);
        self.take("/input/finish_reason", &mut input.finish_reason);
        self.take("/input/latency_ms", &mut input.latency_ms);
        self.take("/input/client_message_id", &mut input.client_message_id);
        self.take("/input/sent_at", &mut input.sent_at);
        self.take("/input/edited_at", &mut input.edited_at);
        self.take_extensions("/input/extensions", &mut input.extensions);
        self.take_members("/input/source", &mut input.source);
        self.take_members("/input/metadata", &mut input.metadata);
        self.question_parts(&input.parts);
        let text = text_of(&input.parts);
        if text.is_empty() {
            self.refuse(
                "/input/parts",
                &format!("{vendor} refuses an empty message"),
            );
        }
        input.parts = vec![Part::text(text)];
        input
    }

    fn question_parts(&mut self, parts: &[Part]) {
        let vendor = self.vendor;
        for (index, part) in parts.iter().enumerate() {
            let plain = matches!(part, Part::Text(text) if text.format == TextFormat::Plain);
            let pointer = format!("/input/parts/{index}");
            if !plain && text_of(std::slice::from_ref(part)).is_empty() {
                let detail = format!("{vendor} holds text only, and this part has no words");
                self.reject(pointer, &detail);
            } else if !plain {
                self.convert(pointer, &format!("{vendor} holds plain text only"));
            }
        }
        let texts = parts.iter().filter(|part| matches!(part, Part::Text(_)));
        let count = texts.count();
        if count > 1 && count == parts.len() {
            let detail = format!("{vendor} holds one text: the parts are joined by an empty line");
            self.convert("/input/parts", &detail);
        }
    }
}

/// The JSON pointer to a member of the object at `pointer`.
#[must_use]
pub fn member_pointer(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use conversation::RawJson;

    use super::*;

    #[test]
    fn what_is_rejected_is_named_and_taken_out() {
        let mut fates = Fates::new("acme");
        let mut sent = NewMessage::of(Role::System, vec![Part::text("one"), Part::text("two")]);
        sent.subject = Some("s".into());
        sent.metadata.insert("a/b~c".into(), RawJson::string("x"));
        let question = fates.question(&sent);
        assert_eq!(question, NewMessage::text(Role::User, "one\n\ntwo"));
        let found = fates.into_inner();
        let pointers: Vec<&str> = found.iter().map(|fate| fate.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/input/role",
                "/input/subject",
                "/input/metadata/a~1b~0c",
                "/input/parts"
            ]
        );
        assert_eq!(found[1].detail, "acme has no place for this");
    }

    #[test]
    fn a_write_without_a_place_is_not_held() {
        let held = |said: &NewMessage| {
            let mut fates = Fates::new("acme");
            let input = fates.question(said);
            fates.into_projection(Write::PostMessage(input)).is_held
        };
        assert!(held(&NewMessage::text(Role::User, "words")));
        assert!(!held(&NewMessage::text(Role::System, "words")));
        assert!(!held(&NewMessage::text(Role::User, "")));
        let mut fates = Fates::new("acme");
        fates.refuse_if_rejected();
        fates.convert("/a", "in another form");
        fates.refuse_if_rejected();
        assert!(fates.is_held);
        fates.no_place("/b");
        fates.refuse_if_rejected();
        assert!(!fates.is_held);
    }
}
