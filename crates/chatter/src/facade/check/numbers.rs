//! Numbers within their limits.

use conversation::RawJson;
use serde_json::json;

use super::scalar::{self, Number, Shape, shape};
use super::{Check, Given};
use crate::wire::Member;

impl Check {
    /// A number that may be missing or null.
    pub(crate) fn number(&mut self, name: &str, least: f64, most: f64) -> Member<f64> {
        match self.given(name) {
            Given::Value(value) => Member::from(self.some_number(name, &value, least, most)),
            Given::Null => Member::Null,
            Given::Absent => Member::Absent,
        }
    }

    /// A number that must be there.
    pub(crate) fn required_number(&mut self, name: &str, least: f64, most: f64) -> f64 {
        let Some(value) = self.members.get(name).cloned() else {
            self.missing(name);
            return least;
        };
        self.some_number(name, &value, least, most).unwrap_or(least)
    }

    fn some_number(&mut self, name: &str, value: &RawJson, least: f64, most: f64) -> Option<f64> {
        let number = match shape(value) {
            Shape::Number(number) => number.as_float(),
            Shape::Flag(flag) => f64::from(u8::from(flag)),
            Shape::Text(Some(text)) if scalar::float(&text).is_some() => {
                scalar::float(&text).unwrap_or_default()
            }
            Shape::Text(_) => {
                let words = "Input should be a valid number, unable to parse string as a number";
                self.wrong(name, "float_parsing", words, value, None);
                return None;
            }
            _ => {
                let words = "Input should be a valid number";
                self.wrong(name, "float_type", words, value, None);
                return None;
            }
        };
        if !number.is_finite() {
            let words = "Input should be a finite number";
            self.wrong(name, "finite_number", words, value, None);
        } else if number < least {
            let words = format!("Input should be greater than or equal to {least}");
            let context = json!({"ge": least});
            self.wrong(name, "greater_than_equal", &words, value, Some(&context));
        } else if number > most {
            let words = format!("Input should be less than or equal to {most}");
            let context = json!({"le": most});
            self.wrong(name, "less_than_equal", &words, value, Some(&context));
        } else {
            return Some(number);
        }
        None
    }

    /// A whole number that may be missing or null.
    pub(crate) fn integer(&mut self, name: &str, least: i128, most: i128) -> Member<i128> {
        match self.given(name) {
            Given::Value(value) => Member::from(self.some_integer(name, &value, least, most)),
            Given::Null => Member::Null,
            Given::Absent => Member::Absent,
        }
    }

    fn some_integer(
        &mut self,
        name: &str,
        value: &RawJson,
        least: i128,
        most: i128,
    ) -> Option<i128> {
        let number = match shape(value) {
            Shape::Number(Number::Whole(number)) => number,
            Shape::Number(Number::Broken(_)) => {
                let words = "Input should be a valid integer, got a number with a fractional part";
                self.wrong(name, "int_from_float", words, value, None);
                return None;
            }
            Shape::Flag(flag) => i128::from(flag),
            Shape::Text(Some(text)) if scalar::whole(&text).is_some() => {
                scalar::whole(&text).unwrap_or_default()
            }
            Shape::Text(_) => {
                let words = "Input should be a valid integer, unable to parse string as an integer";
                self.wrong(name, "int_parsing", words, value, None);
                return None;
            }
            _ => {
                let words = "Input should be a valid integer";
                self.wrong(name, "int_type", words, value, None);
                return None;
            }
        };
        // Limits are small numbers, and so exact in 64 bits.
        let limit = |value: i128| i64::try_from(value).unwrap_or(i64::MAX);
        if number < least {
            let words = format!("Input should be greater than or equal to {least}");
            let context = json!({"ge": limit(least)});
            self.wrong(name, "greater_than_equal", &words, value, Some(&context));
        } else if number > most {
            let words = format!("Input should be less than or equal to {most}");
            let context = json!({"le": limit(most)});
            self.wrong(name, "less_than_equal", &words, value, Some(&context));
        } else {
            return Some(number);
        }
        None
    }
}
