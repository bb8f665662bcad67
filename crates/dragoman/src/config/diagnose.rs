//! What is wrong with a configuration, and how an operator is told.

use std::fmt;
use std::ops::Range;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode,
};

/// Widest line of a report, in columns.
const REPORT_COLUMNS: usize = 100;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// What is wrong, without the value itself where it could be a secret.
    pub(super) message: String,
    /// Where the value came from.
    pub(super) place: Place,
    /// What stands under the marked bytes of the file.
    pub(super) label: String,
    /// What to do about it.
    pub(super) help: Option<String>,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// These bytes of the file.
    File(Range<usize>),
    /// This environment variable.
    Variable(String),
    /// This flag of the command line.
    Flag(&'static str),
    /// A built-in default, or the file as a whole.
    Nowhere,
}

/// The text that reports quote, already masked.
#[derive(Debug, Clone)]
pub(super) struct Excerpt {
    /// The file's name as the operator gave it.
    pub(super) name: String,
    /// Its text without secrets.
    pub(super) masked_text: String,
}

/// A configuration that cannot be used. `Display` is one line per mistake, [`report`] is the whole
/// picture with lines of the file.
///
/// [`report`]: ConfigError::report
#[derive(Debug)]
pub struct ConfigError {
    pub(super) problems: Vec<Problem>,
    pub(super) excerpt: Option<Excerpt>,
}

impl ConfigError {
    /// A mistake that no file explains.
    pub(super) fn without_file(message: String, help: &str) -> Self {
        Self {
            problems: vec![Problem {
                message,
                place: Place::Nowhere,
                label: String::new(),
                help: Some(help.to_owned()),
            }],
            excerpt: None,
        }
    }

    /// Each mistake: where it stands (`FILE:LINE:COLUMN`, a variable or a flag), and what it is.
    pub(crate) fn mistakes(&self) -> Vec<(Option<String>, &str)> {
        let mistakes = self.problems.iter();
        mistakes
            .map(|problem| (self.position_of(problem), problem.message.as_str()))
            .collect()
    }

    fn position_of(&self, problem: &Problem) -> Option<String> {
        match (&problem.place, &self.excerpt) {
            (Place::File(span), Some(excerpt)) => {
                let (line, column) =
                    super::source::line_and_column(&excerpt.masked_text, span.start);
                Some(format!("{}:{line}:{column}", excerpt.name))
            }
            (Place::Variable(name), _) => Some(name.clone()),
            (Place::Flag(name), _) => Some((*name).to_owned()),
            _ => None,
        }
    }

    /// Every mistake with file, line and column, the marked lines and what to do; in colour where
    /// the reader is a terminal.
    pub fn report(&self, colour: bool) -> String {
        let theme = if colour {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::unicode_nocolor()
        };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_width(REPORT_COLUMNS)
            .with_links(false);
        let mut text = String::new();
        for problem in &self.problems {
            let diagnosis = Diagnosis::new(problem, self.excerpt.as_ref());
            // Writing into a string cannot fail; a broken label falls back to the plain line.
            if handler.render_report(&mut text, &diagnosis).is_err() {
                text.push_str(&diagnosis.to_string());
            }
            text.push('\n');
        }
        text
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, problem) in self.problems.iter().enumerate() {
            if position > 0 {
                formatter.write_str("\n")?;
            }
            if let Some(position) = self.position_of(problem) {
                write!(formatter, "{position}: ")?;
            }
            formatter.write_str(&problem.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// One mistake as the report library wants it.
#[derive(Debug)]
struct Diagnosis {
    message: String,
    help: Option<String>,
    label: Option<LabeledSpan>,
    source: Option<NamedSource<String>>,
}

impl Diagnosis {
    fn new(problem: &Problem, excerpt: Option<&Excerpt>) -> Self {
        let message = match &problem.place {
            Place::Variable(name) => format!("{name}: {}", problem.message),
            Place::Flag(name) => format!("{name}: {}", problem.message),
            Place::File(_) | Place::Nowhere => problem.message.clone(),
        };
        let (label, source) = match (&problem.place, excerpt) {
            (Place::File(span), Some(excerpt)) => (
                Some(LabeledSpan::new_with_span(
                    Some(problem.label.clone()),
                    shown_span(span, &excerpt.masked_text),
                )),
                Some(NamedSource::new(&excerpt.name, excerpt.masked_text.clone())),
            ),
            _ => (None, None),
        };
        Self {
            message,
            help: problem.help.clone(),
            label,
            source,
        }
    }
}

/// The span up to the end of its first line: a table's span reaches over all its lines.
fn shown_span(span: &Range<usize>, text: &str) -> Range<usize> {
    let end = text
        .get(span.clone())
        .and_then(|marked| marked.find('\n'))
        .map_or(span.end, |newline| span.start + newline);
    span.start..end
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Diagnosis {}

impl Diagnostic for Diagnosis {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.label
            .clone()
            .map(|label| Box::new(std::iter::once(label)) as Box<dyn Iterator<Item = LabeledSpan>>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }
}
