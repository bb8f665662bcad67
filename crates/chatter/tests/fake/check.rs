//! The request check of the vendor's framework: scalars are coerced, unknown members are ignored, and all errors of a
//! request are reported together, in pydantic's names.

use chatter::wire::{ErrorLocation, Extra, Member, Raw, ValidationError};
use serde_json::{Map, Value, json};

use super::answer::{Problems, Refusal};

/// Reads members of one body or one query, collecting what is wrong with them.
pub(crate) struct Check {
    place: &'static str,
    members: Map<String, Value>,
    errors: Vec<ValidationError>,
}

impl Check {
    /// Reads a body; one that is no JSON object is refused at once.
    pub(crate) fn body(
        problems: &Problems,
        content_type: &str,
        body: &[u8],
    ) -> Result<Self, Refusal> {
        let error = |kind: &str,
                     mut path: Vec<ErrorLocation>,
                     text: &str,
                     input: Value,
                     context: Option<Value>| {
            path.insert(0, ErrorLocation::Name("body".to_owned()));
            problems.invalid(vec![validation_error(kind, path, text, &input, context)])
        };
        let no_object = "Input should be a valid dictionary or object to extract fields from";
        if body.is_empty() {
            return Err(error(
                "missing",
                Vec::new(),
                "Field required",
                Value::Null,
                None,
            ));
        }
        if !content_type.starts_with("application/json") {
            let input = format!("<bytes: {} bytes>", body.len());
            return Err(error(
                "model_attributes_type",
                Vec::new(),
                no_object,
                Value::String(input),
                None,
            ));
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Ok(Self {
                place: "body",
                members,
                errors: Vec::new(),
            }),
            Ok(other) => Err(error(
                "model_attributes_type",
                Vec::new(),
                no_object,
                other,
                None,
            )),
            Err(broken) => {
                let place = ErrorLocation::Index(
                    u64::try_from(broken.column().saturating_sub(1)).unwrap_or_default(),
                );
                let context = json!({"error": "Expecting value"});
                Err(error(
                    "json_invalid",
                    vec![place],
                    "JSON decode error",
                    json!({}),
                    Some(context),
                ))
            }
        }
    }

    /// Reads a query string; of a repeated parameter the last one counts.
    pub(crate) fn query(query: &str) -> Self {
        let members = url::form_urlencoded::parse(query.as_bytes())
            .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
            .collect();
        Self {
            place: "query",
            members,
            errors: Vec::new(),
        }
    }

