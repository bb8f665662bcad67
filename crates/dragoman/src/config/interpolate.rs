//! `${env:NAME}` and `${file:/path}` in any string of the file: how secrets stay out of it.

use std::collections::BTreeMap;
use std::io::Read;

/// Largest file that a value can be read from, in bytes: a secret, not a document.
const VALUE_FILE_MAX_BYTES: u64 = 64 * 1024;

/// Replaces every reference; `$${` stands for a literal `${`. What a reference brings in is not
/// looked at again.
///
/// # Errors
/// A sentence that names the missing variable or the unreadable file, never a value.
pub(super) fn interpolate(
    text: &str,
    variables: &BTreeMap<String, String>,
) -> Result<String, String> {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        if let Some(literal) = rest[..start].strip_suffix('$') {
            result.push_str(literal);
            result.push_str("${");
            rest = &rest[start + 2..];
            continue;
        }
        result.push_str(&rest[..start]);
        let reference = &rest[start + 2..];
        let end = reference
            .find('}')
            .ok_or("a `${` has no closing brace, write `$${` for the characters themselves")?;
        result.push_str(&resolve(&reference[..end], variables)?);
        rest = &reference[end + 1..];
    }
    result.push_str(rest);
    Ok(result)
}

fn resolve(reference: &str, variables: &BTreeMap<String, String>) -> Result<String, String> {
    match reference.split_once(':') {
        Some(("env", name)) => variables
            .get(name)
            .cloned()
            .ok_or_else(|| format!("the environment variable {name} is not set")),
        Some(("file", path)) => read_value(path),
        _ => Err("a reference is `${env:NAME}` or `${file:/path}`".to_owned()),
    }
}

/// The file's text without the line break that editors and `echo` leave at its end.
fn read_value(path: &str) -> Result<String, String> {
    let unreadable = |error: std::io::Error| format!("cannot read the file {path}: {error}");
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let read = file
        .take(VALUE_FILE_MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    if read as u64 > VALUE_FILE_MAX_BYTES {
        return Err(format!(
            "the file {path} is larger than {VALUE_FILE_MAX_BYTES} bytes"
        ));
    }
    let value = text.strip_suffix('\n').unwrap_or(&text);
    Ok(value.strip_suffix('\r').unwrap_or(value).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> BTreeMap<String, String> {
        BTreeMap::from([("TOKEN".to_owned(), "${env:OTHER}00123".to_owned())])
    }

    #[test]
    fn interpolate_puts_values_in_once_and_unchanged() {
        assert_eq!(
            interpolate("a-${env:TOKEN}-b", &variables()).unwrap(),
            "a-${env:OTHER}00123-b"
        );
    }

    #[test]
    fn interpolate_leaves_escaped_references_alone() {
        assert_eq!(
            interpolate("$${env:TOKEN} costs $5", &variables()).unwrap(),
            "${env:TOKEN} costs $5"
        );
    }

    #[test]
    fn interpolate_names_the_missing_variable() {
        let error = interpolate("${env:ABSENT}", &variables()).unwrap_err();
        assert!(error.contains("ABSENT"), "{error}");
    }

    #[test]
    fn interpolate_refuses_unknown_and_unclosed_references() {
        assert!(interpolate("${vault:x}", &variables()).is_err());
        assert!(interpolate("${env:TOKEN", &variables()).is_err());
    }

    #[test]
    fn interpolate_reads_a_file_without_its_last_line_break() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        std::fs::write(&path, " two\nlines \n").unwrap();
        let text = format!("${{file:{}}}", path.display());
        assert_eq!(interpolate(&text, &variables()).unwrap(), " two\nlines ");
    }

    #[test]
    fn interpolate_refuses_a_file_that_is_too_large() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("big");
        std::fs::write(&path, "x".repeat(64 * 1024 + 1)).unwrap();
        let text = format!("${{file:{}}}", path.display());
        assert!(interpolate(&text, &variables()).is_err());
    }
}
