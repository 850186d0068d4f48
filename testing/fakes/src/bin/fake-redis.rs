//! `fake-redis`: the proxy before a Redis as a program. Prints the line `listening` when it is ready; then each line of
//! its standard input is a manner of answering, or `counts`, and has a line as answer. Ends with its standard input.

use std::{
    io::{self, BufRead, Write},
    path::Path,
    process::ExitCode,
};

use pillion_fakes::redis::{FakeRedis, Manner};

const USAGE: &str = "\
usage: fake-redis [--dragonfly] SOCKET SERVER
  SOCKET        the unix socket to listen on
  SERVER        the unix socket of a Redis
  --dragonfly   refuse what Dragonfly does not have
lines: pass | silent | slow MILLISECONDS | bytes TEXT | counts
";

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let is_dragonfly = words.first().is_some_and(|word| word == "--dragonfly");
    let paths = words.get(usize::from(is_dragonfly)..).unwrap_or_default();
    let ran = match paths {
        [socket, server] => run(Path::new(socket), Path::new(server), is_dragonfly),
        _ => Err(io::Error::other(USAGE)),
    };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "fake-redis: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(socket: &Path, server: &Path, is_dragonfly: bool) -> io::Result<()> {
    let proxy = FakeRedis::start(socket, server, is_dragonfly)?;
    let mut stdout = io::stdout();
    writeln!(stdout, "listening")?;
    for line in io::stdin().lock().lines() {
        match (line?.as_str(), proxy.counts()) {
            ("counts", (connections, commands)) => writeln!(stdout, "{connections} {commands}")?,
            (line, _) => match Manner::parse(line) {
                Some(manner) => {
                    proxy.set(manner);
                    writeln!(stdout, "done")?;
                }
                None => writeln!(stdout, "no such line")?,
            },
        }
    }
    Ok(())
}
