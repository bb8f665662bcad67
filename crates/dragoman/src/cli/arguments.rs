//! The arguments and their help texts.

mod archive;
mod db;
mod demo;
mod healthcheck;
mod live;
mod looking;
mod migrate;
mod routes;
mod simulate;

use std::path::PathBuf;

pub(crate) use self::archive::{EraseFlags, ExportFlags, ImportFlags, VerifyFlags};
pub(crate) use self::db::{BackupFlags, CopyFlags, DbCommand, DbFlags};
pub(crate) use self::demo::DemoFlags;
pub(crate) use self::healthcheck::HealthcheckFlags;
pub(crate) use self::live::{HistoryFlags, OfGateway, RollbackFlags};
pub(crate) use self::looking::{BackendsCommand, BackendsFlags, DoctorFlags, TestFlags};
pub(crate) use self::migrate::{
    CheckFlags, JobFlags, MigrateCommand, OfMigration, OversizeWord, PlanFlags, ReportFlags,
    ServerFlags, StatusFlags,
};
pub(crate) use self::routes::{ExplainRouteFlags, Routes, RoutesCommand, ShadowsFlags};
pub(crate) use self::simulate::SimulateFlags;

use clap::{Args, Parser, Subcommand};

use crate::config::LogFormat;
use crate::config::load::Flags;

const SERVE_EXAMPLES: &str = "\
Environment:
  DRAGOMAN_CONFIG            the configuration file, as --config names it
  DRAGOMAN_CHATTER_URL       adds a backend `chatter` at this address and makes it the default;
                             _TOKEN: its access token
  DRAGOMAN_DATAMONKEY_URL    the same for `datamonkey`; _SIGNING_KEY
  DRAGOMAN_SUNSHINE_URL      the same for `sunshine`; _APP_ID, _KEY_ID, _KEY_SECRET
  DRAGOMAN_CONVORE_URL       the same for `convore`; _TOKEN, _CHANNEL_ID
  DRAGOMAN__SECTION__KEY     overrides a key of the file, such as DRAGOMAN__SERVER__LISTEN

Examples:
  dragoman serve
      Everything on the embedded store, in ./dragoman-data, at http://127.0.0.1:8080.
  dragoman serve --config config/dragoman.toml --listen 127.0.0.1:0
      With a file, on a free port, which is printed.";

const ROOT_EXAMPLES: &str = "\
Environment:
  DRAGOMAN_CONFIG            the configuration file, as --config names it
  DRAGOMAN_CHATTER_URL       adds a backend `chatter` at this address and makes it the default;
                             _TOKEN: its access token
  DRAGOMAN_DATAMONKEY_URL    the same for `datamonkey`; _SIGNING_KEY
  DRAGOMAN_SUNSHINE_URL      the same for `sunshine`; _APP_ID, _KEY_ID, _KEY_SECRET
  DRAGOMAN_CONVORE_URL       the same for `convore`; _TOKEN, _CHANNEL_ID
  DRAGOMAN__SECTION__KEY     overrides a key of the file, such as DRAGOMAN__SERVER__LISTEN

Exit codes: 0 done or stopped cleanly, 1 failed while running, 2 wrong configuration or usage;
migrate, export, import, verify and erase: 0 done, 1 different or with exceptions, 2, 5 failed for
now, 6 failed.

Examples:
  dragoman
      The same as `dragoman serve`: everything on the embedded store, in ./dragoman-data.
  DRAGOMAN_CHATTER_URL=http://127.0.0.1:8000 DRAGOMAN_CHATTER_TOKEN=… dragoman
      New conversations live on a Chatter server.";

const CONFIG_EXAMPLES: &str = "\
Examples:
  dragoman config check --config /etc/dragoman/dragoman.toml
      Says what is wrong, with file, line and column, or that nothing is.
  dragoman config reload
      The gateway that runs reads its file again; it does so by itself when the file changes.";

const CHECK_EXAMPLES: &str = "\
Examples:
  dragoman config check
      Checks ./dragoman.toml, or the defaults where there is none.
  dragoman config check --config config/chatter.toml
      Checks another file; exit code 2 if it cannot be used.";

const SHOW_EXAMPLES: &str = "\
Examples:
  dragoman config show
      The configuration in force as TOML, secrets replaced by [redacted].
  dragoman config show --origin --json
      One object per value, with the layer that set it.";

const KEYS_EXAMPLES: &str = "\
Examples:
  dragoman keys create --tenant acme --name ci
      Makes a key with all scopes but `passthrough` for the tenant `acme` and prints it once.
  dragoman keys list --json
      Every key without its secret.";

const CREATE_EXAMPLES: &str = "\
Examples:
  dragoman keys create --tenant acme --name ci --signing
      A key with all scopes for the tenant `acme`, and a secret that signs tokens in its name for
      Sunshine's API (HS256; `kid` is the key's id).
  dragoman keys create --scopes read --user user-42
      A key of the tenant `default` that reads what the end user `user-42` owns.";

