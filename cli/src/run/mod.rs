//! `pillion run`: arguments, messages and exit code of the agent, which is `pillion_engine::pipeline`.
//!
//! # Layout
//!
//! * `console`: output while tasks run; `plan`: `--dry-run`; `setup`: store and gateway; `stop`: signals.

mod console;
mod plan;
mod setup;
mod stop;

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
    time::Duration,
};

use clap::Args;
use console::{Console, Log};
use pillion_engine::{
    Error, Result,
    config::file,
    error::IoContext as _,
    pipeline::{
        file::{FILE_NAME, Pipeline, parse},
        graph::{Graph, Request},
        inputs::{Sources, outputs::Outputs},
        run::Run,
        workspace::Workspace,
    },
};
use setup::Setup;
use stop::Signals;
use tokio::runtime;

use crate::{
    output::{print, remark},
    setting_arguments::{SettingArguments, parse_duration, parse_size},
};

const AFTER_HELP: &str = "\
Reads velocity.yml of this directory or of one above it. A task whose command, inputs, variables, outputs and \
dependencies are those of an earlier run gets its outputs from the store of this host, or from the gateway that \
velocity.yml names as remote; every other task runs. Problems with the gateway never fail a run.

Exit codes: 0 all tasks have succeeded; 1 a task has failed; 2 velocity.yml, a package or an argument is invalid; 130 \
and 143 a signal has stopped the run.

Examples:
  pillion run build test
  pillion run build --package web --explain
  pillion run 'web#build' --dry-run";

/// Run tasks of velocity.yml, or restore their outputs from earlier runs
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// Tasks: `build` of all packages that have it, or `package#build`
    #[arg(required = true, value_name = "TASK")]
    tasks: Vec<String>,

    /// Package with a task, by its name or directory; may be repeated
    #[arg(short, long, value_name = "PACKAGE")]
    package: Vec<String>,

    /// Tasks at once [default: number of processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    concurrency: Option<u16>,

    /// Run commands although their results are known
    #[arg(long)]
    force: bool,

    /// Show the tasks and the place of each result; run nothing
    #[arg(long)]
    dry_run: bool,

    /// Name the inputs that differ from the last run in this directory
    #[arg(long)]
    explain: bool,

    /// Leave the gateway alone
    #[arg(long)]
    no_remote: bool,

    /// Print a summary as JSON to standard output, and everything else to standard error
    #[arg(long)]
    json: bool,

    /// Output of commands [default: stream on a terminal, else grouped]
    #[arg(long, value_enum, value_name = "HOW")]
    log: Option<Log>,

    /// Do not replay the output of cached tasks
    #[arg(long)]
    no_replay: bool,

    /// Directory to start in, in place of the present one
    #[arg(short = 'C', long, value_name = "DIR")]
    directory: Option<PathBuf>,

    /// Directory of the store [default: `pipeline` in pillion.state_dir]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,

    /// Size of the store, beyond which results unused longest are removed
    #[arg(long, value_name = "SIZE", default_value = "10GB", value_parser = parse_size)]
    store_size: u64,

    /// Time for an answer of the gateway, longest silence of a transfer, and time that slow lookups and downloads may cost
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    remote_timeout: Duration,

    /// Time for uploads after the last task
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_duration)]
    upload_timeout: Duration,

    #[command(flatten)]
    settings: SettingArguments,
}

/// The exit code for an error before the first task.
const INVALID: u8 = 2;

/// Runs the tasks.
pub fn run(arguments: Arguments) -> ExitCode {
    match try_run(&arguments) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            remark(&error.to_string());
            ExitCode::from(INVALID)
        }
    }
}

fn try_run(arguments: &Arguments) -> Result<u8> {
    let file = find_file(arguments.directory.as_deref())?;
    let pipeline = read_file(&file)?;
    let root = file.parent().unwrap_or(&file);
    let workspace = Workspace::read(root, &pipeline.packages)?;
    for warning in &workspace.warnings {
        remark(warning);
    }
    for warning in workspace.unknown_packages(&pipeline) {
        remark(&warning);
    }
    let requests: Vec<Request> = arguments
        .tasks
        .iter()
        .map(|text| Request::parse(text))
        .collect();
    let graph = Graph::build(&pipeline, &workspace, &requests, &arguments.package)?;
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let outputs = Outputs::of(&pipeline, &workspace);
    let sources = Sources {
        pipeline: &pipeline,
        workspace: &workspace,
        outputs: &outputs,
        variable: &|name| env::var_os(name),
        threads: processors,
    };
    let identities = sources.identities(&graph);
    for note in &identities.notes {
        remark(note);
    }
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.context(|| "the runtime can't be started")?;
    let signals = Signals::install(&runtime)?;
    let setup = Setup::new(arguments, &pipeline, &runtime, &signals.stop);
    let tasks = graph
        .nodes
        .iter()
        .filter(|node| node.task.command.is_some())
        .count();
    let console = Console::new(arguments.log, arguments.json, arguments.explain, tasks);
    let run = Run {
        graph: &graph,
        identities: &identities,
        sources,
        results: &setup.results,
        records: setup.records.as_ref(),
        is_forced: arguments.force,
        replays: !arguments.no_replay,
        concurrency: arguments.concurrency.map_or(processors, usize::from),
        stop: &signals.stop,
        observer: &console,
    };
    if arguments.dry_run {
        run.negotiate();
        let plan = match arguments.json {
            true => format!("{:#}\n", plan::json(&run)),
            false => plan::text(&run),
        };
        print(&plan)?;
        if let Some(line) = run.results.remote().line() {
            remark(&line);
        }
        return Ok(0);
    }
    let report = run.execute();
    let code = match (report.is_success(), report.is_stopped()) {
        (true, _) => 0,
        (false, true) => signals.exit_code(),
        (false, false) => 1,
    };
    if let Some(line) = report.remote.line() {
        remark(&line);
    }
    if arguments.json {
        print(&format!("{:#}\n", report.json(code)))?;
    }
    remark(&report.summary());
    Ok(code)
}

/// The file of this directory, or of the nearest one above that has it.
fn find_file(directory: Option<&Path>) -> Result<PathBuf> {
    let start = directory.unwrap_or(Path::new("."));
    let start = start
        .canonicalize()
        .context(|| format!("--directory {}", start.display()))?;
    let found = start
        .ancestors()
        .map(|above| above.join(FILE_NAME))
        .find(|file| file.is_file());
    found.ok_or_else(|| {
        Error::Config(format!(
            "{FILE_NAME}: found none in {} or above; expected one",
            start.display()
        ))
    })
}

fn read_file(path: &Path) -> Result<Pipeline> {
    let text = file::read(path).context(|| format!("reading {}", path.display()))?;
    let (pipeline, problems) = parse(&text, &|name| env::var(name).ok());
    for problem in &problems {
        remark(&problem.at(path));
    }
    let errors = problems.iter().filter(|problem| problem.is_error).count();
    pipeline.ok_or_else(|| {
        let noun = if errors == 1 { "error" } else { "errors" };
        Error::Config(format!("{}: {errors} {noun}", path.display()))
    })
}
