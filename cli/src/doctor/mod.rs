//! `pillion doctor`: examines the settings, the host and the servers that they name. Each line says that a part is
//! right, or what to do. It changes nothing: no directory or segment is created, and no file of a dead process removed.
//!
//! # Layout
//!
//! * [`report`] the lines; [`subject`] the settings and directories under examination.
//! * [`settings`], [`tokens`], [`directories`], [`space`], [`document_root`], [`delivery`]: settings and disk.
//! * [`clock`], [`limits`], [`kernel`]: the host. [`processes`] reads `/proc`; [`installations`] compares what runs.
//! * [`php`] runs each PHP, [`toolchain`] looks for `go`; [`servers`] asks Velox, Sentry, Redis and `pillion serve`.

mod clock;
mod delivery;
mod directories;
mod document_root;
mod installations;
mod kernel;
mod limits;
mod mounts;
mod php;
mod processes;
mod report;
mod servers;
mod settings;
mod space;
mod subject;
mod tokens;
mod toolchain;

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

use crate::{
    output::{print, remark},
    setting_arguments::SettingArguments,
};
use report::Report;
use subject::Subject;

const AFTER_HELP: &str = "\
Run it as the user of PHP, on the host or in the container of PHP. Settings come from --config, -d and the \
environment, as in PHP; php.ini is not read, so repeat its pillion.* entries with -d. It changes nothing.

Each line begins with ok, warn or fail; warn and fail end with what to do. Exit code: 0 all ok, 1 a warning, 2 a \
failure.

Example:
  sudo -u www-data pillion doctor --config /srv/app/.rr.yaml --document-root /srv/app/public";

/// Examine settings, directories, servers and the host, and say what to do
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(flatten)]
    settings: SettingArguments,

    /// Directory from which a web server sends files; may be repeated
    #[arg(long, value_name = "DIR")]
    document_root: Vec<PathBuf>,

    /// PHP program to examine, in addition to those of PATH; may be repeated
    #[arg(long, value_name = "FILE")]
    php: Vec<PathBuf>,

    /// Connect to no server
    #[arg(long)]
    offline: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Prints the report. Returns the exit code.
pub fn run(arguments: Arguments) -> ExitCode {
    let subject = Subject::of(&arguments.settings);
    let mut report = Report::default();
    settings::examine(&subject, &mut report);
    tokens::examine(&subject, &mut report);
    directories::examine(&subject, &mut report);
    space::examine(&subject, &mut report);
    let running = processes::running();
    document_root::examine(&subject, &arguments.document_root, &running, &mut report);
    delivery::examine(&subject, &mut report);
    clock::examine(&subject, &mut report);
    limits::examine(&subject, &running, &mut report);
    kernel::examine(&mut report);
    php::examine(&arguments.php, &subject, &running, &mut report);
    installations::examine(&subject, &running, &mut report);
    toolchain::examine(&running, &mut report);
    if !arguments.offline {
        servers::examine(&subject, &mut report);
    }
    let text = match arguments.json {
        true => report.to_json(),
        false => report.to_text(),
    };
    match print(&text) {
        Ok(()) => ExitCode::from(report.worst().exit_code()),
        Err(error) => {
            remark(&error.to_string());
            ExitCode::from(2)
        }
    }
}
