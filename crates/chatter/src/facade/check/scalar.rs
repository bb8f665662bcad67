//! What a JSON value is, as far as a check needs to know.

use conversation::RawJson;

/// What a value is.
#[derive(Debug, PartialEq)]
pub(super) enum Shape {
    /// `null`.
    Null,
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(Number),
    /// A text; `None` where it holds half a surrogate pair.
    Text(Option<String>),
    /// A list.
    List,
    /// An object.
    Object,
}

/// A number.
#[derive(Debug, PartialEq)]
pub(super) enum Number {
    /// One without a fraction that fits into 128 bits.
    Whole(i128),
    /// Any other.
    Broken(f64),
}

impl Number {
    /// The number, as far as 64 bits of a float hold it.
    #[expect(clippy::cast_precision_loss, reason = "limits are far below 2^53")]
    pub(super) fn as_float(&self) -> f64 {
        match self {
            Self::Whole(number) => *number as f64,
            Self::Broken(number) => *number,
        }
    }
}

/// What this value is.
pub(super) fn shape(value: &RawJson) -> Shape {
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'{') => Shape::Object,
        Some(b'[') => Shape::List,
        Some(b'"') => Shape::Text(value.to().ok()),
        Some(b't') => Shape::Flag(true),
        Some(b'f') => Shape::Flag(false),
        Some(b'n') | None => Shape::Null,
        Some(_) => Shape::Number(match whole(text) {
            Some(number) => Number::Whole(number),
            None => Number::Broken(text.parse().unwrap_or(f64::INFINITY)),
        }),
    }
}

/// A text as a number.
pub(super) fn float(text: &str) -> Option<f64> {
    // Rust also reads `inf` and `nan`; so does the vendor, and refuses them afterwards.
    text.trim().parse().ok()
}

/// A text as a whole number: also with a fraction of zeros.
pub(super) fn whole(text: &str) -> Option<i128> {
    let text = text.trim();
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    if let Some((number, fraction)) = text.split_once('.')
        && !fraction.is_empty()
        && fraction.bytes().all(|digit| digit == b'0')
    {
        return number.parse().ok();
    }
    // `1e3`, in numbers only that a float holds exactly.
    let float: f64 = text.contains(['e', 'E']).then(|| text.parse().ok())??;
    #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
    let number = float as i128;
    (float.fract() == 0.0 && float.abs() < 9e15).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_whole_or_not() {
        let shape = |text: &str| shape(&RawJson::parse(text).unwrap());
        assert_eq!(shape("7"), Shape::Number(Number::Whole(7)));
        assert_eq!(shape("7.0"), Shape::Number(Number::Whole(7)));
        assert_eq!(shape("-7e2"), Shape::Number(Number::Whole(-700)));
        assert_eq!(shape("7.5"), Shape::Number(Number::Broken(7.5)));
        assert_eq!(shape("1e400"), Shape::Number(Number::Broken(f64::INFINITY)));
        assert_eq!(shape(r#""\ud800""#), Shape::Text(None));
        assert_eq!(shape(" null "), Shape::Null);
        assert_eq!(shape("[1]"), Shape::List);
    }

    #[test]
    fn texts_read_as_numbers_where_they_are_ones() {
        assert_eq!(whole(" 7 "), Some(7));
        assert_eq!(whole("7.00"), Some(7));
        for text in ["", "abc", "7.5", "7.", "1e-1", "nan"] {
            assert_eq!(whole(text), None, "{text}");
        }
        assert_eq!(float("0.5"), Some(0.5));
        assert_eq!(float("good"), None);
        assert_eq!(float(""), None);
    }
}
