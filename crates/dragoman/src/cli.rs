//! The command line: what can be asked of the binary, and who answers.

mod arguments;
mod banner;
mod beside;
mod config_command;
mod credentials;
mod keys;
mod listings;
pub(crate) mod print;
mod serve;

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Parser;

use self::arguments::{Arguments, Command, ConfigCommand};
use crate::failure::Failure;

/// Runs the command that the process was started with.
///
/// Exit codes: 0 done or stopped cleanly, 1 failed while running, 2 wrong configuration or usage.
pub fn run() -> ExitCode {
    crate::telemetry::hide_panic_messages();
    let arguments = Arguments::parse();
    match execute(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn execute(arguments: Arguments) -> Result<(), Failure> {
    let variables = variables()?;
    let command = arguments.command.unwrap_or(Command::Serve(arguments.serve));
    match command {
        Command::Serve(flags) => serve::run(&flags.to_flags(), &variables),
        Command::Config(ConfigCommand::Check(flags)) => {
            config_command::check(&flags.to_flags(), &variables)
        }
        Command::Config(ConfigCommand::Show(show)) => config_command::show(&show, &variables),
        Command::Keys(command) => keys::run(&command, &variables),
        Command::Credentials(command) => credentials::run(&command, &variables),
        Command::Backends(listing) => listings::backends(&listing, &variables),
        Command::Routes(listing) => listings::routes(&listing, &variables),
    }
}

/// The environment. A variable of another program that is not UTF-8 is of no interest; one of ours
/// would be lost without a word.
fn variables() -> Result<BTreeMap<String, String>, Failure> {
    let mut variables = BTreeMap::new();
    for (name, value) in std::env::vars_os() {
        let Ok(name) = name.into_string() else {
            continue;
        };
        match value.into_string() {
            Ok(value) => {
                variables.insert(name, value);
            }
            Err(_) if name.starts_with("DRAGOMAN") => {
                return Err(Failure::Usage {
                    message: format!("the variable {name} is not UTF-8"),
                    help: "set it to plain text, or unset it".to_owned(),
                });
            }
            Err(_) => {}
        }
    }
    Ok(variables)
}
