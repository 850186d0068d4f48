//! The `pillion` program: its arguments and its exit code. Each subcommand has a module. Standard output is for results
//! that scripts read, standard error for log lines and errors.

mod cache;
mod doctor;
mod gateway;
mod log_level;
mod output;
mod run;
mod sentry;
mod serve;
mod server_process;
mod setting_arguments;
mod status;
mod top;
mod units;
mod users;
mod velox;

use std::{
    env,
    ffi::{OsStr, OsString},
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use clap::{Parser, Subcommand};

/// Companion program of the Pillion PHP extension
#[derive(Debug, Parser)]
#[command(
    name = "pillion",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Velox(Box<velox::Arguments>),
    Serve(Box<serve::Arguments>),
    Gateway(Box<gateway::Arguments>),
    Run(Box<run::Arguments>),
    Sentry(Box<sentry::Arguments>),
    Cache(Box<cache::Arguments>),
    Doctor(Box<doctor::Arguments>),
    Status(Box<status::Arguments>),
    Top(Box<top::Arguments>),
}

/// Names by which the program may be called, and the command that each stands for.
const NAMES: &[(&str, &str)] = &[("velocity-server", "gateway")];

/// The arguments of the process; a name of [`NAMES`] adds its command.
fn arguments() -> Vec<OsString> {
    let mut arguments: Vec<OsString> = env::args_os().collect();
    let name = arguments.first().map(Path::new).and_then(Path::file_name);
    let known = NAMES
        .iter()
        .find(|(known, _)| name == Some(OsStr::new(known)));
    if let Some((_, command)) = known {
        arguments.insert(1, OsString::from(command));
    }
    arguments
}

fn main() -> ExitCode {
    let (outcome, failure) = match Arguments::parse_from(arguments()).command {
        Command::Velox(arguments) => (velox::run(*arguments).map(|()| true), ExitCode::FAILURE),
        Command::Serve(arguments) => (serve::run(*arguments).map(|()| true), ExitCode::FAILURE),
        Command::Gateway(arguments) => (gateway::run(*arguments).map(|()| true), ExitCode::FAILURE),
        Command::Run(arguments) => return run::run(*arguments),
        Command::Sentry(arguments) => (sentry::run(*arguments).map(|()| true), ExitCode::FAILURE),
        // 1 says that there is no such value.
        Command::Cache(arguments) => (cache::run(*arguments), ExitCode::from(2)),
        Command::Doctor(arguments) => return doctor::run(*arguments),
        // 1 says that there is a problem.
        Command::Status(arguments) => (status::run(*arguments), ExitCode::from(2)),
        Command::Top(arguments) => (top::run(*arguments).map(|()| true), ExitCode::FAILURE),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Ignore write errors: stderr may be closed.
            let _ = writeln!(io::stderr(), "pillion: {error}");
            failure
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn arguments_are_consistent() {
        super::Arguments::command().debug_assert();
    }
}
