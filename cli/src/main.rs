//! The `pillion` program. Each subcommand has a file of its own; here is only what they share: the
//! arguments, and how an error is told. Standard output is for what scripts read, standard error for
//! log lines and people.

mod sentry;
mod settings;
mod velox;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

/// What walks beside the Pillion PHP extension
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
            // That nobody listens is no error.
            let _ = writeln!(io::stderr(), "pillion: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        super::Arguments::command().debug_assert();
    }
}
