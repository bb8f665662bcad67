//! The command line: what can be asked of the binary, and who answers.

mod archive;
mod arguments;
mod backends;
mod banner;
mod beside;
mod client;
mod config_command;
mod credentials;
mod db;
mod demo;
mod doctor;
mod ending;
mod erase;
mod healthcheck;
mod keys;
mod listings;
mod live;
mod migrate;
pub(crate) mod print;
mod progress;
mod routes;
mod serve;
mod shown;
mod signals;
mod simulate;

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Parser;

use self::arguments::{Arguments, Command, ConfigCommand, RoutesCommand};
use self::ending::Ending;
use crate::failure::Failure;

/// Runs the command that the process was started with.
///
/// Exit codes: 0 done or stopped cleanly, 1 failed while running, 2 wrong configuration or usage. Commands on
/// conversations, which run for long: 1 done with exceptions, 5 failed for now, 6 failed until something is changed.
/// `doctor`, `backends test` and `db verify`: 3 something does not work. `healthcheck`: 0 or 1, whatever the reason.
pub fn run() -> ExitCode {
    crate::telemetry::hide_panic_messages();
    let arguments = Arguments::parse();
    match execute(arguments) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

fn execute(arguments: Arguments) -> Result<ExitCode, Failure> {
    let variables = variables()?;
    let command = arguments.command.unwrap_or(Command::Serve(arguments.serve));
    let done = match command {
        Command::Migrate(command) => return on_conversations(migrate::run(&command, &variables)),
        Command::Export(flags) => return on_conversations(archive::export(&flags, &variables)),
        Command::Import(flags) => return on_conversations(archive::import(&flags, &variables)),
        Command::Backends(flags) => return backends::run(&flags, &variables),
        Command::Doctor(flags) => return doctor::run(&flags, &variables),
        Command::Db(command) => return db::run(&command, &variables),
        Command::Healthcheck(flags) => return healthcheck::run(&flags, &variables),
        Command::Verify(flags) => return on_conversations(archive::verify(&flags)),
        Command::Erase(flags) => return on_conversations(erase::run(&flags, &variables)),
        Command::Serve(flags) => serve::run(&flags.to_flags(), &variables),
        Command::Config(ConfigCommand::Check(flags)) => {
            config_command::check(&flags.to_flags(), &variables)
        }
        Command::Config(ConfigCommand::Show(show)) => config_command::show(&show, &variables),
        Command::Config(ConfigCommand::Diff(flags)) => live::diff(&flags, &variables),
        Command::Config(ConfigCommand::Reload(flags)) => live::reload(&flags, &variables),
        Command::Config(ConfigCommand::History(flags)) => live::history(&flags, &variables),
        Command::Config(ConfigCommand::Rollback(flags)) => live::rollback(&flags, &variables),
        Command::Keys(command) => keys::run(&command, &variables),
        Command::Credentials(command) => credentials::run(&command, &variables),
        Command::Demo(flags) => demo::run(&flags),
        Command::Simulate(flags) => simulate::run(&flags),
        Command::Routes(routes) => match &routes.command {
            None => listings::routes(&routes.listing, &variables),
            Some(RoutesCommand::Explain(flags)) => routes::explain(flags, &variables),
        },
        Command::Shadows(flags) => routes::shadows(&flags, &variables),
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// Commands on conversations have exit codes of their own.
fn on_conversations(done: Result<Ending, Failure>) -> Result<ExitCode, Failure> {
    done.map(Ending::exit_code)
        .map_err(Failure::of_conversations)
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
