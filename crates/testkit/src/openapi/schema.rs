//! The schemas of a description: collected, translated, compiled once, asked often.

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, Registry, ValidationError, Validator};
use serde_json::{Value, json};

use super::translate::Translation;

/// Where the translated description is registered.
const ROOT: &str = "urn:description";
/// Deeper alternatives are not explained.
const EXPLAINED_DEPTH: usize = 4;

/// Which way a body travels: read-only members are not for requests, write-only ones not for responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Request,
    Response,
}

/// Which members an object may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Members {
    Any,
    Described,
}

/// A schema that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SchemaId(usize);

/// All schemas of one direction.
pub(super) struct Schemas {
    translation: Translation,
    components: Value,
    used: Vec<Value>,
    validators: Vec<Validator>,
}

impl std::fmt::Debug for Schemas {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Schemas({})", self.validators.len())
    }
}

impl Schemas {
    pub(super) fn new(document: &Value, direction: Direction, members: Members) -> Self {
        let translation = Translation::new(document, direction, members);
        let components = translation.components(document);
        Self {
            translation,
            components,
            used: Vec::new(),
            validators: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, schema: &Value) -> SchemaId {
        self.used.push(self.translation.whole(schema));
        SchemaId(self.used.len() - 1)
    }

    /// Adds the schema of an object in a query: its members are always described ones.
    pub(super) fn add_closed(&mut self, schema: &Value) -> SchemaId {
        self.used.push(self.translation.closed(schema));
        SchemaId(self.used.len() - 1)
    }

    /// Compiles what was added; called once.
    pub(super) fn compile(&mut self) -> Result<(), String> {
        let document =
            json!({"components": {"schemas": self.components.take()}, "used": self.used});
        let resource = Draft::Draft202012.create_resource(document);
        let registry = Registry::new()
            .add(ROOT, resource)
            .and_then(|builder| builder.prepare())
            .map_err(|error| format!("the schemas: {error}"))?;
        for number in 0..self.used.len() {
            let validator = jsonschema::options()
                .with_draft(Draft::Draft202012)
                .with_registry(&registry)
                .should_validate_formats(true)
                .build(&json!({"$ref": format!("{ROOT}#/used/{number}")}))
                .map_err(|error| format!("schema {}: {error}", self.used[number]))?;
            self.validators.push(validator);
        }
        Ok(())
    }

    /// What is wrong with a value, each with the place inside it; values themselves are not repeated.
    pub(super) fn violations(&self, schema: SchemaId, value: &Value) -> Vec<String> {
        let errors: Vec<ValidationError> = self.validators[schema.0].iter_errors(value).collect();
        let mut violations = Vec::new();
        for error in &errors {
            if !follows_from_another(error, &errors) {
                explain(error, EXPLAINED_DEPTH, &mut violations);
            }
        }
        violations.sort();
        violations.dedup();
        violations
    }
}

/// Members count as undescribed where the schema that describes them has failed: only the failure is worth a line.
fn follows_from_another(error: &ValidationError, errors: &[ValidationError]) -> bool {
    let unevaluated = |error: &ValidationError| {
        matches!(
            error.kind(),
            ValidationErrorKind::UnevaluatedProperties { .. }
        )
    };
    let place = error.instance_path().as_str();
    unevaluated(error)
        && errors
            .iter()
            .any(|other| !unevaluated(other) && other.instance_path().as_str().starts_with(place))
}

/// One line per error; of alternatives, the errors of the one that comes nearest.
fn explain(error: &ValidationError, depth: usize, lines: &mut Vec<String>) {
    let alternatives = match error.kind() {
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            context.as_slice()
        }
        _ => &[],
    };
    let nearest = alternatives.iter().min_by_key(|errors| {
        (
            errors.iter().filter(|error| is_choice(error)).count(),
            errors.len(),
        )
    });
    if let Some(errors) = nearest.filter(|_| depth > 0) {
        for error in errors {
            explain(error, depth - 1, lines);
        }
        return;
    }
    let place = match error.instance_path().as_str() {
        "" => "the whole".to_owned(),
        path => path.to_owned(),
    };
    let text = match error.kind() {
        ValidationErrorKind::FalseSchema => "is not for this direction".to_owned(),
        _ => error.masked_with("the value").to_string(),
    };
    lines.push(format!("{place}: {text}"));
}

/// Whether an error says that another alternative is meant.
fn is_choice(error: &ValidationError) -> bool {
    matches!(
        error.kind(),
        ValidationErrorKind::Constant { .. }
            | ValidationErrorKind::Enum { .. }
            | ValidationErrorKind::Type { .. }
    )
}

/// The value behind a chain of `$ref`s.
pub(super) fn resolve<'d>(document: &'d Value, value: &'d Value) -> Result<&'d Value, String> {
    let mut value = value;
    for _ in 0..16 {
        let Some(reference) = value.get("$ref").and_then(Value::as_str) else {
            return Ok(value);
        };
        value = reference
            .strip_prefix('#')
            .and_then(|pointer| document.pointer(pointer))
            .ok_or_else(|| format!("{reference} leads nowhere"))?;
    }
    Err("references go in a circle".to_owned())
}
