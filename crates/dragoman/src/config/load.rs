//! Layering: defaults, file, variables, flags; then references, types and rules.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ::config::{Config, Environment, File, FileFormat, Map, Value, ValueKind};
use secrecy::SecretString;

use super::check::check;
use super::diagnose::{ConfigError, Excerpt, Place, Problem};
use super::interpolate::interpolate;
use super::keys::{VARIABLE_PREFIX, join, key_of, leaves, nearest, shape, variable_of};
use super::places::Places;
use super::shortcut::add_vendors;
use super::source::{Source, masked};
use super::{Configuration, LogFormat};

/// The file that is used when it is there and no other is named, in the working directory.
pub const DEFAULT_FILE: &str = "dragoman.toml";

/// Largest configuration file, in bytes.
const FILE_MAX_BYTES: u64 = 1024 * 1024;

/// The topmost layer: what the command line says.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// The configuration file; default: [`DEFAULT_FILE`] if it is there.
    pub config: Option<PathBuf>,
    /// Overrides `server.listen`.
    pub listen: Option<String>,
    /// Overrides `store.data_dir`.
    pub data_dir: Option<String>,
    /// Overrides `telemetry.log_format`.
    pub log_format: Option<LogFormat>,
    /// Overrides `telemetry.log_level`.
    pub log_level: Option<String>,
}

/// A usable configuration and where it came from.
#[derive(Debug)]
pub struct Loaded {
    /// The values.
    pub configuration: Configuration,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    /// Its text as it stands there, secrets included; empty without a file.
    pub(crate) text: SecretString,
    pub(super) places: Places,
    pub(super) excerpt: Option<Excerpt>,
}

/// Reads, merges and checks the configuration.
///
/// # Errors
/// Every mistake that can be told at once: unknown keys and wrong kinds of the file and unknown
/// variables first, then missing references, then bad values, then rules between values.
pub fn load(flags: &Flags, variables: &BTreeMap<String, String>) -> Result<Loaded, ConfigError> {
    let file = match &flags.config {
        Some(path) => Some(path.clone()),
        None => Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.is_file()),
    };
    let text = file.as_deref().map(read_file).transpose()?;
    load_text(flags, variables, file, text)
}

/// Where a server with these layers listens.
///
/// Where a flag or a variable says so, the file is not read: a server that runs goes on with its former configuration
/// while the file cannot be used, and must not be taken for dead then.
///
/// # Errors
/// As [`load`].
pub(crate) fn listen_address(
    flags: &Flags,
    variables: &BTreeMap<String, String>,
) -> Result<SocketAddr, ConfigError> {
    let variable = variable_of("server.listen");
    let loaded = if flags.listen.is_some() || variables.contains_key(&variable) {
        let listen = Flags {
            listen: flags.listen.clone(),
            ..Flags::default()
        };
        // References may need the others, and what does not begin like ours overrides nothing.
        let needed = variables
            .iter()
            .filter(|(name, _)| **name == variable || !name.starts_with("DRAGOMAN"))
            .map(|(name, value)| (name.clone(), value.clone()));
        load_text(&listen, &needed.collect(), None, None)?
    } else {
        load(flags, variables)?
    };
    Ok(loaded.configuration.server.listen)
}

/// Like [`load`], with a text in the place of the file's. Where there is a text, `file` names it in reports.
///
/// # Errors
/// As [`load`].
pub(super) fn load_text(
    flags: &Flags,
    variables: &BTreeMap<String, String>,
    file: Option<PathBuf>,
    text: Option<String>,
) -> Result<Loaded, ConfigError> {
    let excerpt = file
        .as_deref()
        .zip(text.as_deref())
        .map(|(path, text)| Excerpt {
            name: path.display().to_string(),
            masked_text: masked(text),
        });
    let mut places = Places::default();
    match merge_and_check(flags, variables, text.as_deref(), &mut places) {
        Ok(configuration) => Ok(Loaded {
            configuration,
            file,
            text: text.unwrap_or_default().into(),
            places,
            excerpt,
        }),
        Err(problems) => Err(ConfigError { problems, excerpt }),
    }
}

