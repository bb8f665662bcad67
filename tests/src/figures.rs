//! The table that a long run prints: one line of names, one of figures.
#![expect(clippy::print_stdout, reason = "the table is what the long run is for")]

/// Prints one run as a table in Markdown.
pub fn print(what: &str, figures: &[(&str, String)]) {
    let names: Vec<&str> = figures.iter().map(|(name, _)| *name).collect();
    let values: Vec<&str> = figures.iter().map(|(_, value)| value.as_str()).collect();
    println!("\n| run | {} |", names.join(" | "));
    println!("|---|{}", "---|".repeat(names.len()));
    println!("| {what} | {} |", values.join(" | "));
}
