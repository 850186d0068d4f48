//! The `pillion` program: its arguments and its exit code. Each subcommand has a module. Standard output is for results
//! that scripts read, standard error for log lines and errors.

mod output;
mod sentry;
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
    Sentry(Box<sentry::Arguments>),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Velox(arguments) => velox::run(*arguments),
        Command::Sentry(arguments) => sentry::run(*arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Ignore write errors: stderr may be closed.
            let _ = writeln!(io::stderr(), "pillion: {error}");
            ExitCode::FAILURE
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