fn read_file(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |reason: String| {
        ConfigError::without_file(
            format!("cannot read the configuration {}: {reason}", path.display()),
            "name a readable file with --config, or leave --config out to use the defaults",
        )
    };
    let mut text = String::new();
    // Opening a pipe would wait for whoever writes into it.
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?;
    if !metadata.is_file() {
        return Err(unreadable("it is not a file".to_owned()));
    }
    let file = std::fs::File::open(path).map_err(|error| unreadable(error.to_string()))?;
    let read = file
        .take(FILE_MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|error| unreadable(error.to_string()))?;
    if read as u64 > FILE_MAX_BYTES {
        return Err(unreadable(format!(
            "it is larger than {FILE_MAX_BYTES} bytes"
        )));
    }
    Ok(text)
}

fn merge_and_check(
    flags: &Flags,
    variables: &BTreeMap<String, String>,
    text: Option<&str>,
    places: &mut Places,
) -> Result<Configuration, Vec<Problem>> {
    let shape = shape().map_err(|error| vec![internal(&error)])?;
    let mut problems = Vec::new();
    if let Some(text) = text {
        match Source::parse(text, &shape) {
            Ok(source) => places.source = Some(source),
            Err(found) => problems.extend(found),
        }
    }
    let overrides = overriding_variables(variables, &leaves(&shape), &mut problems);
    stop_if_any(problems)?;
    for variable in overrides.keys() {
        places
            .variables
            .extend(key_of(variable).map(|key| (key, variable.clone())));
    }

    let merged = merge(flags, overrides, text.unwrap_or_default(), places)
        .map_err(|error| vec![internal(&error)])?;
    let mut values = merged
        .into_table()
        .map_err(|error| vec![internal(&error)])?;
    add_vendors(&mut values, variables, places).map_err(|problem| vec![problem])?;

    let mut references = References {
        variables,
        places,
        replaced: BTreeSet::new(),
        problems: Vec::new(),
    };
    references.resolve_table(&mut values, "");
    let References {
        replaced, problems, ..
    } = references;
    stop_if_any(problems)?;

    let configuration: Configuration = serde_path_to_error::deserialize(Value::from(values))
        .map_err(|error| vec![bad_value(&error, &replaced, places)])?;
    let configuration = configuration.with_embedded_store();
    stop_if_any(check(&configuration, places))?;
    Ok(configuration)
}

