//! JSON spelled as the vendor's encoder spells it.

use std::io;

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

/// The JSON of an object, byte for byte as the vendor's server writes it: `<`, `>`, `&`, U+2028 and U+2029 are
/// escaped, everything else beyond ASCII is not.
///
/// # Errors
/// Where JSON cannot hold the object, for example a map whose keys are not strings.
pub fn to_bytes<T: Serialize + ?Sized>(object: &T) -> serde_json::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    object.serialize(&mut Serializer::with_formatter(&mut bytes, Spelling))?;
    Ok(bytes)
}

struct Spelling;

impl Formatter for Spelling {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let escape = |character: char| match character {
            '<' => Some("\\u003c"),
            '>' => Some("\\u003e"),
            '&' => Some("\\u0026"),
            '\u{2028}' => Some("\\u2028"),
            '\u{2029}' => Some("\\u2029"),
            _ => None,
        };
        let mut rest = fragment;
        while let Some((at, escaped)) = rest
            .char_indices()
            .find_map(|(at, character)| escape(character).map(|escaped| (at, escaped)))
        {
            let (before, from) = rest.split_at(at);
            CompactFormatter.write_string_fragment(writer, before)?;
            writer.write_all(escaped.as_bytes())?;
            let mut characters = from.chars();
            characters.next();
            rest = characters.as_str();
        }
        CompactFormatter.write_string_fragment(writer, rest)
    }
}
