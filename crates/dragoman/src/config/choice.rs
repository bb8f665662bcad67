//! One word out of a few: read with a sentence that lists them.

/// Finds the value that a word stands for.
///
/// # Errors
/// A sentence that lists the words.
pub(super) fn choose<T: Copy>(word: &str, choices: &[(&str, T)]) -> Result<T, String> {
    choices
        .iter()
        .find(|(known, _)| *known == word)
        .map(|(_, value)| *value)
        .ok_or_else(|| {
            let known: Vec<String> = choices
                .iter()
                .map(|(known, _)| format!("\"{known}\""))
                .collect();
            format!("`{word}` is none of {}", known.join(", "))
        })
}