    /// Whether a member was sent at all.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// Refuses the request with all errors found.
    pub(crate) fn finish(self, problems: &Problems) -> Result<(), Refusal> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(problems.invalid(self.errors))
        }
    }

    pub(crate) fn required_text(&mut self, name: &str) -> String {
        match self.members.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => {
                let input = other.clone();
                self.wrong::<String>(
                    name,
                    "string_type",
                    "Input should be a valid string",
                    &input,
                    None,
                );
                String::new()
            }
            None => {
                self.missing(name);
                String::new()
            }
        }
    }

    pub(crate) fn text(&mut self, name: &str) -> Member<String> {
        match self.present(name) {
            Ok(Value::String(text)) => Member::Value(text),
            Ok(other) => self.wrong(
                name,
                "string_type",
                "Input should be a valid string",
                &other,
                None,
            ),
            Err(member) => member,
        }
    }

    pub(crate) fn flag(&mut self, name: &str) -> Member<bool> {
        let Some(value) = self.members.get(name).cloned() else {
            return Member::Absent;
        };
        let text = match &value {
            Value::Bool(flag) => return Member::Value(*flag),
            Value::String(text) => text.to_lowercase(),
            Value::Number(number) => number.to_string(),
            other => {
                return self.wrong(
                    name,
                    "bool_type",
                    "Input should be a valid boolean",
                    other,
                    None,
                );
            }
        };
        match text.as_str() {
            "1" | "true" | "t" | "yes" | "y" | "on" => Member::Value(true),
            "0" | "false" | "f" | "no" | "n" | "off" => Member::Value(false),
            _ => {
                let text = "Input should be a valid boolean, unable to interpret input";
                self.wrong(name, "bool_parsing", text, &value, None)
            }
        }
    }

    pub(crate) fn number(&mut self, name: &str, least: f64, most: f64) -> Member<f64> {
        let value = match self.present(name) {
            Ok(value) => value,
            Err(member) => return member,
        };
        let number = match &value {
            Value::Number(number) => number.as_f64(),
            Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
            Value::String(text) => text.trim().parse().ok(),
            other => {
                return self.wrong(
                    name,
                    "float_type",
                    "Input should be a valid number",
                    other,
                    None,
                );
            }
        };
        let Some(number) = number else {
            let text = "Input should be a valid number, unable to parse string as a number";
            return self.wrong(name, "float_parsing", text, &value, None);
        };
        if number < least {
            let text = format!("Input should be greater than or equal to {least}");
            return self.wrong(
                name,
                "greater_than_equal",
                &text,
                &value,
                Some(json!({"ge": least})),
            );
        }
        if number > most {
            let text = format!("Input should be less than or equal to {most}");
            return self.wrong(
                name,
                "less_than_equal",
                &text,
                &value,
                Some(json!({"le": most})),
            );
        }
        Member::Value(number)
    }

    pub(crate) fn required_number(&mut self, name: &str, least: f64, most: f64) -> f64 {
        if !self.has(name) {
            self.missing(name);
        }
        if let Some(Value::Null) = self.members.get(name) {
            self.wrong::<f64>(
                name,
                "float_type",
                "Input should be a valid number",
                &Value::Null,
                None,
            );
        }
        self.number(name, least, most)
            .into_value()
            .unwrap_or_default()
    }

    pub(crate) fn integer(&mut self, name: &str, least: i128, most: Option<i128>) -> Member<i128> {
        let value = match self.present(name) {
            Ok(value) => value,
            Err(member) => return member,
        };
        let number = match &value {
            Value::Number(number) => number.to_string().parse().ok(),
            Value::Bool(flag) => Some(i128::from(*flag)),
            Value::String(text) => text.trim().parse().ok(),
            other => {
                return self.wrong(
                    name,
                    "int_type",
                    "Input should be a valid integer",
                    other,
                    None,
                );
            }
        };
        let Some(number) = number else {
            let text = "Input should be a valid integer, unable to parse string as an integer";
            return self.wrong(name, "int_parsing", text, &value, None);
        };
        if number < least {
            let text = format!("Input should be greater than or equal to {least}");
            let least = i64::try_from(least).unwrap_or_default();
            return self.wrong(
                name,
                "greater_than_equal",
                &text,
                &value,
                Some(json!({"ge": least})),
            );
        }
        if let Some(most) = most.filter(|most| number > *most) {
            let text = format!("Input should be less than or equal to {most}");
            let most = i64::try_from(most).unwrap_or_default();
            return self.wrong(
                name,
                "less_than_equal",
                &text,
                &value,
                Some(json!({"le": most})),
            );
        }
        Member::Value(number)
    }

    pub(crate) fn object(&mut self, name: &str) -> Member<Raw> {
        match self.present(name) {
            Ok(value @ Value::Object(_)) => Member::Value(Raw::encode(&value).expect("an object")),
            Ok(other) => self.wrong(
                name,
                "dict_type",
                "Input should be a valid dictionary",
                &other,
                None,
            ),
            Err(member) => member,
        }
    }

    pub(crate) fn texts(&mut self, name: &str) -> Member<Vec<String>> {
        match self.present(name) {
            Ok(Value::Array(items)) => Member::Value(
                items
                    .iter()
                    .filter_map(|item| item.as_str().map(str::to_owned))
                    .collect(),
            ),
            Ok(other) => self.wrong(
                name,
                "list_type",
                "Input should be a valid list",
                &other,
                None,
            ),
            Err(member) => member,
        }
    }

    pub(crate) fn choice(&mut self, name: &str, choices: &[&str]) -> Member<String> {
        let value = match self.present(name) {
            Ok(value) => value,
            Err(member) => return member,
        };
        if let Some(text) = value.as_str().filter(|text| choices.contains(text)) {
            return Member::Value(text.to_owned());
        }
        let quoted: Vec<String> = choices.iter().map(|choice| format!("'{choice}'")).collect();
        let (last, first) = quoted.split_last().expect("at least one choice");
        let expected = format!("{} or {last}", first.join(", "));
        let text = format!("Input should be {expected}");
        self.wrong(
            name,
            "enum",
            &text,
            &value,
            Some(json!({"expected": expected})),
        )
    }

    pub(crate) fn sort_order(&mut self) -> Member<bool> {
        match self.present("sort_order") {
            Ok(Value::String(text)) if text == "asc" => Member::Value(false),
            Ok(Value::String(text)) if text == "desc" => Member::Value(true),
            Ok(other) => {
                let pattern = "^(asc|desc)$";
                let text = format!("String should match pattern '{pattern}'");
                self.wrong(
                    "sort_order",
                    "string_pattern_mismatch",
                    &text,
                    &other,
                    Some(json!({"pattern": pattern})),
                )
            }
            Err(member) => member,
        }
    }

    fn present<T>(&self, name: &str) -> Result<Value, Member<T>> {
        match self.members.get(name) {
            None => Err(Member::Absent),
            Some(Value::Null) => Err(Member::Null),
            Some(value) => Ok(value.clone()),
        }
    }

    fn missing(&mut self, name: &str) {
        let path = self.path(name);
        let input = Value::Object(self.members.clone());
        self.errors.push(validation_error(
            "missing",
            path,
            "Field required",
            &input,
            None,
        ));
    }

    fn wrong<T>(
        &mut self,
        name: &str,
        kind: &str,
        text: &str,
        input: &Value,
        context: Option<Value>,
    ) -> Member<T> {
        let path = self.path(name);
        self.errors
            .push(validation_error(kind, path, text, input, context));
        Member::Absent
    }

    fn path(&self, name: &str) -> Vec<ErrorLocation> {
        vec![
            ErrorLocation::Name(self.place.to_owned()),
            ErrorLocation::Name(name.to_owned()),
        ]
    }
}

fn validation_error(
    kind: &str,
    loc: Vec<ErrorLocation>,
    text: &str,
    input: &Value,
    context: Option<Value>,
) -> ValidationError {
    ValidationError {
        kind: kind.to_owned(),
        loc,
        msg: text.to_owned(),
        input: Member::Value(Raw::encode(input).expect("JSON")),
        ctx: Member::from(context.map(|context| Raw::encode(&context).expect("JSON"))),
        extra: Extra::new(),
    }
}