const LIST_EXAMPLES: &str = "\
Examples:
  dragoman keys list
      Every key as a table.
  dragoman keys list --data-dir /var/lib/dragoman --json
      The keys of another data directory, as JSON.";

const REVOKE_EXAMPLES: &str = "\
Examples:
  dragoman keys revoke drg_0123456789abcdef
      The id is the part of the key before its last underscore, as `keys list` shows it.
  dragoman keys revoke 0123456789abcdef --data-dir /var/lib/dragoman
      In another data directory.";

const CREDENTIALS_EXAMPLES: &str = "\
Examples:
  dragoman credentials set --backend chatter --tenant acme < token.txt
      New conversations of the tenant `acme` are made with this token from now on.
  dragoman credentials list
      Whose credentials there are, without the credentials.";

const CREDENTIALS_SET_EXAMPLES: &str = "\
Examples:
  dragoman credentials set --backend chatter --user user-42 < token.txt
      The first line of the file, for `user-42` of the tenant `default`.
  printenv USER_TOKEN | dragoman credentials set --backend chatter --tenant acme --user user-42
      From a variable, for a user of the tenant `acme`.";

const CREDENTIALS_LIST_EXAMPLES: &str = "\
Examples:
  dragoman credentials list
      As a table.
  dragoman credentials list --json
      As JSON.";

const CREDENTIALS_REMOVE_EXAMPLES: &str = "\
Examples:
  dragoman credentials remove --backend chatter --user user-42
      New conversations of `user-42` are made with the tenant's or the backend's credential again.
      Those that were made with this one are out of reach until it is stored again.
  dragoman credentials remove --backend chatter --tenant acme --user user-42
      For a user of the tenant `acme`.";

/// One HTTP API in front of every place where conversations live.
#[derive(Debug, Parser)]
#[command(
    name = "dragoman",
    version,
    max_term_width = 100,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    after_help = ROOT_EXAMPLES
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) serve: ServeFlags,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the gateway; the default without a command
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(ServeFlags),
    /// Check, show, reload or roll back the configuration
    #[command(subcommand, after_help = CONFIG_EXAMPLES)]
    Config(ConfigCommand),
    /// Create, list or revoke API keys
    #[command(subcommand, after_help = KEYS_EXAMPLES)]
    Keys(KeysCommand),
    /// Store, list or remove the credentials of tenants and end users at a vendor
    #[command(subcommand, after_help = CREDENTIALS_EXAMPLES)]
    Credentials(CredentialsCommand),
    /// Look at the database, back it up, or copy it to PostgreSQL
    #[command(subcommand, after_help = db::DB_EXAMPLES)]
    Db(DbCommand),
    /// Move conversations from one backend to another
    #[command(subcommand, after_help = migrate::MIGRATE_EXAMPLES)]
    Migrate(MigrateCommand),
    /// Write conversations into a folder that can be verified
    #[command(after_help = archive::EXPORT_EXAMPLES)]
    Export(ExportFlags),
    /// Bring the conversations of such a folder to a backend
    #[command(after_help = archive::IMPORT_EXAMPLES)]
    Import(ImportFlags),
    /// Say whether such a folder is intact
    #[command(after_help = archive::VERIFY_EXAMPLES)]
    Verify(VerifyFlags),
    /// Erase everything of one person
    #[command(after_help = archive::ERASE_EXAMPLES)]
    Erase(EraseFlags),
    /// Show everything on this machine: four simulated vendors, a gateway, and a change of vendor
    #[command(after_help = demo::DEMO_EXAMPLES)]
    Demo(DemoFlags),
    /// Run a simulator of a vendor, for trials and tests
    #[command(after_help = simulate::SIMULATE_EXAMPLES)]
    Simulate(SimulateFlags),
    /// List the configured backends, or test them
    #[command(after_help = looking::BACKENDS_EXAMPLES)]
    Backends(BackendsFlags),
    /// List the rules that place new conversations, or explain them
    #[command(after_help = routes::ROUTES_EXAMPLES)]
    Routes(Routes),
    /// List reads that a second backend answered otherwise
    #[command(after_help = routes::SHADOWS_EXAMPLES)]
    Shadows(ShadowsFlags),
    /// Look at everything that an installation needs, and say what to do where something is wrong
    #[command(after_help = looking::DOCTOR_EXAMPLES)]
    Doctor(DoctorFlags),
    /// Say whether a server answers, for container engines
    #[command(after_help = healthcheck::HEALTHCHECK_EXAMPLES)]
    Healthcheck(HealthcheckFlags),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say what is wrong with the configuration
    #[command(after_help = CHECK_EXAMPLES)]
    Check(ServeFlags),
    /// Print the configuration in force, without secrets
    #[command(after_help = SHOW_EXAMPLES)]
    Show(Show),
    /// Say what a reload would change
    #[command(after_help = live::DIFF_EXAMPLES)]
    Diff(OfGateway),
    /// Have the gateway that runs read its file again
    #[command(after_help = live::RELOAD_EXAMPLES)]
    Reload(OfGateway),
    /// List the configurations that were in use
    #[command(after_help = live::HISTORY_EXAMPLES)]
    History(HistoryFlags),
    /// Bring an earlier configuration into use again
    #[command(after_help = live::ROLLBACK_EXAMPLES)]
    Rollback(RollbackFlags),
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key and print it once
    #[command(after_help = CREATE_EXAMPLES)]
    Create(CreateKey),
    /// List the keys without their secrets
    #[command(after_help = LIST_EXAMPLES)]
    List(Listing),
    /// Make a key invalid
    #[command(after_help = REVOKE_EXAMPLES)]
    Revoke(RevokeKey),
}

