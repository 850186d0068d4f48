//! `fake-sentry`: the fake Sentry as a program, for tests that are not written in Rust. Prints the line
//! `listening ADDRESS:PORT` when it is ready, and ends on SIGTERM, SIGINT or, optionally, at the end of its standard
//! input.

use std::io::{Read, Write};
use std::process::ExitCode;

use pillion_fakes::FakeSentry;
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "\
usage: fake-sentry [options]
  --listen ADDRESS:PORT  a loopback address; port 0: any free one (default 127.0.0.1:0)
  --stdin-guard          end when standard input is closed
  --help                 this text
";

fn main() -> ExitCode {
    let mut address = "127.0.0.1:0".to_owned();
    let mut guard = false;
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match (word.as_str(), words.size_hint().0) {
            ("--help", _) => {
                let _ = write!(std::io::stdout(), "{USAGE}");
                return ExitCode::SUCCESS;
            }
            ("--stdin-guard", _) => guard = true,
            ("--listen", 1..) => address = words.next().unwrap_or_default(),
            _ => {
                return failed(&format!(
                    "{word}: no such option, or a value is missing (--help lists them)"
                ));
            }
        }
    }
    let Ok(address) = address.parse() else {
        return failed(&format!(
            "--listen {address:?}: not ADDRESS:PORT, such as 127.0.0.1:0"
        ));
    };
    match run(address, guard) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error.to_string()),
    }
}

fn failed(message: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "fake-sentry: {message}");
    ExitCode::from(2)
}

fn run(address: std::net::SocketAddr, guard: bool) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let server = FakeSentry::start(address)?;
        {
            let mut stdout = std::io::stdout().lock();
            writeln!(stdout, "listening {}", server.addr())?;
            stdout.flush()?;
        }
        let (closed, told) = tokio::sync::oneshot::channel::<()>();
        if guard {
            // Standard input can't be read without blocking in general, hence the thread, which outlives the server.
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut std::io::stdin().lock().by_ref(), &mut std::io::sink());
                drop(closed);
            });
        } else {
            std::mem::forget(closed);
        }
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = told => {}
        }
        Ok(())
    })
}
