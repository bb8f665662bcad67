//! Bodies: JSON, forms and multipart.

use futures_util::FutureExt as _;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value};

use super::operation::{Body, Content};
use super::parameters::{admits, typed};
use super::schema::{SchemaId, Schemas};

/// Checks the body of a request, its presence and its content type.
pub(super) fn check(
    described: Option<&Body>,
    schemas: &Schemas,
    headers: &HeaderMap,
    body: &[u8],
    violations: &mut Vec<String>,
) {
    let sent = headers
        .get(CONTENT_TYPE)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let Some(described) = described else {
        if !body.is_empty() {
            violations.push("a body is sent where none is described".to_owned());
        } else if sent.is_some() {
            violations.push("a content type is sent without a body".to_owned());
        }
        return;
    };
    if body.is_empty() {
        if described.required {
            violations.push("the body is missing".to_owned());
        }
        if sent.is_some() {
            violations.push("a content type is sent without a body".to_owned());
        }
        return;
    }
    let Some(sent) = sent else {
        violations.push("the content type is missing".to_owned());
        return;
    };
    let essence = sent
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let Some(content) = described
        .content
        .iter()
        .find(|content| covers(&content.media_type, &essence))
    else {
        violations.push(format!("content type {essence} is not described"));
        return;
    };
    let Some(schema) = content.schema else {
        return;
    };
    match essence.as_str() {
        "application/x-www-form-urlencoded" => {
            let pairs = url::form_urlencoded::parse(body)
                .map(|(name, value)| (name.into_owned(), value.into_owned()));
            check_value(schemas, schema, &form(content, pairs.collect()), violations);
        }
        "multipart/form-data" => match parts(&sent, body) {
            Ok(pairs) => check_value(schemas, schema, &form(content, pairs), violations),
            Err(error) => violations.push(format!("the multipart body: {error}")),
        },
        essence if essence.ends_with("json") => check_json(schemas, schema, body, violations),
        _ => {}
    }
}

/// Checks a JSON body.
pub(super) fn check_json(
    schemas: &Schemas,
    schema: SchemaId,
    body: &[u8],
    violations: &mut Vec<String>,
) {
    match serde_json::from_slice(body) {
        Ok(value) => check_value(schemas, schema, &value, violations),
        Err(error) => violations.push(format!("the body is no JSON: {error}")),
    }
}

fn check_value(schemas: &Schemas, schema: SchemaId, value: &Value, violations: &mut Vec<String>) {
    for violation in schemas.violations(schema, value) {
        violations.push(format!("body: {violation}"));
    }
}

/// Whether a described media type, maybe a range, covers a sent one.
fn covers(described: &str, sent: &str) -> bool {
    let described = described.split(';').next().unwrap_or_default().trim();
    match described.strip_suffix("/*") {
        Some("*") => true,
        Some(kind) => sent.split('/').next() == Some(kind),
        None => described == sent,
    }
}

/// The object that a form stands for; repeated names become lists where the schema has one.
fn form(content: &Content, pairs: Vec<(String, String)>) -> Value {
    let mut object = Map::new();
    for (name, text) in pairs {
        let shape = &content.shape["properties"][name.as_str()];
        if admits(shape, "array") {
            let list = object
                .entry(name)
                .or_insert_with(|| Value::Array(Vec::new()));
            if let Some(list) = list.as_array_mut() {
                list.push(typed(&shape["items"], &text));
            }
        } else {
            object.insert(name, typed(shape, &text));
        }
    }
    Value::Object(object)
}

/// Names and contents of the parts of a multipart body; bytes that are no text are replaced.
fn parts(content_type: &str, body: &[u8]) -> Result<Vec<(String, String)>, String> {
    let boundary = multer::parse_boundary(content_type).map_err(|error| error.to_string())?;
    let bytes = Ok::<_, std::convert::Infallible>(body.to_vec());
    let stream = futures_util::stream::once(std::future::ready(bytes));
    let mut multipart = multer::Multipart::new(stream, boundary);
    let read = async {
        let mut parts = Vec::new();
        while let Some(field) = multipart.next_field().await? {
            let name = field.name().unwrap_or_default().to_owned();
            let bytes = field.bytes().await?;
            parts.push((name, String::from_utf8_lossy(&bytes).into_owned()));
        }
        Ok::<_, multer::Error>(parts)
    };
    // Everything is in memory, so nothing ever waits.
    match read.now_or_never() {
        Some(Ok(parts)) => Ok(parts),
        Some(Err(error)) => Err(error.to_string()),
        None => Err("it does not end".to_owned()),
    }
}
