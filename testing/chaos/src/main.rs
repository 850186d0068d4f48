//! The program `chaos`. Prints its seed first. Exit code 0: all invariants held; 1: one did not; 2: wrong arguments, or
//! a process or directory could not be made; 130: interrupted. It kills its child processes when it ends; if it is
//! killed itself, they exit at the end of their standard input.

use std::{io::Write as _, process::ExitCode, time::SystemTime};

use pillion_chaos::{Arguments, USAGE};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help") {
        let _ = write!(std::io::stdout(), "{USAGE}");
        return ExitCode::SUCCESS;
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seed = now.map_or(1, |now| {
        u64::from(now.subsec_nanos()) ^ (now.as_secs() & 0xffff)
    });
    let arguments = match Arguments::parse(words.into_iter(), seed) {
        Ok(arguments) => arguments,
        Err(message) => return refuse(&message),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&error.to_string()),
    };
    pillion_chaos::tell(&format!("seed {}", arguments.seed));
    runtime.block_on(async {
        let (Ok(mut interrupt), Ok(mut terminate)) = (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
        ) else {
            return refuse("signals can't be received");
        };
        tokio::select! {
            ran = pillion_chaos::run(&arguments) => match ran {
                Ok(true) => ExitCode::SUCCESS,
                Ok(false) => ExitCode::FAILURE,
                Err(error) => refuse(&error.to_string()),
            },
            _ = interrupt.recv() => ExitCode::from(130),
            _ = terminate.recv() => ExitCode::from(130),
        }
    })
}

fn refuse(message: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "chaos: {message}");
    ExitCode::from(2)
}
