//! Values on their way to PostgreSQL and back.
//!
//! PostgreSQL's text cannot hold U+0000, which a message may. So it is written as [`ESCAPE`] and `0`, and [`ESCAPE`]
//! itself, which is no character that anybody may send as one, as [`ESCAPE`] and `1`.

use std::error::Error as StdError;

use bytes::BytesMut;
use rusqlite::types::{ToSqlOutput, ValueRef};
use tokio_postgres::Row;

use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::sql;

/// Begins what stands for another character.
const ESCAPE: char = '\u{10FFFF}';

/// A value that is bound to a statement. It takes the type that the statement asks for.
#[derive(Debug)]
pub(super) struct Bound<'a>(ToSqlOutput<'a>);

impl<'a> Bound<'a> {
    pub(super) fn all(values: &[&'a dyn sql::ToSql]) -> sql::Result<Vec<Self>> {
        values
            .iter()
            .map(|value| Ok(Self(sql::ToSql::to_sql(*value)?)))
            .collect()
    }
}

impl ToSql for Bound<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        let value = match &self.0 {
            ToSqlOutput::Borrowed(value) => *value,
            ToSqlOutput::Owned(value) => ValueRef::from(value),
            other => return Err(format!("no value that can be bound: {other:?}").into()),
        };
        match value {
            ValueRef::Null => Ok(IsNull::Yes),
            ValueRef::Integer(number) => integer(number, ty, out),
            ValueRef::Real(number) => number.to_sql(ty, out),
            ValueRef::Text(text) => {
                let text = std::str::from_utf8(text)?;
                if *ty == Type::JSON {
                    return json_escaped(text).as_str().to_sql(&Type::TEXT, out);
                }
                match escaped(text) {
                    Some(text) => text.as_str().to_sql(&Type::TEXT, out),
                    None => text.to_sql(&Type::TEXT, out),
                }
            }
            ValueRef::Blob(bytes) => bytes.to_sql(&Type::BYTEA, out),
        }
    }

    fn accepts(_ty: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn integer(
    number: i64,
    ty: &Type,
    out: &mut BytesMut,
) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
    match *ty {
        Type::INT8 => number.to_sql(ty, out),
        Type::INT4 => i32::try_from(number)?.to_sql(ty, out),
        Type::INT2 => i16::try_from(number)?.to_sql(ty, out),
        Type::BOOL => (number != 0).to_sql(ty, out),
        #[expect(
            clippy::cast_precision_loss,
            reason = "the column holds no more either"
        )]
        Type::FLOAT8 => (number as f64).to_sql(ty, out),
        _ => Err(format!("a whole number is bound where {ty} is asked for").into()),
    }
}

/// `text` without U+0000; `None` where it can stay as it is.
fn escaped(text: &str) -> Option<String> {
    text.contains(['\0', ESCAPE]).then(|| {
        let mut safe = String::with_capacity(text.len() + 8);
        for character in text.chars() {
            match character {
                '\0' => safe.extend([ESCAPE, '0']),
                ESCAPE => safe.extend([ESCAPE, '1']),
                character => safe.push(character),
            }
        }
        safe
    })
}

/// JSON whose strings, read, are [`escaped`]: they are compared with columns that are.
fn json_escaped(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find(['\\', ESCAPE]) {
        safe.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("\\u0000") {
            safe.extend([ESCAPE, '0']);
            rest = after;
        } else if let Some(after) = rest.strip_prefix(ESCAPE) {
            safe.extend([ESCAPE, '1']);
            rest = after;
        } else {
            // Another escape: its second character is no beginning of one.
            let end = rest
                .char_indices()
                .nth(2)
                .map_or(rest.len(), |(index, _)| index);
            safe.push_str(&rest[..end]);
            rest = &rest[end..];
        }
    }
    safe.push_str(rest);
    safe
}

/// The text that was escaped.
fn unescaped(text: &str) -> String {
    let mut whole = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            ESCAPE => match characters.next() {
                Some('0') => whole.push('\0'),
                Some('1') | None => whole.push(ESCAPE),
                Some(other) => whole.extend([ESCAPE, other]),
            },
            character => whole.push(character),
        }
    }
    whole
}

/// A row that was found.
pub(crate) struct FoundRow {
    row: Row,
    /// Texts that were escaped, by column. Most often there is none.
    unescaped: Vec<(usize, String)>,
}

impl FoundRow {
    pub(super) fn new(row: Row) -> sql::Result<Self> {
        let mut found = Self {
            row,
            unescaped: Vec::new(),
        };
        for column in 0..found.row.len() {
            if let ValueRef::Text(text) = found.stored(column)? {
                // Only what was valid when it was written is in a column of text.
                let text = String::from_utf8_lossy(text);
                if text.contains(ESCAPE) {
                    let whole = unescaped(&text);
                    found.unescaped.push((column, whole));
                }
            }
        }
        Ok(found)
    }

    /// The number of the column of this name.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.row
            .columns()
            .iter()
            .position(|column| column.name() == name)
    }

    /// The value of a column.
    pub(crate) fn value(&self, column: usize) -> sql::Result<ValueRef<'_>> {
        match self.unescaped.iter().find(|(index, _)| *index == column) {
            Some((_, text)) => Ok(ValueRef::Text(text.as_bytes())),
            None => self.stored(column),
        }
    }

    fn stored(&self, column: usize) -> sql::Result<ValueRef<'_>> {
        let Stored(value) = self
            .row
            .try_get(column)
            .map_err(super::failed::Failed::Postgres)?;
        Ok(value)
    }
}

/// A value as SQLite's library names it.
struct Stored<'a>(ValueRef<'a>);

impl<'a> FromSql<'a> for Stored<'a> {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(match *ty {
            Type::INT8 => ValueRef::Integer(i64::from_sql(ty, raw)?),
            Type::INT4 => ValueRef::Integer(i32::from_sql(ty, raw)?.into()),
            Type::INT2 => ValueRef::Integer(i16::from_sql(ty, raw)?.into()),
            Type::BOOL => ValueRef::Integer(bool::from_sql(ty, raw)?.into()),
            Type::FLOAT8 => ValueRef::Real(f64::from_sql(ty, raw)?),
            Type::BYTEA => ValueRef::Blob(raw),
            _ => ValueRef::Text(raw),
        }))
    }

    fn from_sql_null(_ty: &Type) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(ValueRef::Null))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(
            *ty,
            Type::INT8
                | Type::INT4
                | Type::INT2
                | Type::BOOL
                | Type::FLOAT8
                | Type::BYTEA
                | Type::TEXT
                | Type::VARCHAR
                | Type::NAME
                | Type::JSON
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_text_cannot_hold_comes_back_as_it_was() {
        for text in ["\0", "a\0b", "\u{10FFFF}", "\u{10FFFF}0", "\0\u{10FFFF}1\0"] {
            let safe = escaped(text).unwrap();
            assert!(!safe.contains('\0'), "{text:?}");
            assert_eq!(unescaped(&safe), text, "{text:?}");
        }
        assert_eq!(escaped("an ordinary text"), None);
    }

    #[test]
    fn strings_in_json_are_escaped_as_columns_are() {
        for text in [
            "\0",
            "a\\u0000",
            "\\\0",
            "\u{10FFFF}\n\0",
            "\\\\u0000\0",
            "plain",
        ] {
            let json = json_escaped(&serde_json::to_string(text).unwrap());
            let read: String = serde_json::from_str(&json).unwrap();
            assert_eq!(
                read,
                escaped(text).unwrap_or_else(|| text.to_owned()),
                "{text:?}"
            );
        }
    }
}