fn stop_if_any(problems: Vec<Problem>) -> Result<(), Vec<Problem>> {
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

/// Keeps the variables that override a key, and reports those that look as if they should.
fn overriding_variables(
    variables: &BTreeMap<String, String>,
    leaves: &[String],
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, String> {
    let known: BTreeSet<String> = leaves
        .iter()
        .filter(|leaf| !in_array(leaf))
        .map(|leaf| variable_of(leaf))
        .collect();
    let mut overrides = BTreeMap::new();
    for (name, value) in variables {
        if known.contains(name) {
            overrides.insert(name.clone(), value.clone());
        } else if let Some(help) = misspelt(name, &known) {
            problems.push(Problem {
                message: "this variable overrides no key".to_owned(),
                place: Place::Variable(name.clone()),
                label: String::new(),
                help: Some(help),
            });
        }
    }
    overrides
}

/// What a variable most likely meant. `DRAGOMAN_…` with single underscores may belong to the
/// operator or to Kubernetes, so it is refused only where it is a known key but for them.
fn misspelt(name: &str, known: &BTreeSet<String>) -> Option<String> {
    let suggestion = |meant: &str| format!("did you mean {meant}?");
    if !name.starts_with(VARIABLE_PREFIX) {
        let bare = |name: &str| name.replace('_', "").to_ascii_uppercase();
        return name
            .starts_with("DRAGOMAN_")
            .then(|| known.iter().find(|known| bare(known) == bare(name)))
            .flatten()
            .map(|meant| suggestion(meant));
    }
    if key_of(name).is_some_and(|key| in_array(&key)) {
        return Some(
            "backends and routes stand in the file; bring a value in with \"${env:NAME}\" there"
                .to_owned(),
        );
    }
    let meant = nearest(name, known.iter().map(String::as_str));
    Some(meant.map_or_else(
        || "`dragoman config show` lists every key".to_owned(),
        suggestion,
    ))
}

fn in_array(key: &str) -> bool {
    matches!(key.split('.').next(), Some("backend" | "route"))
}

fn merge(
    flags: &Flags,
    overrides: BTreeMap<String, String>,
    text: &str,
    places: &mut Places,
) -> Result<Value, ::config::ConfigError> {
    // No `try_parsing`: it would turn the secret `00123` into the number 123.
    let environment = Environment::with_prefix("DRAGOMAN")
        .prefix_separator("__")
        .separator("__")
        .source(Some(overrides.into_iter().collect()));
    let mut builder = Config::builder()
        .add_source(File::from_str(text, FileFormat::Toml))
        .add_source(environment);
    let given = [
        ("server.listen", "--listen", flags.listen.clone()),
        ("store.data_dir", "--data-dir", flags.data_dir.clone()),
        (
            "telemetry.log_format",
            "--log-format",
            flags.log_format.map(|format| format.as_str().to_owned()),
        ),
        (
            "telemetry.log_level",
            "--log-level",
            flags.log_level.clone(),
        ),
    ];
    for (key, flag, value) in given {
        if let Some(value) = value {
            builder = builder.set_override(key, value)?;
            places.flags.insert(key.to_owned(), flag);
        }
    }
    Ok(builder.build()?.cache)
}

/// Goes through the merged values and puts in what their references stand for.
struct References<'a> {
    variables: &'a BTreeMap<String, String>,
    places: &'a Places,
    /// Paths whose value came from a reference: errors must not repeat it.
    replaced: BTreeSet<String>,
    problems: Vec<Problem>,
}

impl References<'_> {
    fn resolve_table(&mut self, table: &mut Map<String, Value>, path: &str) {
        for (key, value) in table {
            self.resolve(value, &join(path, key));
        }
    }

    fn resolve(&mut self, value: &mut Value, path: &str) {
        match &mut value.kind {
            // Variables and flags are taken as they are: only the file has references.
            ValueKind::String(text)
                if text.contains("${")
                    && matches!(self.places.setter_of(path), Some(Place::File(_))) =>
            {
                match interpolate(text, self.variables) {
                    Ok(resolved) => {
                        *text = resolved;
                        self.replaced.insert(path.to_owned());
                    }
                    Err(message) => self.problems.push(Problem {
                        message: format!("`{path}`: {message}"),
                        place: self.places.place_of(path),
                        label: "referred to here".to_owned(),
                        help: Some(
                            "set the variable or create the file before starting dragoman"
                                .to_owned(),
                        ),
                    }),
                }
            }
            ValueKind::Table(table) => self.resolve_table(table, path),
            ValueKind::Array(elements) => {
                for (position, element) in elements.iter_mut().enumerate() {
                    self.resolve(element, &format!("{path}[{position}]"));
                }
            }
            _ => {}
        }
    }
}

fn bad_value(
    error: &serde_path_to_error::Error<::config::ConfigError>,
    replaced: &BTreeSet<String>,
    places: &Places,
) -> Problem {
    let path = error.path().to_string();
    // The library's own text repeats the value.
    let reason = if replaced.contains(&path) {
        "what the reference stands for does not fit this key".to_owned()
    } else {
        reason(error.inner())
    };
    Problem {
        message: format!("`{path}`: {reason}"),
        place: places.place_of(&path),
        label: "this value".to_owned(),
        help: None,
    }
}

/// The innermost reason, without the key that the path already says.
fn reason(error: &::config::ConfigError) -> String {
    match error {
        ::config::ConfigError::At { error, .. } => reason(error),
        ::config::ConfigError::Message(message) => message.clone(),
        ::config::ConfigError::Type {
            unexpected,
            expected,
            ..
        } => {
            // The library's words for a count are "an unsigned 64 bit or less integer".
            let expected = match expected.contains("unsigned") {
                true => "a whole number, 0 or more",
                false => expected,
            };
            format!("this takes {expected}, not {unexpected}")
        }
        ::config::ConfigError::NotFound(key) => {
            let key = key.rsplit([']', '.']).next().unwrap_or(key);
            format!("the key `{key}` is missing")
        }
        other => other.to_string(),
    }
}

/// Cannot happen with a file that passed the first walk; still told, not swallowed.
fn internal(error: &dyn std::fmt::Display) -> Problem {
    Problem {
        message: format!("the configuration cannot be merged: {error}"),
        place: Place::Nowhere,
        label: String::new(),
        help: None,
    }
}
