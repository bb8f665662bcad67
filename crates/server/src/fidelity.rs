//! What became of the fields of one answer: the header that names them, and the list that tells of each.

use std::collections::{BTreeMap, HashMap, HashSet};

use backend::{Fate, FieldFate, Trace};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Which fields the backend alone does not hold exactly.
pub(crate) const FIDELITY_HEADER: HeaderName = HeaderName::from_static("dragoman-fidelity");

/// Every field that the header may name: nothing that a caller made up ever stands in it.
#[rustfmt::skip]
pub(crate) const FIELDS: &[&str] = &[
    // of conversations
    "id", "backend", "kind", "title", "description", "status", "status_native", "priority", "labels", "participants",
    "owner", "icon_url", "assistant", "metadata", "unread", "counts", "usage", "created_at", "updated_at",
    "last_message_at", "extensions",
    // of messages
    "conversation_id", "role", "author", "direction", "recipients", "subject", "parts", "in_reply_to", "rating",
    "model", "provider", "finish_reason", "latency_ms", "source", "client_message_id", "sent_at", "edited_at",
    // of requests for answers, of activity, and of files
    "template", "context", "activity", "participant_id", "attachment",
];

/// What a request for an answer sets beside its input; noted for the conversation as long as there is no answer.
const OF_REQUEST: &[&str] = &["/assistant", "/metadata", "/template", "/context"];

/// The fates of the fields that are not exact, each field of an object once, in the order in which they became known.
#[derive(Debug, Default)]
pub(crate) struct Fidelity(Vec<(Box<str>, FieldFate)>);

impl Fidelity {
    /// Those that were noted for what is answered: `is_wanted` is given the id of the conversation or message.
    pub(crate) fn of(trace: &Trace, is_wanted: impl Fn(&str, &FieldFate) -> bool) -> Self {
        let noted = trace.fates();
        Fidelity::collect(noted.into_iter().filter(|(id, fate)| is_wanted(id, fate)))
    }

    /// Those of the objects of a list.
    pub(crate) fn of_each(trace: &Trace, ids: impl IntoIterator<Item: ToString>) -> Self {
        let noted = trace.fates();
        if noted.is_empty() {
            return Fidelity::default();
        }
        let ids: HashSet<String> = ids.into_iter().map(|id| id.to_string()).collect();
        Fidelity::collect(noted.into_iter().filter(|(id, _)| ids.contains(&**id)))
    }

    /// Those of a request for an answer: pointers lead into the request, so the input's begin with `/input`. `answer` is
    /// absent as long as there is none.
    pub(crate) fn of_answer(trace: &Trace, conversation: &str, answer: Option<&str>) -> Self {
        let noted = trace.fates();
        Fidelity::collect(noted.into_iter().filter_map(|(id, mut fate)| {
            if &*id == conversation {
                let is_of_request = |member: &&str| fate.pointer.starts_with(*member);
                OF_REQUEST.iter().find(|member| is_of_request(member))?;
            } else if answer != Some(&*id) && !fate.pointer.starts_with("/input") {
                fate.pointer.insert_str(0, "/input");
            }
            Some((Box::default(), fate))
        }))
    }

    /// Those of one object that has no id.
    pub(crate) fn of_fates(fates: impl IntoIterator<Item = FieldFate>) -> Self {
        Fidelity::collect(fates.into_iter().map(|fate| (Box::default(), fate)))
    }

    /// A field may be noted more than once, by a write that met something unforeseen or by the read that follows it: what
    /// was noted last is true.
    fn collect(noted: impl Iterator<Item = (Box<str>, FieldFate)>) -> Self {
        let mut fates: Vec<(Box<str>, FieldFate)> = Vec::new();
        let mut places: HashMap<(Box<str>, String), usize> = HashMap::new();
        for (id, fate) in noted {
            let place = *places
                .entry((id.clone(), fate.pointer.clone()))
                .or_insert(fates.len());
            match fates.get_mut(place) {
                None => fates.push((id, fate)),
                Some((_, known)) => *known = fate,
            }
        }
        fates.retain(|(_, fate)| fate.fate != Fate::Exact);
        Fidelity(fates)
    }

