//! The `pillion` program: its arguments and its exit code. Each subcommand has a module. Standard output is for results
//! that scripts read, standard error for log lines and errors.

mod cache;
mod output;
mod sentry;
mod serve;
mod setting_arguments;
mod velox;

use std::{
    io::{self, Write},
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
    Sentry(Box<sentry::Arguments>),
    Cache(Box<cache::Arguments>),
}

fn main() -> ExitCode {
    let (outcome, failure) = match Arguments::parse().command {
        Command::Velox(arguments) => (velox::run(*arguments).map(|()| true), ExitCode::FAILURE),
        Command::Serve(arguments) => (serve::run(*arguments).map(|()| true), ExitCode::FAILURE),
        Command::Sentry(arguments) => (sentry::run(*arguments).map(|()| true), ExitCode::FAILURE),
        // 1 says that there is no such value.
        Command::Cache(arguments) => (cache::run(*arguments), ExitCode::from(2)),
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
