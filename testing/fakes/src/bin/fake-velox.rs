//! `fake-velox`: the fake Velox server as a program, for tests that are not written in Rust. Prints the line
//! `listening ADDRESS:PORT` when it is ready, and ends on SIGTERM, SIGINT or, optionally, at the end of its standard
//! input, so that it never outlives its test. One thread serves; another one watches standard input.

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

use pillion_fakes::{Error, FakeVelox, Options, Result, Script};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

const USAGE: &str = "\
usage: fake-velox [options]
  --listen ADDRESS:PORT  a loopback address; port 0: any free one (default 127.0.0.1:0)
  --root DIR             where binaries are written (default: a temporary directory, removed at the end)
  --script FILE          settings and behaviours, as JSON
  --stdin-guard          end when standard input is closed
  --help                 this text
";

/// The arguments of the command line.
struct Arguments {
    options: Options,
    stdin_guard: bool,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help") {
        let _ = write!(std::io::stdout(), "{USAGE}");
        return ExitCode::SUCCESS;
    }
    match parse(arguments).and_then(|arguments| run(arguments).map_err(|error| error.to_string())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            let _ = writeln!(std::io::stderr(), "fake-velox: {message}");
            ExitCode::from(2)
        }
    }
}

fn parse(arguments: Vec<String>) -> std::result::Result<Arguments, String> {
    let mut parsed = Arguments {
        options: Options::default(),
        stdin_guard: false,
    };
    let mut words = arguments.into_iter();
    while let Some(flag) = words.next() {
        let mut value = || {
            words
                .next()
                .ok_or_else(|| format!("{flag} needs a value (--help tells which)"))
        };
        match flag.as_str() {
            "--listen" => {
                let text = value()?;
                parsed.options.listen = text.parse().map_err(|_| {
                    format!("--listen {text:?}: not ADDRESS:PORT, such as 127.0.0.1:0")
                })?;
            }
            "--root" => parsed.options.root = Some(value()?.into()),
            "--script" => {
                let path = value()?;
                parsed.options.script = script(Path::new(&path))
                    .map_err(|error| format!("--script {path}: {error}"))?;
            }
            "--stdin-guard" => parsed.stdin_guard = true,
            other => return Err(format!("{other}: no such option (--help lists them)")),
        }
    }
    Ok(parsed)
}

fn script(path: &Path) -> Result<Script> {
    let text = std::fs::read(path).map_err(|source| Error::Path {
        path: path.to_owned(),
        source,
    })?;
    Ok(serde_json::from_slice(&text)?)
}

fn run(arguments: Arguments) -> Result<()> {
    let address = arguments.options.listen;
    let failed = |source| Error::Listen { address, source };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    runtime.block_on(async {
        // Before the line `listening …`, because its reader may send a signal at once.
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let server = FakeVelox::start(arguments.options)?;
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "listening {}", server.addr())
            .and_then(|()| stdout.flush())
            .map_err(failed)?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = stdin_closed(arguments.stdin_guard) => {}
        }
        Ok(())
    })
}

/// Standard input can't be read without blocking in general, hence the thread, which outlives the server.
async fn stdin_closed(watched: bool) {
    if !watched {
        return std::future::pending().await;
    }
    let (closed, told) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock().by_ref(), &mut std::io::sink());
        drop(closed);
    });
    let _ = told.await;
}
