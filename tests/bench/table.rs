//! The printed table: medians over rounds, ratios beside the goals.
#![expect(
    clippy::print_stdout,
    reason = "the table is what the benchmark is run for"
)]

/// One line of the table.
pub(crate) struct Row {
    pub(crate) measure: String,
    pub(crate) reference: f64,
    pub(crate) ours: f64,
    pub(crate) ratio: f64,
    pub(crate) must: &'static str,
    pub(crate) stretch: &'static str,
}

/// The middle value; not a number where there is none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[count / 2],
        count => f64::midpoint(values[count / 2 - 1], values[count / 2]),
    }
}

/// A line from pairs (reference, ours), one pair per round: the ratio is the median of the rounds' ratios.
pub(crate) fn row(
    measure: impl Into<String>,
    pairs: &[(f64, f64)],
    must: &'static str,
    stretch: &'static str,
) -> Row {
    Row {
        measure: measure.into(),
        reference: median(pairs.iter().map(|pair| pair.0).collect()),
        ours: median(pairs.iter().map(|pair| pair.1).collect()),
        ratio: median(
            pairs
                .iter()
                .map(|(reference, ours)| ours / reference)
                .collect(),
        ),
        must,
        stretch,
    }
}

/// Prints a table in Markdown.
pub(crate) fn print(reference: &str, rows: &[Row]) {
    let width = rows
        .iter()
        .map(|row| row.measure.chars().count())
        .max()
        .unwrap_or_default();
    println!(
        "\n| {:width$} | {reference:>9} | dragoman | ratio | must | stretch |",
        "measure"
    );
    println!(
        "|{}|----------:|---------:|------:|------|---------|",
        "-".repeat(width + 2)
    );
    for row in rows {
        println!(
            "| {:width$} | {:>9.1} | {:>8.1} | {:>5.2} | {} | {} |",
            row.measure, row.reference, row.ours, row.ratio, row.must, row.stretch
        );
    }
}