#[derive(Debug, Subcommand)]
pub(crate) enum CredentialsCommand {
    /// Store a credential, read from standard input
    #[command(after_help = CREDENTIALS_SET_EXAMPLES)]
    Set(CredentialOf),
    /// List whose credentials there are, without the credentials
    #[command(after_help = CREDENTIALS_LIST_EXAMPLES)]
    List(Listing),
    /// Remove a credential
    #[command(after_help = CREDENTIALS_REMOVE_EXAMPLES)]
    Remove(CredentialOf),
}

/// Where the configuration comes from.
#[derive(Debug, Clone, Args)]
pub(crate) struct ConfigFlags {
    /// Configuration file [default: ./dragoman.toml if it is there]
    #[arg(long, value_name = "FILE", env = "DRAGOMAN_CONFIG", hide_env = true)]
    pub(crate) config: Option<PathBuf>,
    /// Directory of the database [default: ./dragoman-data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<String>,
}

impl ConfigFlags {
    pub(crate) fn to_flags(&self) -> Flags {
        Flags {
            config: self.config.clone(),
            data_dir: self.data_dir.clone(),
            ..Flags::default()
        }
    }
}

/// What `serve` can be told, and what the `config` commands check or show.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServeFlags {
    #[command(flatten)]
    pub(crate) source: ConfigFlags,
    /// Address and port; port 0 picks a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// How log lines look: auto, pretty or json [default: auto]
    #[arg(long, value_name = "FORMAT", value_enum, hide_possible_values = true)]
    pub(crate) log_format: Option<LogFormat>,
    /// A level, or directives such as info,server=debug [default: info]
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log_level: Option<String>,
}

impl ServeFlags {
    pub(crate) fn to_flags(&self) -> Flags {
        Flags {
            listen: self.listen.clone(),
            log_format: self.log_format,
            log_level: self.log_level.clone(),
            ..self.source.to_flags()
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    pub(crate) serve: ServeFlags,
    /// One value per line, with the layer that set it
    #[arg(long)]
    pub(crate) origin: bool,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Listing {
    #[command(flatten)]
    pub(crate) source: ConfigFlags,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CreateKey {
    #[command(flatten)]
    pub(crate) source: ConfigFlags,
    /// Whose conversations the key reaches
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(crate) tenant: String,
    /// What the key may do, separated by commas [default: everything but passthrough; with --user not admin either]
    #[arg(long, value_name = "SCOPES", value_delimiter = ',')]
    pub(crate) scopes: Vec<String>,
    /// The end user that the key acts for
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// What the key is for, shown in lists
    #[arg(long, value_name = "TEXT")]
    pub(crate) name: Option<String>,
    /// When the key ends by itself, such as 2030-01-31T00:00:00Z [default: never]
    #[arg(long, value_name = "TIME")]
    pub(crate) expires: Option<String>,
    /// Also make a secret with which programs sign tokens in the key's name, as Sunshine's do
    #[arg(long)]
    pub(crate) signing: bool,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeKey {
    #[command(flatten)]
    pub(crate) source: ConfigFlags,
    /// The key's id, with or without `drg_`
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

#[derive(Debug, Args)]
pub(crate) struct CredentialOf {
    #[command(flatten)]
    pub(crate) source: ConfigFlags,
    /// The backend where it is used
    #[arg(long, value_name = "NAME")]
    pub(crate) backend: String,
    /// The tenant
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(crate) tenant: String,
    /// The end user [default: none, all callers of the tenant share it]
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn arguments_do_not_contradict_each_other() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn flags_without_a_command_are_those_of_serve() {
        let arguments = Arguments::parse_from(["dragoman", "--listen", "127.0.0.1:0"]);
        assert!(arguments.command.is_none());
        assert_eq!(arguments.serve.listen.as_deref(), Some("127.0.0.1:0"));
    }
}