    pub(crate) fn is_exact(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes the header.
    pub(crate) fn write_to(&self, headers: &mut HeaderMap) {
        headers.insert(FIDELITY_HEADER, self.header());
    }

    /// `exact`, or the weightiest fate and the names of the fields: `overlay; fields="title,labels"`.
    fn header(&self) -> HeaderValue {
        const EXACT: HeaderValue = HeaderValue::from_static("exact");
        let has = |wanted| self.0.iter().any(|(_, fate)| fate.fate == wanted);
        let word = if has(Fate::Rejected) {
            "rejected"
        } else if has(Fate::Overlay) {
            "overlay"
        } else if has(Fate::Converted) {
            "converted"
        } else {
            return EXACT;
        };
        let mut names: Vec<&str> = Vec::new();
        for (_, fate) in &self.0 {
            if let Some(name) = field_of(&fate.pointer)
                && !names.contains(&name)
            {
                names.push(name);
            }
        }
        let value = match names[..] {
            // A whole message, for one.
            [] => word.to_owned(),
            _ => format!("{word}; fields=\"{}\"", names.join(",")),
        };
        // Made of our own words only.
        HeaderValue::try_from(value).unwrap_or(EXACT)
    }

    /// Every fate, for the member of one object.
    pub(crate) fn into_fates(self) -> Vec<FieldFate> {
        self.0.into_iter().map(|(_, fate)| fate).collect()
    }

    /// Every fate by the id of its object, for the member of a list. An object that is exact does not appear.
    pub(crate) fn into_fates_by_id(self) -> BTreeMap<Box<str>, Vec<FieldFate>> {
        let mut by_id: BTreeMap<Box<str>, Vec<FieldFate>> = BTreeMap::new();
        for (id, fate) in self.0 {
            by_id.entry(id).or_default().push(fate);
        }
        by_id
    }
}

/// The field that a pointer leads into; of the input of an answer, the message's field.
fn field_of(pointer: &str) -> Option<&'static str> {
    let mut segments = pointer.strip_prefix('/')?.split('/');
    let first = match segments.next()? {
        "input" => segments.next()?,
        first => first,
    };
    FIELDS.iter().find(|field| **field == first).copied()
}

#[cfg(test)]
mod tests {
    use backend::{Fate, FieldFate, Trace};

    use super::Fidelity;

    fn header(fates: Vec<FieldFate>) -> String {
        let header = Fidelity::of_fates(fates).header();
        header.to_str().unwrap().to_owned()
    }

    #[test]
    fn header_names_each_field_once_in_the_order_of_first_appearance() {
        let overlay = |pointer: &str| FieldFate::overlay(pointer, "kept");
        let converted = |pointer: &str| FieldFate::converted(pointer, "changed");
        for (fates, expected) in [
            (vec![], "exact"),
            (
                vec![overlay("/title"), overlay("/labels/a"), overlay("/title")],
                "overlay; fields=\"title,labels\"",
            ),
            (
                vec![converted("/input/parts/0"), converted("/metadata/a~1b")],
                "converted; fields=\"parts,metadata\"",
            ),
            (
                vec![converted("/kind"), overlay("/labels/b")],
                "overlay; fields=\"kind,labels\"",
            ),
            (
                vec![overlay("/title"), FieldFate::rejected("/owner", "no place")],
                "rejected; fields=\"title,owner\"",
            ),
            (vec![overlay("")], "overlay"),
        ] {
            assert_eq!(header(fates), expected);
        }
    }

    #[test]
    fn header_holds_nothing_that_a_caller_made_up() {
        let fates = ["/evil\r\nset-cookie: a", "/x\"", "title", "/input", "/"]
            .map(|pointer| FieldFate::overlay(pointer, "kept"));
        assert_eq!(header(fates.to_vec()), "overlay");
    }

    #[test]
    fn fates_of_an_answer_lead_into_its_request() {
        let trace = Trace::default();
        let overlay = |pointer: &str| vec![FieldFate::overlay(pointer, "kept")];
        trace.note_fates("conversation", overlay("/title"));
        trace.note_fates("conversation", overlay("/metadata/k"));
        trace.note_fates("input", overlay("/subject"));
        trace.note_fates("input", overlay(""));
        trace.note_fates("answer", overlay("/metadata/k"));
        trace.note_fates("answer", overlay("/parts"));
        let fidelity = Fidelity::of_answer(&trace, "conversation", Some("answer"));
        assert_eq!(
            fidelity.header(),
            "overlay; fields=\"metadata,subject,parts\""
        );
        let fates = fidelity.into_fates();
        let pointers: Vec<&str> = fates.iter().map(|fate| &*fate.pointer).collect();
        assert_eq!(
            pointers,
            ["/metadata/k", "/input/subject", "/input", "/parts"]
        );
    }

    #[test]
    fn field_that_is_noted_twice_is_told_once_as_it_was_noted_last() {
        let trace = Trace::default();
        let mut seen = FieldFate::overlay("/title", "as read");
        seen.drifted = true;
        let exact = FieldFate {
            fate: Fate::Exact,
            ..FieldFate::overlay("/labels", "")
        };
        for fate in [
            FieldFate::converted("/title", "cut").exceeds(1, Some(2)),
            FieldFate::overlay("/labels", "kept"),
            FieldFate::overlay("/owner", "kept"),
            exact,
            seen.clone(),
        ] {
            trace.note_fates("a", vec![fate]);
        }
        trace.note_fates("b", vec![FieldFate::converted("/kind", "changed")]);
        let of_a = || Fidelity::of(&trace, |id, _| id == "a");
        assert_eq!(of_a().header(), "overlay; fields=\"title,owner\"");
        assert_eq!(of_a().into_fates()[0], seen);
        let each = Fidelity::of_each(&trace, ["b", "c"]).into_fates_by_id();
        assert_eq!(each.keys().map(|id| &**id).collect::<Vec<_>>(), ["b"]);
    }
}
